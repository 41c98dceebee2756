"""What users may pass, made into what is sent. Whatever cannot be used is an ArgumentError that names the argument."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Literal, Protocol

import polars as pl

from metronome_analytics import periods
from metronome_analytics.errors import ArgumentError
from metronome_analytics.hits import NoHits
from metronome_analytics.offers import one_of
from metronome_analytics.tracebacks import caller_depth
from metronome_analytics.wording import nearest

Instant = datetime | date | str
OnError = Literal["raise", "collect"]


class Picker(Protocol):
    """Anything with what was chosen in `value`: the ids of a `CustomerPicker`, the ends of a `PeriodPicker`."""

    @property
    def value(self) -> Any:
        """What was chosen."""


class ArrowFrame(Protocol):
    """A frame of another library that can be read as Arrow: of pandas, pyarrow, DuckDB and others."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Its columns, by the Arrow PyCapsule interface."""


Customers = str | Iterable[str] | pl.Series | pl.DataFrame | pl.LazyFrame | ArrowFrame | Picker
Period = tuple[Instant, Instant] | Picker

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


def _ids(given: object, argument: str) -> Iterable[Any]:
    customers: object = _polars_frame(given)
    match customers:
        case str():
            return [customers]
        case pl.DataFrame() | pl.LazyFrame():
            return _ids_of_frame(customers, argument)
        case pl.Series():
            return customers.unique(maintain_order=True).to_list()
        case bytes() | Mapping():
            pass
        case object(widget=object(value=_) as wrapped, value=Mapping()):
            # As marimo wraps a picker: its own value is the state of the widget.
            return _ids(wrapped, argument)
        case object(value=chosen) if not isinstance(customers, Iterable):
            if chosen is None or chosen == ():
                raise ArgumentError(
                    f"{argument}: nothing is chosen in the picker yet.", advice="Choose there, or leave it out for all."
                )
            return _ids(chosen, argument)
        case Iterable():
            return customers
    raise ArgumentError(f"{argument} cannot be {type(customers).__name__}.", advice=_CUSTOMERS_HINT)


def _ids_of_frame(frame: pl.DataFrame | pl.LazyFrame, argument: str) -> list[Any]:
    if isinstance(frame, NoHits) and frame.is_empty():
        raise ArgumentError(
            f"{argument}: the search for {frame.query!r} found nobody.",
            advice="Search for less of the name, or leave it out for all.",
        )
    names = frame.collect_schema().names()
    name = next((name for name in ("customer_id", "id") if name in names), None)
    if name is None:
        raise ArgumentError(f"{argument} is a frame without a customer_id or id column.", advice=_CUSTOMERS_HINT)
    return frame.lazy().select(name).unique(maintain_order=True).collect().to_series().to_list()


def _polars_frame(given: Any) -> object:
    """A frame of another library as ours: iterating over it would give the names of its columns. Else `given`."""
    if isinstance(given, pl.DataFrame | pl.LazyFrame | pl.Series | str | Mapping):
        return given
    if hasattr(given, "__arrow_c_stream__"):
        try:
            return pl.DataFrame(given)
        except pl.exceptions.SchemaError:
            # A column alone (a Series of pandas) streams values, not rows.
            return pl.Series(given)
    names = getattr(given, "columns", None)
    if isinstance(given, Iterable) and isinstance(names, Iterable):
        return pl.DataFrame({name: list(given[name]) for name in names if name in {"customer_id", "id"}})  # type: ignore[index]  # as a frame is
    return given


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


def asked_window(
    starting_on: Instant | None, ending_before: Instant | None, month: str | None, period: Period | None
) -> tuple[datetime | None, datetime | None]:
    """Both ends of a half-open window in UTC, whichever way it was asked for; a period has a name or two ends."""
    ways = [month, period, starting_on if starting_on is not None else ending_before]
    if sum(way is not None for way in ways) > 1:
        raise ArgumentError("month, period, and starting_on with ending_before exclude each other.")
    if month is not None:
        return periods.named("month", month)
    if period is not None:
        starting_on, ending_before = periods.ends(period)
    return window(("starting_on", starting_on), ("ending_before", ending_before))


def required_window(
    starting_on: Instant | None,
    ending_before: Instant | None,
    month: str | None = None,
    period: Period | None = None,
) -> tuple[datetime, datetime]:
    """`asked_window` with both ends needed."""
    start, end = asked_window(starting_on, ending_before, month, period)
    if start is None or end is None:
        raise ArgumentError(
            f"{'starting_on' if start is None else 'ending_before'} is needed here.",
            advice='Give both ends, or month="2026-10", or period= (a PeriodPicker or both ends).',
        )
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
    words = {str(word).lower(): str(word) for word in choices}
    found = words.get(value.lower(), value) if isinstance(value, str) else value
    one_of(argument, found, words.values())
    return found


def growing(argument: str, value: str | None, *known: str) -> str | None:
    """`value` as it stands in `known`; any other text, which the API may know by now, is sent with a warning."""
    given = text(argument, value)
    try:
        return choice(argument, given, *known)
    except ArgumentError as unknown:
        if nearest(given, known):
            raise
        warnings.warn(f"{unknown.message} It is sent as it is.", stacklevel=caller_depth())
        return given


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


def file_to_write(argument: str, path: str | Path, *suffixes: str) -> Path:
    """`path`, which must end in one of `suffixes` and lie in a folder that is there."""
    file = Path(path)
    if file.suffix.lower() not in suffixes:
        raise ArgumentError(f"{argument}={str(path)!r} must end in {' or '.join(suffixes)}.")
    if not file.parent.is_dir():
        raise ArgumentError(
            f"{argument}={str(path)!r} is in a folder that does not exist.", advice="Make the folder first."
        )
    return file


def frame_with(frame: object, argument: str, *needed: str, source: str | None = None) -> list[str]:
    """The columns of `frame`, which must be a polars frame with the columns `needed`; `source` is who returns such."""
    if not isinstance(frame, pl.DataFrame | pl.LazyFrame):
        raise ArgumentError(f"{argument} must be a polars DataFrame or LazyFrame, not {type(frame).__name__}.")
    # Their names alone: to tell the types of nested columns takes longer than some analyses.
    names = frame.columns if isinstance(frame, pl.DataFrame) else frame.collect_schema().names()
    missing = [name for name in needed if name not in names]
    if missing:
        raise ArgumentError(
            f"{argument} has no column {', '.join(map(repr, missing))}.",
            advice=f"Pass the frame as {source or f'account.{argument}()'} returned it.",
        )
    return names


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
