"""Facts about amounts: their digits and units, invoices against their lines, ledgers against balances."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.analysis.checks.verdicts import FAIL, PASS
from metronome_analytics.analysis.reconcile import reconcile
from metronome_analytics.doctor.facts import DOCS, FILE, GUESS, Fact, Finding, judged, unknown
from metronome_analytics.doctor.segments import Overdrawn, overdrawn
from metronome_analytics.tables import ledger
from metronome_analytics.tables.money import USD_ID, USD_NAME, in_cents_of
from metronome_analytics.tables.vocabulary import InvoiceStatus

if TYPE_CHECKING:
    from metronome_analytics.analysis.reconciliation import Reconciliation
    from metronome_analytics.doctor.examiner import Examiner

_NUMBER = re.compile(rb"[:\[,]\s*(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)(?=\s*[,\]}])")
_ZERO = Decimal(0)


def _digits(examiner: Examiner) -> Finding:
    found = {number for _, seen in examiner.exchanges if seen.status == 200 for number in _NUMBER.findall(seen.body)}
    if not found:
        return unknown("no numbers were met")
    digits = max(len(number.lstrip(b"-").split(b"e")[0].replace(b".", b"").strip(b"0")) for number in found)
    after = max(len(number.partition(b".")[2]) for number in found)
    return judged(digits <= 17, f"at most {digits} digits that count, {after} after the point")


def _units(examiner: Examiner) -> Finding:
    rows = examiner.data(examiner.ask("credit_types", query={"limit": 100}))
    if not rows:
        return unknown("no credit types are listed")
    currencies = [row for row in rows if row.get("is_currency")]
    dollars = [row for row in currencies if row.get("id") == USD_ID]
    cents = [row for row in currencies if in_cents_of(str(row.get("name")))]
    told = f"{len(currencies)} currencies, {len(rows) - len(currencies)} units; {len(cents)} named in cents"
    as_believed = cents == dollars and all(row.get("name") == USD_NAME for row in dollars)
    return judged(as_believed if dollars else None, told)


def _reconciled(examiner: Examiner, *, net: bool = False) -> Reconciliation:
    now = examiner.session.clock.now()
    net_balances = examiner.net_balances() if net else None
    balances = examiner.balances()
    return reconcile(examiner.invoices(), balances, net_balances, as_of=now)


def _checked(found: Reconciliation, check: str, what: str, key: str) -> Finding:
    rows = found.checks.filter(pl.col("check") == check)
    failed, passed = rows.filter(pl.col("verdict") == FAIL), rows.filter(pl.col("verdict") == PASS)
    told = f"{passed.height} {what} agree, {failed.height} do not"
    if failed.is_empty() and passed.is_empty():
        return unknown(f"no {what} could be checked")
    return judged(failed.is_empty(), told, failed[key].drop_nulls())


def _totals(examiner: Examiner) -> Finding:
    return _checked(_reconciled(examiner), "invoice_total", "invoices", "invoice_id")


def _ledgers(examiner: Examiner) -> Finding:
    # What the clamps say of overdrawn balances stands in rows of their own.
    clamped = [each.balance_id for each in overdrawn(examiner)]
    found = _reconciled(examiner).checks.filter(
        pl.col("check") == "ledger_balance", ~pl.col("balance_id").is_in(clamped)
    )
    failed, passed = found.filter(pl.col("verdict") == FAIL), found.filter(pl.col("verdict") == PASS)
    if failed.is_empty() and passed.is_empty():
        return unknown("no balance could be checked")
    told = f"{passed.height} balances are the sum of their ledger, {failed.height} are not"
    return judged(failed.is_empty(), told, failed["balance_id"].drop_nulls())


def _nets(examiner: Examiner) -> Finding:
    return _checked(_reconciled(examiner, net=True), "net_balance", "customers' units", "customer_id")


def _signs(examiner: Examiner) -> Finding:
    return _checked(_reconciled(examiner), "ledger_signs", "ledger entries", "balance_id")


def _clamp(examiner: Examiner) -> Finding:
    found = [each for each in overdrawn(examiner) if each.by_balance == _ZERO and each.by_segment == _ZERO]
    if not found:
        return unknown("no balance that was looked at is overdrawn")
    wrong = [each for each in found if each.balance != _ZERO]
    return judged(not wrong, f"{len(found) - len(wrong)} of {len(found)} overdrawn balances are 0", _of(wrong))


def _clamp_where(examiner: Examiner) -> Finding:
    found = [each for each in overdrawn(examiner) if each.by_balance != each.by_segment]
    if not found:
        return unknown("no balance that was looked at has one segment overdrawn and another not")
    wrong = [each for each in found if each.balance != each.by_segment]
    return judged(not wrong, f"{len(found) - len(wrong)} of {len(found)} such balances count it as 0", _of(wrong))


def _of(found: list[Overdrawn]) -> list[str]:
    return [each.balance_id for each in found]


def _draft_dates(examiner: Examiner) -> Finding:
    drafts = examiner.invoices().filter(pl.col("status") == InvoiceStatus.DRAFT.value)
    now = examiner.session.clock.now()
    # Where a draft's period is over, it waits out its grace: the deduction is in the past however it is dated.
    running = drafts.filter(pl.col("end_timestamp") > now).select("id", "end_timestamp")
    entries = ledger(examiner.balances()).filter(pl.col("amount") != 0)
    drawn = entries.join(running, left_on="invoice_id", right_on="id", how="inner")
    if drawn.is_empty():
        return unknown("no draft that was looked at draws on a balance")
    past = drawn.filter(pl.col("timestamp") <= now)
    told = f"{drawn.height - past.height} of {drawn.height} deductions of running drafts are dated in the future"
    return judged(past.is_empty(), told, past["balance_id"])


FACTS = (
    Fact(
        "units",
        "US dollars are named 'USD (cents)', and no other currency is in cents",
        DOCS,
        "the credit types",
        "major_units(), charts and reports divide by 100 where the name says (cents): check yours against an invoice.",
        _units,
    ),
    Fact(
        "lines_add_up",
        "an invoice's lines add up to its total, postpaid applied lines aside",
        FILE,
        "reconcile() on the newest invoices",
        "reconcile(tolerance=...) says how much may be lost to rounding; what is beyond is an exception there.",
        _totals,
    ),
    Fact(
        "ledger_adds_up",
        "the entries of a ledger's running segments add up to its balance",
        FILE,
        "reconcile() on the balances that were read",
        "burn_down(), roll_forward() and forecast() begin with the ledger: trust `balance`, and look at these first.",
        _ledgers,
    ),
    Fact(
        "deductions_are_negative",
        "what is drawn stands in a ledger as a negative amount",
        f"{DOCS}; the examples in the OpenAPI file are positive",
        "the signs of ledger entries",
        "Nothing is negated in silence: reconcile() fails `ledger_signs` for each of them.",
        _signs,
    ),
    Fact(
        "net_balances_agree",
        "a customer's balances in one unit add up to its net balance, postpaid ones included",
        FILE,
        "balances against net balances, unit by unit",
        "Say what you mean: net_balances(filters=[{'balance_types': [...]}]); reconcile() shows the difference.",
        _nets,
    ),
    Fact(
        "overdrawn_is_zero",
        "a balance that is overdrawn shows 0",
        FILE,
        "balances whose ledger is below zero",
        "reconcile() fails `ledger_balance` for them; take what is owed from the ledger.",
        _clamp,
    ),
    Fact(
        "clamp_by_segment",
        "an overdrawn segment counts 0 and takes nothing from the others of its balance",
        f"{FILE} for net balances; for `balance` {GUESS}",
        "balances of several running segments, one of them overdrawn",
        "`balance` is then the sum of the segments or 0: reconcile() shows the difference as `ledger_balance`.",
        _clamp_where,
    ),
    Fact(
        "draft_deductions",
        "deductions of drafts are in the ledger, dated at the end of their period: in the future",
        DOCS,
        "ledgers against the drafts of running periods",
        "Pass invoices= to burn_down(), drain_order(), utilisation(): pending is then told by the draft, not the date.",
        _draft_dates,
    ),
)
LAST = (
    Fact(
        "digits",
        "numbers have no more digits than a double needs: 17",
        f"{GUESS}: JSON numbers that a double wrote",
        "every number of every answer",
        "Nothing: amounts are read from their text, to 28 digits and 10 decimals, and more is MalformedResponse.",
        _digits,
    ),
)
