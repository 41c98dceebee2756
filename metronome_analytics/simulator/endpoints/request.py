"""A request as endpoints see it: its parameters, its cursor, its body."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from metronome_analytics.simulator.endpoints.answers import ApiError
from metronome_analytics.simulator.endpoints.parameters import Parameters

if TYPE_CHECKING:
    from collections.abc import Mapping


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
    reject_unknown: bool = False
    """Whether this server refuses parameters that no one asked for."""
    cap_limits: bool = False
    """Whether it takes a limit above the largest for the largest."""

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
        return Parameters(
            self._values,
            cursor_name=self.cursor_name,
            reject_unknown=self.reject_unknown,
            cap_limits=self.cap_limits,
        )

    @cached_property
    def identity(self) -> str:
        """A digest of everything asked for, the cursor too. Raises ApiError 400 when the body cannot be read."""
        asked = (self.method, self.path, sorted(self._values.items(), key=lambda item: item[0]))
        return hashlib.blake2b(repr(asked).encode(), digest_size=16).hexdigest()

    @property
    def customer_id(self) -> str | None:
        """The one customer the request is about, if it names one as most do; looking it up counts for nothing."""
        named = self.path_parameters.get("customer_id") or self._values.get("customer_id")
        return named if isinstance(named, str) else None

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


def _no_constant(text: str) -> None:
    """Refuse NaN and Infinity, which are not JSON."""
    raise ValueError(text)
