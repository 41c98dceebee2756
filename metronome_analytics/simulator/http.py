"""What handlers see and return: requests, parameters, cursors, replies, errors."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Literal
from uuid import UUID

from .units import parse_instant

Json = dict[str, object]
"""A JSON object."""


class ApiError(Exception):
    """An answer other than 200, with the API's message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: JSON text, or nothing."""

    body: str = ""
    status: int = 200


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list: JSON texts, and the position to go on from."""

    items: Sequence[str]
    next_position: tuple[int, ...] | None


Answer = Reply | Page


def dump(value: object) -> str:
    """Return compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def error(status: int, message: str) -> Reply:
    """Return the error answer the API documents."""
    return Reply(dump({"message": message}), status)


class Parameters:
    """Named parameters of a query string or a JSON body, read with the checks the API makes. Raises ApiError 400."""

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = values
        self._read = {"next_page"}

    def raw(self, name: str) -> object:
        """Return a value as it came, None when absent or null."""
        self._read.add(name)
        return self._values.get(name)

    def text(self, name: str) -> str | None:
        """Return a string."""
        value = self.raw(name)
        if value is not None and not isinstance(value, str):
            raise ApiError(400, f"{name} must be a string")
        return value

    def required(self, name: str) -> str:
        """Return a string that must be there."""
        value = self.text(name)
        if value is None:
            raise ApiError(400, f"{name} is required")
        return value

    def uuid(self, name: str) -> str | None:
        """Return a UUID in canonical form."""
        value = self.text(name)
        return None if value is None else canonical_uuid(value, name)

    def instant(self, name: str) -> datetime | None:
        """Return a timestamp."""
        value = self.text(name)
        if value is None:
            return None
        try:
            return parse_instant(value)
        except ValueError:
            raise ApiError(400, f"{name} must be an RFC 3339 timestamp") from None

    def flag(self, name: str) -> bool:
        """Return a boolean; absent means false."""
        value = self.raw(name)
        if value in ("true", "false"):
            return value == "true"
        if value is not None and not isinstance(value, bool):
            raise ApiError(400, f"{name} must be a boolean")
        return bool(value)

    def choice(self, name: str, allowed: Sequence[str], default: str) -> str:
        """Return one of some words, in any case, in the case they are listed in."""
        value = self.text(name)
        if value is None:
            return default
        found = next((word for word in allowed if word.lower() == value.lower()), None)
        if found is None:
            raise ApiError(400, f"{name} must be one of {', '.join(allowed)}")
        return found

    def limit(self, maximum: int, default: int) -> int:
        """Return the page size."""
        value = self.raw("limit")
        if value is None:
            return default
        if isinstance(value, str) and value.isascii() and value.isdigit():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= maximum:
            raise ApiError(400, f"limit must be an integer between 1 and {maximum}")
        return value

    def words(self, name: str, maximum: int) -> list[str] | None:
        """Return a list that came comma-joined, as repeated keys, or both."""
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
    """Return a UUID in lower case with hyphens. Raises ApiError 400."""
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
    cursor_in: Literal["query", "body"] = "query"
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
    def parameters(self) -> Parameters:
        """The parameters: of the query for a GET, of the body for a POST."""
        return Parameters(self.query if self.cursor_in == "query" else self.body)

    @cached_property
    def fingerprint(self) -> str:
        """A digest of everything asked for, except the cursor."""
        values: Mapping[str, object] = self.query if self.cursor_in == "query" else self.body
        rest = sorted((key, value) for key, value in values.items() if key != "next_page")
        return hashlib.blake2b(repr((self.path, rest)).encode(), digest_size=9).hexdigest()

    @property
    def cursor(self) -> str | None:
        """The cursor as it came."""
        return self.parameters.text("next_page") or None

    @property
    def position(self) -> tuple[int, ...] | None:
        """The place the cursor points to. Raises ApiError 400 when it belongs to other parameters."""
        if self.cursor is None:
            return None
        try:
            fingerprint, position, _ = json.loads(base64.urlsafe_b64decode(self.cursor))
        except (ValueError, TypeError):
            raise ApiError(400, "next_page is not a valid cursor") from None
        if fingerprint != self.fingerprint:
            raise ApiError(400, "next_page was issued for other parameters")
        return None if position is None else tuple(position)

    def cursor_to(self, position: tuple[int, ...] | None, nonce: int = 0) -> str:
        """Return a cursor that continues this request at a position; the nonce tells equal positions apart."""
        payload = json.dumps([self.fingerprint, position, nonce], separators=(",", ":"))
        return base64.urlsafe_b64encode(payload.encode()).decode()


def _no_constant(text: str) -> None:
    """Refuse NaN and Infinity, which are not JSON."""
    raise ValueError(text)
