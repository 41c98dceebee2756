"""What a sync reads again, and why: the rules by which a mirror keeps up.

| reason | who is read | what of them | its source |
|---|---|---|---|
| new | never read, or not this table | all | nothing is there |
| failed | the last try failed | all | what is there is older |
| full | read longer ago than `full_every` | all | no signal is trusted with money for ever |
| customer | `updated_at` or `archived_at` moved | all | GET /v1/customers |
| audit | named in the audit log since, or the owner of what is | all | GET /v1/auditLogs |
| usage | usage of the last months sums to something else | money | POST /v1/usage; 34 days of late usage |
| date | a period, segment or issue date has passed since | money | their own dates; drafts until they are final |
| open | can still change, read longer ago than `open_every` | money | drafts, 34 days, running segments, unpaid |
| unknown | can still change; the audit log names what nobody owns | all | it may be theirs |

"Money" are invoices, balances, net balances, costs and breakdowns; contracts change only when somebody edits them.
Where the audit log or the usage cannot be read, everything open is read every time. The list of customers and the
account's own tables (products, rate cards, credit types) cost a few requests and are read every time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.mirror.mirrored import BACKDATING, MIRRORED

if TYPE_CHECKING:
    from collections.abc import Sequence

# Events and rows are dated by two clocks, the API's and ours.
SKEW = timedelta(minutes=10)

# Usage is compared over a window that starts at one of these, so that windows of different syncs are the same.
_GRID = timedelta(days=28)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
# Readings older than this many windows are left to the other rules.
ANCHORS_KEPT = 2

_INSTANT = pl.Datetime("us", "UTC")
USAGE = {"customer_id": pl.String(), "usage_anchor": _INSTANT, "usage_digest": pl.String()}
NAMED = {"customer_id": pl.String(), "named_at": _INSTANT}
DUE = ("customer_id", "table", "reason", "digest", "open_since", "requests", "created_at", "updated_at", "archived_at")
# What of the progress the rules look at.
THEN = (
    *("customer_id", "table", "status", "read_at", "sync_id", "updated_at", "archived_at", "next_date", "open"),
    *("usage_anchor", "usage_digest", "digest", "open_since", "requests"),
)


@dataclass(frozen=True)
class Signals:
    """What the account said at the start of a sync, before anything was read.

    `listing`: every customer, archived ones too. `usage`: a digest of usage by customer and window, for the windows
    from `anchors`; None where it could not be read. `named`: customers that the audit log names, and when last, None
    where it could not be read; `unknown_at`: when it last named something that is nobody's.
    """

    listing: pl.DataFrame
    anchors: tuple[datetime, ...] = ()
    usage: pl.DataFrame | None = None
    named: pl.DataFrame | None = field(default_factory=lambda: pl.DataFrame(schema=NAMED))
    unknown_at: datetime | None = None

    @property
    def complete(self) -> bool:
        """Whether both signals could be read."""
        return self.usage is not None and self.named is not None


def anchor_of(now: datetime) -> datetime:
    """The start of the window over which usage is compared from `now` on: at least as long ago as usage can come."""
    return _EPOCH + (now - BACKDATING - _EPOCH) // _GRID * _GRID


def usage_digests(usage: pl.DataFrame, anchor: datetime) -> pl.DataFrame:
    """One row per customer: what its `usage` in the window from `anchor` comes to, in the columns of `USAGE`."""
    texts = (
        usage.sort("customer_id", "billable_metric_id", "start_timestamp")
        .group_by("customer_id", maintain_order=True)
        .agg(pl.concat_str("billable_metric_id", pl.lit("="), pl.col("value").cast(pl.String).fill_null("")).str.join())
    )
    digests = [(id_, anchor, blake2b(text.encode(), digest_size=12).hexdigest()) for id_, text in texts.iter_rows()]
    return pl.DataFrame(digests, schema=USAGE, orient="row")


def due(
    signals: Signals,
    progress: pl.DataFrame,
    tables: Sequence[str],
    *,
    now: datetime,
    open_every: timedelta,
    full_every: timedelta,
    customers: Sequence[str] | None = None,
    with_unknown: bool = False,
    already: str = "",
) -> pl.DataFrame:
    """Which tables of which customers to read, and the reason: the columns of `DUE`, in the order of the listing.

    `progress` has at least the columns of `THEN`; digest, open_since and requests are what it says, the rest is as
    listed now. What the sync `already` has read is not read twice.
    """
    wanted = [name for name in tables if MIRRORED[name].owner is not None and name != "customers"]
    asked = signals.listing.select(pl.col("id").alias("customer_id"), "created_at", "updated_at", "archived_at")
    if customers is not None:
        asked = asked.filter(pl.col("customer_id").is_in(list(customers)))
    cells = asked.with_row_index("order").join(
        pl.DataFrame({"table": wanted}, schema={"table": pl.String}), how="cross"
    )
    cells = cells.join(progress, on=["customer_id", "table"], how="left", suffix="_then")
    cells = _with_signals(cells, signals)
    money = pl.col("table").is_in([name for name in wanted if MIRRORED[name].is_money])
    cells = cells.with_columns(pl.col("next_date").min().over("customer_id"), pl.col("open").any().over("customer_id"))
    long_open = pl.col("read_at") <= now - (open_every if signals.complete else timedelta())
    unknown = pl.lit(value=False)
    if with_unknown and signals.unknown_at is not None:
        unknown = pl.col("read_at") <= signals.unknown_at + SKEW
    reasons = {
        "new": pl.col("status").is_null(),
        "failed": pl.col("status") == "failed",
        "full": pl.col("read_at") <= now - full_every,
        "customer": pl.col("updated_at").ne_missing(pl.col("updated_at_then"))
        | pl.col("archived_at").ne_missing(pl.col("archived_at_then")),
        "audit": pl.col("read_at") <= pl.col("named_at") + SKEW,
        "usage": money & pl.col("usage_now").ne_missing(pl.col("usage_then")),
        "date": money & (pl.col("next_date") <= now),
        "open": money & pl.col("open") & long_open,
        "unknown": pl.col("open") & unknown,
    }
    reason = pl.coalesce(pl.when(holds).then(pl.lit(name)) for name, holds in reasons.items())
    return (
        cells.with_columns(reason.alias("reason"))
        .filter(pl.col("reason").is_not_null() & pl.col("sync_id").ne_missing(already))
        .sort("order", maintain_order=True)
        .select(DUE)
    )


def _with_signals(cells: pl.DataFrame, signals: Signals) -> pl.DataFrame:
    """Adds `named_at`, and `usage_now` beside `usage_then`, equal where nothing can be said."""
    named = signals.named if signals.named is not None else pl.DataFrame(schema=NAMED)
    cells = cells.join(named, on="customer_id", how="left")
    if signals.usage is None:
        return cells.with_columns(usage_now=pl.lit(""), usage_then=pl.lit(""))
    now = signals.usage.rename({"usage_digest": "usage_now"})
    cells = cells.join(now, on=["customer_id", "usage_anchor"], how="left")
    # A window that was not asked for again says nothing; a customer without usage in one that was has none.
    asked = pl.col("usage_anchor").is_in(list(signals.anchors))
    return cells.with_columns(
        usage_now=pl.when(asked).then(pl.col("usage_now").fill_null("")),
        usage_then=pl.when(asked).then(pl.col("usage_digest").fill_null("")),
    )
