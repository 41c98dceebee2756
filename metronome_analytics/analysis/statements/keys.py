"""What the rows of a statement are kept apart by, as users name it."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from metronome_analytics.errors import ArgumentError


def key_names(by: object, known: Collection[str]) -> list[str]:
    """`by`, a name or several, as a list of names; ArgumentError for one that is not `known`."""
    names = [by] if isinstance(by, str) else list(by) if isinstance(by, Iterable) else [by]
    checked: list[str] = []
    for name in names:
        if not isinstance(name, str) or name not in known:
            raise ArgumentError(f"by must be of {', '.join(map(repr, known))}, not {name!r}.")
        checked.append(name)
    return checked
