"""Invoices cut into windows: which days or hours an invoice has, and what was used in each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.world.days import instant
from metronome_analytics.simulator.world.streams import used_by

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime, timedelta

    from metronome_analytics.simulator.world.books import Books, Invoice, Piece


def windows_of(item: Invoice, size: timedelta, starting_on: datetime, ending_before: datetime) -> Iterator[datetime]:
    """The starts of the invoice's windows that lie within the bounds, in order."""
    if item.start is None or item.end is None:
        return
    begin = instant(item.start)
    if starting_on > begin:
        begin += -((begin - starting_on) // size) * size
    last = min(instant(item.end), ending_before)
    while begin + size <= last:
        yield begin
        begin += size


def pieces_of_window(books: Books, item: Invoice, begin: datetime, *, hourly: bool) -> list[Piece]:
    """The usage of one window. Within a day the covered part of a line is what was used first."""
    of_day = item.pieces_of(begin.toordinal())
    return list(_hour(books, item, of_day, begin)) if hourly else of_day


def _hour(books: Books, item: Invoice, of_day: list[Piece], begin: datetime) -> Iterator[Piece]:
    """One hour's share of a day's pieces, which are consumed in order by the hours' usage."""
    yield from (piece for piece in of_day if piece.hour == begin.hour)
    of_day = [piece for piece in of_day if piece.hour is None]
    totals: dict[int, int] = {}
    for piece in of_day:
        totals[piece.stream] = totals.get(piece.stream, 0) + piece.quantity
    if begin.date() == books.now.date():
        totals = {stream: books.metered_today[item.contract.id, stream] for stream in totals}
    seen: dict[int, int] = {}
    for piece in of_day:
        stream = item.contract.streams[piece.stream]
        total, before = totals[piece.stream], seen.get(piece.stream, 0)
        seen[piece.stream] = before + piece.quantity
        opening, closing = (
            min(max(used_by(total, edge, stream) - before, 0), piece.quantity) for edge in (begin.hour, begin.hour + 1)
        )
        if closing > opening:
            amount = _share(piece, closing) - _share(piece, opening)
            yield piece._replace(quantity=closing - opening, amount=amount)


def _share(piece: Piece, quantity: int) -> int:
    """The amount of the first part of a piece; the whole piece has exactly its amount."""
    return piece.amount * quantity // piece.quantity
