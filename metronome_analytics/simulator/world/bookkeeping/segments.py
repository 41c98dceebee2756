"""Segments begin: what usage may draw from a day on, and what rolls over from a balance that ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from metronome_analytics.simulator.world.bookkeeping.state import State
    from metronome_analytics.simulator.world.books import BalanceBook


def start_segments(state: State, day: int) -> None:
    """Open the segments that start today, after carrying over what rolls into them."""
    for book in state.balances:
        source = state.by_id.get(book.balance.rolled_over_from or "")
        if source is not None and book.segments[0].segment.start == day:
            _roll_over(state, source, book)
    for segment in state.segments:
        # One that starts after its balance was archived stays empty.
        gone = state.archived.get(segment.balance.id)
        if segment.segment.start == day and (gone is None or day <= gone):
            segment.left += segment.amount


def _roll_over(state: State, source: BalanceBook, target: BalanceBook) -> None:
    """Move the lesser of what remains and the agreed share of the original into a new balance."""
    old = source.segments[-1]
    share = old.amount * (source.balance.rollover_percent or 0) // 100
    old.rolled = max(0, min(old.left, share))
    old.left = 0
    target.segments[0].amount = old.rolled
    target.source = source.balance
    source.rolled_into = next(c for c in state.agreements.contracts if c.id == target.balance.contract_id)
