"""What usage costs before any balance is drawn: a quantity split over the price tiers of its period."""

from __future__ import annotations


def tiered(before: int, quantity: int, tiers: tuple[tuple[int, int], ...]) -> list[tuple[int, int, int]]:
    """Tier, part and price of a quantity that comes on top of `before`; tiers count from the start of the period."""
    parts = []
    for level, (start, price) in enumerate(tiers):
        end = tiers[level + 1][0] if level + 1 < len(tiers) else before + quantity
        part = min(before + quantity, max(end, start)) - max(before, start)
        if part > 0:
            parts.append((level, part, price))
    return parts
