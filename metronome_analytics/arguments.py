"""What users may pass, made into what is sent. Whatever cannot be used is an ArgumentError that names the argument."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal, Protocol

import polars as pl

from metronome_analytics.errors import ArgumentError

Instant = datetime | date | str
OnError = Literal["raise", "collect"]


class Picker(Protocol):
    """Anything with the chosen customer ids in `value`, such as `widgets.CustomerPicker`."""

    @property
    def value(self) -> Any:
        """The chosen ids."""


Customers = str | Iterable[str] | pl.Series | pl.DataFrame | pl.LazyFrame | Picker

_CUSTOMERS_HINT = (
    "Pass None for every customer, an id, several ids, a Series of ids, "
    "a frame with a customer_id or id column, or a picker."
)


def customer_ids(customers: Customers | None, *, argument: str = "customers") -> list[str] | None:
    """The ids meant by `customers`, each once, in the order given; None means every customer."""
    if customers is None:
        return None
    ids: dict[str, None] = {}
    for given in _ids(customers, argument):
        if not isinstance(given, str):
            raise ArgumentError(f"{argument} holds {given!r}, which is no customer id.", advice=_CUSTOMERS_HINT)
        if not given or given != given.strip():
            raise ArgumentError(f"{argument} holds {given!r}: a customer id is neither blank nor padded.")
        ids[given] = None
    return list(ids)


def _ids(customers: object, argument: str) -> Iterable[Any]:
    match customers:
        case str():
            return [customers]
        case pl.DataFrame() | pl.LazyFrame():
            names = customers.collect_schema().names()
            name = next((name for name in ("customer_id", "id") if name in names), None)
            if name is None:
                raise ArgumentError(
                    f"{argument} is a frame without a customer_id or id column.", advice=_CUSTOMERS_HINT
                )
            return customers.lazy().select(name).unique(maintain_order=True).collect().to_series().to_list()
        case pl.Series():
            return customers.unique(maintain_order=True).to_list()
        case bytes() | Mapping():
            pass
        case object(value=chosen) if not isinstance(customers, Iterable):
            return _ids(() if chosen is None else chosen, argument)
        case Iterable():
            return customers
    raise ArgumentError(f"{argument} cannot be {type(customers).__name__}.", advice=_CUSTOMERS_HINT)


def instant(argument: str, value: Instant | None) -> datetime | None:
    """`value` in UTC; dates and naive datetimes are read as UTC."""
    match value:
        case None:
            return None
        case datetime():
            at = value
        case date():
            at = datetime.combine(value, time())
        case str():
            try:
                at = datetime.fromisoformat(value)
            except ValueError:
                raise ArgumentError(
                    f"{argument}={value!r} is no date.", advice='Write "2026-10-01" or "2026-10-01T00:00:00Z".'
                ) from None
        case _:
            raise ArgumentError(
                f"{argument} cannot be {type(value).__name__}.", advice="Pass a datetime, a date or an ISO 8601 text."
            )
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def window(
    starting: tuple[str, Instant | None], ending: tuple[str, Instant | None]
) -> tuple[datetime | None, datetime | None]:
    """Both ends of a half-open window in UTC, each given as (argument name, value)."""
    start, end = instant(*starting), instant(*ending)
    if start is not None and end is not None and start > end:
        raise ArgumentError(
            f"{starting[0]} ({rfc3339(start)}) is after {ending[0]} ({rfc3339(end)}).",
            advice=f"The window is [{starting[0]}, {ending[0]}).",
        )
    return start, end


def required_window(starting_on: Instant, ending_before: Instant) -> tuple[datetime, datetime]:
    """`window` with both ends needed."""
    start, end = window(("starting_on", starting_on), ("ending_before", ending_before))
    if start is None or end is None:
        raise ArgumentError(f"{'starting_on' if start is None else 'ending_before'} is needed here.")
    return start, end


def midnight(at: datetime) -> datetime:
    """The start of the UTC day of `at`."""
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def whole_days(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """The smallest window of whole UTC days that holds [start, end): usage-like endpoints take midnights only."""
    first = midnight(start)
    last = midnight(end)
    return first, last if last == end else last + timedelta(days=1)


def chunks(start: datetime, end: datetime, length: timedelta) -> Iterator[tuple[datetime, datetime]]:
    """[start, end) in consecutive windows of at most `length`."""
    while start < end:
        upto = min(start + length, end)
        yield start, upto
        start = upto


def rfc3339(at: datetime) -> str:
    """A UTC datetime as the API reads it."""
    return at.isoformat().replace("+00:00", "Z")


def optional_rfc3339(argument: str, value: Instant | None) -> str | None:
    """`value` as the API reads it, or None."""
    at = instant(argument, value)
    return None if at is None else rfc3339(at)


def text(argument: str, value: str | None) -> str | None:
    """`value`, which must be text that is not blank, or None."""
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip():
        raise ArgumentError(f"{argument} must be text that is not blank, not {value!r}.")
    return value


def texts(argument: str, values: str | Iterable[str] | None) -> list[str] | None:
    """`values` as a list of texts, or None."""
    if values is None:
        return None
    given = [values] if isinstance(values, str) else list(values)
    return [item for value in given if (item := text(argument, value)) is not None]


def flag(argument: str, value: bool | None) -> bool | None:  # noqa: FBT001  # it checks one
    """`value`, which must be a bool or None."""
    if value is not None and not isinstance(value, bool):
        raise ArgumentError(f"{argument} must be True or False, not {value!r}.")
    return value


def choice(argument: str, value: str | None, *choices: str) -> str | None:
    """`value` as it stands in `choices`, whatever its case; None stays None."""
    if value is None:
        return None
    words = [str(word) for word in choices]
    for allowed in words:
        if isinstance(value, str) and value.lower() == allowed.lower():
            return allowed
    raise ArgumentError(f"{argument} must be one of {', '.join(map(repr, words))}, not {value!r}.")


def identifier(argument: str, value: object) -> str:
    """`value`, which must be an id: text that is neither blank nor padded."""
    if not isinstance(value, str) or not value or value != value.strip():
        raise ArgumentError(f"{argument} must be an id, not {value!r}.")
    return value


def one_customer(customer: Customers | None) -> str:
    """The id of the one customer meant."""
    ids = None if customer is None else customer_ids(customer, argument="customer")
    if ids is None or len(ids) != 1:
        given = "none" if not ids else f"{len(ids)}"
        raise ArgumentError(f"customer must be one customer, not {given}.")
    return ids[0]


def choices(argument: str, values: str | Iterable[str] | None, *allowed: str) -> list[str] | None:
    """Each of `values` as it stands in `allowed`, whatever its case."""
    given = texts(argument, values)
    return None if given is None else [found for value in given if (found := choice(argument, value, *allowed))]


def whole_number(argument: str, value: object, *, least: int = 0) -> int:
    """`value`, which must be a whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        bound = {0: " that is not negative", 1: " above zero"}.get(least, f" of at least {least}")
        raise ArgumentError(f"{argument} must be a whole number{bound}, not {value!r}.")
    return value


def frame_with(frame: object, argument: str, *needed: str, source: str | None = None) -> pl.Schema:
    """The schema of `frame`, which must be a polars frame with the columns `needed`; `source` is who returns such."""
    if not isinstance(frame, pl.DataFrame | pl.LazyFrame):
        raise ArgumentError(f"{argument} must be a polars DataFrame or LazyFrame, not {type(frame).__name__}.")
    schema = frame.collect_schema()
    missing = [name for name in needed if name not in schema]
    if missing:
        raise ArgumentError(
            f"{argument} has no column {', '.join(map(repr, missing))}.",
            advice=f"Pass the frame as {source or f'account.{argument}()'} returned it.",
        )
    return schema


def an_object(argument: str, value: Mapping[str, object] | None, *fields: str) -> dict[str, object] | None:
    """`value` as an object; with `fields` it may have no others."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise ArgumentError(f"{argument} must be an object, not {value!r}.")
    unknown = [str(name) for name in value if fields and name not in fields]
    if unknown:
        raise ArgumentError(f"{argument} knows {', '.join(fields)}, not {', '.join(sorted(unknown))}.")
    return dict(value)


def objects(
    argument: str, values: Iterable[Mapping[str, object]] | None, *fields: str
) -> list[dict[str, object]] | None:
    """`values` as a list of objects that have no fields but `fields`."""
    if values is None:
        return None
    if isinstance(values, Mapping | str) or not isinstance(values, Iterable):
        raise ArgumentError(f"{argument} must be a list of objects, not {type(values).__name__}.")
    return [found for value in values if (found := an_object(argument, value, *fields)) is not None]


def not_both(**instants: Instant | None) -> None:
    """Refuse arguments, given by name, that exclude each other."""
    if all(value is not None for value in instants.values()):
        raise ArgumentError(f"{' and '.join(instants)} exclude each other.")
