"""`invoices.void` and `invoices.regenerate`: a final invoice is void, and made again by what holds now."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from metronome_analytics.changes.fields import Change
from metronome_analytics.changes.holdings import digest
from metronome_analytics.changes.operation import (
    ABSENT,
    THERE,
    UNREADABLE,
    Call,
    OnceBy,
    Operation,
    PlannedChange,
    Proof,
    Review,
    Sighting,
    Weight,
    keyless,
)
from metronome_analytics.changes.view import Look, View
from metronome_analytics.tables.money import display
from metronome_analytics.tables.vocabulary import InvoiceStatus

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from metronome_analytics.changes.records import Facts
    from metronome_analytics.changes.surroundings import Invoice

__all__ = ["RegenerateInvoice", "VoidInvoice"]

_LOOKS = frozenset({Look.CUSTOMERS, Look.INVOICES})
_PROOF_LOOKS = frozenset({Look.INVOICES})


class _OfInvoice(Change):
    invoice_id: str


class VoidInvoice(_OfInvoice):
    """A final invoice is void, for ever: what it drew on balances comes back to them.

    It is not voided at the billing provider: that is done there.

    >>> final = account.invoices(type="USAGE", status="FINALIZED").row(0, named=True)
    >>> void = ma.changes.VoidInvoice(customer_id=final["customer_id"], invoice_id=final["id"])
    >>> account.plan(void).table.select("before", "after").row(0)
    ('FINALIZED', 'VOID: what it drew on balances is there again')
    """

    operation: ClassVar[str] = "invoices.void"


class RegenerateInvoice(_OfInvoice):
    """A void invoice is made again, by the terms and the usage that hold now: a new invoice with an id of its own.

    >>> account = ma.demo(customers=1, allow_writes="invoices.void")
    >>> final = account.invoices(type="USAGE", status="FINALIZED").row(0, named=True)
    >>> ids = {"customer_id": final["customer_id"], "invoice_id": final["id"]}
    >>> void = account.plan(ma.changes.VoidInvoice(**ids))
    >>> done = account.apply(void, void.confirmation).ok
    >>> account.plan(ma.changes.RegenerateInvoice(**ids)).table["what"].item()
    'regenerate the USAGE invoice from 2025-10-01 to 2025-11-01 over 0 USD (cents) = $0.00'
    """

    operation: ClassVar[str] = "invoices.regenerate"


def _invoice(change: _OfInvoice, review: Review) -> tuple[str, Invoice] | None:
    """The customer's name and the invoice; a problem where one of them is not there."""
    owner = review.customer(change.customer_id)
    if owner is None:
        return None
    invoice = review.view.around.invoices.get(change.invoice_id)
    if invoice is None or invoice.customer_id != change.customer_id:
        review.wrong("invoice_id", f"{owner} has no invoice {change.invoice_id}: unknown, or another customer's")
        return None
    review.once_only(invoice.id, "invoice")
    return owner, invoice


def title_of(invoice: Invoice) -> str:
    """What a person calls it: its type, its period or day of issue, its total."""
    start, end, issued = invoice.start_timestamp, invoice.end_timestamp, invoice.issued_at
    when = f"from {start:%Y-%m-%d} to {end:%Y-%m-%d}" if start and end else f"of {issued:%Y-%m-%d}" if issued else ""
    total = "" if invoice.total is None else f" over {display(invoice.total, invoice.credit_type_name)}"
    return f"{invoice.type} invoice {when}{total}"


def fingerprint(change: _OfInvoice, view: View) -> str:
    """How the invoice stands, and what came of it."""
    invoice = view.around.invoices.get(change.invoice_id)
    if invoice is None:
        return ""
    others = [
        i.id for i in view.around.invoices.values() if _follows(i, invoice) or i.corrected_invoice_id == invoice.id
    ]
    return digest([invoice.status, str(invoice.total), sorted(others)])


# --- void ------------------------------------------------------------------------------------------------------------


def prepare_void(change: VoidInvoice, review: Review) -> PlannedChange | None:
    """Checks that it is final, and says what is lost."""
    found = _invoice(change, review)
    if found is None:
        return None
    owner, invoice = found
    if invoice.status == InvoiceStatus.DRAFT:
        review.wrong("invoice_id", "it is a DRAFT: it follows its contract by itself, and only a final one is voided")
    elif invoice.status != InvoiceStatus.FINALIZED:
        review.wrong("invoice_id", f"it is {invoice.status}")
    if not review.fine:
        return None
    return PlannedChange(
        change=change,
        customer_name=owner,
        subject_id=invoice.id,
        subject_name=invoice.type,
        what=f"void the {title_of(invoice)}",
        same=change.same(),
        before=invoice.status,
        after="VOID: what it drew on balances is there again",
        no_undo="a void invoice stays void; invoices.regenerate makes another",
        loss=f"invoice {invoice.id} and what was billed by it",
        warnings=tuple(_void_warnings(invoice, review)),
    )


def _void_warnings(invoice: Invoice, review: Review) -> Iterator[str]:
    if invoice.billing_provider_type is not None:
        status = invoice.billing_provider_invoice_external_status or "sent"
        yield f"{invoice.billing_provider_type} has it ({status}), and keeps it: void it there too"
    if any(each.corrected_invoice_id == invoice.id for each in review.view.around.invoices.values()):
        yield "another invoice corrects it"


def call_void(change: VoidInvoice) -> Call:
    """The voiding as it is sent."""
    return Call("void_invoice", change.customer_id, {"id": change.invoice_id})


def sighting_void(facts: Facts, view: View) -> Sighting:
    """It is VOID."""
    invoice = view.around.invoices.get(facts.subject_id)
    if invoice is None:
        return UNREADABLE
    return THERE if invoice.status == InvoiceStatus.VOID else ABSENT


VOID_INVOICE = Operation(
    name=VoidInvoice.operation,
    endpoint="void_invoice",
    change=VoidInvoice,
    verb="void",
    noun=("invoice", "invoices"),
    looks=_LOOKS,
    proof_looks=_PROOF_LOOKS,
    prepare=prepare_void,
    fingerprint=fingerprint,
    call=keyless(call_void),
    sighting=sighting_void,
    once=OnceBy.HEADER,
    proof=Proof.VALUE,
    undo="nothing: invoices.regenerate makes another invoice",
    weight=Weight.FOR_EVER,
)


# --- made again ------------------------------------------------------------------------------------------------------


def prepare_regenerate(change: RegenerateInvoice, review: Review) -> PlannedChange | None:
    """Checks that it is void and has no successor yet."""
    found = _invoice(change, review)
    if found is None:
        return None
    owner, invoice = found
    if invoice.status != InvoiceStatus.VOID:
        review.wrong("invoice_id", f"it is {invoice.status}; only a void invoice is made again")
    for other in review.view.around.invoices.values():
        if _follows(other, invoice):
            review.wrong("invoice_id", f"it was made again already: {other.id}, {other.status}")
    # One without a period does not say what stands in its place: the journal knows what was made again from here.
    review.repeats(change.same(), "regenerated invoice", there=False)
    if not review.fine:
        return None
    return PlannedChange(
        change=change,
        customer_name=owner,
        subject_id=invoice.id,
        subject_name=invoice.type,
        what=f"regenerate the {title_of(invoice)}",
        same=change.same(),
        before="VOID, and no other in its place",
        after="another invoice in its place, by the terms and the usage that hold now",
        no_undo="invoices.void voids the new invoice, by the id it was given",
        seen=tuple(sorted(each.id for each in review.view.around.invoices.values() if _alike(each, invoice))),
        warnings=tuple(_regenerate_warnings(invoice, review.view)),
    )


def _regenerate_warnings(invoice: Invoice, view: View) -> Iterator[str]:
    yield "it is final at once, draws on balances anew, and goes to the billing provider"
    if invoice.start_timestamp is not None:
        return
    standing = [i for i in view.around.invoices.values() if i.status != InvoiceStatus.VOID and _alike(i, invoice)]
    if same := [each.id for each in standing if (each.lines, each.total) == (invoice.lines, invoice.total)]:
        yield f"it may have been made again already: {', '.join(same)} bills the same"


def _alike(other: Invoice, voided: Invoice) -> bool:
    """Whether two invoices bill the same contract or plan for the same period, or at times in the same way."""
    place = ("customer_id", "contract_id", "plan_id", "type", "credit_type_name", "start_timestamp", "end_timestamp")
    return all(getattr(other, name) == getattr(voided, name) for name in place)


def _follows(other: Invoice, voided: Invoice, seen: Collection[str] | None = None) -> bool:
    """Whether an invoice stands in the place of another: it says so, bills the same period, or is new and the same.

    That it says so the official client knows alone. An invoice without a period is told by what was `seen` before.
    """
    if other.regenerated_from_invoice_id is not None:
        return other.regenerated_from_invoice_id == voided.id
    if other.id == voided.id or other.status == InvoiceStatus.VOID or not _alike(other, voided):
        return False
    if voided.start_timestamp is not None:
        return True
    return seen is not None and other.id not in seen and (other.lines, other.total) == (voided.lines, voided.total)


def call_regenerate(change: RegenerateInvoice) -> Call:
    """The request as it is sent."""
    return Call("regenerate_invoice", change.customer_id, {"id": change.invoice_id})


def sighting_regenerate(facts: Facts, view: View) -> Sighting:
    """An invoice stands in its place."""
    voided = view.around.invoices.get(facts.subject_id)
    if voided is None:
        return UNREADABLE
    return THERE if any(_follows(other, voided, facts.seen) for other in view.around.invoices.values()) else ABSENT


REGENERATE_INVOICE = Operation(
    name=RegenerateInvoice.operation,
    endpoint="regenerate_invoice",
    change=RegenerateInvoice,
    verb="regenerate",
    noun=("invoice", "invoices"),
    looks=_LOOKS,
    proof_looks=_PROOF_LOOKS,
    prepare=prepare_regenerate,
    fingerprint=fingerprint,
    call=keyless(call_regenerate),
    sighting=sighting_regenerate,
    once=OnceBy.HEADER,
    proof=Proof.VALUE,
    undo="invoices.void of the new invoice, by its own id",
    weight=Weight.BILLING,
)
