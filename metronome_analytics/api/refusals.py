"""Answers that are not 2xx: which of our errors each of them is, and how long it asks to wait."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

from metronome_analytics.api.server_time import answered_at, http_date
from metronome_analytics.errors import (
    AuthenticationError,
    ConflictError,
    MetronomeError,
    NotFoundError,
    RateLimitedError,
    RequestRejected,
    ServerError,
    TransportError,
)

if TYPE_CHECKING:
    import httpx
    from pydantic import SecretStr

# v2 endpoints answer 400 with one of these codes where v1 answers 404.
_NOT_FOUND_CODES = frozenset(
    {"CustomerNotFound", "ContractNotFound", "SubscriptionNotFound", "PackageNotFound", "NotificationConfigNotFound"}
)


def refusal(response: httpx.Response, body: bytes, token: SecretStr) -> MetronomeError:  # noqa: PLR0911  # one return a kind
    """The error for an answer that is not 2xx, without the `token` should the server echo it."""
    status = response.status_code
    message, code = _api_message(body, token.get_secret_value())
    phrase = response.reason_phrase.replace(token.get_secret_value(), "***")
    said = f"{status} {phrase}".strip() + (f": {message}" if message else "")
    if status in {401, 403}:
        return AuthenticationError(f"Metronome refused the token ({said}).", status=status)
    if status == 404 or (status == 400 and code in _NOT_FOUND_CODES):
        return NotFoundError(f"Metronome knows no such object ({said}).", status=status)
    if status == 409:
        return ConflictError(f"Metronome reports a conflict ({said}).", status=status)
    if status == 429:
        wait = retry_after(response)
        asked = "" if wait is None else f", which asks for {wait:.0f} s"
        limited = RateLimitedError(f"Metronome is throttling ({said}{asked}).", status=status)
        limited.retry_after = wait
        return limited
    if status >= 500:
        failing = ServerError(f"Metronome failed ({said}).", status=status)
        failing.retry_after = retry_after(response)
        return failing
    if 300 <= status < 400:
        return TransportError(
            f"The address answers with a redirect ({said}).",
            status=status,
            advice="Check base_url; redirects are not followed.",
        )
    return RequestRejected(f"Metronome rejected the request ({said}).", status=status)


def _api_message(body: bytes, token: str) -> tuple[str, str | None]:
    """The API's own message and code."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    if isinstance(answer, dict) and isinstance(answer.get("message"), str):
        message, code = answer["message"], answer.get("code")
    else:
        message, code = body.decode(errors="replace").strip(), None
        # Not cut first: half a token is one too.
        message = message.replace(token, "***")[:200]
    return message.replace(token, "***"), code if isinstance(code, str) else None


def retry_after(response: httpx.Response) -> float | None:
    """The seconds of a Retry-After header, given as seconds or as an HTTP date; None without a usable one."""
    text = response.headers.get("Retry-After", "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        pass
    else:
        return None if math.isnan(seconds) else max(seconds, 0.0)
    at = http_date(text)
    return None if at is None else max((at - answered_at(response)).total_seconds(), 0.0)
