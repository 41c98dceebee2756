"""Writes the daily costs of customers on Plans."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.rendering.scalars import Json, number, offset_text
from metronome_analytics.simulator.world.days import instant

if TYPE_CHECKING:
    from metronome_analytics.simulator.world.books import Books


def day_costs(books: Books, day: int) -> Json:
    """The costs of one day of a customer on Plans."""
    payload: dict[str, Json] = {}
    for item in books.invoices:
        if item.type != "PLAN_ARREARS" or not item.covers(day):
            continue
        credit_type = item.contract.card.unit
        lines: dict[tuple[str, str | None, str | None], int] = {}
        for piece in item.pieces_of(day):
            stream = item.contract.streams[piece.stream]
            key, value = stream.group[0] if stream.group else (None, None)
            name = stream.product.name
            lines[name, key, value] = lines.get((name, key, value), 0) + piece.amount
        payload[credit_type.id] = {
            "name": credit_type.name,
            "cost": number(sum(lines.values())),
            "line_item_breakdown": [_cost_line(*key, cost) for key, cost in lines.items()],
        }
    return {
        "start_timestamp": offset_text(instant(day)),
        "end_timestamp": offset_text(instant(day + 1)),
        "credit_types": payload,
    }


def _cost_line(name: str, group_key: str | None, group_value: str | None, cost: int) -> Json:
    line: Json = {"name": name, "cost": number(cost)}
    return line if group_key is None else line | {"group_key": group_key, "group_value": group_value}
