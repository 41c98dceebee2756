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

    from metronome_analytics.simulator.world.agreements import Balance, Contract
    from metronome_analytics.simulator.world.books import BalanceBook, Books
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
    """A v1 Contract: what was signed, what it is now, and no amendments, as edits have replaced them."""
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
        "amendments": [],
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
    return payload if item.package_id is None else payload | {"package_id": item.package_id}


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
        "scheduled_charges": _charges(item),
        "recurring_credits": _recurring(books, item),
    }
    if item.end is not None:
        payload["ending_before"] = offset_text(instant(item.end))
    return payload


def _transitions(books: Books, item: Contract) -> list[Json]:
    """The renewals that lead to a contract or away from it; both ends show them."""
    return [
        {"type": "RENEWAL", "from_contract_id": other.renews, "to_contract_id": other.id}
        for other in books.agreements.contracts
        if other.renews is not None and item.id in (other.id, other.renews) and other.created_at <= books.now
    ]


def _charges(item: Contract) -> list[Json]:
    return [
        {
            "id": charge.id,
            "name": charge.product.name,
            "product": reference(charge.product),
            "schedule": invoice_schedule(
                [(make_id(charge.id, "item"), charge.invoice_id, charge)], item.card.fiat, do_not_invoice=False
            ),
        }
        for charge in item.charges
    ]


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
    """The edits of a contract in order of time."""
    later = [book for book in books.balances if book.balance.contract_id == item.id and book.balance.added_to(item)]
    later.sort(key=lambda book: book.balance.created_at)
    rows: list[Json] = []
    for book in later:
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
        key = "add_credits" if balance.type == "CREDIT" else "add_commits"
        when = offset_text(balance.created_at)
        rows.append({"id": make_id(balance.id, "edit"), "timestamp": when, key: [added]})
    return rows
