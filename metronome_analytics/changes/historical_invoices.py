"""`contracts.create_historical_invoices`: usage of a time before Metronome metered it, invoiced as the API previews."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field

from metronome_analytics.changes.contract_changes import paper_of
from metronome_analytics.changes.fields import Change, Exact, Fields, Hour, json_number, rfc3339
from metronome_analytics.changes.holdings import digest
from metronome_analytics.changes.operation import (
    ABSENT,
    Call,
    OnceBy,
    Operation,
    PlannedChange,
    Proof,
    Review,
    Seen,
    Sighting,
    Weight,
)
from metronome_analytics.changes.papers import Trial, trial_key
from metronome_analytics.changes.records import Facts, Json, plain, sameness
from metronome_analytics.changes.terms import Several, as_object
from metronome_analytics.changes.view import Look, View
from metronome_analytics.tables.money import USD_ID, display
from metronome_analytics.tables.vocabulary import InvoiceStatus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from metronome_analytics.changes.papers import Paper
    from metronome_analytics.changes.surroundings import Invoice

__all__ = ["CreateHistoricalInvoices", "UsageLine"]

Values = Annotated[dict[str, str], BeforeValidator(as_object)]


class UsageLine(Fields):
    """What was used of a product in one pricing group, in the whole period unless it says another.

    >>> calls = account.products().filter(name="API calls")["id"].item()
    >>> ma.changes.UsageLine(product_id=calls, quantity=10_000).quantity
    Decimal('10000')
    """

    product_id: str
    quantity: Annotated[Exact, Field(gt=0)]
    inclusive_start_date: Hour | None = None
    exclusive_end_date: Hour | None = None
    pricing_group_values: Values = Field(default_factory=dict)
    presentation_group_values: Values = Field(default_factory=dict)


class CreateHistoricalInvoices(Change):
    """One invoice of a contract for a period that Metronome did not meter, from what was used in it.

    The plan shows what the API itself previews; it is sent only if the preview still says the same. It draws on
    balances that covered the period. `credit_type_id` is what the contract is paid in.

    >>> account = ma.demo(customers=2, allow_writes="contracts.create")
    >>> contract = ma.changes.CreateContract(
    ...     customer_id=account.customers()["id"][1],
    ...     name="Moved from the old system",
    ...     starting_at="2026-10-01",
    ...     ending_before="open",
    ...     rate_card_id=account.rate_cards()["id"][0],
    ...     further={
    ...         "usage_statement_schedule": {
    ...             "frequency": "MONTHLY",
    ...             "invoice_generation_starting_at": "2026-12-01T00:00:00Z",
    ...         }
    ...     },
    ... )
    >>> plan = account.plan(contract)
    >>> signed = account.apply(plan, plan.confirmation).ok
    >>> new = account.contracts().filter(name="Moved from the old system").row(0, named=True)
    >>> calls = account.products().filter(name="API calls")["id"].item()
    >>> history = ma.changes.CreateHistoricalInvoices(
    ...     customer_id=new["customer_id"],
    ...     contract_id=new["id"],
    ...     inclusive_start_date="2026-10-01",
    ...     exclusive_end_date="2026-11-01",
    ...     issue_date="2026-11-01",
    ...     usage_line_items=({"product_id": calls, "quantity": 10_000},),
    ... )
    >>> account.plan(history).table["amount_display"].item()
    '500 USD (cents) = $5.00'
    """

    operation: ClassVar[str] = "contracts.create_historical_invoices"

    contract_id: str
    inclusive_start_date: Hour
    exclusive_end_date: Hour
    issue_date: Hour
    usage_line_items: Annotated[Several[UsageLine], Field(min_length=1)]
    credit_type_id: str = USD_ID
    custom_fields: Values = Field(default_factory=dict)


def invoice_of(change: CreateHistoricalInvoices) -> dict[str, Json]:
    """The invoice as the API takes it, to try it or to make it."""
    invoice: dict[str, Json] = {
        "customer_id": change.customer_id,
        "contract_id": change.contract_id,
        "credit_type_id": change.credit_type_id,
        "inclusive_start_date": rfc3339(change.inclusive_start_date),
        "exclusive_end_date": rfc3339(change.exclusive_end_date),
        "issue_date": rfc3339(change.issue_date),
        "usage_line_items": [_line(change, each) for each in change.usage_line_items],
    }
    return invoice | ({"custom_fields": dict(change.custom_fields)} if change.custom_fields else {})


def _line(change: CreateHistoricalInvoices, line: UsageLine) -> Json:
    sent: dict[str, Json] = {
        "product_id": line.product_id,
        "quantity": json_number(line.quantity),
        "inclusive_start_date": rfc3339(line.inclusive_start_date or change.inclusive_start_date),
        "exclusive_end_date": rfc3339(line.exclusive_end_date or change.exclusive_end_date),
    }
    values: dict[str, dict[str, Any]] = {
        "pricing_group_values": line.pricing_group_values,
        "presentation_group_values": line.presentation_group_values,
    }
    return sent | {name: dict(given) for name, given in values.items() if given}


def prepare(change: CreateHistoricalInvoices, review: Review) -> PlannedChange | None:
    """The period is over and free, and the API would make the invoice."""
    paper = paper_of(change, change.contract_id, review)
    if paper is None:
        return None
    trial = review.view.papers.trials.get(trial_key(invoice_of(change)), Trial(refused="it was not tried"))
    before = len(review.problems)
    for name, problem in _wrong(change, paper, review):
        review.wrong(name, problem)
    if len(review.problems) == before and trial.refused:
        review.wrong("", trial.refused)
    review.within_limits(trial.total, trial.credit_type_name)
    review.once_only(paper.id, f"history from {change.inclusive_start_date}")
    if any(problem.row == review.row for problem in review.problems):
        return None
    lines = ", ".join(f"{name} {total}" for name, total in trial.lines)
    return PlannedChange(
        change=change,
        customer_name=review.view.customers[change.customer_id].name,
        subject_id=paper.id,
        subject_name=paper.name,
        what=f"invoice {display(trial.total, trial.credit_type_name)} of {_period(change)} on {paper.title!r}",
        same=sameness(change.operation, *(f"{name}={value}" for name, value in sorted(change.fields().items()))),
        credit_type_name=trial.credit_type_name,
        amount=trial.total,
        before="no invoice of the period",
        after=f"the API's preview, in its unit: {lines or 'no lines'}, total {plain(trial.total)}",
        no_undo="invoices.void voids the invoice, by the id that it then has",
        warnings=("it is issued in the past: it is final at once",) if change.issue_date <= review.now else (),
    )


def _period(change: CreateHistoricalInvoices) -> str:
    return f"{change.inclusive_start_date:%Y-%m-%d} to {change.exclusive_end_date:%Y-%m-%d}"


def _wrong(change: CreateHistoricalInvoices, paper: Paper, review: Review) -> Iterator[tuple[str, str]]:
    start, end = change.inclusive_start_date, change.exclusive_end_date
    if start >= end:
        yield "exclusive_end_date", "it ends before it starts"
    elif end > review.now:
        yield "exclusive_end_date", "the period is not over"
    if not paper.runs(start, end):
        yield "inclusive_start_date", f"{paper.title} is not in force then"
    for each in _standing(paper.id, review.view):
        if _overlaps(each, start, end):
            yield "inclusive_start_date", f"invoice {each.id} of the contract is of this period"
    for line in change.usage_line_items:
        if (line.inclusive_start_date or start) < start or (line.exclusive_end_date or end) > end:
            yield "usage_line_items", f"{line.product_id} is used outside the invoice's period"


def _standing(contract_id: str, view: View) -> list[Invoice]:
    own = (each for each in view.around.invoices.values() if each.contract_id == contract_id)
    return [each for each in own if each.status != InvoiceStatus.VOID]


def _overlaps(invoice: Invoice, start: datetime, end: datetime) -> bool:
    first, last = invoice.start_timestamp, invoice.end_timestamp
    return first is not None and last is not None and first < end and start < last


def call(change: CreateHistoricalInvoices, uniqueness_key: str, token: str) -> Call:  # noqa: ARG001  # it takes neither
    """The invoice as it is sent."""
    body: dict[str, Json] = {"invoices": [invoice_of(change)], "preview": False}
    return Call("create_historical_invoices", change.customer_id, body)


def fingerprint(change: CreateHistoricalInvoices, view: View) -> str:
    """A digest of the contract and of what the API previews: where that moved, nothing is sent."""
    paper = view.papers.contracts.get(change.contract_id)
    trial = view.papers.trials.get(trial_key(invoice_of(change)))
    return "" if paper is None else digest([paper.archived, str(trial)])


def sighting(facts: Facts, view: View) -> Sighting:
    """The invoice of exactly this period; planning has made sure that there was none. And whether it is the preview."""
    sent: Any = facts.body["invoices"]
    start, end = sent[0]["inclusive_start_date"], sent[0]["exclusive_end_date"]
    for each in _standing(facts.subject_id, view):
        if each.start_timestamp is None or each.end_timestamp is None:
            continue
        if (rfc3339(each.start_timestamp), rfc3339(each.end_timestamp)) == (start, end):
            same = each.total == facts.amount
            bills = "nothing" if each.total is None else plain(each.total)
            return Sighting(Seen.THERE, "" if same else f"it bills {bills}, and not what was previewed")
    return ABSENT


CREATE_HISTORY = Operation(
    name=CreateHistoricalInvoices.operation,
    endpoint="create_historical_invoices",
    change=CreateHistoricalInvoices,
    verb="create",
    noun=("historical invoice", "historical invoices"),
    looks=frozenset({Look.CUSTOMERS, Look.PAPERS, Look.INVOICES}),
    proof_looks=frozenset({Look.INVOICES}),
    prepare=prepare,
    fingerprint=fingerprint,
    call=call,
    sighting=sighting,
    once=OnceBy.HEADER,
    proof=Proof.VALUE,
    undo="invoices.void, by the id of the invoice",
    weight=Weight.BILLING,
    trial=invoice_of,
)
