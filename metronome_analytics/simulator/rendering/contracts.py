"""Writes contracts the way the API does; the commits and credits in them are those of the lists of balances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from metronome_analytics.simulator.rendering import balances as render_balances
from metronome_analytics.simulator.rendering.parts import invoice_schedule, reference
from metronome_analytics.simulator.rendering.scalars import Json, number, offset_text
from metronome_analytics.simulator.rendering.subscriptions import subscriptions
from metronome_analytics.simulator.world.agreements import provider_id, subscription_stream
from metronome_analytics.simulator.world.days import instant
from metronome_analytics.simulator.world.ids import make_id

if TYPE_CHECKING:
    from datetime import datetime

    from metronome_analytics.simulator.world.agreements import Amendment, Balance, Charge, Contract, Edit, Service
    from metronome_analytics.simulator.world.books import BalanceBook, Books
    from metronome_analytics.simulator.world.price_list import RateCard
    from metronome_analytics.simulator.world.switches import Switches

AUTHOR = "deal-desk@example.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Included:
    """What a request wants to see."""

    balance: bool
    ledgers: bool
    archived: bool
    as_of: datetime | None
    maximum: int


def _embedded(books: Books, contract: Contract, included: Included) -> tuple[list[BalanceBook], list[BalanceBook]]:
    """The commits and the credits of a contract; those on customer level are no part of it."""
    mine = [
        book
        for book in books.balances
        if book.balance.contract_id == contract.id
        and (included.archived or not book.archived(books.now))
        and (included.as_of is None or book.balance.created_at <= included.as_of)
    ]
    commits = [book for book in mine if book.balance.type != "CREDIT"]
    return commits, [book for book in mine if book.balance.type == "CREDIT"]


def _balances(found: list[BalanceBook], books: Books, switches: Switches, included: Included) -> list[Json]:
    return [
        render_balances.balance(
            book, books.now, switches, include_ledger=included.ledgers, include_balance=included.balance
        )
        for book in found
    ]


def contract_v2(books: Books, item: Contract, switches: Switches, included: Included) -> Json:
    """A ContractV2."""
    commits, free = _embedded(books, item, included)
    maximum = included.maximum
    payload = _terms(books, item)
    payload |= {
        "id": item.id,
        "customer_id": books.agreements.customer_id,
        "commits": [_without(row, "uniqueness_key") for row in _balances(commits[:maximum], books, switches, included)],
        "credits": [
            _without(row, "uniqueness_key", "rate_type") | {"created_at": offset_text(book.balance.created_at)}
            for book, row in zip(free, _balances(free[:maximum], books, switches, included), strict=False)
        ],
        "has_more": {"commits": len(commits) > maximum, "credits": len(free) > maximum},
        "usage_filter": _usage_filters(item),
        "overrides": _overrides(item),
        "multiplier_override_prioritization": "LOWEST_MULTIPLIER",
        "subscriptions": subscriptions(books, item),
        "custom_fields": dict(item.custom_fields),
    }
    payload |= _shared(books, item)
    provider = _provider(books, item)
    if provider is not None:
        payload["customer_billing_provider_configuration"] = provider
    return payload


def contract(books: Books, item: Contract, switches: Switches, included: Included) -> Json:
    """A v1 Contract: what was signed, what it is now, and what it was amended by; edits show in what it is."""
    commits, free = _embedded(books, item, included)
    terms = _terms(books, item) | {"overrides": [_v1_override(row) for row in _overrides(item)]}

    def state(*, first: bool) -> Json:
        kept = [[book for book in found if not (first and book.balance.added_to(item))] for found in (commits, free)]
        own = [_balances(found, books, switches, included) for found in kept]
        return terms | {"commits": own[0], "credits": own[1]}

    payload: Json = {
        "id": item.id,
        "customer_id": books.agreements.customer_id,
        "initial": state(first=True),
        "current": state(first=False),
        "amendments": [_amendment(books, each, item.card, switches, included) for each in item.amendments],
        "subscriptions": subscriptions(books, item),
        "custom_fields": dict(item.custom_fields),
    }
    payload |= _shared(books, item)
    provider = _provider(books, item)
    if provider is not None:
        payload["customer_billing_provider_configuration"] = provider | {"archived_at": None}
    return payload


def _without(payload: Json, *names: str) -> Json:
    return {name: value for name, value in payload.items() if name not in names}


def _shared(books: Books, item: Contract) -> Json:
    """What stands at the top of both versions, where it is known."""
    archived = books.archived_at(item)
    payload: Json = {} if archived is None else {"archived_at": offset_text(archived)}
    known = {"package_id": item.package_id, "uniqueness_key": item.uniqueness_key}
    return payload | {name: value for name, value in known.items() if value is not None}


def _amendment(books: Books, item: Amendment, card: RateCard, switches: Switches, included: Included) -> Json:
    """A v1 ContractAmendment."""
    own = [book for book in books.balances if book.balance.id in item.balance_ids]
    kinds = [[book for book in own if (book.balance.type == "CREDIT") == credit] for credit in (False, True)]
    commits, free = (_balances(found, books, switches, included) for found in kinds)
    return {
        "id": item.id,
        "starting_at": offset_text(instant(item.start)),
        "created_at": offset_text(item.at),
        "created_by": AUTHOR,
        "commits": commits,
        "credits": free,
        "overrides": [],
        "scheduled_charges": _charges(item.charges, card),
        "professional_services": _services(item.services),
    }


def _terms(books: Books, item: Contract) -> Json:
    """The terms: at the top of a v2 contract, and in each state of a v1 contract."""
    payload: Json = {
        "name": item.name,
        "starting_at": offset_text(instant(item.start)),
        "rate_card_id": item.card.id,
        "created_at": offset_text(item.created_at),
        "created_by": AUTHOR,
        "net_payment_terms_days": item.net_terms,
        "usage_statement_schedule": {
            "frequency": "MONTHLY",
            "billing_anchor_date": offset_text(instant(item.start)),
        },
        "transitions": _transitions(books, item),
        "scheduled_charges": _charges(item.charges, item.card),
        "recurring_credits": _recurring(books, item),
    }
    if item.end is not None:
        payload["ending_before"] = offset_text(instant(item.end))
    if item.services:
        payload["professional_services"] = _services(item.services)
    return payload


def _transitions(books: Books, item: Contract) -> list[Json]:
    """The renewals that lead to a contract or away from it; both ends show them."""
    return [
        {"type": "RENEWAL", "from_contract_id": other.renews, "to_contract_id": other.id}
        for other in books.agreements.contracts
        if other.renews is not None and item.id in (other.id, other.renews) and other.created_at <= books.now
    ]


def _services(found: tuple[Service, ...]) -> list[Json]:
    return [_service(service) for service in found]


def _service(service: Service) -> Json:
    payload: Json = {
        "id": service.id,
        "product_id": service.product.id,
        "unit_price": number(service.unit_price),
        "quantity": number(service.quantity),
        "max_amount": number(service.maximum),
        "custom_fields": {},
    }
    return payload if service.description is None else payload | {"description": service.description}


def _charges(found: tuple[Charge, ...], card: RateCard) -> list[Json]:
    return [_charge(charge, card) for charge in found]


def _charge(charge: Charge, card: RateCard) -> Json:
    item = (make_id(charge.id, "item"), charge.invoice_id, charge)
    payload: Json = {
        "id": charge.id,
        "name": charge.product.name,
        "product": reference(charge.product),
        "schedule": invoice_schedule([item], card.fiat, do_not_invoice=False),
    }
    return payload if charge.archived_at is None else payload | {"archived_at": offset_text(charge.archived_at)}


def _usage_filters(item: Contract) -> list[Json]:
    rows: list[Json] = []
    for each in item.usage_filters:
        start = offset_text(instant(each.start))
        if rows:
            rows[-1]["ending_before"] = start
        rows.append({"group_key": each.key, "group_values": list(each.values), "starting_at": start})
    return rows


def _overrides(item: Contract) -> list[Json]:
    return [
        {
            "id": override.id,
            "type": "MULTIPLIER",
            "multiplier": override.percent / 100,
            "product": reference(override.product),
            "override_specifiers": [{"product_id": override.product.id}],
            "entitled": True,
            "is_commit_specific": False,
            "target": "LIST_RATE",
            "starting_at": offset_text(instant(item.start)),
            "created_at": offset_text(item.created_at),
        }
        for override in item.overrides
    ]


def _v1_override(payload: Json) -> Json:
    return _without(payload, "override_specifiers")


def _recurring(books: Books, item: Contract) -> list[Json]:
    """The recurring credits that the contract's credits come from; each is told by its first credit."""
    firsts: dict[str, Balance] = {}
    for book in books.balances:
        balance = book.balance
        if balance.contract_id == item.id and balance.recurring_id is not None:
            firsts.setdefault(balance.recurring_id, balance)
    rows: list[Json] = []
    for recurring_id, balance in firsts.items():
        stream = subscription_stream(item)
        seats = stream.base if stream is not None and balance.allocated_to is not None else 1
        row: Json = {
            "id": recurring_id,
            "name": balance.name,
            "product": reference(balance.product),
            "access_amount": {
                "unit_price": number(balance.segments[0].amount // seats),
                "credit_type_id": balance.credit_type.id,
            },
            "priority": balance.priority if balance.priority is not None else 100,
            "rate_type": balance.rate_type,
            "commit_duration": {"value": 1, "unit": "PERIODS"},
            "recurrence_frequency": "MONTHLY" if balance.allocated_to is None else "ANNUAL",
            "starting_at": offset_text(instant(balance.segments[0].start)),
            "contract": {"id": item.id},
        }
        if balance.applicable_product_ids:
            row["applicable_product_ids"] = list(balance.applicable_product_ids)
        if balance.allocated_to is not None:
            row["subscription_config"] = render_balances.subscription_config(balance)
        rows.append(row)
    return rows


def _provider(books: Books, item: Contract) -> Json | None:
    if item.billing_provider is None:
        return None
    return {
        "id": provider_id(books.agreements.customer_id, item.billing_provider),
        "billing_provider": item.billing_provider,
        "delivery_method": "direct_to_billing_provider",
    }


def edits(books: Books, item: Contract) -> list[Json]:
    """The edits of a contract in order of time: those that were sent, and each balance that was added otherwise."""
    told = {id_ for edit in item.edits for id_ in edit.balance_ids}
    told |= {id_ for amendment in item.amendments for id_ in amendment.balance_ids}
    later = [
        book
        for book in books.balances
        if book.balance.contract_id == item.id and book.balance.added_to(item) and book.balance.id not in told
    ]
    rows = [
        (
            book.balance.created_at,
            {"id": make_id(book.balance.id, "edit"), "timestamp": offset_text(book.balance.created_at)}
            | _added([book]),
        )
        for book in later
    ]
    rows += [(edit.at, _edit(books, edit, item)) for edit in item.edits]
    rows.sort(key=lambda row: row[0])
    return [row for _, row in rows]


def _edit(books: Books, edit: Edit, item: Contract) -> Json:
    """A ContractEdit."""
    payload: Json = {"id": edit.id, "timestamp": offset_text(edit.at)}
    payload |= _added([book for book in books.balances if book.balance.id in edit.balance_ids])
    lists: dict[str, list[Json]] = {
        "add_scheduled_charges": _charges(edit.charges, item.card),
        "add_pro_services": _services(edit.services),
        "archive_commits": [{"id": id_} for id_ in edit.archived_commits],
        "archive_credits": [{"id": id_} for id_ in edit.archived_credits],
        "archive_scheduled_charges": [{"id": id_} for id_ in edit.archived_charges],
    }
    values: Json = {"uniqueness_key": edit.uniqueness_key, "update_contract_name": edit.name}
    if edit.ends and edit.end is not None:
        values["update_contract_end_date"] = offset_text(instant(edit.end))
    return payload | {name: value for name, value in (values | lists).items() if value}


def _added(found: list[BalanceBook]) -> Json:
    """The commits and credits that an edit added."""
    payload: dict[str, list[Json]] = {}
    for book in found:
        balance = book.balance
        added: Json = {
            "id": balance.id,
            "type": balance.type,
            "name": balance.name,
            "product": reference(balance.product),
            "rate_type": balance.rate_type,
            "access_schedule": render_balances.access_schedule(book),
        }
        if balance.priority is not None:
            added["priority"] = balance.priority
        payload.setdefault("add_credits" if balance.type == "CREDIT" else "add_commits", []).append(added)
    return {**payload}
