"""A planned change as JSON, and back: what a plan's file and its digest are made of."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from metronome_analytics.changes.operation import PlannedChange
from metronome_analytics.changes.operations import OPERATIONS
from metronome_analytics.changes.records import plain
from metronome_analytics.leeway import Leeway, Limit

if TYPE_CHECKING:
    from collections.abc import Mapping

_LISTS = ("warnings", "seen")
_DECIMALS = ("amount", "balance_before", "balance_after")


def item(each: PlannedChange) -> dict[str, Any]:
    """A planned change as JSON has it."""
    plainly = {
        part.name: getattr(each, part.name)
        for part in fields(each)
        if part.name not in {"change", "opposite", *_LISTS, *_DECIMALS}
    }
    return {
        "operation": each.change.operation,
        **plainly,
        **{name: None if (value := getattr(each, name)) is None else plain(value) for name in _DECIMALS},
        **{name: list(getattr(each, name)) for name in _LISTS},
        "change": each.change.fields(),
        "opposite": each.opposite and {"operation": each.opposite.operation, **each.opposite.fields()},
    }


def planned(given: Mapping[str, Any]) -> PlannedChange:
    """The planned change that `item` wrote."""
    given = dict(given)
    change = OPERATIONS[given.pop("operation")].change(**given.pop("change"))
    opposite = given.pop("opposite")
    if opposite is not None:
        opposite = dict(opposite)
        opposite = OPERATIONS[opposite.pop("operation")].change(**opposite)
    numbers = {name: None if given[name] is None else Decimal(given[name]) for name in _DECIMALS}
    lists = {name: tuple(map(str, given[name])) for name in _LISTS}
    return PlannedChange(**{**given, **numbers, **lists, "change": change, "opposite": opposite})


def leeway(given: Mapping[str, Any]) -> Leeway:
    """How far a plan may go, as it was written."""

    def limit(value: Any) -> Limit:
        return {code: Decimal(each) for code, each in value.items()} if isinstance(value, dict) else Decimal(value)

    if not all(isinstance(given[name], bool) for name in ("allow_overdraw", "allow_duplicate")):
        raise TypeError("leeway is neither given nor not")
    return Leeway(**{**given, "max_entry": limit(given["max_entry"]), "max_total": limit(given["max_total"])})
