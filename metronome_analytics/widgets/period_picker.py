"""PeriodPicker: a month, a quarter or any days, half-open and in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import traitlets

from metronome_analytics.arguments import Instant, instant, whole_number
from metronome_analytics.errors import ArgumentError
from metronome_analytics.periods import named
from metronome_analytics.widgets.base import Form, OfPython, choice_of, known

Window = tuple[datetime, datetime]
_HINT = 'Pass "2026-10", "2026-Q4", or both ends: ("2026-10-01", "2026-10-15").'


class PeriodPicker(Form):
    """Choose a month, a quarter or a range of days.

    `value` is None until something is chosen, then (`starting_on`, `ending_before`): midnights in UTC, the end not
    included, as every loader takes them. It may be given as "2026-10", "2026-Q4" or both ends. `as_of` (now, unless
    given) is the last day offered, `months` how far back months and quarters go. Raises ArgumentError for anything
    else; what a callback raises shows below the picker.

    >>> picker = ma.widgets.PeriodPicker(value="2026-Q4")
    >>> [str(day.date()) for day in picker.value]
    ['2026-10-01', '2027-01-01']
    """

    value: OfPython[tuple[datetime, datetime] | None] = OfPython(default_value=None, allow_none=True)

    def __init__(
        self,
        *,
        value: str | tuple[Instant, Instant] | None = None,
        as_of: Instant | None = None,
        months: int = 36,
        label: str = "Period",
        **options: Any,
    ) -> None:
        options = known("PeriodPicker", options)
        whole_number("months", months, least=1)
        last = instant("as_of", as_of) or datetime.now(UTC)
        self._months = [_month(last.year * 12 + last.month - 1 - back) for back in range(months)]
        self._kind = ""
        self._ends = {"starting_on": "", "ending_before": ""}
        super().__init__(label=label, **options)
        self.value = value
        self._kind = self._kind_of(self.value)

    @property
    def starting_on(self) -> datetime | None:
        """The first moment of the period, None until one is chosen."""
        return None if self.value is None else self.value[0]

    @property
    def ending_before(self) -> datetime | None:
        """The first moment after the period, None until one is chosen."""
        return None if self.value is None else self.value[1]

    def _taken(self, value: Any) -> Window | None:
        if value is None:
            return None
        if isinstance(value, str):
            return named("value", value)
        if not isinstance(value, tuple | list) or len(value) != 2:
            raise ArgumentError(f"value={value!r} is no period.", advice=_HINT)
        start, end = instant("value", value[0]), instant("value", value[1])
        if start is None or end is None or start >= end:
            raise ArgumentError(f"value={value!r} does not begin before it ends.", advice=_HINT)
        return start, end

    def _kind_of(self, window: Window | None) -> str:
        if window is None:
            return ""
        return next((kind for kind in ("month", "quarter") if self._name(kind, window)), "custom")

    def _name(self, kind: str, window: Window | None) -> str:
        """What the period is called among the months or quarters offered, if it is one."""
        return next((name for name in self._names(kind) if named("value", name) == window), "")

    def _names(self, kind: str) -> list[str]:
        if kind == "month":
            return self._months
        quarters = (f"{month[:4]}-Q{(int(month[5:]) + 2) // 3}" for month in self._months)
        return list(dict.fromkeys(quarters))

    @traitlets.observe("value")
    def _changed(self, _: object) -> None:
        if self._kind_of(self.value) not in {"", self._kind} and self._kind != "custom":
            self._kind = self._kind_of(self.value)
        if self.value is not None:
            self._ends = {name: at.date().isoformat() for name, at in zip(self._ends, self.value, strict=True)}
        self._show()

    def _set(self, name: str, value: str) -> None:
        if name == "kind":
            self._kind = value
            if value in {"month", "quarter"} and not self._name(value, self.value):
                self.value = None
        elif name == "period":
            self.value = value or None
        else:
            self._ends[name] = value
            if all(self._ends.values()):
                self.value = tuple(self._ends.values())

    def _fields(self) -> list[dict[str, object]]:
        kinds = [("month", "month"), ("quarter", "quarter"), ("custom", "custom days")]
        fields = [choice_of("kind", f"{self.label} by", self._kind, kinds)]
        if self._kind == "custom":
            words = {"starting_on": "Starting on", "ending_before": "Ending before"}
            fields += [{"name": name, "label": words[name], "value": value} for name, value in self._ends.items()]
        elif self._kind:
            names = [(name, name) for name in self._names(self._kind)]
            fields.append(choice_of("period", self._kind.capitalize(), self._name(self._kind, self.value), names))
        return fields

    def _note(self) -> str:
        if self.value is None:
            return "no period chosen"
        start, end = self.value
        days = (end - start).total_seconds() / 86_400
        return f"{_text(start)} until before {_text(end)}, UTC ({days:g} days)"

    def __repr__(self) -> str:
        return f"PeriodPicker({self._note()})"


def _month(number: int) -> str:
    return f"{number // 12:04d}-{number % 12 + 1:02d}"


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%d" if not (at.hour or at.minute or at.second) else "%Y-%m-%d %H:%M")
