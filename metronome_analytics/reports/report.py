"""What a report is of: the frames given, with names, units and what each invoice counts as."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Required, TypedDict

import polars as pl
import polars.selectors as cs

from metronome_analytics.analysis.checks.verdicts import FAIL
from metronome_analytics.analysis.frames import Given, checked, optional, required_instant
from metronome_analytics.analysis.invoiced import standing
from metronome_analytics.analysis.schemas import Checks, CheckSummary
from metronome_analytics.analysis.utilisation import utilisation
from metronome_analytics.arguments import Instant, instant
from metronome_analytics.tables import ledger, line_items
from metronome_analytics.tables.money import currency, currency_told_apart
from metronome_analytics.wording import drawable, drawable_column

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from metronome_analytics.analysis import Reconciliation

_UNIT = ("credit_type_id", "credit_type_name")
_LONGEST_UNIT = 100
_USE = (
    *("granted", "used", "expired", "rolled_over", "trued_up", "adjusted", "overdraft", "not_started", "pending"),
    *("at_risk", "utilisation", "elapsed", "days_left"),
)


class Contents(TypedDict, total=False):
    """What a report is given.

    `invoices` and `balances` are the frames of `account.invoices()` and `account.balances()`, `customers` gives names,
    `reconciliation` is what `reconcile()` found, `receipts` are `account.receipts`, `as_of` is when all of it was
    loaded (or, with `loaded_at` for that, the past moment the balances are shown at), `filters` says in words what was
    selected, and `statements` are the frames of the statements of a month by
    name: reconciliation, roll_forward, deferred_revenue, revenue, flux, accrual, aging, corrections_register,
    journal_entries, any of them.
    """

    invoices: Required[Given]
    balances: Required[Given]
    customers: Given | None
    reconciliation: Reconciliation | None
    receipts: Given | None
    as_of: Required[Instant]
    filters: Mapping[str, object] | None
    entries: Given | None
    statements: Mapping[str, pl.DataFrame] | None
    loaded_at: Instant | None


@dataclass(frozen=True)
class Report:
    """Every frame of a report. `unit` is a currency's code or a custom unit's name, one per credit type.

    Texts are as they may stand in a page and a workbook, the same in every frame: totals are looked up by them.
    """

    as_of: datetime
    invoices: pl.DataFrame
    lines: pl.DataFrame
    balances: pl.DataFrame
    ledger: pl.DataFrame
    checks: pl.DataFrame
    summary: pl.DataFrame
    customers: pl.DataFrame
    units: pl.DataFrame
    receipts: pl.DataFrame | None = None
    verdict: str | None = None
    headline: str = "Not reconciled."
    filters: Mapping[str, str] = field(default_factory=dict)
    statements: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    loaded_at: datetime | None = None

    def named(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Another frame about these customers and credit types, with `unit`, and `customer_name` where it has ids."""
        if "customer_id" in frame.columns:
            return _named(frame, self.customers, self.units)
        return _unit(frame, self.units)

    @property
    def exceptions(self) -> pl.DataFrame:
        """The checks that failed."""
        return self.of_verdict(FAIL)

    def of_verdict(self, verdict: str) -> pl.DataFrame:
        """The checks of one verdict."""
        return self.checks.filter(pl.col("verdict") == verdict)

    @property
    def reconciled(self) -> bool:
        """Whether a reconciliation was given."""
        return self.verdict is not None

    @classmethod
    def of(
        cls,
        *,
        invoices: Given,
        balances: Given,
        customers: Given | None = None,
        reconciliation: Reconciliation | None = None,
        receipts: Given | None = None,
        as_of: Instant,
        filters: Mapping[str, object] | None = None,
        entries: Given | None = None,
        statements: Mapping[str, pl.DataFrame] | None = None,
        loaded_at: Instant | None = None,
    ) -> Report:
        """The report of its `Contents`; ArgumentError for frames of another kind."""
        at, read = required_instant("as_of", as_of), instant("loaded_at", loaded_at)
        bills = checked(
            invoices, "invoices", "id", "customer_id", "type", "status", *_UNIT, "total", "issued_at", "line_items"
        ).collect()
        held = checked(balances, "balances", "id", "customer_id", "type", "name", *_UNIT, "balance", "ledger").collect()
        names = _names(customers)
        checks = Checks.create_empty() if reconciliation is None else reconciliation.checks
        summary = CheckSummary.create_empty() if reconciliation is None else reconciliation.summary
        lines = line_items(bills)
        stated = statements or {}
        units = _units(
            bills, lines, held, checks, *(frame for frame in stated.values() if {*_UNIT} <= {*frame.columns})
        )
        bills = _named(bills, names, units).with_columns(standing(bills).alias("counts_as"))
        kinds = bills.select(invoice_id="id", counts_as="counts_as").unique("invoice_id")
        return cls(
            as_of=at,
            invoices=bills,
            lines=_named(lines, names, units).join(kinds, on="invoice_id", how="left", maintain_order="left"),
            balances=_named(_used(held, at, bills, read), names, units),
            ledger=_named(_entries(held, entries), names, units),
            checks=_named(checks, names, units),
            summary=_unit(summary, units),
            customers=names,
            units=units,
            receipts=None if receipts is None else receipts.lazy().collect(),
            **({} if reconciliation is None else _found(reconciliation)),
            filters={drawable(str(name)): drawable(str(value)) for name, value in (filters or {}).items()},
            loaded_at=read,
            statements={name: _stated(frame, names, units) for name, frame in stated.items()},
        )


def _found(reconciliation: Reconciliation) -> dict[str, str]:
    return {"verdict": reconciliation.verdict, "headline": reconciliation.headline}


def _names(customers: Given | None) -> pl.DataFrame:
    if customers is None:
        return pl.DataFrame(schema={"customer_id": pl.String, "customer_name": pl.String})
    given = checked(customers, "customers", "id", "name").select(
        customer_id="id", customer_name=drawable_column(pl.col("name"))
    )
    return given.unique("customer_id", keep="first").collect()


def _units(*frames: pl.DataFrame) -> pl.DataFrame:
    """Every credit type with a unit of its own: those of one name are told apart by the start of their ids."""
    pairs = pl.concat([frame.select(_UNIT) for frame in frames]).drop_nulls("credit_type_id").unique()
    named = pairs.sort(_UNIT, nulls_last=True).unique("credit_type_id", keep="first", maintain_order=True)
    told = currency_told_apart(pl.col("credit_type_name"), pl.col("credit_type_id"))
    return named.with_columns(_short(told).alias("unit"))


def _short(unit: pl.Expr) -> pl.Expr:
    """A unit as a formula can name it: Excel looks up no more than 255 characters."""
    told = pl.format("{}… {}", unit.str.head(_LONGEST_UNIT), pl.col("credit_type_id").str.head(8).fill_null("-"))
    return pl.when(unit.str.len_chars() > _LONGEST_UNIT).then(told).otherwise(unit)


def _unit(frame: pl.DataFrame, units: pl.DataFrame) -> pl.DataFrame:
    """`frame` with `unit`, and the credit type's name where only its id is known."""
    known = units.rename({"credit_type_name": "known_name"})
    joined = frame.join(known, on="credit_type_id", how="left", maintain_order="left")
    name = pl.coalesce("credit_type_name", "known_name")
    unit = pl.coalesce("unit", _short(currency(name)))
    named = joined.with_columns(name.alias("credit_type_name"), unit.alias("unit"))
    return named.drop("known_name").with_columns(drawable_column(cs.string()))


def _named(frame: pl.DataFrame, names: pl.DataFrame, units: pl.DataFrame) -> pl.DataFrame:
    """`frame` with `customer_name` and `unit`."""
    return _unit(frame, units).join(names, on="customer_id", how="left", maintain_order="left")


def _stated(frame: pl.DataFrame, names: pl.DataFrame, units: pl.DataFrame) -> pl.DataFrame:
    """A statement with `unit`, and `customer_name` where it is by customer."""
    with_unit = (
        _unit(frame, units) if "credit_type_id" in frame.columns else frame.with_columns(unit=pl.col("currency"))
    )
    if "customer_id" not in frame.columns:
        return with_unit
    return with_unit.join(names, on="customer_id", how="left", maintain_order="left")


def _used(balances: pl.DataFrame, at: datetime, invoices: pl.DataFrame, read: datetime | None) -> pl.DataFrame:
    """`balances` with what was granted and used of each, and from when to when there is access."""
    use = utilisation(balances, as_of=at, invoices=invoices, loaded_at=read).select(
        "customer_id",
        pl.col("balance_id").alias("id"),
        *_USE,
        pl.col("starting_at").alias("access_starting_at"),
        pl.col("ending_before").alias("access_ending_before"),
    )
    return balances.join(use, on=["customer_id", "id"], how="left", maintain_order="left")


def _entries(balances: pl.DataFrame, shown: Given | None) -> pl.DataFrame:
    names = balances.select(
        "customer_id",
        pl.col("id").alias("balance_id"),
        optional(balances.columns, "name").alias("balance_name"),
    ).unique(["customer_id", "balance_id"], keep="first")
    booked = ledger(balances) if shown is None else checked(shown, "entries", "balance_id", "amount").collect()
    return booked.join(names, on=["customer_id", "balance_id"], how="left", maintain_order="left")
