"""A month of one customer: what was used, what covered it and why in that order, what expired, is left, and ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from metronome_analytics.analysis.drain_order import placed
from metronome_analytics.analysis.entries import access
from metronome_analytics.analysis.frames import ZERO, literal, required_instant
from metronome_analytics.analysis.statements.movements import MOVEMENTS
from metronome_analytics.analysis.statements.periods import month_end, month_start, of_month, one_month
from metronome_analytics.analysis.statements.revenue import revenue
from metronome_analytics.analysis.statements.roll_forward import roll_forward
from metronome_analytics.analysis.utilisation import utilisation
from metronome_analytics.tables.invoices import counts_once
from metronome_analytics.tables.vocabulary import BalanceType
from metronome_analytics.wording import count

if TYPE_CHECKING:
    from datetime import datetime

    from metronome_analytics.arguments import Instant

_UNIT = ("credit_type_id", "credit_type_name")
_OTHER = ("rolled_over", "adjusted", "trued_up")


class CustomerMonth(NamedTuple):
    """The frames of one customer's month, amounts in the API's unit; `at` is the moment they are of.

    usage: `ma.revenue()` by product. covered: one row per commit or credit that had access in the month, in the order
    in which they are used: `place`, `name`, `balance_type`, `why` (in that order), opening, granted, used, expired,
    other, closing. ending: one row per segment with something left: `name`, `remaining`, `ending_before`, the next to
    end first. invoices: those of the month that stand.
    """

    at: datetime
    usage: pl.DataFrame
    covered: pl.DataFrame
    ending: pl.DataFrame
    invoices: pl.DataFrame


def customer_month(
    month: str,
    balances: pl.DataFrame,
    invoices: pl.DataFrame,
    *,
    loaded_at: Instant,
    breakdowns: pl.DataFrame | None = None,
) -> CustomerMonth:
    """The month of the one customer whose `balances` and `invoices`, read at `loaded_at`, these are.

    Figures are of the month's end, or of `loaded_at` while the month runs; `breakdowns` are needed where a billing
    period lies on both sides of it. The order is that of `ma.drain_order()`.
    """
    name, read = one_month(month), required_instant("loaded_at", loaded_at)
    start = month_start(name)
    at = min(month_end(start), read)
    past: dict[str, Any] = {"as_of": at, "loaded_at": read, "breakdowns": breakdowns}
    moved = roll_forward(balances, invoices, months=name, by=("balance_id",), **past)
    left = utilisation(balances, by="segment", invoices=invoices, **past)
    # What begins at the very end belongs to the next month.
    begun = (pl.col("starting_at") < literal(at)).fill_null(value=True)
    ends = (pl.col("ending_before") > literal(at)).fill_null(value=True)
    ending = left.filter((pl.col("remaining") > ZERO) & begun & ends).select(
        pl.col("balance_name").alias("name"), *_UNIT, "balance_type", "remaining", "ending_before"
    )
    own = of_month(invoices, name).filter(counts_once())
    return CustomerMonth(
        at,
        revenue(invoices, months=name, as_of=at, breakdowns=breakdowns, pricing_units=True),
        _covered(moved, _order(balances, start, at)),
        ending.sort("ending_before", "name", nulls_last=True, maintain_order=True),
        own.sort("issued_at", "id", nulls_last=True),
    )


def _order(balances: pl.DataFrame, start: datetime, end: datetime) -> pl.DataFrame:
    """Each balance with access in the month, its first place in the order of use, and why it is there."""
    begins, ends = pl.col("segment_starting_at"), pl.col("segment_ending_before")
    inside = (begins < literal(end)) & (ends > literal(start)).fill_null(value=True)
    segments = access(balances.lazy()).filter(inside).with_columns(pl.col("segment_amount").alias("remaining"))
    rows = placed(segments, balances.lazy()).collect()
    firsts = rows.unique(["credit_type_id", "balance_id"], keep="first", maintain_order=True)
    before: dict[str, dict[str, Any]] = {}
    reasons = []
    for row in firsts.iter_rows(named=True):
        unit = str(row["credit_type_id"])
        reasons.append(_why(row, before.get(unit)))
        before[unit] = row
    return firsts.select("balance_id", "balance_name", "place").with_columns(pl.Series("why", reasons, pl.String))


def _why(row: dict[str, Any], before: dict[str, Any] | None) -> str:
    """Why a balance comes where it does: the first thing of the documented order that tells it from the one before."""
    if row["rolled_over"]:
        return "Carried over from an earlier contract: used before anything else."
    if row["balance_type"] == BalanceType.POSTPAID:
        return "A commitment that is billed as it is used: it comes after what was prepaid or given."
    if before is None:
        return "Nothing else comes before it."
    if before["rolled_over"]:
        return "After what was carried over."
    tests = (
        ("priority", _priority(row, before)),
        ("customer_level", "One for a single contract comes before one for the whole account."),
        ("cost", "What was paid for comes after what was given."),
        ("products", _wider(row)),
        ("values", "It covers more kinds of usage than the one before."),
        ("segment_ending_before", "It ends later than the one before."),
        ("segment_starting_at", "It began later than the one before."),
        ("contracts", "It holds for more contracts than the one before."),
    )
    return next((words for name, words in tests if row[name] != before[name]), "Nothing tells it from the one before.")


def _priority(row: dict[str, Any], before: dict[str, Any]) -> str:
    """In numbers, as the contract has them; without one a balance comes last."""
    if row["priority"] is None:
        return "It has no priority of its own: those that have one come first."
    return f"Its priority is {row['priority']:g}, that of the one before {before['priority']:g}: the lower comes first."


def _wider(row: dict[str, Any]) -> str:
    """How many products it may be used for; what may be used for fewer comes first."""
    products = row["applicable_product_ids"] or row["applicable_product_tags"]
    if not products:
        return "It covers every product; what covers only some comes first."
    return f"It covers {count(len(products), 'product')}, more than the one before."


def _covered(moved: pl.DataFrame, order: pl.DataFrame) -> pl.DataFrame:
    """The movements of the month by balance, in the order of use; those with nothing in them are left out."""
    some = pl.any_horizontal(pl.col("opening", *MOVEMENTS, "closing") != ZERO)
    return (
        moved.filter(some)
        .join(order, on="balance_id", how="left")
        .with_columns(pl.sum_horizontal(_OTHER).alias("other"))
        .sort("credit_type_name", "place", "balance_id", nulls_last=True)
        .select(
            *_UNIT,
            pl.int_range(1, pl.len() + 1).over("credit_type_id").alias("place"),
            pl.col("balance_name").alias("name"),
            *("balance_type", "why", "opening", "granted", "used", "expired", "other", "closing"),
        )
    )
