"""`customers.create` and `customers.archive`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from metronome_analytics.changes.archiving import total_worth
from metronome_analytics.changes.fields import Change, TextByName, Texts
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
from metronome_analytics.changes.other_changes import LONGEST_NAME
from metronome_analytics.changes.view import Look, View
from metronome_analytics.tables.vocabulary import InvoiceStatus
from metronome_analytics.wording import count

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from metronome_analytics.changes.records import Facts, Json
    from metronome_analytics.changes.surroundings import Owner

__all__ = ["ArchiveCustomer", "CreateCustomer"]

_MOST_ALIASES = 2000
_LONGEST_ALIAS = 128


def _aliases(aliases: tuple[str, ...]) -> tuple[str, ...]:
    if len(aliases) > _MOST_ALIASES:
        raise ValueError(f"the API takes {_MOST_ALIASES:,} at most")
    for alias in aliases:
        if not 1 <= len(alias) <= _LONGEST_ALIAS:
            raise ValueError(f"{alias!r} has not between 1 and {_LONGEST_ALIAS} characters")
    return tuple(dict.fromkeys(aliases))


Aliases = Annotated[Texts, AfterValidator(_aliases)]


class CreateCustomer(Change):
    """A new customer, who has no contract yet; 160 characters of name at most, as the API cuts the rest.

    It has at least one ingest alias: names are not unique, and an alias is what it is found again by. How it is billed
    is for `SetBillingConfigurations` afterwards. The API gives it its id.

    >>> new = ma.changes.CreateCustomer(name="Heron Ltd", ingest_aliases=("heron",))
    >>> account.plan(new).confirmation
    "create customer 'Heron Ltd' with ingest aliases heron, for Heron Ltd in demo"
    """

    operation: ClassVar[str] = "customers.create"

    customer_id: Literal[""] = ""
    name: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
    ingest_aliases: Annotated[Aliases, Field(min_length=1)]
    custom_fields: TextByName = Field(default_factory=dict)


class ArchiveCustomer(Change):
    """A customer is archived, for ever: its contracts end now, its invoices are void, its alerts are silent.

    Its ingest aliases stay taken: what is to be used again is taken off first, with `SetIngestAliases`.

    >>> osprey = account.customers()["id"][0]
    >>> account.plan(ma.changes.ArchiveCustomer(customer_id=osprey)).table["after"].item()
    'archived: its contracts end now, its invoices are void, its alerts are silent'
    """

    operation: ClassVar[str] = "customers.archive"


# --- a new customer --------------------------------------------------------------------------------------------------


def prepare_create(change: CreateCustomer, review: Review) -> PlannedChange | None:
    """Checks that its aliases are free and its custom field keys known."""
    free(change.ingest_aliases, "", review)
    for key in change.custom_fields:
        if key not in review.view.around.field_keys:
            review.wrong("custom_fields", f"the account has no custom field key {key!r} for customers")
    for alias in change.ingest_aliases:
        review.once_only(alias, "alias")
    if not review.fine:
        return None
    return PlannedChange(
        change=change,
        customer_name=change.name,
        subject_id=change.ingest_aliases[0],
        subject_name=change.name,
        what=f"create customer {change.name!r} with ingest aliases {listed(change.ingest_aliases)}",
        same=change.same(),
        before="no customer has these aliases",
        after="a customer without contracts",
        no_undo="a customer stays; customers.archive archives it, by the id it was given",
    )


def call_create(change: CreateCustomer) -> Call:
    """The customer as it is sent."""
    body: dict[str, Json] = {"name": change.name, "ingest_aliases": list(change.ingest_aliases)}
    if change.custom_fields:
        body["custom_fields"] = dict(change.custom_fields)
    return Call("create_customer", "", body)


def sighting_create(facts: Facts, view: View) -> Sighting:
    """One active customer has the name, and all of the aliases and no others."""
    given = facts.body["ingest_aliases"]
    if not isinstance(given, list):
        return UNREADABLE
    aliases = [str(alias) for alias in given]
    owners = set(owners_of(aliases, view))
    fits = [o for o in owners if o.name == facts.body["name"] and o.aliases == set(aliases) and not o.archived]
    return THERE if fits and len(owners) == 1 else ABSENT


def fingerprint_create(change: CreateCustomer, view: View) -> str:
    """Who has the aliases."""
    return digest(sorted(owner.id for owner in owners_of(change.ingest_aliases, view)))


def owners_of(aliases: Iterable[str], view: View) -> list[Owner]:
    """Who has one of them."""
    return [owner for alias in aliases for owner in view.around.aliases.get(alias, ())]


def free(aliases: Iterable[str], own_id: str, review: Review) -> None:
    """A problem for each alias that is somebody else's, whether archived or not."""
    for alias in aliases:
        for owner in review.view.around.aliases.get(alias, ()):
            if owner.id != own_id:
                review.wrong("ingest_aliases", f"{alias!r} is an alias of {owner.title}")


def listed(names: Iterable[str]) -> str:
    """Names in one line."""
    return ", ".join(names) or "none"


CREATE_CUSTOMER = Operation(
    name=CreateCustomer.operation,
    endpoint="create_customer",
    change=CreateCustomer,
    verb="create",
    noun=("customer", "customers"),
    looks=frozenset({Look.ALIASES, Look.FIELD_KEYS}),
    proof_looks=frozenset({Look.ALIASES}),
    prepare=prepare_create,
    fingerprint=fingerprint_create,
    call=keyless(call_create),
    sighting=sighting_create,
    once=OnceBy.HEADER,
    proof=Proof.VALUE,
    undo="nothing: customers.archive archives it, and it keeps its aliases",
    weight=Weight.LIGHT,
)


# --- its end ---------------------------------------------------------------------------------------------------------


def prepare_archive(change: ArchiveCustomer, review: Review) -> PlannedChange | None:
    """Counts what is lost with the customer."""
    owner = review.customer(change.customer_id)
    if owner is None:
        return None
    aliases = review.view.customers[change.customer_id].aliases
    warning = f"its aliases stay taken for ever: {listed(aliases)}; customers.set_ingest_aliases takes them off first"
    return PlannedChange(
        change=change,
        customer_name=owner,
        subject_id=change.customer_id,
        subject_name=owner,
        what=f"archive customer {owner!r}",
        same=change.same(),
        before="active",
        after="archived: its contracts end now, its invoices are void, its alerts are silent",
        no_undo="an archived customer cannot be brought back",
        loss=_lost(change.customer_id, review.view, review.now),
        warnings=(warning,) if aliases else (),
    )


def _lost(customer_id: str, view: View, now: datetime) -> str:
    """`with 1 contract, 3 drafts, 2 final invoices and 2 balances worth ...`."""
    own = [invoice.status for invoice in view.around.invoices.values() if invoice.customer_id == customer_id]
    balances = [b for b in view.balances.values() if b.customer_id == customer_id and not b.archived and b.readable]
    counts = [
        count(sum(c.customer_id == customer_id for c in view.contracts.values()), "contract"),
        count(own.count(InvoiceStatus.DRAFT), "draft"),
        count(own.count(InvoiceStatus.FINALIZED), "final invoice"),
        count(len(balances), "balance") + (f" worth {total_worth(balances, now)}" if balances else ""),
    ]
    return f"with {', '.join(counts)}"


def call_archive(change: ArchiveCustomer) -> Call:
    """The archiving as it is sent."""
    return Call("archive_customer", change.customer_id, {"id": change.customer_id})


def sighting_archive(facts: Facts, view: View) -> Sighting:
    """The customer is among the archived ones."""
    return THERE if facts.customer_id in view.around.archived else ABSENT


def fingerprint_archive(change: ArchiveCustomer, view: View) -> str:
    """A digest of what is lost: it must be what the phrase counted."""
    return digest(
        [
            sorted(c.id for c in view.contracts.values() if c.customer_id == change.customer_id),
            sorted([i.id, i.status] for i in view.around.invoices.values() if i.customer_id == change.customer_id),
            sorted([b.id, b.fingerprint()] for b in view.balances.values() if b.customer_id == change.customer_id),
        ]
    )


ARCHIVE_CUSTOMER = Operation(
    name=ArchiveCustomer.operation,
    endpoint="archive_customer",
    change=ArchiveCustomer,
    verb="archive",
    noun=("customer", "customers"),
    looks=frozenset({Look.CUSTOMERS, Look.ARCHIVED, Look.CONTRACTS, Look.INVOICES, Look.BALANCES}),
    proof_looks=frozenset({Look.ARCHIVED}),
    prepare=prepare_archive,
    fingerprint=fingerprint_archive,
    call=keyless(call_archive),
    sighting=sighting_archive,
    once=OnceBy.HEADER,
    proof=Proof.VALUE,
    undo="nothing: an archived customer cannot be brought back",
    weight=Weight.FOR_EVER,
)
