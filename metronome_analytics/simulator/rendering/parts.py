"""Parts that several kinds of answer are written with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.rendering.scalars import Json, millis_text, number, offset_text
from metronome_analytics.simulator.world.days import instant

if TYPE_CHECKING:
    from collections.abc import Iterable

    from metronome_analytics.simulator.world.agreements import Charge, Purchase
    from metronome_analytics.simulator.world.books import Invoice
    from metronome_analytics.simulator.world.price_list import CreditType, Product


def reference(thing: CreditType | Product) -> Json:
    """What an answer embeds of a credit type or a product."""
    return {"id": thing.id, "name": thing.name}


def period(item: Invoice, start: str, end: str) -> Json:
    """The billing period of an invoice under two names; nothing for an invoice that has none."""
    if item.start is None or item.end is None:
        return {}
    return {start: offset_text(instant(item.start)), end: offset_text(instant(item.end))}


def product_line(product: Product, unit: CreditType, *, quantity: int, price: int, amount: int) -> Json:
    """What every line of usage begins with, on an invoice and in a spend breakdown."""
    return {
        "name": product.name,
        "type": product.line_type,
        "quantity": number(quantity),
        "unit_price": number(price),
        "total": number(amount),
        "credit_type": reference(unit),
        "product_id": product.id,
        "product_type": product.kind,
        "product_tags": list(product.tags),
        "product_custom_fields": {},
    }


def invoice_schedule(
    items: Iterable[tuple[str, str | None, Purchase | Charge]], credit_type: CreditType, *, do_not_invoice: bool
) -> Json:
    """A SchedulePointInTime: when something is billed, by which invoice; each item has its own id."""
    return {
        "credit_type": reference(credit_type),
        "do_not_invoice": do_not_invoice,
        "schedule_items": [
            {
                "id": item_id,
                "invoice_id": invoice_id,
                "amount": number(billed.amount),
                "unit_price": number(billed.amount),
                "quantity": 1,
                "timestamp": millis_text(instant(billed.day)),
            }
            for item_id, invoice_id, billed in items
        ],
    }
