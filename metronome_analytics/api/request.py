"""A request before it is sent, what it may take, and what requests have cost. Nothing here speaks to a network."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from metronome_analytics.errors import ArgumentError, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from metronome_analytics.api.decode import Page
    from metronome_analytics.api.endpoints import Endpoint

# What one request may take at most: whatever a server drips, it ends.
MAX_SECONDS = 300.0
MAX_BYTES = 256 * 1024 * 1024


@dataclass(slots=True)
class Tally:
    """What a load has cost so far; the numbers of its receipt."""

    requests: int = 0
    pages: int = 0
    rows: int = 0
    bytes: int = 0
    retries: int = 0
    throttled: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    """One call of one endpoint, before paging. `labels` is whose rows the answer holds: columns it may not repeat."""

    endpoint: Endpoint
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, object] = field(default_factory=dict)
    body: Mapping[str, object] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    # Of a list: how many rows a page is enough, and whether a page's rows show that nothing wanted comes after them.
    page_size: int | None = None
    enough: Callable[[Page], bool] | None = None
    # Whether "not found" is an answer: that there is none.
    may_be_absent: bool = False

    def __post_init__(self) -> None:
        """Refuse an id that no request can carry, or that would not stay one segment of the path."""
        for name, text in {**self.labels, **self.path}.items():
            if printable(text) != text:
                raise ArgumentError(f"{name} must be an id of whole characters, not {text!r}.")
        for name, text in self.path.items():
            # A server, or a proxy before it, may resolve these even where they are percent-encoded.
            if text in {"", ".", ".."}:
                raise ArgumentError(f"{name} must be an id, not {text!r}.")

    @property
    def customer_id(self) -> str | None:
        """The customer the call is about."""
        return self.labels.get("customer_id")
