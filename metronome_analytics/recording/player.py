"""Plays a recording: answers every request as it was answered then, without a network."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import httpx

from metronome_analytics.errors import ArgumentError, ConfigurationError

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

Asked = tuple[str, str, tuple[tuple[str, str], ...], str]


class _Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


class Player(httpx.AsyncBaseTransport):
    """The answers of a recording, by request; the last answer to a request is given for ever.

    `now` is what the recorded account's clock said at the first answer. Raises ArgumentError for a file that is
    no recording.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._answers: dict[Asked, list[_Answer]] = {}
        self.now = datetime(1970, 1, 1, tzinfo=UTC)
        try:
            self._read(Path(path))
        except OSError as error:
            raise ArgumentError(f"path {str(path)!r} cannot be read: {error.strerror or error}.") from error
        except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
            raise ArgumentError(f"{str(path)!r} is no recording of account.record().") from error

    def _read(self, path: Path) -> None:
        known = False
        for line in path.read_text(encoding="ascii").splitlines():
            if line.startswith("now: "):
                self.now, known = datetime.fromisoformat(json.loads(line[5:])).astimezone(UTC), True
            elif line.startswith("- "):
                each = json.loads(line[2:])
                request, response = each["request"], each["response"]
                key = _asked(request["method"], request["uri"], request["body"])
                headers = {str(name): str(values[0]) for name, values in response["headers"].items()}
                answer = _Answer(int(response["status"]["code"]), headers, response["body"]["string"].encode())
                self._answers.setdefault(key, []).append(answer)
        if not known:
            raise ValueError(path)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The next answer to `request`; ConfigurationError where it was not asked while this was recorded."""
        answers = self._answers.get(_asked(request.method, str(request.url), request.content.decode()))
        if not answers:
            raise ConfigurationError(
                "The recording holds no answer to this request.",
                advice="Ask only what was asked while it was recorded, by the ids and the clock of the recording.",
            )
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        waited = {"retry-after": "0"} if "retry-after" in answer.headers else {}  # it was waited for then
        return httpx.Response(answer.status, headers={**answer.headers, **waited}, content=answer.body, request=request)


def _asked(method: str, url: str, body: str | None) -> Asked:
    """What tells one request from another: neither its host nor the order of its parameters."""
    parts = urlsplit(url)
    query = tuple(sorted(parse_qsl(parts.query, keep_blank_values=True)))
    return method, parts.path, query, json.dumps(json.loads(body or "null"), sort_keys=True)
