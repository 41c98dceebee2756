"""What the progress of a mirror says of it: how complete it is, what the last sync took, how old what one sees is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from metronome_analytics.mirror.mirrored import LOST, MIRRORED, WANTED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_INSTANT = pl.Datetime("us", "UTC")

FRESHNESS: dict[str, pl.DataType] = {
    "table": pl.String(),
    "reason": pl.String(),
    "customers": pl.Int64(),
    "oldest": _INSTANT,
    "age": pl.Duration("us"),
    "at_most": pl.Duration("us"),
    "unseen": pl.String(),
    "why": pl.String(),
}
_DAY = 86_400
_URGENT = ("signal missing", "never read", "quarantined", "lost")
# What a sync reads to know what to read, and what is not known without it.
_SIGNALS = {
    "audit_logs": "new contracts and commits, and what is edited, voided or corrected, of customers with nothing open",
    "usage": "usage, between two readings of what is open",
}


def completeness(progress: pl.DataFrame) -> pl.DataFrame:
    """One row per table: table, customers (of the account), complete, failed, missing, rows, oldest, newest."""
    own = [name for name, table in MIRRORED.items() if table.owner is None]
    of_account = pl.col("table").is_in(own)
    # A customer's table has a row of the account's too: it says that the table belongs to the mirror.
    one_each = pl.when(pl.col("customer_id").is_not_null() | of_account)
    everyone = progress.filter((pl.col("table") == "customers") & pl.col("customer_id").is_not_null()).height
    counted = progress.group_by("table").agg(
        customers=pl.when(of_account.first()).then(1).otherwise(everyone).cast(pl.Int64),
        complete=one_each.then(pl.col("status") == "complete").sum().cast(pl.Int64),
        failed=one_each.then(pl.col("status") == "failed").sum().cast(pl.Int64),
        rows=one_each.then("rows").sum(),
        oldest=one_each.then("read_at").min(),
        newest=one_each.then("read_at").max(),
    )
    order = pl.DataFrame({"table": list(MIRRORED)})
    return order.join(counted, on="table", how="inner", maintain_order="left").select(
        "table",
        "customers",
        "complete",
        "failed",
        (pl.col("customers") - pl.col("complete") - pl.col("failed")).alias("missing"),
        "rows",
        "oldest",
        "newest",
    )


def receipt(progress: pl.DataFrame, sizes: Mapping[str, tuple[int, int]]) -> pl.DataFrame:
    """What the last sync read and why: table, reason, customers, requests, rows, changed, saved, files, bytes, error.

    `sizes` are the files and bytes of each table; they stand once for each. What could not be read comes first.
    """
    progress = progress.filter(pl.col("status") != WANTED)
    last = progress.sort("at", maintain_order=True)["sync_id"].last() if progress.height else None
    now = pl.col("sync_id") == last
    held = pl.DataFrame(
        [(name, *size) for name, size in sizes.items()],
        schema={"table": pl.String, "files": pl.Int64, "bytes": pl.Int64},
        orient="row",
    )
    first = pl.int_range(pl.len()).over("table") == 0
    return (
        progress.with_columns(
            reason=pl.when(now).then("reason").otherwise(pl.lit("nothing changed")),
            saved=pl.when(~now).then("requests"),
            requests=pl.when(now).then("requests"),
            rows=pl.when(now).then("rows"),
            changed=pl.when(now).then("changed"),
            error=pl.when(now).then("error"),
        )
        .group_by("table", "reason", maintain_order=True)
        .agg(
            pl.col("customer_id").n_unique().cast(pl.Int64).alias("customers"),
            pl.col("requests", "rows").sum(),
            pl.col("changed").sum().cast(pl.Int64),
            pl.col("saved").sum(),
            pl.col("error").drop_nulls().first(),
        )
        .sort("table", "reason")
        .join(held, on="table", how="left", maintain_order="left")
        .with_columns(pl.when(first).then(pl.col("files", "bytes")))
        .sort(pl.col("error").is_null(), maintain_order=True)
        .select("table", "reason", "customers", "requests", "rows", "changed", "saved", "files", "bytes", "error")
    )


def quarantined(progress: pl.DataFrame) -> pl.DataFrame:
    """Who could not be read: customer_id, tables, error, since, read_at.

    `since` is when the first try failed, `read_at` when what the mirror still shows was read; null for nothing.
    """
    return (
        progress.filter(pl.col("status") == "failed", pl.col("table").is_in(list(MIRRORED)))
        .group_by("customer_id", maintain_order=True)
        .agg(
            tables=pl.col("table").sort(),
            error=pl.col("error").first(),
            since=pl.col("failed_since").min(),
            read_at=pl.col("read_at").min(),
        )
        .sort("since", "customer_id")
    )


def newest(progress: pl.DataFrame) -> datetime | None:
    """When the newest of it was read."""
    at = progress["read_at"].max()
    return at if isinstance(at, datetime) else None


def note(progress: pl.DataFrame, table: str) -> dict[str, Any]:
    """What the last sync noted of `table`, or of a signal."""
    notes = progress.filter((pl.col("table") == table) & pl.col("customer_id").is_null())["note"].drop_nulls()
    kept: dict[str, Any] = json.loads(notes[0]) if len(notes) else {}
    return kept


@dataclass(frozen=True)
class _Upkeep:
    """By which rules the last sync kept the mirror up, which signals it was without, and what time it is now."""

    open_every: timedelta
    full_every: timedelta
    without: Mapping[str, str]
    now: datetime


def freshness(progress: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """How old what one sees can be, and why: the columns of `FRESHNESS`; what is missing first."""
    options = note(progress, "customers")
    upkeep = _Upkeep(
        timedelta(seconds=options.get("open_every", _DAY)),
        timedelta(seconds=options.get("full_every") or 7 * _DAY),
        {name: why for name in _SIGNALS if (why := note(progress, name).get("missing"))},
        now,
    )
    rows: list[tuple[Any, ...]] = [
        (name, "signal missing", None, None, None, upkeep.full_every, _SIGNALS[name], why)
        for name, why in upkeep.without.items()
    ]
    of_account = [name for name, table in MIRRORED.items() if table.owner is None]
    held = progress.filter(
        pl.col("table").is_in(list(MIRRORED)),
        pl.col("status") != WANTED,
        pl.col("customer_id").is_not_null() | pl.col("table").is_in(of_account),
    ).with_columns(open=pl.col("open").any().over("customer_id").fill_null(value=False))
    for counted in completeness(progress).iter_rows(named=True):
        name = counted["table"]
        of_table = held.filter(table=name)
        unread = counted["missing"] - of_table.filter(status=LOST).height
        if unread > 0:
            rows.append((name, "never read", unread, None, None, None, "all", "no sync came to them; sync again"))
        rows += _of_table(name, of_table, upkeep)
    frame = pl.DataFrame(rows, schema=FRESHNESS, orient="row")
    return frame.sort(~pl.col("reason").is_in(_URGENT), maintain_order=True)


def _of_table(name: str, held: pl.DataFrame, upkeep: _Upkeep) -> Iterator[tuple[Any, ...]]:
    for reason, of, at_most, unseen, why in _groups(name, upkeep):
        rows = held.filter(of)
        if rows.height:
            oldest = rows["read_at"].min()
            age = upkeep.now - oldest if isinstance(oldest, datetime) else None
            yield name, reason, rows.height, oldest, age, at_most, unseen, why or rows["error"].drop_nulls().first()


def _groups(name: str, upkeep: _Upkeep) -> Iterator[tuple[str, pl.Expr, timedelta | None, str, str | None]]:
    """Who of a table is read by the same rule: reason, which of its rows, how old at most, what is unseen, why."""
    table = MIRRORED[name]
    complete = pl.col("status") == "complete"
    yield "quarantined", pl.col("status") == "failed", None, "all since", None
    yield "lost", pl.col("status") == LOST, None, "all", "a file is gone or damaged; sync again"
    if table.owner is None or name == "customers":
        yield "list", complete, timedelta(), "nothing", "read by every sync"
    elif table.is_money:
        unseen = "what changed since" if upkeep.without else "what changed since, unless a signal told"
        yield "open", complete & pl.col("open"), upkeep.open_every, unseen, "read as long as it can change"
        unseen = "what moved though, as far as is known, nothing can"
        yield "closed", complete & ~pl.col("open"), upkeep.full_every, unseen, "final; read in full at its turn"
    elif "audit_logs" in upkeep.without:
        unread = "the audit log cannot be read"
        yield "open", complete & pl.col("open"), timedelta(), "whatever is edited", f"read by every sync: {unread}"
        yield "edited", complete & ~pl.col("open"), upkeep.full_every, "whatever is edited", unread
    else:
        unseen = "what the audit log does not name"
        yield "edited", complete, upkeep.full_every, unseen, "the audit log names what is edited"
