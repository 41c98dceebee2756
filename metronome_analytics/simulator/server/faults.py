"""Faults on order: what goes wrong, for which requests, and how often."""

from __future__ import annotations

from dataclasses import dataclass, field
from email.utils import formatdate
from math import ceil
from threading import Lock
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

Kind = Literal[
    "rate_limit_seconds",
    "rate_limit_date",
    "rate_limit_bare",
    "status",
    "status_after_effect",
    "lost_after_effect",
    "cut_body",
    "html",
    "garbage",
    "repeat_cursor",
    "empty_page",
    "slow",
    "gateway",
    "mutate",
]
KINDS: tuple[Kind, ...] = Kind.__args__  # type: ignore[attr-defined]  # the words of a Literal, as typing stores them


@dataclass(eq=False)
class Fault:
    """One rule: after `after` matching requests it spoils the next `times` ones (None: all of them).

    rate_limit_seconds, rate_limit_date, rate_limit_bare: 429 with `Retry-After: seconds`, with an HTTP date that many
    seconds from now, or with neither. status: an error before anything happens. status_after_effect,
    lost_after_effect: the request is carried out, then answered with an error or not at all. cut_body: the connection
    closes half way through. html, garbage: 200, and not JSON. repeat_cursor: `next_page` is the same for
    ever, whatever `times` says.
    empty_page: no data and a fresh cursor to the same place. slow: `seconds` of waiting, then the true answer.
    gateway: 504 where more than `days` days are asked for.
    mutate: `change` is called with the parsed answer and changes it in place or returns another.
    """

    kind: Kind
    match: str | Callable[[str, str], bool] = ""
    """Part of the path, or a function of method and path."""
    times: int | None = 1
    after: int = 0
    status: int = 500
    seconds: float = 1.0
    message: str = "simulated failure"
    limit_type: Literal["client", "customer"] = "client"
    change: Callable[[object], object] | None = None
    days: int = 7
    seen: int = field(default=0, init=False)
    """How many matching requests it has met."""
    fired: int = field(default=0, init=False)
    """How many requests it has spoiled so far."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault {self.kind!r}: one of {', '.join(KINDS)}")
        if self.kind == "repeat_cursor":
            self.times = None
        if self.times is not None and self.times < 1:
            raise ValueError("times must be at least 1, or None for every request")
        if self.kind == "mutate" and self.change is None:
            raise ValueError("a mutate fault needs change=")

    def matches(self, method: str, path: str) -> bool:
        """Whether the rule is about such a request."""
        return self.match in path if isinstance(self.match, str) else self.match(method, path)

    def rate_limit_headers(self, now: datetime) -> dict[str, str]:
        """The headers of the 429; `now` is the server's time."""
        headers: dict[str, str] = {"x-metronome-rate-limit-type": self.limit_type}
        if self.kind == "rate_limit_seconds":
            headers["retry-after"] = f"{self.seconds:g}"
        elif self.kind == "rate_limit_date":
            headers["retry-after"] = formatdate(ceil(now.timestamp() + self.seconds), usegmt=True)
        return headers


class Faults:
    """The rules in the order they were added; a request meets at most one."""

    def __init__(self) -> None:
        self._rules: list[Fault] = []
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._rules)

    def add(self, fault: Fault) -> Fault:
        """Add a rule and return it."""
        with self._lock:
            self._rules.append(fault)
        return fault

    def clear(self) -> None:
        """Drop every rule."""
        with self._lock:
            self._rules.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """The rule that is due for a request, and count it."""
        with self._lock:
            for fault in self._rules:
                if not fault.matches(method, path):
                    continue
                fault.seen += 1
                if fault.seen <= fault.after:
                    continue
                fault.fired += 1
                if fault.fired == fault.times:
                    self._rules.remove(fault)
                return fault
        return None
