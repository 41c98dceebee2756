"""`customers.set_ingest_aliases` and `customers.update_config`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from metronome_analytics.changes.customers import Aliases, free, listed, owners_of
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

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from metronome_analytics.changes.records import Facts, Json

__all__ = ["SetIngestAliases", "UpdateCustomerConfig"]

CLEAR = "clear"
"""What takes a value away: None is what is not given."""


class SetIngestAliases(Change):
    """The ingest aliases of a customer are these, and no others: one left out is taken off.

    Usage sent under an alias that is nobody's is not billed to anybody.

    >>> osprey = account.customers()["id"][0]
    >>> aliases = ma.changes.SetIngestAliases(customer_id=osprey, ingest_aliases=("osprey",))
    >>> account.plan(aliases).table["what"].item()
    "set ingest aliases of 'Osprey Biotech Inc.': add osprey, take off osprey-00000"
    """

    operation: ClassVar[str] = "customers.set_ingest_aliases"

    ingest_aliases: Aliases


class UpdateCustomerConfig(Change):
    """A customer's Salesforce account id, or whether Stripe leaves its invoices in draft; "clear" takes it away.

    One of them: they are proved differently, so they are two changes. The id is read back, the flag no read shows.

    >>> osprey = account.customers()["id"][0]
    >>> config = ma.changes.UpdateCustomerConfig(customer_id=osprey, salesforce_account_id="0015500001WO1ZiABL")
    >>> account.plan(config).confirmation
    "set salesforce_account_id of 'Osprey Biotech Inc.' to 0015500001WO1ZiABL, for Osprey Biotech Inc. in demo"
    """

    operation: ClassVar[str] = "customers.update_config"

    salesforce_account_id: Annotated[str, Field(min_length=1)] | None = None
    leave_stripe_invoices_in_draft: bool | Literal["clear"] | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.salesforce_account_id is None) == (self.leave_stripe_invoices_in_draft is None):
            raise ValueError("give salesforce_account_id or leave_stripe_invoices_in_draft, and not both")
        return self


# --- its aliases -----------------------------------------------------------------------------------------------------


def prepare_aliases(change: SetIngestAliases, review: Review) -> PlannedChange | None:
    """Checks that what is added is free, and shows the usage that may be at stake."""
    owner = review.customer(change.customer_id)
    if owner is None:
        return None
    old = review.view.customers[change.customer_id].aliases
    added = [alias for alias in change.ingest_aliases if alias not in old]
    removed = [alias for alias in old if alias not in change.ingest_aliases]
    free(added, change.customer_id, review)
    review.once_only(change.customer_id, "aliases")
    for alias in added:
        review.once_only(alias, "alias")
    if not review.fine:
        return None
    metered = review.view.around.usage.get(change.customer_id, ())
    usage = ", ".join(f"{quantity:,.10g} {metric}" for metric, quantity in metered) or "none"
    return PlannedChange(
        change=change,
        customer_name=owner,
        subject_id=change.customer_id,
        subject_name=owner,
        what=f"set ingest aliases of {owner!r}: add {listed(added)}, take off {listed(removed)}",
        same=change.same(),
        before=f"{listed(old)}; usage of the last 34 days: {usage}",
        after=listed(change.ingest_aliases),
        opposite=SetIngestAliases(customer_id=change.customer_id, ingest_aliases=old),
        warnings=tuple(_alias_warnings(added, removed)),
    )


def _alias_warnings(added: list[str], removed: list[str]) -> Iterator[str]:
    if removed:
        yield f"usage sent under {listed(removed)} is not billed from then on; what moves meanwhile does not come back"
    if added:
        yield f"usage of the last 34 days sent under {listed(added)} may come along"


def call_aliases(change: SetIngestAliases) -> Call:
    """The aliases as they are sent: the whole set."""
    path = {"customer_id": change.customer_id}
    return Call("set_ingest_aliases", change.customer_id, {"ingest_aliases": list(change.ingest_aliases)}, path=path)


def sighting_aliases(facts: Facts, view: View) -> Sighting:
    """The customer has exactly these."""
    customer, wanted = view.customers.get(facts.customer_id), facts.body["ingest_aliases"]
    if customer is None or not isinstance(wanted, list):
        return UNREADABLE
    return THERE if set(customer.aliases) == set(wanted) else ABSENT


def fingerprint_aliases(change: SetIngestAliases, view: View) -> str:
    """The aliases as they were, and who has the new ones."""
    customer = view.customers.get(change.customer_id)
    owners = sorted({owner.id for owner in owners_of(change.ingest_aliases, view)})
    return "" if customer is None else digest([sorted(customer.aliases), owners])


SET_INGEST_ALIASES = Operation(
    name=SetIngestAliases.operation,
    endpoint="set_ingest_aliases",
    change=SetIngestAliases,
    verb="set ingest aliases of",
    noun=("customer", "customers"),
    looks=frozenset({Look.CUSTOMERS, Look.ALIASES, Look.USAGE}),
    proof_looks=frozenset({Look.CUSTOMERS}),
    prepare=prepare_aliases,
    fingerprint=fingerprint_aliases,
    call=keyless(call_aliases),
    sighting=sighting_aliases,
    once=OnceBy.ABSOLUTE,
    proof=Proof.VALUE,
    undo="customers.set_ingest_aliases to the old ones; usage that moved meanwhile may not come back",
    weight=Weight.BILLING,
)


# --- its settings ----------------------------------------------------------------------------------------------------


def prepare_config(change: UpdateCustomerConfig, review: Review) -> PlannedChange | None:
    """Checks that the Salesforce id is nobody else's."""
    owner = review.customer(change.customer_id)
    new = change.salesforce_account_id
    review.once_only(change.customer_id, "Stripe drafts" if new is None else "Salesforce")
    for other in review.view.around.salesforce.get(new or "", ()) if new != CLEAR else ():
        if other.id != change.customer_id:
            review.wrong("salesforce_account_id", f"{new} is the id of {other.title}")
    if owner is None or not review.fine:
        return None
    name = "leave_stripe_invoices_in_draft" if new is None else "salesforce_account_id"
    after = str(change.leave_stripe_invoices_in_draft if new is None else new)
    known = review.view.customers[change.customer_id].salesforce_account_id
    before = None if new is None else known or CLEAR
    id_ = change.customer_id
    return PlannedChange(
        change=change,
        customer_name=owner,
        subject_id=id_,
        subject_name=owner,
        what=f"set {name} of {owner!r} to {after}",
        same=change.same(),
        before="no read shows it" if before is None else before,
        after=after,
        opposite=UpdateCustomerConfig(customer_id=id_, salesforce_account_id=before) if before else None,
        no_undo="" if before else "what it was no read shows",
        warnings=() if before else ("whether it took effect no read shows; Stripe treats the invoices to come by it",),
    )


def call_config(change: UpdateCustomerConfig) -> Call:
    """The setting as it is sent: null takes it away."""
    given = change.model_dump(exclude={"customer_id"}, exclude_none=True)
    body: dict[str, Json] = {name: None if value == CLEAR else value for name, value in given.items()}
    return Call("update_config", change.customer_id, body, path={"customer_id": change.customer_id})


def sighting_config(facts: Facts, view: View) -> Sighting:
    """The customer has the Salesforce id."""
    customer = view.customers.get(facts.customer_id)
    if customer is None:
        return UNREADABLE
    return THERE if customer.salesforce_account_id == facts.body["salesforce_account_id"] else ABSENT


def fingerprint_config(change: UpdateCustomerConfig, view: View) -> str:
    """The Salesforce id as it was."""
    customer = view.customers.get(change.customer_id)
    return "" if customer is None else digest(customer.salesforce_account_id)


UPDATE_CONFIG = Operation(
    name=UpdateCustomerConfig.operation,
    endpoint="update_config",
    change=UpdateCustomerConfig,
    verb="update the config of",
    noun=("customer", "customers"),
    looks=frozenset({Look.CUSTOMERS, Look.SALESFORCE}),
    proof_looks=frozenset({Look.CUSTOMERS}),
    prepare=prepare_config,
    fingerprint=fingerprint_config,
    call=keyless(call_config),
    sighting=sighting_config,
    once=OnceBy.ABSOLUTE,
    proof=Proof.VALUE,
    undo="customers.update_config to the old Salesforce id; the draft flag no read shows",
    weight=Weight.LIGHT,
    unproved=frozenset({"leave_stripe_invoices_in_draft"}),
)
