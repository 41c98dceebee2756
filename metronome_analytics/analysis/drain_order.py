"""Drain order: which balance pays next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import polars as pl

from metronome_analytics.analysis.burn_down import burn_down
from metronome_analytics.analysis.entries import BALANCE, NEEDED
from metronome_analytics.analysis.frames import MONEY, ZERO, Given, checked, like, literal, required_instant
from metronome_analytics.analysis.schemas import DrainOrder
from metronome_analytics.offers import one_of
from metronome_analytics.tables import Balances
from metronome_analytics.tables.vocabulary import BalanceType

if TYPE_CHECKING:
    from datetime import datetime

    from metronome_analytics.arguments import Instant
    from metronome_analytics.tables.columns import Frame

ContractFirst = Literal["after_priority", "last"]

_LAST = 2**31 - 1
"""Sorts what is unrestricted behind whatever is restricted: fewer applicable things go first."""
_GROUP = ("customer_id", "credit_type_id")
_FACTS = (
    *("id", "customer_id", "type", "name", "priority", "contract_id", "cost_basis", "rolled_over_from_commit_id"),
    *("applicable_product_ids", "applicable_product_tags", "applicable_contract_ids", "specifiers"),
    *("credit_type_id", "credit_type_name", "invoice_schedule"),
)


def drain_order(
    balances: Frame,
    *,
    as_of: Instant,
    contract_first: ContractFirst = "after_priority",
    breakdowns: Given | None = None,
    invoices: Given | None = None,
    loaded_at: Instant | None = None,
) -> Frame:
    """The segments usage may draw on at `as_of`, in the order they pay; the columns of `DrainOrder`.

    What each means says `help("metronome_analytics.analysis.schemas.DrainOrder")`: `place`, `remaining`, what is
    drained before and after, `restricted`, and the balance and segment it is about.

    `balances` is the frame of `account.balances()`; the result is of the same kind. Order per customer and credit
    type (Metronome: prioritisation of commits and credits): rolled-over postpaid, other rolled-over, prepaid commits
    with credits, postpaid; then lower priority (missing: last), nothing paid before paid, fewer applicable products,
    fewer group-value specifiers, earlier end, earlier start, fewer applicable contracts. Where contract level beats
    customer level on equal priority is undocumented: `contract_first` puts it right after the priority or "last".
    Each balance covers only the usage it applies to, so `drained_*` hold for usage that all of them cover.
    Rolled-over commits have no cost step, postpaid ones that did not roll over no specifier step. For a past `as_of`
    the rules of `burn_down()` hold, which also says what `breakdowns`, `invoices` and `loaded_at` are needed for.
    Raises ArgumentError without `as_of`, for a frame without the needed columns, or a past `as_of` that the frames
    cannot answer for.

    >>> order = ma.drain_order(account.balances(), as_of=account.now)
    >>> order.select("place", "balance_name", "priority", "remaining").row(0)
    (1, 'Prepaid commitment', 100.0, Decimal('1334621.7400000000'))
    """
    one_of("contract_first", contract_first, ("after_priority", "last"))
    at = required_instant("as_of", as_of)
    given = checked(balances, "balances", *NEEDED)
    burn = burn_down(given, as_of=at, breakdowns=breakdowns, invoices=invoices, loaded_at=loaded_at)
    return like(placed(open_segments(burn, at), given, contract_first), balances, DrainOrder)


def open_segments(burn: pl.LazyFrame, at: datetime) -> pl.LazyFrame:
    """One row per segment with access at `at` and something left."""
    now = literal(at)
    running = (pl.col("segment_starting_at") <= now) & (now < pl.col("segment_ending_before"))
    return (
        burn.group_by(*BALANCE, "segment_id", "segment_starting_at", "segment_ending_before", maintain_order=True)
        .agg(pl.col("change").sum().alias("remaining"))
        .filter(running & (pl.col("remaining") > ZERO))
    )


def placed(
    segments: pl.LazyFrame, balances: pl.LazyFrame, contract_first: ContractFirst = "after_priority"
) -> pl.LazyFrame:
    """`segments` of `balances` sorted, numbered, and with what is drained before and after each."""
    empty = Balances.create_empty().lazy()
    names = [name for name in balances.collect_schema() if name in Balances.column_names()]
    whole = pl.concat([empty, balances.select(names)], how="diagonal")
    facts = whole.select(_FACTS).rename({"id": "balance_id", "name": "balance_name", "type": "balance_type"})
    joined = segments.join(facts, on=BALANCE, how="left", maintain_order="left").with_columns(_facts())
    return _placed(joined, contract_first)


def _facts() -> list[pl.Expr]:
    """What the order depends on, as columns."""
    count = {
        name: pl.col(name).list.len().fill_null(0)
        for name in ("applicable_product_ids", "applicable_product_tags", "applicable_contract_ids")
    }
    products = count["applicable_product_ids"] + count["applicable_product_tags"]
    values = (
        pl.col("specifiers")
        .list.eval(_values("pricing_group_values") + _values("presentation_group_values"))
        .list.sum()
        .fill_null(0)
    )
    contracts = count["applicable_contract_ids"]
    schedule = pl.col("invoice_schedule")
    billed = schedule.struct.field("schedule_items").list.eval(pl.element().struct.field("amount")).list.sum()
    invoiced = ~schedule.struct.field("do_not_invoice").fill_null(False) & (billed > 0)
    rolled = pl.col("rolled_over_from_commit_id").is_not_null()
    postpaid = pl.col("balance_type") == BalanceType.POSTPAID
    group = pl.when(rolled & postpaid).then(0).when(rolled).then(1).when(postpaid).then(3).otherwise(2)
    last = pl.lit(_LAST, pl.UInt32)
    return [
        rolled.alias("rolled_over"),
        pl.coalesce(pl.col("cost_basis") > 0, invoiced, pl.lit(False)).alias("paid"),
        ((products > 0) | (pl.col("specifiers").list.len().fill_null(0) > 0) | (contracts > 0)).alias("restricted"),
        group.alias("group"),
        pl.when(products > 0).then(products).otherwise(last).alias("products"),
        # The documented order of postpaid commits leaves specifiers out; that of rolled-over ones has them.
        pl.when((values > 0) & (rolled | ~postpaid)).then(values.cast(pl.UInt32)).otherwise(last).alias("values"),
        pl.when(contracts > 0).then(contracts).otherwise(last).alias("contracts"),
        pl.col("contract_id").is_null().alias("customer_level"),
    ]


def _values(name: str) -> pl.Expr:
    """How many values a specifier asks for."""
    return pl.element().struct.field(name).map.len().fill_null(0)


def _placed(segments: pl.LazyFrame, contract_first: ContractFirst) -> pl.LazyFrame:
    """Sorted, numbered, and with what is drained before and after each."""
    early = ["customer_level"] if contract_first == "after_priority" else []
    cost = (pl.col("paid") & ~pl.col("rolled_over")).alias("cost")
    keys = [*_GROUP, "group", "priority", *early, "cost", "products", "values", "segment_ending_before"]
    keys += ["segment_starting_at", "contracts", "customer_level", "segment_id"]
    keys = list(dict.fromkeys(keys))
    order = segments.select("customer_id").unique(maintain_order=True).with_row_index("customer_index")
    after = pl.col("remaining").cum_sum().over(_GROUP)
    return (
        segments.with_columns(cost)
        .join(order, on="customer_id", how="left")
        .sort(["customer_index", *keys], nulls_last=True)
        .with_columns(
            (pl.int_range(pl.len(), dtype=pl.Int64).over(_GROUP) + 1).alias("place"),
            after.cast(MONEY).alias("drained_after"),
            (after - pl.col("remaining")).cast(MONEY).alias("drained_before"),
        )
    )
