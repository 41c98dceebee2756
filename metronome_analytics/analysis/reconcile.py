"""Reconciliation: whether everything Metronome says agrees with everything else it says, and with the books."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple, get_args

import polars as pl

from metronome_analytics.analysis.checks import invoices as of_invoices
from metronome_analytics.analysis.checks import ledgers, purchases
from metronome_analytics.analysis.checks import lines as invoice_lines
from metronome_analytics.analysis.checks.external import Units
from metronome_analytics.analysis.checks.external import external as compare_external
from metronome_analytics.analysis.checks.verdicts import judged, unchecked
from metronome_analytics.analysis.entries import NEEDED, access, entries
from metronome_analytics.analysis.frames import Given, checked
from metronome_analytics.analysis.reconciliation import CHECKS, Reconciliation
from metronome_analytics.analysis.schemas import Checks
from metronome_analytics.analysis.verdict import Scope
from metronome_analytics.arguments import Instant, instant
from metronome_analytics.errors import ArgumentError
from metronome_analytics.external import DecimalMark, External
from metronome_analytics.offers import one_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


def reconcile(
    invoices: Given | None = None,
    balances: Given | None = None,
    net_balances: Given | None = None,
    external: External | object | None = None,
    *,
    tolerance: Decimal = Decimal("0.01"),
    as_of: Instant | None = None,
    external_columns: Mapping[str, str] | None = None,
    external_units: Units = "major",
    decimal: DecimalMark | None = None,
) -> Reconciliation:
    """Checks the frames of `account.invoices()`, `balances()` and `net_balances()` against each other.

    invoice_total: the total against the lines in the invoice's currency without postpaid drawdown. counted_once: no
    two live invoices for one contract and period. consolidated, corrections: what repeats or amends other invoices.
    billing_provider: the total against what the provider billed. drawdown: what invoices drew against the ledger's
    deductions. true_up, prepaid_purchase: what was billed for commits. ledger_signs, access_schedule, ledger_balance,
    net_balance: the ledger against itself, its schedule, the API's balance and net balance. external: any
    frame (polars, pandas, Arrow) with an invoice id (Metronome's or the billing provider's) and an amount;
    `external_columns` maps our names (invoice_id, amount, currency, date, customer_id) to its columns,
    `external_units` is "major" or "api" (cents for USD), `decimal` what separates decimals in amounts that are text:
    unless given the column as a whole decides, and one that can be read two ways is refused.

    A difference of `tolerance` (in the unit of the row's credit type) or more fails. `as_of`, when the frames were
    loaded, settles which segments have started; without it the frames themselves prove it where they can. What could
    not be checked, for want of a frame or a row, is a row that says so. Load balances with `include_archived=True`.
    LazyFrames are read by the streaming engine, invoice lines added up as they come: memory holds a few kilobytes of
    each invoice, however many lines it has. They must give their rows in the same order every time they are read.
    Raises ArgumentError for frames without the needed columns or a negative tolerance.

    >>> invoices, balances = account.invoices(), account.balances(include_archived=True)
    >>> checked = ma.reconcile(invoices, balances, account.net_balances(), as_of=account.now)
    >>> checked.ok, checked.exceptions.height
    (True, 0)
    """
    if not isinstance(tolerance, Decimal) or tolerance < 0:
        raise ArgumentError(f"tolerance must be a Decimal that is not negative, not {tolerance!r}.")
    one_of("external_units", external_units, get_args(Units))
    bills = None if invoices is None else _Bills.of(invoices)
    made = _invoice_checks(bills) | _balance_checks(bills, balances, instant("as_of", as_of))
    made["net_balance"] = _net_balance(net_balances, balances)
    if external is not None:
        theirs = external if isinstance(external, External) else External.of(external, external_columns, decimal)
        made["external"] = (
            unchecked("invoices were not given")
            if bills is None
            else compare_external(bills.heads, theirs.rows, external_units)
        )
    plans = [judged(name, made[name], tolerance) for name in CHECKS if name in made]
    if any(isinstance(frame, pl.LazyFrame) for frame in (invoices, balances, net_balances, external)):
        results = [plan.collect(engine="streaming") for plan in plans]  # one at a time: what each needs is let go
    else:
        results = pl.collect_all(plans)
    scope = None if bills is None else Scope.of(bills.heads.filter("first"))
    return Reconciliation.of(pl.concat([Checks.create_empty(), *results]), invoices, balances, scope=scope)


class _Bills(NamedTuple):
    """Invoices without their lines, and the lines: unpacked once, for every check."""

    heads: pl.LazyFrame
    lines: pl.LazyFrame

    @classmethod
    def of(cls, invoices: Given) -> _Bills:
        rows = invoice_lines.numbered(checked(invoices, "invoices", *invoice_lines.NEEDED))
        heads, lines = invoice_lines.heads(rows), invoice_lines.lines(rows)
        if isinstance(invoices, pl.LazyFrame):
            return cls._streamed(heads, lines)
        return cls(*(part.lazy() for part in pl.collect_all([heads, lines])))

    @classmethod
    def _streamed(cls, heads: pl.LazyFrame, lines: pl.LazyFrame) -> _Bills:
        """Added up as they are read: no more than a few of the lines are ever in memory.

        One after the other: in one plan all lines would wait in memory for the heads.
        """
        known = heads.collect(engine="streaming")
        sums = invoice_lines.added_up(lines).collect(engine="streaming")
        if not sums.join(known, on=["row", "key"], how="anti").is_empty():
            raise ArgumentError(
                "invoices is a LazyFrame that gives its rows in another order every time it is read.",
                advice="Sort it, or join with maintain_order.",
            )
        return cls(known.lazy(), sums.lazy())


def _invoice_checks(bills: _Bills | None) -> dict[str, pl.LazyFrame]:
    """The checks that need invoices only."""
    if bills is None:
        names = ("invoice_total", "counted_once", "consolidated", "corrections", "billing_provider")
        return dict.fromkeys(names, unchecked("invoices were not given"))
    return {
        "invoice_total": of_invoices.invoice_total(bills.heads, bills.lines),
        "counted_once": of_invoices.counted_once(bills.heads),
        "consolidated": of_invoices.consolidated(bills.heads),
        "corrections": of_invoices.corrections(bills.heads),
        "billing_provider": of_invoices.billing_provider(bills.heads),
    }


def _balance_checks(bills: _Bills | None, balances: Given | None, at: datetime | None) -> dict[str, pl.LazyFrame]:
    """The checks that need balances, and those that need invoices too."""
    both, alone = ("drawdown", "true_up", "prepaid_purchase"), ("ledger_signs", "access_schedule", "ledger_balance")
    if balances is None:
        return dict.fromkeys((*both, *alone), unchecked("balances were not given"))
    given = checked(balances, "balances", *NEEDED, "balance", "invoice_schedule")
    booked = entries(given).collect().lazy()
    proof = None if bills is None else ledgers.evidence(bills.heads)
    spans = ledgers.started(access(given), booked, proof, at).collect().lazy()
    made = {
        "ledger_signs": ledgers.signs(given, booked),
        "access_schedule": ledgers.access_schedule(given, booked, spans),
        "ledger_balance": ledgers.ledger_balance(given, booked, spans, at),
    }
    if bills is None:
        return made | dict.fromkeys(both, unchecked("invoices were not given"))
    return made | {
        "drawdown": ledgers.drawdown(*bills, given, booked),
        "true_up": ledgers.true_up(*bills, given, booked),
        "prepaid_purchase": purchases.prepaid_purchase(*bills, given),
    }


def _net_balance(net_balances: Given | None, balances: Given | None) -> pl.LazyFrame:
    if net_balances is None:
        return unchecked("net balances were not given")
    nets = checked(net_balances, "net_balances", "customer_id", "credit_type_id", "balance")
    if balances is None:
        return unchecked("balances were not given")
    return ledgers.net_balance(nets, balances.lazy())
