"""Writes packages the way the API does: there are two, and contracts come from one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.rendering.parts import reference
from metronome_analytics.simulator.rendering.products import AUTHOR
from metronome_analytics.simulator.rendering.scalars import Json, millis_text, offset_text
from metronome_analytics.simulator.world import price_list
from metronome_analytics.simulator.world.days import instant
from metronome_analytics.simulator.world.ids import make_id
from metronome_analytics.simulator.world.price_list import OPENED, RETIRED_AT

if TYPE_CHECKING:
    from metronome_analytics.simulator.world.agreements import Contract
    from metronome_analytics.simulator.world.books import Books


def starter_package() -> Json:
    """The package of pay-as-you-go contracts: a rate card and nothing else."""
    return {
        "id": price_list.STARTER_PACKAGE,
        "name": "Starter",
        "contract_name": "Pay as you go",
        "rate_card_id": price_list.USD_CARD.id,
        "aliases": [{"name": "starter"}],
        "created_at": millis_text(OPENED),
        "created_by": AUTHOR,
        "commits": [],
        "credits": [],
        "overrides": [],
        "scheduled_charges": [],
        "usage_statement_schedule": {"frequency": "MONTHLY", "day": "FIRST_OF_MONTH"},
    }


def retired_package() -> Json:
    """An archived package that no contract was made from; it has a commit, so there is one to read."""
    key = "package commit"
    item = {
        "id": make_id(key, "segment"),
        "amount": 1_000_000,
        "starting_at_offset": {"unit": "DAYS", "value": 0},
        "duration": {"unit": "YEARS", "value": 1},
    }
    commit: Json = {
        "id": make_id(key),
        "type": "PREPAID",
        "name": "Prepaid commitment",
        "product": reference(price_list.COMMITMENT),
        "priority": 100,
        "rate_type": "LIST_RATE",
        "access_schedule": {"credit_type": reference(price_list.USD), "schedule_items": [item]},
    }
    return starter_package() | {
        "id": make_id("package", "annual 2020"),
        "name": "Annual 2020",
        "contract_name": "Annual",
        "aliases": [],
        "archived_at": millis_text(RETIRED_AT),
        "duration": {"unit": "YEARS", "value": 1},
        "net_payment_terms_days": 30,
        "commits": [commit],
    }


def package_contract(books: Books, item: Contract) -> Json:
    """A contract in the list of those on a package."""
    archived = books.archived_at(item)
    payload: Json = {
        "customer_id": books.agreements.customer_id,
        "contract_id": item.id,
        "starting_at": offset_text(instant(item.start)),
    }
    if item.end is not None:
        payload["ending_before"] = offset_text(instant(item.end))
    return payload if archived is None else payload | {"archived_at": offset_text(archived)}
