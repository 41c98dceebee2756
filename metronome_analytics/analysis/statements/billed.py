"""Invoice lines as statements add them up: each in a month, as one part of revenue, with the keys it may go by."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import polars as pl

from metronome_analytics.analysis.checks.lines import under_postpaid
from metronome_analytics.analysis.drawdown import draws
from metronome_analytics.analysis.frames import MONEY, Given, checked, literal
from metronome_analytics.analysis.statements.keys import key_names
from metronome_analytics.analysis.statements.periods import invoice_at, month_of
from metronome_analytics.tables.invoices import counts_once
from metronome_analytics.tables.vocabulary import BalanceType, CommitType, InvoiceStatus, LineType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import dataframely as dy

    from metronome_analytics.tables.columns import Frame

By = str | Iterable[str]

UNIT = ("credit_type_id", "credit_type_name")

KEYS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "product": ("product_id", "product_name"),
        "product_id": ("product_id",),
        "customer_id": ("customer_id",),
        "contract_id": ("contract_id",),
        "balance_id": ("balance_id",),
        "type": ("balance_type",),
        "invoice_id": ("invoice_id",),
        "status": ("status",),
    }
)
"""The columns of each name in `by=`."""

NEEDED = (
    *("id", "customer_id", "contract_id", "type", "status", "credit_type_id", "credit_type_name"),
    *("start_timestamp", "issued_at", "line_items"),
)

BALANCE_ID = pl.coalesce("applied_id", "commit_id", "postpaid_id").alias("balance_id")
"""The balance a line draws on, was covered by, pays for or trues up."""


class Part(StrEnum):
    """What a line is to revenue: the name of its column."""

    GROSS = "gross"
    PREPAID = "covered_prepaid"
    CREDIT = "covered_credit"
    POSTPAID = "covered_postpaid"
    FIXED = "fixed"
    PURCHASES = "purchases"


COVERED = (Part.PREPAID, Part.CREDIT)
NET = (Part.GROSS, *COVERED, Part.FIXED, Part.PURCHASES)
"""What adds up to the total of an invoice; usage under a postpaid commit is payable (fact sheet 4.5)."""
EARNED = (Part.GROSS, Part.CREDIT, Part.FIXED)
"""What was delivered, whoever paid for it when; what a free credit covers earns nothing."""


def key_columns(by: By) -> list[str]:
    """The columns that `by` groups by, each once; ArgumentError for another name."""
    return list(dict.fromkeys(column for name in key_names(by, KEYS) for column in KEYS[name]))


def billed(
    invoices: Given,
    *,
    breakdowns: Given | None,
    months: Sequence[str],
    at: datetime | None,
    keys: Sequence[str],
    drafts: bool = True,
    pricing_units: bool = False,
    more: Sequence[pl.Expr] = (),
    sums: Sequence[pl.Expr] = (),
) -> pl.LazyFrame:
    """What `months` are made of, added up: month, `keys`, credit type, `part`, `status`, and `total`.

    Of the invoices that count once, final and draft. With `breakdowns` an invoice is spread: each window's lines are
    added to the window's month and taken out of the invoice's own, so that its months sum to it whatever the windows
    say; `stands` says of a row that something in it was not only taken out. Lines in a custom pricing unit are not in
    the total: they come only with `pricing_units`, in their own credit type. `trues_up`: a postpaid commit's rest is
    what is billed. `more` are further columns of lines to tell rows apart by, `sums` further sums.
    """
    given = checked(invoices, "invoices", *NEEDED).filter(_stands(at, drafts=drafts))
    whose = list(dict.fromkeys(["month", "status", *UNIT, *(key for key in keys if key in _OF_INVOICE)]))
    # Lines carry a number for all their invoice says: a million times no text is copied or compared.
    heads = given.with_columns(month_of(invoice_at()).alias("month"), pl.col("id").alias("invoice_id"))
    parts = _heads_of(heads, breakdowns, months)
    parts = [(sign, part.with_columns(pl.struct(whose).hash().alias("head"))) for sign, part in parts]
    owners = pl.concat([part.select("head", *whose) for _, part in parts]).unique("head")
    lines = pl.concat([_lines(part, sign) for sign, part in parts], how="diagonal")
    lines = lines.with_columns(draws().alias("draws"))
    if not pricing_units:
        lines = lines.filter(pl.col("credit_type_id").eq_missing(pl.col("invoice_credit_type_id")))
    own = UNIT if pricing_units else ()
    of_lines = [key for key in keys if key not in (*_OF_INVOICE, "product_name")]
    groups = list(dict.fromkeys(["head", *own, *of_lines, "part", "trues_up", *(e.meta.output_name() for e in more)]))
    naming = [pl.col("line_name").max()] if "product_name" in keys else []
    rows = (
        lines.with_columns(
            part_of().alias("part"),
            # The sign comes after what is read from it: a negative line that names a commit draws on it.
            pl.when(pl.col("sign") < 0).then(-pl.col("total")).otherwise("total").alias("total"),
            balance_type_of().alias("balance_type"),
            BALANCE_ID,
            pl.col("postpaid_id").is_not_null().alias("trues_up"),
        )
        .with_columns(more)
        .group_by(groups)
        .agg(pl.col("total").sum(), (pl.col("sign") > 0).any().alias("stands"), *naming, *sums)
        .join(owners.drop(own), on="head", how="left")
    )
    return _named(rows) if naming else rows


_OF_INVOICE = ("customer_id", "contract_id", "invoice_id", "status")
"""Keys that all lines of an invoice share."""


def _heads_of(heads: pl.LazyFrame, breakdowns: Given | None, months: Sequence[str]) -> list[tuple[int, pl.LazyFrame]]:
    """Invoices and windows with the month their lines count in, and whether they are added or taken out."""
    within = pl.col("month").is_in(months)
    parts = [(1, heads.filter(within))]
    if breakdowns is not None:
        moved = _moved(heads, breakdowns)
        into = moved.filter(pl.col("into").is_in(months)).with_columns(pl.col("into").alias("month"))
        parts += [(1, into), (-1, moved.filter(within))]
    return parts


def _moved(heads: pl.LazyFrame, breakdowns: Given) -> pl.LazyFrame:
    """Every window in another month than its invoice, which it is of by what is known of the invoice."""
    windows = checked(
        breakdowns, "breakdowns", "id", "breakdown_start_timestamp", "line_items", source="account.invoice_breakdowns()"
    ).select("id", month_of(pl.col("breakdown_start_timestamp")).alias("into"), "line_items")
    known = heads.select(pl.exclude("line_items", "invoice_adjustments")).unique(
        "id", keep="first", maintain_order=True
    )
    return known.join(windows, on="id", how="inner").filter(pl.col("into") != pl.col("month"))


def _lines(invoices: pl.LazyFrame, sign: int) -> pl.LazyFrame:
    """The lines of some invoices, and adjustments where there are any."""
    parts = [unpacked(invoices)]
    if "invoice_adjustments" in invoices.collect_schema().names():
        parts.append(adjustments(invoices))
    return pl.concat(parts, how="diagonal").with_columns(pl.lit(sign, pl.Int8).alias("sign"))


def _stands(at: datetime | None, *, drafts: bool) -> pl.Expr:
    """Final or draft, once, and begun by `at`: a draft is in the books from its first day, so its month is enough."""
    final, draft = (pl.col("status").eq_missing(pl.lit(s)) for s in (InvoiceStatus.FINALIZED, InvoiceStatus.DRAFT))
    if at is not None:
        final &= invoice_at() <= literal(at)
        draft &= month_of(invoice_at()) <= month_of(literal(at))
    return counts_once() & (final | draft if drafts else final)


_HEAD = (
    pl.col("^head$"),
    pl.col("credit_type_id").alias("invoice_credit_type_id"),
    pl.col("credit_type_name").alias("invoice_credit_type_name"),
)


def unpacked(invoices: pl.LazyFrame) -> pl.LazyFrame:
    """One row per line, its fields beside those of its invoice; only what a statement asks for is unpacked."""
    item: Any = pl.col("line_items").struct
    unit, applied = item.field("credit_type").struct, item.field("applied_commit_or_credit").struct
    exploded = invoices.select(*_HEAD, "line_items").explode("line_items", empty_as_null=False, keep_nulls=False)
    own = pl.coalesce(unit.field("id"), "invoice_credit_type_id")
    name = pl.coalesce(unit.field("name"), "invoice_credit_type_name")
    same = own == pl.col("invoice_credit_type_id")
    return exploded.select(
        pl.exclude("line_items"),
        own.alias("credit_type_id"),
        pl.when(same).then("invoice_credit_type_name").otherwise(name).alias("credit_type_name"),
        item.field("total"),
        item.field("type").alias("line_type"),
        item.field("name").alias("line_name"),
        *(item.field(name) for name in ("product_id", "quantity", "unit_price", "commit_id", "commit_type")),
        item.field("pricing_group_values"),
        item.field("tier").struct.field("level").alias("tier_level"),
        applied.field("id").alias("applied_id"),
        applied.field("type").alias("applied_type"),
        item.field("postpaid_commit").struct.field("id").alias("postpaid_id"),
        item.field("discount_id"),
        item.field("list_price").struct.field("price").alias("list_price"),
    )


def adjustments(invoices: pl.LazyFrame) -> pl.LazyFrame:
    """What adjustments of Plans invoices add to their lines, as lines of no known type."""
    item: Any = pl.col("invoice_adjustments").struct
    adjusted = invoices.filter(pl.col("invoice_adjustments").list.len() > 0)
    exploded = adjusted.select(*_HEAD, "invoice_adjustments").explode("invoice_adjustments")
    return exploded.select(
        pl.exclude("invoice_adjustments"),
        pl.col("invoice_credit_type_id").alias("credit_type_id"),
        pl.col("invoice_credit_type_name").alias("credit_type_name"),
        item.field("total"),
        item.field("name").alias("line_name"),
    )


def part_of() -> pl.Expr:
    """The column a line belongs to."""
    kind = pl.col("line_type")
    word = pl.Enum([part.value for part in Part])
    covered = (
        pl.when(under_postpaid())
        .then(pl.lit(Part.POSTPAID.value, word))
        .when(pl.col("applied_type") == BalanceType.CREDIT)
        .then(pl.lit(Part.CREDIT.value, word))
        .otherwise(pl.lit(Part.PREPAID.value, word))
    )
    return (
        pl.when("draws")
        .then(covered)
        .when(kind.is_in([LineType.USAGE.value, LineType.CONVERSION.value]))
        .then(pl.lit(Part.GROSS.value, word))
        .when(kind == LineType.PURCHASE)
        .then(pl.lit(Part.PURCHASES.value, word))
        .otherwise(pl.lit(Part.FIXED.value, word))
    )


def balance_type_of() -> pl.Expr:
    """The type of the balance a line names, as well as the line says it."""
    told = pl.col("commit_type")
    return (
        pl.when(pl.col("applied_type").is_not_null())
        .then("applied_type")
        .when((told == CommitType.POSTPAID) | pl.col("postpaid_id").is_not_null())
        .then(pl.lit(BalanceType.POSTPAID.value))
        .when(told == CommitType.PREPAID)
        .then(pl.lit(BalanceType.PREPAID.value))
    )


def _named(rows: pl.LazyFrame) -> pl.LazyFrame:
    """`rows` with `product_name`: what the lines of a product were called last, in whatever month of the frame.

    `line_name` of a row is a name of its lines. What covered usage goes by the balance's name and not the product's.
    """
    calls = pl.when(~pl.col("part").is_in([Part.PREPAID.value, Part.CREDIT.value, Part.POSTPAID.value])).then(
        "line_name"
    )
    names = (
        rows.select("product_id", "month", calls.alias("product_name"))
        .filter(pl.col("product_id").is_not_null() & pl.col("product_name").is_not_null())
        .group_by("product_id")
        .agg(pl.col("product_name").sort_by("month", "product_name").last())
    )
    return rows.join(names, on="product_id", how="left")


def only(amount: pl.Expr, *parts: Part) -> pl.Expr:
    """`amount` of the rows of some parts, else null: in a `group_by` far quicker to sum than a filter."""
    return pl.when(pl.col("part").is_in([part.value for part in parts])).then(amount)


def added(*parts: Part) -> pl.Expr:
    """The columns of some parts, added up."""
    return pl.sum_horizontal(pl.col(part) for part in parts).cast(MONEY)


def presented(rows: pl.LazyFrame, given: Frame, table: type[dy.Schema], *keys: str) -> Frame:
    """`rows` with their keys and the columns of `table`, sorted by the keys, of the same kind of frame as `given`."""
    columns = list(dict.fromkeys([*keys, *table.column_names()]))
    order = [*keys, "credit_type_name", "credit_type_id"]
    shown = rows.select(columns).sort(order, nulls_last=True, maintain_order=True)
    return shown if isinstance(given, pl.LazyFrame) else shown.collect()
