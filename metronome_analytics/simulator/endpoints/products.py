"""Endpoints about what the account sells: products, rate cards, credit types, packages, custom field keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from metronome_analytics.simulator.endpoints.customers import PAGE_MAXIMUM
from metronome_analytics.simulator.endpoints.request import ApiError, Page, Parameters, Reply, Request, data, page
from metronome_analytics.simulator.rendering.scalars import Json, millis_text, offset_text, text
from metronome_analytics.simulator.world import price_list
from metronome_analytics.simulator.world.ids import make_id

if TYPE_CHECKING:
    from metronome_analytics.simulator.world.account import Account
    from metronome_analytics.simulator.world.price_list import Product, RateCard

from metronome_analytics.simulator.world.price_list import OPENED, RENAMED_AT, RETIRED_AT

AUTHOR = "billing-ops@example.com"

_KINDS = {
    "UsageProductListItem": "USAGE",
    "SubscriptionProductListItem": "SUBSCRIPTION",
    "FixedProductListItem": "FIXED",
}
_ARCHIVE_FILTER = ("NOT_ARCHIVED", "ARCHIVED", "ALL")
_FIELD_KEYS = (
    ("contract", "order_form", False),
    ("contract_credit", "campaign", False),
    ("customer", "crm_owner", False),
    ("customer", "tier", False),
    ("invoice", "po_number", True),
)
_Kept = TypeVar("_Kept")


def list_products(account: Account, request: Request) -> Page:
    """POST /v1/contract-pricing/products/list."""
    asked = request.parameters
    limit = asked.limit(PAGE_MAXIMUM, account.switches.default_page_size)
    products = _filtered(asked, price_list.PRODUCTS, (price_list.RETIRED,))
    asked.finish(reject_unknown=account.switches.reject_unknown_parameters)
    return page(request, products, limit, _product)


def _filtered(asked: Parameters, current: tuple[_Kept, ...], archived: tuple[_Kept, ...]) -> tuple[_Kept, ...]:
    """What an archive filter lets through."""
    wanted = asked.choice("archive_filter", _ARCHIVE_FILTER, "NOT_ARCHIVED")
    return {"NOT_ARCHIVED": current, "ARCHIVED": archived, "ALL": (*current, *archived)}[wanted]


def get_product(account: Account, request: Request) -> Reply:
    """POST /v1/contract-pricing/products/get."""
    product_id = request.parameters.required_uuid("id")
    request.parameters.finish(reject_unknown=account.switches.reject_unknown_parameters)
    product = next((item for item in (*price_list.PRODUCTS, price_list.RETIRED) if item.id == product_id), None)
    if product is None:
        raise ApiError(404, f"Product not found: {product_id}")
    return data(_product(product))


def _product(product: Product) -> Json:
    """A ProductListItem; the storage product was renamed once, so its first and current names differ."""
    state: Json = {
        "name": product.name,
        "created_at": offset_text(OPENED),
        "created_by": AUTHOR,
        "starting_at": offset_text(OPENED),
        "tags": list(product.tags),
    }
    if product.metric is not None:
        state["billable_metric_id"] = product.metric.id
        state["quantity_conversion"] = None
        state["quantity_rounding"] = None
    if product.groups:
        state["pricing_group_key"] = [key for key, _ in product.groups]
    if product.presentation is not None:
        state["presentation_group_key"] = [product.presentation[0]]
    initial, updates = state, list[Json]()
    if product is price_list.STORAGE:
        initial = state | {"name": "Blob storage"}
        since = offset_text(RENAMED_AT)
        updates = [{"name": product.name, "created_at": since, "created_by": AUTHOR, "starting_at": since}]
    return {
        "id": product.id,
        "type": _KINDS[product.kind],
        "initial": initial,
        "current": state,
        "updates": updates,
        "archived_at": offset_text(RETIRED_AT) if product is price_list.RETIRED else None,
        "custom_fields": {},
    }


def list_rate_cards(account: Account, request: Request) -> Page:
    """POST /v1/contract-pricing/rate-cards/list."""
    limit = request.parameters.limit(PAGE_MAXIMUM, account.switches.default_page_size)
    request.parameters.finish(reject_unknown=account.switches.reject_unknown_parameters)
    return page(request, price_list.RATE_CARDS, limit, _rate_card)


def get_rate_card(account: Account, request: Request) -> Reply:
    """POST /v1/contract-pricing/rate-cards/get."""
    card_id = request.parameters.required_uuid("id")
    request.parameters.finish(reject_unknown=account.switches.reject_unknown_parameters)
    return data(_rate_card(card_of(card_id)))


def card_of(card_id: str) -> RateCard:
    """A rate card. Raises ApiError 404."""
    card = next((card for card in price_list.RATE_CARDS if card.id == card_id), None)
    if card is None:
        raise ApiError(404, f"Rate card not found: {card_id}")
    return card


def _rate_card(card: RateCard) -> Json:
    """A RateCard."""
    payload: Json = {
        "id": card.id,
        "name": card.name,
        "created_at": millis_text(OPENED),
        "created_by": AUTHOR,
        "fiat_credit_type": card.fiat.payload(),
        "aliases": [{"name": f"standard-{card.key}", "starting_at": millis_text(OPENED)}],
        "custom_fields": {},
    }
    if card.conversion is not None:
        rate = {"custom_credit_type": card.unit.payload(), "fiat_per_custom_credit": text(card.conversion)}
        payload["credit_type_conversions"] = [rate]
    return payload


def list_credit_types(account: Account, request: Request) -> Page:
    """GET /v1/credit-types/list."""
    limit = request.parameters.limit(PAGE_MAXIMUM, account.switches.default_page_size)
    request.parameters.finish(reject_unknown=account.switches.reject_unknown_parameters)
    return page(
        request,
        price_list.CREDIT_TYPES,
        limit,
        lambda item: {"id": item.id, "name": item.name, "is_currency": item.is_currency},
    )


def list_packages(account: Account, request: Request) -> Page:
    """POST /v1/packages/list."""
    asked = request.parameters
    limit = asked.limit(PAGE_MAXIMUM, account.switches.default_page_size)
    packages = _filtered(asked, (_starter(),), (_retired_package(),))
    asked.finish(reject_unknown=account.switches.reject_unknown_parameters)
    return page(request, packages, limit, lambda payload: payload)


def get_package(account: Account, request: Request) -> Reply:
    """POST /v1/packages/get."""
    package_id = request.parameters.required_uuid("package_id")
    request.parameters.finish(reject_unknown=account.switches.reject_unknown_parameters)
    package = next((item for item in (_starter(), _retired_package()) if item["id"] == package_id), None)
    if package is None:
        raise ApiError(404, f"Package not found: {package_id}")
    return data(package)


def _starter() -> Json:
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


def _retired_package() -> Json:
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
        "product": {"id": price_list.COMMITMENT.id, "name": price_list.COMMITMENT.name},
        "priority": 100,
        "rate_type": "LIST_RATE",
        "access_schedule": {"credit_type": price_list.USD.payload(), "schedule_items": [item]},
    }
    return _starter() | {
        "id": make_id("package", "annual 2020"),
        "name": "Annual 2020",
        "contract_name": "Annual",
        "aliases": [],
        "archived_at": millis_text(RETIRED_AT),
        "duration": {"unit": "YEARS", "value": 1},
        "net_payment_terms_days": 30,
        "commits": [commit],
    }


def list_field_keys(account: Account, request: Request) -> Page:
    """POST /v1/customFields/listKeys: all keys in use, or those of some kinds of object."""
    entities = request.parameters.strings("entities")
    request.parameters.finish(reject_unknown=account.switches.reject_unknown_parameters)
    keys = [row for row in _FIELD_KEYS if not entities or row[0] in entities]
    return page(
        request,
        keys,
        account.switches.default_page_size,
        lambda row: {"entity": row[0], "key": row[1], "enforce_uniqueness": row[2]},
    )
