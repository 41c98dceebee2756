"""One request and its answer as they went over the wire, for whoever looks at them as such."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request as it was sent and its whole answer, whatever its status. Headers of the request are left out.

    `body` is inflated; `headers` are the answer's, names in lower case; `seconds` is from sending to the last byte.
    """

    method: str
    url: str
    content: bytes
    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float


Watcher = Callable[[Exchange], object]
