"""`billing_configurations.set` and `billing_configurations.archive`: where the invoices of contracts are sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from metronome_analytics.changes.fields import Change, Object, Texts
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
from metronome_analytics.wording import count

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Self

    from metronome_analytics.changes.records import Facts, Json
    from metronome_analytics.changes.surroundings import Configuration

__all__ = ["ArchiveBillingConfigurations", "SetBillingConfigurations"]

BillingProvider = Literal[
    "aws_marketplace",
    "stripe",
    "netsuite",
    "custom",
    "azure_marketplace",
    "quickbooks_online",
    "workday",
    "gcp_marketplace",
    "metronome",
]


class SetBillingConfigurations(Change):
    """A new configuration of a billing provider for a customer; a contract sends its invoices there once it says so.

    `configuration` is what the provider calls the customer (`{"stripe_customer_id": "cus_1"}`). The delivery is named
    by `delivery_method_id`, or by `delivery_method` where the account has one of that kind.

    >>> setting = ma.changes.SetBillingConfigurations(
    ...     customer_id=account.customers()["id"][0],
    ...     billing_provider="netsuite",
    ...     configuration={"netsuite_customer_id": "4711"},
    ...     delivery_method="direct_to_billing_provider",
    ... )
    >>> account.plan(setting).table.select("before", "after").row(0)
    ('0 active configurations of netsuite', 'one more; no contract points at it yet')
    """

    operation: ClassVar[str] = "billing_configurations.set"

    billing_provider: BillingProvider
    configuration: Annotated[Object, Field(min_length=1)]
    delivery_method_id: str | None = None
    delivery_method: Literal["direct_to_billing_provider", "aws_sqs", "tackle", "aws_sns"] | None = None
    tax_provider: Literal["anrok", "avalara", "stripe"] | None = None

    @model_validator(mode="after")
    def _one_delivery(self) -> Self:
        if (self.delivery_method_id is None) == (self.delivery_method is None):
            raise ValueError("give delivery_method_id or delivery_method, and not both")
        if self.tax_provider is not None and self.billing_provider != "stripe":
            raise ValueError("a tax_provider goes with stripe only")
        return self


class ArchiveBillingConfigurations(Change):
    """Billing provider configurations of a customer are archived, all or none, for ever: nothing is sent there then.

    Named by their ids, or one of them by its `billing_provider` and `configuration`. An invoice in its grace period is
    not sent either, and threshold recharges by it stop.

    >>> held = account.billing_configurations().row(0, named=True)
    >>> owner, ids = held["customer_id"], (held["id"],)
    >>> archive = ma.changes.ArchiveBillingConfigurations(
    ...     customer_id=owner, customer_billing_provider_configuration_ids=ids
    ... )
    >>> account.plan(archive).table.select("before", "after").row(0)
    ('used by Order form 00000-main', 'archived: what is not delivered yet will not be')
    """

    operation: ClassVar[str] = "billing_configurations.archive"

    customer_billing_provider_configuration_ids: Texts = ()
    billing_provider: BillingProvider | None = None
    configuration: Object | None = None

    @model_validator(mode="after")
    def _named_one_way(self) -> Self:
        content = [part is not None for part in (self.billing_provider, self.configuration)]
        if bool(self.customer_billing_provider_configuration_ids) == any(content) or any(content) != all(content):
            raise ValueError("give customer_billing_provider_configuration_ids, or billing_provider and configuration")
        return self


# --- a new one -------------------------------------------------------------------------------------------------------


def prepare_set(change: SetBillingConfigurations, review: Review) -> PlannedChange | None:
    """Checks that the account delivers that way, and that the customer has no such configuration yet."""
    owner = review.customer(change.customer_id)
    _deliverable(change, review)
    there = bool(_matching(change.fields(), review.view))
    review.repeats(change.same(), "billing configuration", there=there)
    if owner is None or not review.fine:
        return None
    own = [c for c in _active(change.customer_id, review.view) if c.billing_provider == change.billing_provider]
    return PlannedChange(
        change=change,
        customer_name=owner,
        subject_id=change.customer_id,
        subject_name=change.billing_provider,
        what=f"set billing configuration {change.billing_provider} of {owner!r}: {_said(change.configuration)}",
        same=change.same(),
        before=f"{count(len(own), 'active configuration')} of {change.billing_provider}",
        after="one more; no contract points at it yet",
        opposite=ArchiveBillingConfigurations(
            customer_id=change.customer_id,
            billing_provider=change.billing_provider,
            configuration=change.configuration,
        ),
        warnings=("a provider may have several configurations: contracts say which one they use",) if own else (),
    )


def _deliverable(change: SetBillingConfigurations, review: Review) -> None:
    """A problem where the account has no such way of delivery."""
    methods = review.view.around.delivery_methods
    if change.delivery_method_id is not None:
        found = methods.get(change.delivery_method_id)
        if found is None or found[0] != change.billing_provider:
            name = f"{change.delivery_method_id}"
            review.wrong("delivery_method_id", f"{name} is no delivery method of {change.billing_provider}")
    elif (change.billing_provider, change.delivery_method) not in methods.values():
        said = f"the account does not deliver to {change.billing_provider} by {change.delivery_method}"
        review.wrong("delivery_method", said)


def _said(configuration: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(configuration.items()))


def _active(customer_id: str, view: View) -> list[Configuration]:
    own = [c for c in view.around.configurations.values() if c.customer_id == customer_id]
    return [c for c in own if not c.archived]


def _matching(given: Mapping[str, Any], view: View) -> list[Configuration]:
    """The active configurations of the same provider that say all that is `given`; the API may add to it."""
    wanted = given["configuration"]
    return [
        found
        for found in _active(str(given["customer_id"]), view)
        if found.billing_provider == given["billing_provider"]
        and all(found.configuration.get(name) == value for name, value in wanted.items())
        and given.get("delivery_method_id") in {None, found.delivery_method_id}
        and given.get("delivery_method") in {None, found.delivery_method}
    ]


def call_set(change: SetBillingConfigurations) -> Call:
    """The configuration as it is sent: one customer a call, as its answer may be a 500 for all."""
    item = change.model_dump(mode="json", exclude_none=True)
    return Call("set_billing_configurations", change.customer_id, {"data": [item]})


def sighting_set(facts: Facts, view: View) -> Sighting:
    """An active one says what was sent."""
    sent = facts.body["data"]
    if not isinstance(sent, list) or not isinstance(sent[0], dict):
        return UNREADABLE
    return THERE if _matching(sent[0], view) else ABSENT


def fingerprint_set(change: SetBillingConfigurations, view: View) -> str:
    """The configurations of the customer, and how the account delivers."""
    own = sorted(c.id for c in _active(change.customer_id, view))
    return digest([own, sorted(map(list, view.around.delivery_methods.items()), key=str)])


SET_BILLING_CONFIGURATIONS = Operation(
    name=SetBillingConfigurations.operation,
    endpoint="set_billing_configurations",
    change=SetBillingConfigurations,
    verb="set",
    noun=("billing configuration", "billing configurations"),
    looks=frozenset({Look.CUSTOMERS, Look.CONFIGURATIONS, Look.DELIVERY_METHODS}),
    proof_looks=frozenset({Look.CONFIGURATIONS}),
    prepare=prepare_set,
    fingerprint=fingerprint_set,
    call=keyless(call_set),
    sighting=sighting_set,
    once=OnceBy.HEADER,
    proof=Proof.VALUE,
    undo="billing_configurations.archive",
    weight=Weight.BILLING,
)


# --- their end -------------------------------------------------------------------------------------------------------


def prepare_archive(change: ArchiveBillingConfigurations, review: Review) -> PlannedChange | None:
    """Checks that all are the customer's and active, and counts what no longer is sent."""
    owner = review.customer(change.customer_id)
    if owner is None:
        return None
    named = _named(change, review)
    if not review.fine:
        return None
    ids = tuple(configuration.id for configuration in named)
    using = [contract for contract in review.view.contracts.values() if contract.provider in ids]
    drafts = sum(review.view.drafts_of(change.customer_id, contract.id) for contract in using)
    used_by = ", ".join(contract.name or contract.id for contract in using)
    update = {"customer_billing_provider_configuration_ids": ids, "billing_provider": None, "configuration": None}
    resolved = change.model_copy(update=update)
    return PlannedChange(
        change=resolved,
        customer_name=owner,
        subject_id=ids[0],
        subject_name=named[0].billing_provider,
        what=f"archive {count(len(ids), 'billing configuration')} of {owner!r}: "
        + "; ".join(f"{c.billing_provider}, {_said(c.configuration)}" for c in named),
        same=resolved.same(),
        before=f"used by {used_by or 'no contract'}",
        after="archived: what is not delivered yet will not be",
        no_undo="an archived configuration has an id of its own: make a new one, and point the contracts at it",
        loss=f"which stops the delivery of {count(len(using), 'contract')} with {count(drafts, 'draft')}",
        warnings=("threshold recharges by it stop",) if using else (),
    )


def _named(change: ArchiveBillingConfigurations, review: Review) -> list[Configuration]:
    """What is meant, each of them the customer's and active; a problem where not."""
    if not change.customer_billing_provider_configuration_ids:
        found = _matching(change.fields(), review.view)
        if len(found) != 1:
            said = f"{len(found)} active configurations are such; name one by its id"
            review.wrong("configuration", said)
        return found
    active = {c.id: c for c in _active(change.customer_id, review.view)}
    ids = dict.fromkeys(change.customer_billing_provider_configuration_ids)
    for id_ in ids:
        if id_ not in active:
            said = f"{id_} is no active configuration of the customer"
            review.wrong("customer_billing_provider_configuration_ids", said)
    return [active[id_] for id_ in ids if id_ in active]


def call_archive(change: ArchiveBillingConfigurations) -> Call:
    """The archiving as it is sent."""
    ids: Json = list(change.customer_billing_provider_configuration_ids)
    body: dict[str, Json] = {
        "customer_id": change.customer_id,
        "customer_billing_provider_configuration_ids": ids,
    }
    return Call("archive_billing_configurations", change.customer_id, body)


def sighting_archive(facts: Facts, view: View) -> Sighting:
    """Each is archived."""
    ids = facts.body["customer_billing_provider_configuration_ids"]
    found = [view.around.configurations.get(str(id_)) for id_ in ids] if isinstance(ids, list) else [None]
    if None in found:
        return UNREADABLE
    return THERE if all(each is not None and each.archived for each in found) else ABSENT


def fingerprint_archive(change: ArchiveBillingConfigurations, view: View) -> str:
    """Which are active, which contracts use them, and their drafts: what is lost must be what the phrase counted."""
    ids = set(change.customer_billing_provider_configuration_ids)
    using = sorted(contract.id for contract in view.contracts.values() if contract.provider in ids)
    active = sorted(c.id for c in _active(change.customer_id, view) if c.id in ids)
    return digest([active, [[id_, view.drafts_of(change.customer_id, id_)] for id_ in using]])


ARCHIVE_BILLING_CONFIGURATIONS = Operation(
    name=ArchiveBillingConfigurations.operation,
    endpoint="archive_billing_configurations",
    change=ArchiveBillingConfigurations,
    verb="archive",
    noun=("billing configuration", "billing configurations"),
    looks=frozenset({Look.CUSTOMERS, Look.CONFIGURATIONS, Look.CONTRACTS, Look.DRAFTS}),
    proof_looks=frozenset({Look.CONFIGURATIONS}),
    prepare=prepare_archive,
    fingerprint=fingerprint_archive,
    call=keyless(call_archive),
    sighting=sighting_archive,
    once=OnceBy.HEADER,
    proof=Proof.VALUE,
    undo="nothing for its id: billing_configurations.set makes a new one, and the contract is pointed at it",
    weight=Weight.FOR_EVER,
)
