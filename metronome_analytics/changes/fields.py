"""What a user asks for: the fields every change is made of, and changes as objects, dicts, a frame or rows of a CSV."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Annotated, Any, ClassVar, TypeVar

import polars as pl
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    PlainSerializer,
    ValidationError,
)

from metronome_analytics.changes.records import plain, sameness
from metronome_analytics.errors import ArgumentError
from metronome_analytics.tables.money import exactly

DECIMALS = 10
_TOO_LARGE = Decimal(10) ** 28
SHORTEST_REASON = 8


def _exact(value: object) -> object:
    """A float means its shortest text: -10.1 is -10.1, not its nearest double."""
    if isinstance(value, bool):
        raise ValueError("an amount is a number, not true or false")  # noqa: TRY004  # pydantic reports a ValueError
    return Decimal(repr(value)) if isinstance(value, float) else value


def _utc(value: object) -> object:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    elif isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return value


def _on_the_hour(at: datetime) -> datetime:
    if at != on_the_hour(at):
        raise ValueError(f"{at:%Y-%m-%d %H:%M:%S} UTC is not on the hour, as the API demands")
    return at


def _at_midnight(at: datetime) -> datetime:
    if at.time() != time():
        raise ValueError(f"{at:%Y-%m-%d %H:%M:%S} UTC is not midnight UTC, as the API demands")
    return at


def on_the_hour(at: datetime) -> datetime:
    """The hour that `at` is in: the API takes no other times of access."""
    return at.replace(minute=0, second=0, microsecond=0)


def _mapping(value: object) -> object:
    """A CSV writes a mapping as JSON text; a frame as a Map or a struct with nulls."""
    if isinstance(value, str):
        value = json.loads(value, parse_float=Decimal)
    if isinstance(value, Mapping):
        value = {key: _exact(amount) for key, amount in value.items() if amount is not None}
    return value or None


def _texts(value: object) -> object:
    """A CSV writes several texts as a JSON list."""
    return json.loads(value) if isinstance(value, str) and value.startswith("[") else value


def _json(value: object) -> object:
    """A CSV writes an object or a list as JSON text; a frame as a Map or a struct with nulls."""
    if isinstance(value, str) and value[:1] in {"{", "["}:
        return json.loads(value)
    if isinstance(value, Mapping):
        return {key: each for key, each in value.items() if each is not None}
    return value


@exactly
def is_exact(amount: Decimal) -> bool:
    """Whether a JSON number carries `amount` and a money column holds it: what is sent is what comes back."""
    return abs(amount) < _TOO_LARGE and Decimal(repr(float(amount))) == amount


@exactly
def wrong_amount(amount: Decimal) -> str | None:
    """What is wrong with an amount of money, whatever it is for."""
    if not amount.is_finite():
        return f"{amount} is no finite number"
    if amount == 0:
        return "0 changes nothing"
    if -amount.normalize().as_tuple().exponent > DECIMALS:  # type: ignore[operator]  # finite, so a number
        return f"{amount} has more than {DECIMALS} decimals"
    return None if is_exact(amount) else f"{amount} has more digits than a JSON number carries"


def json_number(amount: Decimal) -> int | float:
    """The JSON number whose shortest text is `amount`: that is what comes back."""
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def rfc3339(at: datetime) -> str:
    """An instant as the API writes it."""
    return at.isoformat().replace("+00:00", "Z")


def _granted(amount: Decimal) -> Decimal:
    if wrong := wrong_amount(amount):
        raise ValueError(wrong)
    if amount < 0:
        raise ValueError(f"{amount} is below zero")
    return amount


Exact = Annotated[Decimal, Field(allow_inf_nan=True), PlainSerializer(plain, when_used="json")]
Amount = Annotated[Exact, BeforeValidator(_exact)]
Granted = Annotated[Exact, BeforeValidator(_exact), AfterValidator(_granted)]
"""An amount above zero."""
AnyTime = Annotated[datetime, BeforeValidator(_utc)]
Hour = Annotated[datetime, BeforeValidator(_utc), AfterValidator(_on_the_hour)]
"""A time of access, in UTC."""
Midnight = Annotated[datetime, BeforeValidator(_utc), AfterValidator(_at_midnight)]
"""The beginning of a day, in UTC."""
Object = Annotated[dict[str, JsonValue], BeforeValidator(_json)]
"""A JSON object."""
Objects = Annotated[tuple[dict[str, JsonValue], ...], BeforeValidator(_json)]
"""Several JSON objects."""
TextByName = Annotated[dict[str, str], BeforeValidator(_json)]
"""Texts by their names, as custom fields are."""
AnyJson = Annotated[JsonValue, BeforeValidator(_json)]
"""Any JSON: text that begins as an object or a list is read as one."""
Groups = Annotated[dict[str, Exact] | None, BeforeValidator(_mapping)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_texts)]
Name = Annotated[str, Field(min_length=1)]
Reason = Annotated[str, Field(min_length=SHORTEST_REASON)]


class Fields(BaseModel):
    """What a user gives, by name. Raises ArgumentError for a value of the wrong type, or off its boundary."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise ArgumentError(f"This is no {type(self).__name__}: {'; '.join(_said(error))}.") from None


class Change(Fields):
    """One change of an account. Raises ArgumentError for a value of the wrong type, or off its boundary.

    Whether it makes sense for the account is for `account.plan()`.
    """

    operation: ClassVar[str]

    customer_id: str

    def fields(self) -> dict[str, Any]:
        """The fields as JSON, amounts as exact text."""
        return self.model_dump(mode="json")

    def same(self) -> str:
        """What makes another change the same: the operation with the same fields."""
        return sameness(self.operation, *(f"{name}={value}" for name, value in sorted(self.fields().items())))


C = TypeVar("C", bound=Change)
Asked = Change | Mapping[str, Any] | pl.DataFrame | Iterable[Change | Mapping[str, Any]]


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """What is wrong with one row of what was asked for; `field` is empty where it is the row as a whole."""

    row: int
    field: str
    problem: str


def read_changes(
    asked: Asked, kind: type[Change] | None, *, missing: Mapping[str, Any] | None = None
) -> tuple[list[Change | None], list[Problem]]:
    """The changes by row, and what is wrong with the rows; rows that are no `Change` yet are read as `kind`.

    With `missing` a field that is no good is reported and replaced by what stands there for it, so that the rest of
    its row is still checked; without, such a row is None.
    """
    changes: list[Change | None] = []
    problems: list[Problem] = []
    for row, each in enumerate(_rows(asked, kind)):
        if isinstance(each, Change):
            changes.append(each)
            continue
        if kind is None:
            raise ArgumentError("A row does not say what it changes.", advice="Name it: plan(rows, operation=...).")
        # Empty cells of a CSV and nulls of a frame mean "not given".
        given = {k: v.strip() if isinstance(v, str) else v for k, v in each.items()}
        given = {k: v for k, v in given.items() if v is not None and v != ""}
        change, wrong = _read(kind, given, missing)
        changes.append(change)
        problems += [Problem(row, name, problem) for name, problem in wrong]
    return changes, problems


def _read(
    kind: type[C], given: dict[str, Any], missing: Mapping[str, Any] | None
) -> tuple[C | None, list[tuple[str, str]]]:
    """A change from its fields, and what is wrong with them; a second try leaves out what is wrong."""
    wrong: list[tuple[str, str]] = []
    fields = given
    try:
        return kind.__pydantic_validator__.validate_python(fields, self_instance=kind.__new__(kind)), []
    except ValidationError as error:
        wrong = [(str((*p["loc"], "")[0]), str(p["msg"]).removeprefix("Value error, ")) for p in error.errors()]
    if missing is None:
        return None, wrong
    names = {name for name, _ in wrong}
    return kind(**{**missing, **{k: v for k, v in given.items() if k not in names}}), wrong


def _said(error: ValidationError) -> list[str]:
    return [f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()]


def _rows(asked: Asked, kind: type[Change] | None) -> list[Change | Mapping[str, Any]]:
    match asked:
        case Change() | Mapping():
            return [asked]
        case pl.DataFrame():
            return [{str(name).strip(): value for name, value in row.items()} for row in asked.iter_rows(named=True)]
        case str() | bytes():
            pass
        case Iterable():
            rows = list(asked)
            if all(isinstance(row, Change | Mapping) for row in rows):
                return rows
    name = "change" if kind is None else kind.__name__
    raise ArgumentError(
        f"What is planned must be a {name}, a dict, several of them, or a frame.",
        advice="For a CSV pass pl.read_csv(path, infer_schema=False).",
    )
