"""Writes what each seat has of the balances that are shared among seats."""

from __future__ import annotations

from dataclasses import dataclass

from metronome_analytics.simulator.rendering.scalars import Json, millis_text, number
from metronome_analytics.simulator.world.books import BalanceBook, Books
from metronome_analytics.simulator.world.days import instant
from metronome_analytics.simulator.world.seats import share


@dataclass(frozen=True, slots=True)
class SeatBalances:
    """The balances of one subscription's seats: `shared` are the balances, `everyone` the names of all seats.

    `included`: with each commit and credit, not only the sums. `ledgers`: and with their ledgers.
    """

    books: Books
    shared: list[BalanceBook]
    everyone: list[str]
    included: bool
    ledgers: bool

    def of(self, seat: str) -> Json:
        """The SeatBalance of one seat."""
        parts = [_part(self.books, book, seat, self.everyone, ledgers=self.ledgers) for book in self.shared]
        payload: Json = {"seat_id": seat, "balances": _sums(parts)}
        if self.included:
            payload["commits"] = [part for book, part, _, _ in parts if book.balance.type != "CREDIT"]
            payload["credits"] = [part for book, part, _, _ in parts if book.balance.type == "CREDIT"]
        return payload


_Part = tuple[BalanceBook, Json, int, int]


def _part(books: Books, book: BalanceBook, seat: str, everyone: list[str], *, ledgers: bool) -> _Part:
    """One seat's share of a balance, with its amounts: what is left now, and what it started with."""
    seats, place = len(everyone), everyone.index(seat)
    active = [segment for segment in book.segments if segment.active(books.now)]
    own = [entry for segment in active for entry in segment.manual if entry.by_seat]
    equal = sum(segment.remaining() for segment in active) - sum(entry.amount for entry in own)
    mine = sum(amount for entry in own for name, amount in entry.by_seat if name == seat)
    left = max(0, share(equal, place, seats) + mine)
    granted = share(sum(segment.amount for segment in book.segments), place, seats)
    payload: Json = {
        "id": book.balance.id,
        "balance": number(left),
        "start_date": millis_text(instant(book.segments[0].segment.start)),
        "end_date": millis_text(instant(book.segments[-1].segment.end)),
    }
    if ledgers:
        rows: list[Json] = []
        for entry in book.ledger(books.now):
            part = dict(entry.by_seat).get(seat, 0) if entry.by_seat else share(entry.amount, place, seats)
            if part or not entry.by_seat:
                when = millis_text(entry.timestamp)
                rows.append({"type": entry.type, "amount": number(part), "timestamp": when})
        payload["ledger_entries"] = rows
    return book, payload, left, granted


def _sums(parts: list[_Part]) -> list[Json]:
    """A seat's balance per credit type."""
    sums: dict[str, list[int]] = {}
    for book, _, left, granted in parts:
        entry = sums.setdefault(book.balance.credit_type.id, [0, 0])
        entry[0] += left
        entry[1] += granted
    return [
        {"credit_type_id": key, "balance": number(left), "starting_balance": number(granted)}
        for key, (left, granted) in sums.items()
    ]
