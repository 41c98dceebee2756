"""Where a drawdown is decided: which balances cover some usage, in which order, and how much each of them pays.

Usage is drawn in time order; what arrives here is split over the covering segments in the order of application, each
until it is empty, and what no segment covers stays payable.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from metronome_analytics.simulator.world.amounts import SCALE
from metronome_analytics.simulator.world.books import Line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metronome_analytics.simulator.world.agreements import Contract
    from metronome_analytics.simulator.world.books import LineKey, SegmentBook
    from metronome_analytics.simulator.world.streams import Stream
    from metronome_analytics.simulator.world.switches import Switches

Cover = tuple["SegmentBook", int]
"""A segment that covers a stream, and its commit price, or 0 where the list price holds."""

_LAST = 10**9
"""Stands for an unrestricted balance where the fewest restrictions go first, and for a missing priority."""


def order_of_application(book: SegmentBook, switches: Switches) -> tuple[object, ...]:
    """The sort key of a segment: usage draws on the first one that covers it and has something left."""
    balance = book.balance
    rollover = balance.rolled_over_from is not None
    postpaid = balance.type == "POSTPAID"
    group = (0 if postpaid else 1) if rollover else (3 if postpaid else 2)
    paid = bool(balance.purchases) and not balance.do_not_invoice and not rollover
    products = len(balance.applicable_product_ids) + len(balance.applicable_product_tags) or _LAST
    specifiers = sum(len(specifier.group) for specifier in balance.specifiers) or _LAST
    customer_level = balance.contract_id is None
    after_priority = switches.contract_before_customer == "after_priority"
    return (
        group,
        _LAST if balance.priority is None else balance.priority,
        customer_level and after_priority,
        paid,
        products,
        0 if postpaid else specifiers,
        book.segment.end,
        book.segment.start,
        len(balance.applicable_contract_ids) or _LAST,
        customer_level,
        book.segment.id,
    )


def covers(active: Sequence[SegmentBook], contract: Contract, stream: Stream) -> list[Cover]:
    """Which of some segments cover a stream, in the order they come in."""
    rate = contract.rate(stream.product, stream.group)
    return [
        (book, rate.commit_price if book.balance.rate_type == "COMMIT_RATE" else 0)
        for book in active
        if book.balance.covers(contract, stream)
    ]


class Drawdown:
    """Draws usage on balances; every part that is drawn gets a serial number, the order in which it was metered."""

    def __init__(self) -> None:
        self._serial = count()

    def draw(
        self,
        lines: dict[LineKey, Line],
        place: tuple[int, int, int],
        quantity: int,
        price: int,
        covering: list[Cover],
        *,
        hour: int | None = None,
    ) -> None:
        """Cover usage from the segments in order; what none covers stays payable.

        `place` is day, stream and tier; `hour` that of late usage, None for usage that is spread over its day.
        """
        day, stream, tier = place
        for book, commit_price in covering:
            left = book.left
            if left <= 0:
                continue
            unit = commit_price or price
            amount = quantity * unit // SCALE
            if amount <= left:
                book.left = left - amount
                self._enter(lines, (stream, tier, book, unit), day, (quantity, amount), hour)
                return
            part = left * SCALE // unit
            if part == 0:
                continue  # less is left than the smallest quantity costs
            book.left = 0
            self._enter(lines, (stream, tier, book, unit), day, (part, left), hour)
            quantity -= part
        self._enter(lines, (stream, tier, None, price), day, (quantity, quantity * price // SCALE), hour)

    def _enter(
        self, lines: dict[LineKey, Line], key: LineKey, day: int, part: tuple[int, int], hour: int | None
    ) -> None:
        """Add a part, its quantity and amount, to the line it belongs to."""
        line = lines.get(key)
        if line is None:
            line = lines[key] = Line(*key)
        serial = next(self._serial)
        if hour is not None:
            line.hours[serial] = hour
        line.add(day, serial, *part)
