"""What a run of the books has come to: read and changed by every step of it, and by nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from metronome_analytics.simulator.world.bookkeeping.drawdown import Drawdown, order_of_application
from metronome_analytics.simulator.world.books import BalanceBook, SegmentBook

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from metronome_analytics.simulator.world.agreements import Agreements, Contract
    from metronome_analytics.simulator.world.books import Invoice
    from metronome_analytics.simulator.world.streams import Quantities
    from metronome_analytics.simulator.world.switches import Switches


@dataclass(slots=True, eq=False)
class State:
    """The contracts and balances known by now, the invoices so far, and what each balance has left."""

    agreements: Agreements
    now: datetime
    quantities: Quantities
    contracts: list[Contract]
    balances: list[BalanceBook]
    by_id: dict[str, BalanceBook]
    segments: list[SegmentBook]
    """All segments in the order of application."""
    drawdown: Drawdown = field(default_factory=Drawdown)
    open: dict[str, Invoice] = field(default_factory=dict)
    """The usage invoices of the month that is being run, by contract."""
    periods: dict[tuple[str, int], list[Invoice]] = field(default_factory=dict)
    """By contract and month the usage invoice, and its twins if it was made again; the last one stands."""
    invoices: list[Invoice] = field(default_factory=list)
    metered_today: dict[tuple[str, int], int] = field(default_factory=dict)
    billed: dict[tuple[str, int], int] = field(default_factory=dict)
    """Quantity so far in the period, for tiered streams."""
    archived: dict[str, int] = field(default_factory=dict)
    """On which day a balance was archived."""
    due: dict[int, list[tuple[datetime, Callable[[], None]]]] = field(default_factory=dict)
    """What happens on each day besides usage, and when it takes effect."""

    def active_segments(self, day: int) -> list[SegmentBook]:
        """The segments that give access on a day, in the order of application."""
        return [book for book in self.segments if book.segment.start <= day < book.segment.end]

    def last_version(self, invoice_id: str) -> Invoice | None:
        """The usage invoice with this id if it is the last of its period."""
        return next((v[-1] for v in self.periods.values() if v[-1].id == invoice_id), None)


def begin(agreements: Agreements, now: datetime, switches: Switches, quantities: Quantities) -> State:
    """The state before the first day: nothing drawn, nothing invoiced."""
    balances = [
        BalanceBook(balance, [SegmentBook(segment, balance, segment.amount, 0) for segment in balance.segments])
        for balance in agreements.balances
        if balance.created_at <= now
    ]
    segments = [segment for book in balances for segment in book.segments]
    segments.sort(key=lambda book: order_of_application(book, switches))
    return State(
        agreements=agreements,
        now=now,
        quantities=quantities,
        contracts=[contract for contract in agreements.contracts if contract.created_at <= now],
        balances=balances,
        by_id={book.balance.id: book for book in balances},
        segments=segments,
    )
