"""Chains of things that name the one before them: invoices made again, balances rolled over."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Link(NamedTuple):
    """Where a chain began, and how many steps ago."""

    first: str
    steps: int


def links(before: Mapping[str, str]) -> dict[str, Link]:
    """For each id that names one before it, the first of its chain; of a circle, which has none, the least id."""
    found: dict[str, Link] = {}
    for each in before:
        seen, at = [each], each
        while (earlier := before.get(at)) is not None and earlier not in seen:
            seen.append(earlier)
            at = earlier
        first = at if earlier is None else min(seen[seen.index(earlier) :])
        found[each] = Link(first, seen.index(first))
    return found
