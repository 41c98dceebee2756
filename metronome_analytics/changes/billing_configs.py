"""`billing_config.create` and `billing_config.delete`: where the invoices of the deprecated Plans are sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from metronome_analytics.api.endpoints import Status
from metronome_analytics.changes.billing_configurations import BillingProvider
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
    from collections.abc import Mapping
    from typing import Any, Self

    from metronome_analytics.changes.records import Facts, Json

__all__ = ["CreateBillingConfig", "DeleteBillingConfig"]

_KEPT = frozenset({"azure_marketplace", "aws_marketplace"})
"""The API deletes no configuration of these."""
_LOOKS = frozenset({Look.CUSTOMERS, Look.BILLING_CONFIGS})


class CreateBillingConfig(Change):
    """The billing configuration of a customer on Plans, for one provider; `SetBillingConfigurations` is for contracts.

    With stripe the collection method must be said.

    >>> config = ma.changes.CreateBillingConfig(
    ...     customer_id=account.customers()["id"][1],
    ...     billing_provider_type="stripe",
    ...     billing_provider_customer_id="cus_4711",
    ...     stripe_collection_method="send_invoice",
    ... )
    >>> account.plan(config).confirmation
    "create billing config stripe of 'Harbor Telecom LLC', for Harbor Telecom LLC in demo"
    """

    operation: ClassVar[str] = "billing_config.create"

    billing_provider_type: BillingProvider
    billing_provider_customer_id: Annotated[str, Field(min_length=1)]
    stripe_collection_method: Literal["charge_automatically", "send_invoice"] | None = None
    aws_product_code: str | None = None
    aws_region: str | None = None
    aws_customer_id: str | None = None
    aws_customer_account_id: str | None = None

    @model_validator(mode="after")
    def _stripe_says_how(self) -> Self:
        if (self.billing_provider_type == "stripe") == (self.stripe_collection_method is None):
            raise ValueError("stripe_collection_method goes with stripe, and stripe with it")
        return self


class DeleteBillingConfig(Change):
    """The billing configuration of a customer on Plans with one provider is deleted: its invoices go there no more.

    The API deletes none of Azure or AWS Marketplace.

    >>> held = account.billing_config(provider="stripe").row(0, named=True)
    >>> delete = ma.changes.DeleteBillingConfig(customer_id=held["customer_id"], billing_provider_type="stripe")
    >>> account.plan(delete).confirmation
    "delete billing config stripe of 'Nimbus Dynamics LLC', for Nimbus Dynamics LLC in demo"
    """

    operation: ClassVar[str] = "billing_config.delete"

    billing_provider_type: BillingProvider


Billing = CreateBillingConfig | DeleteBillingConfig


def _there(change: Billing, view: View) -> Mapping[str, Any] | None:
    return view.around.billing_configs.get((change.customer_id, change.billing_provider_type))


def _said(config: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(config.items()))


def _planned(change: Billing, owner: str, verb: str, **said: Any) -> PlannedChange:
    return PlannedChange(
        change=change,
        customer_name=owner,
        subject_id=change.billing_provider_type,
        subject_name=change.billing_provider_type,
        what=f"{verb} billing config {change.billing_provider_type} of {owner!r}",
        same=change.same(),
        **said,
    )


def _path(change: Billing) -> dict[str, str]:
    return {"customer_id": change.customer_id, "billing_provider_type": change.billing_provider_type}


def _config(change: CreateBillingConfig) -> dict[str, Any]:
    return change.model_dump(exclude={"customer_id", "billing_provider_type"}, exclude_none=True)


def fingerprint(change: Billing, view: View) -> str:
    """The configuration as it was."""
    return digest(_there(change, view))


# --- a new one -------------------------------------------------------------------------------------------------------


def prepare_create(change: CreateBillingConfig, review: Review) -> PlannedChange | None:
    """Checks that there is none yet: whether another replaces it, the API does not say."""
    owner = review.customer(change.customer_id)
    there = _there(change, review.view)
    review.once_only(f"{change.customer_id} {change.billing_provider_type}", "billing config")
    if there is not None:
        review.wrong("billing_provider_type", f"there is one: {_said(there)}; billing_config.delete deletes it")
    if owner is None or not review.fine:
        return None
    kept = change.billing_provider_type in _KEPT
    back = DeleteBillingConfig(customer_id=change.customer_id, billing_provider_type=change.billing_provider_type)
    return _planned(
        change,
        owner,
        "create",
        before="none",
        after=_said(_config(change)),
        opposite=None if kept else back,
        no_undo=f"the API deletes none of {change.billing_provider_type}" if kept else "",
        warnings=("invoices of the customer's plans go there",),
    )


def call_create(change: CreateBillingConfig) -> Call:
    """The configuration as it is sent."""
    return Call("create_billing_config", change.customer_id, _config(change), path=_path(change))


def sighting_create(facts: Facts, view: View) -> Sighting:
    """There is one, and it says what was sent."""
    key = (facts.customer_id, facts.subject_id)
    if key not in view.around.billing_configs:
        return UNREADABLE
    there = view.around.billing_configs[key] or {}
    return THERE if all(there.get(name) == value for name, value in facts.body.items()) else ABSENT


CREATE_BILLING_CONFIG = Operation(
    name=CreateBillingConfig.operation,
    endpoint="create_billing_config",
    change=CreateBillingConfig,
    verb="create",
    noun=("billing config", "billing configs"),
    looks=_LOOKS,
    proof_looks=frozenset({Look.BILLING_CONFIGS}),
    prepare=prepare_create,
    fingerprint=fingerprint,
    call=keyless(call_create),
    sighting=sighting_create,
    once=OnceBy.HEADER,
    proof=Proof.VALUE,
    undo="billing_config.delete, not of Azure or AWS Marketplace",
    weight=Weight.BILLING,
    status=Status.PLANS_ONLY.value,
)


# --- its end ---------------------------------------------------------------------------------------------------------


def prepare_delete(change: DeleteBillingConfig, review: Review) -> PlannedChange | None:
    """Checks that there is one, and keeps what it says."""
    owner = review.customer(change.customer_id)
    there = _there(change, review.view)
    review.once_only(f"{change.customer_id} {change.billing_provider_type}", "billing config")
    if change.billing_provider_type in _KEPT:
        review.wrong("billing_provider_type", f"the API deletes none of {change.billing_provider_type}")
    elif there is None:
        review.wrong("billing_provider_type", "the customer has no such billing config")
    if owner is None or there is None or not review.fine:
        return None
    known = {name: value for name, value in there.items() if name in CreateBillingConfig.model_fields}
    whole = known == dict(there)
    return _planned(
        change,
        owner,
        "delete",
        before=_said(there),
        after="none",
        opposite=CreateBillingConfig.model_validate({**_path(change), **known}) if whole else None,
        no_undo="" if whole else "not all that it says can be written again",
        warnings=("invoices of the customer's plans go there no more",),
    )


def call_delete(change: DeleteBillingConfig) -> Call:
    """The deletion as it is sent: it has no body."""
    body: dict[str, Json] = {}
    return Call("delete_billing_config", change.customer_id, body, path=_path(change))


def sighting_delete(facts: Facts, view: View) -> Sighting:
    """There is none: the API says 404."""
    key = (facts.customer_id, facts.subject_id)
    if key not in view.around.billing_configs:
        return UNREADABLE
    return THERE if view.around.billing_configs[key] is None else ABSENT


DELETE_BILLING_CONFIG = Operation(
    name=DeleteBillingConfig.operation,
    endpoint="delete_billing_config",
    change=DeleteBillingConfig,
    verb="delete",
    noun=("billing config", "billing configs"),
    looks=_LOOKS,
    proof_looks=frozenset({Look.BILLING_CONFIGS}),
    prepare=prepare_delete,
    fingerprint=fingerprint,
    call=keyless(call_delete),
    sighting=sighting_delete,
    once=OnceBy.ABSOLUTE,
    proof=Proof.VALUE,
    undo="billing_config.create with what it said",
    weight=Weight.BILLING,
    status=Status.PLANS_ONLY.value,
)
