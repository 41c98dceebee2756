"""What handlers see and return: requests, parameters, cursors, replies, errors."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeVar
from uuid import UUID

from metronome_analytics.simulator.rendering.scalars import Json, dump
from metronome_analytics.simulator.world.days import parse_instant

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

Row = TypeVar("Row")


class ApiError(Exception):
    """An answer other than 200, with the API's message and, where the endpoint has codes, its code."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: JSON text, or nothing, or the text of another kind of document."""

    body: str = ""
    status: int = 200
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list: JSON texts, and the position to go on from."""

    items: Sequence[str]
    next_position: tuple[int, ...] | None
    cursor_key: str | None = "next_page"
    """Where the answer has its cursor; None when it has none of its own."""
    seats_left: int | None = None
    """For seat balances, which count seats in an object around their cursor: how many are left."""


Answer = Reply | Page


def error(status: int, message: str, code: str | None = None) -> Reply:
    """The error answer the API documents."""
    payload = {"message": message} if code is None else {"code": code, "message": message}
    return Reply(dump(payload), status)


def data(value: object) -> Reply:
    """An answer that is one object, or a list that has no pages."""
    return Reply(dump({"data": value}))


class Parameters:
    """Named parameters of a query string or a JSON body, read with the checks the API makes. Raises ApiError 400."""

    def __init__(self, values: Mapping[str, object], *, cursor_name: str = "next_page") -> None:
        self._values = values
        self._read = {cursor_name}

    def raw(self, name: str) -> object:
        """A value as it came, None when absent or null."""
        self._read.add(name)
        return self._values.get(name)

    def text(self, name: str) -> str | None:
        """A string."""
        value = self.raw(name)
        if value is not None and not isinstance(value, str):
            raise ApiError(400, f"{name} must be a string")
        return value

    def required(self, name: str) -> str:
        """A string that must be there."""
        value = self.text(name)
        if value is None:
            raise ApiError(400, f"{name} is required")
        return value

    def uuid(self, name: str) -> str | None:
        """A UUID in canonical form."""
        value = self.text(name)
        return None if value is None else canonical_uuid(value, name)

    def required_uuid(self, name: str) -> str:
        """A UUID that must be there."""
        return canonical_uuid(self.required(name), name)

    def required_instant(self, name: str) -> datetime:
        """A timestamp that must be there."""
        self.required(name)
        value = self.instant(name)
        if value is None:
            raise ApiError(400, f"{name} is required")
        return value

    def instant(self, name: str) -> datetime | None:
        """A timestamp."""
        value = self.text(name)
        if value is None:
            return None
        try:
            return parse_instant(value)
        except ValueError:
            raise ApiError(400, f"{name} must be an RFC 3339 timestamp") from None

    def flag(self, name: str) -> bool:
        """A boolean; absent means false."""
        value = self.raw(name)
        if value in ("true", "false"):
            return value == "true"
        if value is not None and not isinstance(value, bool):
            raise ApiError(400, f"{name} must be a boolean")
        return bool(value)

    def choice(self, name: str, allowed: Sequence[str], default: str) -> str:
        """One of some words, in any case, in the case they are listed in."""
        value = self.text(name)
        if value is None:
            return default
        found = next((word for word in allowed if word.lower() == value.lower()), None)
        if found is None:
            raise ApiError(400, f"{name} must be one of {', '.join(allowed)}")
        return found

    def limit(self, maximum: int, default: int) -> int:
        """The page size."""
        value = self.raw("limit")
        if value is None:
            return default
        if isinstance(value, str) and value.isascii() and value.isdigit():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= maximum:
            raise ApiError(400, f"limit must be an integer between 1 and {maximum}")
        return value

    def strings(self, name: str, allowed: Sequence[str] | None = None) -> list[str] | None:
        """A JSON array of strings; with `allowed`, in the case they are listed in."""
        value = self.raw(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ApiError(400, f"{name} must be an array of strings")
        if allowed is None:
            return value
        known = {word.lower(): word for word in allowed}
        if any(item.lower() not in known for item in value):
            raise ApiError(400, f"{name} must be of {', '.join(allowed)}")
        return [known[item.lower()] for item in value]

    def uuids(self, name: str) -> list[str] | None:
        """A JSON array of UUIDs in canonical form."""
        values = self.strings(name)
        return None if values is None else [canonical_uuid(value, name) for value in values]

    def object(self, name: str) -> Json | None:
        """A JSON object."""
        value = self.raw(name)
        if value is not None and not isinstance(value, dict):
            raise ApiError(400, f"{name} must be an object")
        return value

    def objects(self, name: str) -> list[Json] | None:
        """A JSON array of objects."""
        value = self.raw(name)
        if value is not None and (not isinstance(value, list) or not all(isinstance(item, dict) for item in value)):
            raise ApiError(400, f"{name} must be an array of objects")
        return value

    def words(self, name: str, maximum: int) -> list[str] | None:
        """A list that came comma-joined, as repeated keys, or both."""
        value = self.text(name)
        if value is None:
            return None
        words = [word for word in value.split(",") if word]
        if len(words) > maximum:
            raise ApiError(400, f"{name} takes at most {maximum} values")
        return words

    def finish(self, *, reject_unknown: bool) -> None:
        """Refuse what no one asked for, when this server does."""
        unknown = sorted(self._values.keys() - self._read)
        if unknown and reject_unknown:
            raise ApiError(400, f"unknown parameter: {unknown[0]}")


def canonical_uuid(value: str, name: str) -> str:
    """A UUID in lower case with hyphens. Raises ApiError 400."""
    try:
        return str(UUID(value))
    except ValueError:
        raise ApiError(400, f"{name} must be a UUID") from None


@dataclass(slots=False)
class Request:
    """A request that has been read to its end."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    content: bytes
    parameters_in: Literal["query", "body"] = "query"
    in_query: tuple[str, ...] = ()
    """Parameters that a request with a body has in its query string all the same."""
    in_cursor: tuple[str, ...] = ()
    """Parameters that the cursor carries on, so that they are not sent with it."""
    cursor_name: str = "next_page"
    path_parameters: dict[str, str] = field(default_factory=dict)

    @cached_property
    def body(self) -> dict[str, object]:
        """The JSON body. Raises ApiError 400 when it is not an object."""
        try:
            value = json.loads(self.content or b"{}", parse_float=Decimal, parse_constant=_no_constant)
        except ValueError:
            raise ApiError(400, "Request body is not valid JSON") from None
        if not isinstance(value, dict):
            raise ApiError(400, "Request body must be a JSON object")
        return value

    @cached_property
    def _values(self) -> Mapping[str, object]:
        if self.parameters_in == "query":
            return self.query
        in_body = {name: value for name, value in self.body.items() if name not in self.in_query}
        return in_body | {name: value for name, value in self.query.items() if name in self.in_query}

    @cached_property
    def parameters(self) -> Parameters:
        """The parameters: of the query for a GET, of the body for a POST, where some endpoints page by the query."""
        return Parameters(self._values, cursor_name=self.cursor_name)

    @cached_property
    def fingerprint(self) -> str:
        """A digest of everything asked for, except the cursor and what it carries."""
        left_out = {self.cursor_name, *self.in_cursor}
        rest = sorted((key, value) for key, value in self._values.items() if key not in left_out)
        return hashlib.blake2b(repr((self.path, rest)).encode(), digest_size=9).hexdigest()

    @property
    def cursor(self) -> str | None:
        """The cursor as it came."""
        return self.parameters.text(self.cursor_name) or None

    @property
    def position(self) -> tuple[int, ...] | None:
        """The place the cursor points to. Raises ApiError 400 when it belongs to other parameters."""
        if self.cursor is None:
            return None
        try:
            fingerprint, position, _ = json.loads(base64.urlsafe_b64decode(self.cursor))
        except (ValueError, TypeError):
            raise ApiError(400, f"{self.cursor_name} is not a valid cursor") from None
        if fingerprint != self.fingerprint:
            raise ApiError(400, f"{self.cursor_name} was issued for other parameters")
        return None if position is None else tuple(position)

    def cursor_to(self, position: tuple[int, ...] | None, nonce: int = 0) -> str:
        """A cursor that continues this request at a position; the nonce tells equal positions apart."""
        payload = json.dumps([self.fingerprint, position, nonce], separators=(",", ":"))
        return base64.urlsafe_b64encode(payload.encode()).decode()


def page(
    request: Request, rows: Sequence[Row], limit: int, write: Callable[[Row], object], cursor_key: str = "next_page"
) -> Page:
    """The page of a list that a request asks for, each row written as JSON."""
    start = (request.position or (0,))[0]
    end = start + limit
    items = [dump(write(row)) for row in rows[start:end]]
    return Page(items, (end,) if end < len(rows) else None, cursor_key)


def _no_constant(text: str) -> None:
    """Refuse NaN and Infinity, which are not JSON."""
    raise ValueError(text)
