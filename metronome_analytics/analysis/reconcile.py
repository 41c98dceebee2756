"""Reconciliation: whether everything Metronome says agrees with everything else it says, and with the books."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from html import escape
from typing import TYPE_CHECKING, NamedTuple, get_args

import polars as pl

from metronome_analytics.analysis.checks import invoices as of_invoices
from metronome_analytics.analysis.checks import ledgers, purchases
from metronome_analytics.analysis.checks import lines as invoice_lines
from metronome_analytics.analysis.checks.external import MISSING_THERE, Units
from metronome_analytics.analysis.checks.external import external as compare_external
from metronome_analytics.analysis.checks.verdicts import (
    FAIL,
    NOT_CHECKED,
    PASS,
    WARNING,
    WORDS,
    in_words,
    judged,
    unchecked,
)
from metronome_analytics.analysis.entries import NEEDED, access, entries
from metronome_analytics.analysis.frames import Given, checked
from metronome_analytics.analysis.schemas import Checks, CheckSummary
from metronome_analytics.analysis.verdict import Scope, headline
from metronome_analytics.analysis.verdict import verdict as verdict_of
from metronome_analytics.arguments import Instant, instant
from metronome_analytics.errors import ArgumentError
from metronome_analytics.external import DecimalMark, External
from metronome_analytics.tables import ledger, line_items

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

CHECKS = (
    *("invoice_total", "counted_once", "consolidated", "corrections", "billing_provider"),
    *("drawdown", "true_up", "prepaid_purchase"),
    *("ledger_signs", "access_schedule", "ledger_balance", "net_balance", "external"),
)
"""Every check, in the order of the result."""

_STANDING = ("ledger_signs", "access_schedule", "ledger_balance", "net_balance")
"""The checks of a balance as it stands, whatever invoice they name."""

_NAMES = ("customer_id", "invoice_id", "balance_id", "external_id")
"""What a row of a check may be about; without any it says that the check could not be made."""


@dataclass(frozen=True)
class Reconciliation:
    """What a reconciliation found.

    checks: one row per check and what it looked at, the columns of `Checks`.
    exceptions: those that failed, a bill for a void invoice above all else. summary: counts per check and credit type,
    the columns of `CheckSummary`.
    """

    checks: pl.DataFrame
    exceptions: pl.DataFrame
    summary: pl.DataFrame
    _scope: Scope = field(default=Scope(), repr=False)
    _invoices: Given | None = field(default=None, repr=False)
    _balances: Given | None = field(default=None, repr=False)

    @classmethod
    def of(
        cls,
        checks: pl.DataFrame,
        invoices: Given | None = None,
        balances: Given | None = None,
        *,
        scope: Scope | None = None,
    ) -> Reconciliation:
        """Made of its checks, of what they are about, and of the frames that `rows` and `about` look into."""
        gravest = pl.col("causes").list.first().eq_missing(of_invoices.BILL_WITHOUT_INVOICE)
        failed = checks.filter(pl.col("verdict") == FAIL).sort(gravest, descending=True, maintain_order=True)
        return cls(checks, failed, _summary(checks), scope or Scope(), _invoices=invoices, _balances=balances)

    @classmethod
    def together(cls, parts: Sequence[Reconciliation]) -> Reconciliation:
        """The reconciliations of disjoint customers as one: their checks by name, of each name in the order of `parts`.

        What could not be checked at all, for want of a frame, is said once. Where a parent's invoice or commit
        concerns a child customer in another part, that part says that it is not in the frame: not checked.
        """
        checks = pl.concat([Checks.create_empty(), *(part.checks for part in parts)])
        named = pl.any_horizontal(pl.col(_NAMES).is_not_null())
        checks = pl.concat([checks.filter(named), checks.filter(~named).unique("check", maintain_order=True)])
        checks = pl.concat(checks.filter(pl.col("check") == name) for name in CHECKS)
        behind = [(part._invoices, part._balances) for part in parts]  # noqa: SLF001  # its own kind
        scope = Scope.together(part._scope for part in parts)  # noqa: SLF001  # as above
        return cls.of(checks, *(_concat(frames) for frames in zip(*behind, strict=True)), scope=scope)

    @property
    def ok(self) -> bool:
        """Whether nothing failed. What could not be checked does not fail: see `complete`."""
        return self.exceptions.is_empty()

    @property
    def complete(self) -> bool:
        """Whether everything could be checked."""
        return not (self.checks["verdict"] == NOT_CHECKED).any()

    @property
    def verdict(self) -> str:
        """What it comes to.

        "ties out", "does not tie out" (something failed), "nothing to check" (no check was made, or `about` no
        invoice), "not closed: 3 drafts", or "not everything could be checked".
        """
        return verdict_of(self.checks, self._scope)

    @property
    def headline(self) -> str:
        """The verdict as a sentence, with the number of checks of each kind."""
        return headline(self.verdict, self.checks)

    def about(self, invoices: Given, *, runs_until: Instant | None = None) -> Reconciliation:
        """What was found about `invoices` (those of one month, say) and about what belongs to no invoice.

        Reconcile the whole account and take a part of the result, not the other way round: the ledger that an invoice
        is checked against holds every month. What is said of a balance as it stands stays, and so do rows of the other
        system, whichever of our invoices they match. `runs_until` is the end of a period that is not over: while it
        runs, or one of `invoices` is a draft, the verdict is that the books are not closed.
        """
        given = checked(invoices, "invoices", "id", "status").select("id", "status").unique("id").collect()
        scope = Scope.of(given.lazy(), part=True, runs_until=instant("runs_until", runs_until))
        ids = given["id"]
        known = ids if self._invoices is None else self._invoices.lazy().select("id").collect().to_series()
        elsewhere = pl.col("invoice_id").is_in(known.implode()) & ~pl.col("invoice_id").is_in(ids.implode())
        theirs = (pl.col("check") == "external") & ~pl.col("detail").eq_missing(MISSING_THERE)
        checks = self.checks.filter(pl.col("check").is_in(_STANDING) | theirs | ~elsewhere.fill_null(False))
        return Reconciliation.of(checks, self._invoices, self._balances, scope=scope)

    def rows(self, *, invoice_id: str | None = None, balance_id: str | None = None) -> dict[str, pl.DataFrame]:
        """The rows behind a check: `line_items` of the invoice and `ledger` entries of the balance.

        With both, only the lines and entries that concern each other.
        """
        found: dict[str, pl.DataFrame] = {}
        if invoice_id is not None and self._invoices is not None:
            lines = line_items(self._invoices.lazy().filter(pl.col("id") == invoice_id))
            found["line_items"] = _only(lines, "commit_id", balance_id).collect()
        if balance_id is not None and self._balances is not None:
            booked = ledger(self._balances.lazy().filter(pl.col("id") == balance_id))
            found["ledger"] = _only(booked, "invoice_id", invoice_id).collect()
        return found

    def __repr__(self) -> str:
        return f"Reconciliation({self.verdict}; {in_words(self.checks)})"

    def _repr_html_(self) -> str:
        counts = self.checks.group_by("check", maintain_order=True).agg(
            (pl.col("verdict") == verdict).sum().alias(word) for verdict, word in WORDS.items()
        )
        heads = "".join(f"<th>{escape(name)}</th>" for name in counts.columns)
        rows = "".join(
            "<tr>" + "".join(f"<td>{escape(f'{x:,}' if isinstance(x, int) else str(x))}</td>" for x in row) + "</tr>"
            for row in counts.iter_rows()
        )
        return (
            f"<div><strong>Reconciliation</strong>: {escape(self.headline)}<table><thead><tr>{heads}</tr></thead>"
            f"<tbody>{rows}</tbody></table></div>"
        )


def _concat(frames: Iterable[Given | None]) -> pl.LazyFrame | None:
    given = [frame.lazy() for frame in frames if frame is not None]
    return pl.concat(given) if given else None


def _only(rows: pl.LazyFrame, column: str, value: str | None) -> pl.LazyFrame:
    return rows if value is None else rows.filter(pl.col(column) == value)


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
    """
    if not isinstance(tolerance, Decimal) or tolerance < 0:
        raise ArgumentError(f"tolerance must be a Decimal that is not negative, not {tolerance!r}.")
    if external_units not in get_args(Units):
        raise ArgumentError(f"external_units must be 'major' or 'api', not {external_units!r}.")
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
        told = heads.collect(engine="streaming")
        sums = invoice_lines.added_up(lines).collect(engine="streaming")
        if not sums.join(told, on=["row", "key"], how="anti").is_empty():
            raise ArgumentError(
                "invoices is a LazyFrame that gives its rows in another order every time it is read.",
                advice="Sort it, or join with maintain_order.",
            )
        return cls(told.lazy(), sums.lazy())


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
    told = checked(net_balances, "net_balances", "customer_id", "credit_type_id", "balance")
    if balances is None:
        return unchecked("balances were not given")
    return ledgers.net_balance(told, balances.lazy())


def _summary(checks: pl.DataFrame) -> pl.DataFrame:
    """Counts per check and credit type, in the order of the checks.

    Streamed, and without a `filter` inside of a group: either way polars would hold the groups' rows.
    """
    verdict = pl.col("verdict")
    kinds = {"passed": PASS, "failed": FAIL, "warnings": WARNING, "not_checked": NOT_CHECKED}
    return (
        checks.lazy()
        .group_by("check", "credit_type_id", "credit_type_name", maintain_order=True)
        .agg(
            pl.len().cast(pl.Int64).alias("rows"),
            *((verdict == each).sum().cast(pl.Int64).alias(name) for name, each in kinds.items()),
            pl.when(verdict == FAIL).then(pl.col("difference").abs()).sum(),
        )
        .select(CheckSummary.column_names())
        .collect(engine="streaming")
    )
