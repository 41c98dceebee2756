"""What a sync reads again, and why: the rules by which a mirror keeps up.

| reason | who is read | what of them | its source |
|---|---|---|---|
| new | never read, or not this table | all | nothing is there |
| failed | the last try failed | all | what is there is older |
| lost | a file of the mirror is gone or damaged | that table | `mirror.verify()` |
| full | its turn came since it was read whole | all | no signal is trusted with money for ever |
| customer | `updated_at` or `archived_at` moved | all | GET /v1/customers |
| audit | named in the audit log since, or the owner of what is | all | GET /v1/auditLogs |
| usage | usage of the last months sums to something else | money | POST /v1/usage; 34 days of late usage |
| date | a period, segment or issue date has passed since | money | their own dates; drafts until they are final |
| open | can still change, read longer ago than `open_every` | money | drafts, 34 days, running segments, unpaid |
| unknown | anybody, until its owner is found | one table | the audit log names what the mirror does not know |

Turns roll: every customer has one in each `full_every`, and they are spread over it, so that a day takes its share.
"Money" are invoices, balances, net balances, costs and breakdowns; contracts change only when somebody edits them.
Of money that may have moved no more is read than can have: of a long list of invoices the newest, until what the
mirror knows is met; net balances are worked out of the balances where that was seen to be right, and asked for at one
turn in `_SAMPLED`, as are the costs of who never had any.
Without the audit log all of what is open is read every time, contracts too; without the usage, its money. The usage is
not asked for where that would take more requests than it can save. The list of customers and the account's own tables
(products, rate cards, credit types) cost a few requests and are read every time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.mirror.layout import number_of
from metronome_analytics.mirror.mirrored import BACKDATING, LOST, MIRRORED, WANTED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Events and rows are dated by two clocks, the API's and ours.
SKEW = timedelta(minutes=10)

# Usage is compared over a window that starts at one of these, so that windows of different syncs are the same.
_GRID = timedelta(days=28)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
# Readings older than this many windows are left to the other rules.
ANCHORS_KEPT = 2

_INSTANT = pl.Datetime("us", "UTC")
USAGE = {"customer_id": pl.String(), "usage_anchor": _INSTANT, "usage_digest": pl.String()}
NAMED = {"customer_id": pl.String(), "named_at": _INSTANT}
DUE = (
    *("customer_id", "table", "reason", "way", "digest", "open_since", "requests", "usage_anchor", "usage_digest"),
    *("read_at", "failed_since", "full_at", "full_requests", "rows", "created_at", "updated_at", "archived_at"),
)
# What of the progress the rules look at.
THEN = (
    *("customer_id", "table", "status", "read_at", "sync_id", "updated_at", "archived_at", "next_date", "open"),
    *("usage_anchor", "usage_digest", "digest", "open_since", "requests", "rows", "full_at", "full_requests"),
    *("failed_since", "follows"),
)
# At one turn in so many, what other tables vouch for is asked for all the same.
_SAMPLED = 13

# The ways in which a table of a customer is read.
WHOLE, RECENT, NEWEST, DERIVED = "whole", "recent", "newest", "derived"


@dataclass(frozen=True)
class Signals:
    """What the account said at the start of a sync, before anything was read.

    `listing`: every customer, archived ones too. `usage`: a digest of usage by customer and window, for the windows
    from `anchors`; None where it is not there. `named`: customers that the audit log names, and when last, None where
    it is not there. `unknown`: when it last named something that is nobody's so far, by the table that may hold it.
    `missing`: why a signal is not there, by its name, unless it was left out because it would not pay.
    """

    listing: pl.DataFrame
    anchors: tuple[datetime, ...] = ()
    usage: pl.DataFrame | None = None
    named: pl.DataFrame | None = field(default_factory=lambda: pl.DataFrame(schema=NAMED))
    unknown: Mapping[str, datetime] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)


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


def saved_by_usage(progress: pl.DataFrame, now: datetime, open_every: timedelta) -> int:
    """The requests that the usage can save: those for what is open and not due all the same."""
    fresh = progress.filter(
        pl.col("customer_id").is_not_null()
        & pl.col("table").is_in(["invoices", "balances"])
        & pl.col("open").any().over("customer_id")
        & (pl.col("read_at") > now - open_every)
    )
    return int(fresh["requests"].sum())


def due(
    signals: Signals,
    progress: pl.DataFrame,
    tables: Sequence[str],
    *,
    now: datetime,
    open_every: timedelta,
    full_every: timedelta,
    customers: Sequence[str] | None = None,
    search: Mapping[str, datetime] | None = None,
    already: str = "",
) -> pl.DataFrame:
    """Which tables of which customers to read, the reason and the way: the columns of `DUE`, in the listing's order.

    `progress` has at least the columns of `THEN`; `updated_at` and `archived_at` are as listed now, all else is what it
    says. `search` are the tables to look through for what nobody is known to own, and when that was named. What the
    sync `already` has read is not read twice.
    """
    wanted = [name for name in tables if MIRRORED[name].owner is not None and name != "customers"]
    asked = signals.listing.select(pl.col("id").alias("customer_id"), "created_at", "updated_at", "archived_at")
    if customers is not None:
        asked = asked.filter(pl.col("customer_id").is_in(list(customers)))
    pairs = (
        asked.with_row_index("order")
        .join(pl.DataFrame({"table": wanted}, schema={"table": pl.String}), how="cross")
        .join(progress, on=["customer_id", "table"], how="left", suffix="_then")
        .with_columns(pl.col("next_date").min().over("customer_id"), pl.col("open").any().over("customer_id"))
    )
    pairs = _with_signals(_with_turns(pairs, now, full_every, signals), signals)
    pairs = pairs.with_columns(reason=_reason(signals, now, open_every, search or {}))
    pairs = _with_net_balances(pairs.filter(pl.col("sync_id").ne_missing(already)))
    return (
        pairs.with_columns(way=_way())
        .filter(pl.col("reason").is_not_null())
        .sort("order", maintain_order=True)
        .select(DUE)
    )


def _reason(signals: Signals, now: datetime, open_every: timedelta, search: Mapping[str, datetime]) -> pl.Expr:
    """The first of the rules that holds; null where none does."""
    money = pl.col("table").is_in([name for name, table in MIRRORED.items() if table.is_money])
    # Costs are those of Plans: who never had any is not asked about them daily.
    moving = money & ~((pl.col("table") == "costs") & (pl.col("rows") == 0))
    unheard = pl.lit(signals.usage is None or signals.named is None) | pl.col("usage_anchor").is_null()
    long_ago = pl.col("read_at") <= pl.when(unheard).then(pl.lit(now)).otherwise(pl.lit(now - open_every))
    reasons = {
        "new": pl.col("status").is_null() | (pl.col("status") == WANTED),
        "failed": pl.col("status") == "failed",
        "lost": pl.col("status") == LOST,
        "full": pl.coalesce("full_at", "read_at") < pl.col("turn"),
        "customer": pl.col("updated_at").ne_missing(pl.col("updated_at_then"))
        | pl.col("archived_at").ne_missing(pl.col("archived_at_then")),
        "audit": pl.col("read_at") <= pl.col("named_at") + SKEW,
        "usage": moving & pl.col("usage_now").ne_missing(pl.col("usage_then")),
        "date": moving & (pl.col("next_date") <= now),
        "open": (moving | (~money & pl.lit(signals.named is None))) & pl.col("open") & long_ago,
    }
    if search:
        at = pl.col("table").replace_strict(search, default=None, return_dtype=_INSTANT)
        reasons["unknown"] = pl.col("read_at") <= at + SKEW
    return pl.coalesce(pl.when(holds).then(pl.lit(name)) for name, holds in reasons.items())


# Reasons to look for what moved, where the others are reasons to read it all.
_MOVED = ("usage", "date", "open")


def _with_turns(pairs: pl.DataFrame, now: datetime, full_every: timedelta, signals: Signals) -> pl.DataFrame:
    """Adds `turn`: when last it was the turn of a customer's table to be read whole."""
    if not full_every:
        return pairs.with_columns(turn=pl.lit(now + _TICK, _INSTANT))
    number = number_of(pairs["customer_id"])
    length = full_every // _TICK
    offset = number * (length >> 32)  # spread evenly over the length
    vouched = (pl.col("table") == "net_balances") & pl.col("follows").fill_null(value=False)
    if signals.named is not None:
        vouched |= (pl.col("table") == "costs") & (pl.col("rows") == 0)
    since = (now - _EPOCH) // _TICK
    usual = (since - offset) // length * length + offset
    # Rarer turns are some of the usual ones, so that what is compared is read together.
    rarer = offset + number % _SAMPLED * length
    rarely = (since - rarer) // (length * _SAMPLED) * (length * _SAMPLED) + rarer
    ticks = pl.when(vouched).then(rarely).otherwise(usual)
    return pairs.with_columns(turn=pl.lit(_EPOCH, _INSTANT) + pl.duration(microseconds=ticks))


def _with_net_balances(pairs: pl.DataFrame) -> pl.DataFrame:
    """Net balances are read with the balances, from which their credit types, or all of them, come."""
    of = {
        name: pl.col("reason").filter(pl.col("table") == name).first().over("customer_id")
        for name in ("balances", "net_balances")
    }
    return pairs.with_columns(
        reason=pl.when(pl.col("table") == "balances")
        .then(pl.coalesce("reason", of["net_balances"]))
        .when(pl.col("table") == "net_balances")
        .then(pl.coalesce("reason", of["balances"]))
        .otherwise("reason"),
        asked_for=pl.col("reason").is_not_null(),
    )


def _way() -> pl.Expr:
    """How a table is read for its reason."""
    moved = pl.col("reason").is_in(_MOVED)
    windows = pl.col("table").is_in([name for name, table in MIRRORED.items() if table.by_window is not None])
    follows = pl.col("follows").fill_null(value=False) & (moved | ~pl.col("asked_for"))
    long = (pl.col("full_requests") > 1) & pl.col("digest").is_not_null()
    return (
        pl.when(windows & moved)
        .then(pl.lit(RECENT))
        .when((pl.col("table") == "invoices") & moved & long)
        .then(pl.lit(NEWEST))
        .when((pl.col("table") == "net_balances") & follows)
        .then(pl.lit(DERIVED))
        .otherwise(pl.lit(WHOLE))
    )


def _with_signals(pairs: pl.DataFrame, signals: Signals) -> pl.DataFrame:
    """Adds `named_at`, and `usage_now` beside `usage_then`, equal where nothing can be said."""
    named = signals.named if signals.named is not None else pl.DataFrame(schema=NAMED)
    pairs = pairs.join(named, on="customer_id", how="left")
    if signals.usage is None:
        return pairs.with_columns(usage_now=pl.lit(""), usage_then=pl.lit(""))
    now = signals.usage.rename({"usage_digest": "usage_now"})
    pairs = pairs.join(now, on=["customer_id", "usage_anchor"], how="left")
    # A window that was not asked for again says nothing; a customer without usage in one that was has none.
    asked = pl.col("usage_anchor").is_in(list(signals.anchors))
    return pairs.with_columns(
        usage_now=pl.when(asked).then(pl.col("usage_now").fill_null("")),
        usage_then=pl.when(asked).then(pl.col("usage_digest").fill_null("")),
    )
