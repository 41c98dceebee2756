"""What a user asks for: entries, as objects, dicts, a frame or the rows of a CSV."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Annotated, Any

import polars as pl
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from metronome_analytics.errors import ArgumentError


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


def _groups(value: object) -> object:
    """A CSV writes a mapping as JSON text; a frame as a Map or a struct with nulls."""
    if isinstance(value, str):
        value = json.loads(value, parse_float=Decimal)
    if isinstance(value, Mapping):
        value = {key: _exact(amount) for key, amount in value.items() if amount is not None}
    return value or None


Amount = Annotated[Decimal, BeforeValidator(_exact)]


class _Fields(BaseModel):
    """The fields of an entry and their types."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=True)

    customer_id: str
    balance_id: str
    amount: Amount
    reason: str
    segment_id: str | None = None
    contract_id: str | None = None
    timestamp: Annotated[datetime | None, BeforeValidator(_utc)] = None
    per_group_amounts: Annotated[dict[str, Decimal] | None, BeforeValidator(_groups)] = None


class BalanceEntry(_Fields):
    """One manual entry: `amount` is added to a segment of a balance, in the balance's own unit (USD is in cents).

    `segment_id` may be left out where the balance has one segment, `contract_id` always (the balance knows it),
    `timestamp` means now. `per_group_amounts` splits the amount over seats and must sum to it. Raises ArgumentError
    for a value of the wrong type; whether the entry makes sense for the account is for `plan_balance_entries`.
    """

    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise ArgumentError(f"This is no balance entry: {'; '.join(_problems(error))}.") from None


def _problems(error: ValidationError) -> list[str]:
    return [f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()]


Entries = BalanceEntry | Mapping[str, Any] | pl.DataFrame | Iterable[BalanceEntry | Mapping[str, Any]]


def read_entries(entries: Entries) -> tuple[list[BalanceEntry], list[tuple[int, str, str]]]:
    """The entries by row, and what is wrong as (row, field, problem).

    A field that is no good is reported and left open, so that the rest of its row is still checked.
    """
    parsed: list[BalanceEntry] = []
    problems: list[tuple[int, str, str]] = []
    for row, entry in enumerate(_rows(entries)):
        if isinstance(entry, BalanceEntry):
            parsed.append(entry)
            continue
        # Empty cells of a CSV and nulls of a frame mean "not given".
        given = {k: v.strip() if isinstance(v, str) else v for k, v in entry.items()}
        given = {k: v for k, v in given.items() if v is not None and v != ""}
        try:
            fields = dict(_Fields.model_validate(given))
        except ValidationError as error:
            wrong = [(str(p["loc"][0]), str(p["msg"]).removeprefix("Value error, ")) for p in error.errors()]
            problems += [(row, name, problem) for name, problem in wrong]
            fields = {**_OPEN, **{k: v for k, v in given.items() if k not in {name for name, _ in wrong}}}
        parsed.append(BalanceEntry(**fields))
    return parsed, problems


# What stands in for a field that must be there and is not.
_OPEN: dict[str, Any] = {"customer_id": "", "balance_id": "", "amount": Decimal("NaN"), "reason": ""}


def _rows(entries: Entries) -> list[BalanceEntry | Mapping[str, Any]]:
    match entries:
        case BalanceEntry() | Mapping():
            return [entries]
        case pl.DataFrame():
            return [{str(name).strip(): value for name, value in row.items()} for row in entries.iter_rows(named=True)]
        case str() | bytes():
            pass
        case Iterable():
            rows = list(entries)
            if all(isinstance(row, BalanceEntry | Mapping) for row in rows):
                return rows
    raise ArgumentError(
        "entries must be a BalanceEntry, a dict, several of them, or a frame.",
        advice="For a CSV: plan_balance_entries(pl.read_csv(path, infer_schema=False)).",
    )
