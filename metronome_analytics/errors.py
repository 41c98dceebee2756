"""Every error this package raises, under one root.

MetronomeError
├── ConfigurationError     no token, an unusable base URL, a missing extra: fix the set-up
├── ArgumentError          an argument of a call is wrong; nothing was sent (also a ValueError)
├── AuthenticationError    401 or 403: Metronome uses both for a bad token
├── RequestRejected        any other 4xx, with the API's own message
│   ├── NotFoundError      404, or a v2 endpoint's 400 that says "not found"
│   └── ConflictError      409
├── RateLimitedError       429, still after the retry budget
├── ServerError            5xx, still after the retry budget
├── TransportError         no connection, a timeout, a body cut short
├── MalformedResponse      not JSON, no `data`, a field of the wrong type
├── PaginationError        a cursor that repeats, pages without end
├── LoadError              a loader stopped; carries what had arrived
├── WritesDisabled         a write on a client that only reads
├── PlanRejected           a plan of changes that may not be applied
├── StalePlan              the account is no longer what the plan saw
├── ConfirmationError      the typed phrase is not the plan's
├── JournalError           the journal of writes cannot be used, so nothing is sent
├── MirrorError            a mirror cannot be read or written, or a file of it is lost; the message names the way out
│   ├── MirrorLocked       somebody else is writing it
│   └── MirrorMismatch     it mirrors another account, or holds a column of another type
└── OutcomeUnknown         a write whose effect could not be established
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, Any

from metronome_analytics.tracebacks import rendered, shell

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

__all__ = [
    "ArgumentError",
    "AuthenticationError",
    "ConfigurationError",
    "ConfirmationError",
    "ConflictError",
    "IncompleteLoadWarning",
    "JournalError",
    "LoadError",
    "MalformedResponse",
    "MetronomeError",
    "MirrorError",
    "MirrorLocked",
    "MirrorMismatch",
    "NotFoundError",
    "OutcomeUnknown",
    "PaginationError",
    "PlanRejected",
    "RateLimitedError",
    "RequestRejected",
    "ServerError",
    "StalePlan",
    "TransportError",
    "WritesDisabled",
]


def __dir__() -> list[str]:
    return __all__


# What moves a cursor, starts an escape sequence, turns a line around or is half a character (as JSON may write it).
_NOT_SHOWN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """`text` that can be shown, in a terminal too: control characters and half characters are written as escapes."""
    return _NOT_SHOWN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class MetronomeError(Exception):
    """The root: what happened, where, and what to do next.

    `endpoint`, `customer_id`, `page` (counted from 1) and `status` are None where they do not apply.

    >>> try:
    ...     account.invoices("00000000-0000-4000-8000-000000000000")
    ... except ma.MetronomeError as error:
    ...     print(type(error).__name__, error.status, error.endpoint)
    LoadError[NotFoundError] 404 GET /v1/customers/{customer_id}/invoices
    """

    advice: str = ""
    sent: bool = True
    """False where it is known that what failed did not leave this machine."""

    def __init__(
        self,
        message: str,
        *,
        endpoint: str | None = None,
        customer_id: str | None = None,
        page: int | None = None,
        status: int | None = None,
        advice: str | None = None,
    ) -> None:
        message = printable(message)
        super().__init__(message)
        self.message = message
        self.endpoint = endpoint
        self.customer_id = customer_id
        self.page = page
        self.status = status
        if advice is not None:
            self.advice = advice

    def __str__(self) -> str:
        where = ", ".join(
            text
            for text in (
                self.endpoint,
                f"customer {self.customer_id}" if self.customer_id else None,
                f"page {self.page}" if self.page is not None else None,
            )
            if text
        )
        # An id and an advice can hold what others wrote, too.
        return printable(" ".join(part for part in (self.message, f"[{where}]" if where else "", self.advice) if part))

    @property
    def _render_traceback_(self) -> Callable[[], list[str]]:
        """What IPython looks for before it shows an exception its own way."""
        running = shell()
        if running is None:
            raise AttributeError("_render_traceback_")
        return lambda: rendered(running, self)


class ConfigurationError(MetronomeError):
    """The set-up cannot work: no token, an unusable base URL, a missing extra."""

    sent = False


class ArgumentError(MetronomeError, ValueError):
    """An argument cannot be used; its name is in the message and nothing was sent."""

    sent = False


class AuthenticationError(MetronomeError):
    """401 or 403. Metronome answers either for a token that is wrong, revoked or not allowed here."""

    advice = "Check METRONOME_BEARER_TOKEN: the token alone decides the environment and what may be read."


class RequestRejected(MetronomeError):
    """The API refused the request (4xx) for the reason in the message."""

    advice = "The request itself must change; sending it again will not help."


class NotFoundError(RequestRejected):
    """The API knows no such object (404, or 400 with a 'not found' code on v2 endpoints)."""

    advice = "Check the id, and that the token belongs to the environment the id comes from."


class ConflictError(RequestRejected):
    """409: the object exists already, or a uniqueness or idempotency key was used before."""


class RateLimitedError(MetronomeError):
    """429, still after the retry budget was used up."""

    advice = "Lower max_requests_per_second in connect(), or try again later."
    retry_after: float | None = None


class ServerError(MetronomeError):
    """5xx, still after the retry budget was used up."""

    advice = "Metronome is failing; try again later."
    retry_after: float | None = None


class TransportError(MetronomeError):
    """No whole answer arrived: connection refused or lost, a timeout, a body cut short."""

    advice = "Check the network and base_url, or raise timeout in connect()."


class MalformedResponse(MetronomeError):
    """An answer that is not what the API declares; nothing of it was used."""

    advice = "If it happens again the API has changed: report it with the endpoint and the field."


class PaginationError(MetronomeError):
    """The cursor repeats or pages never end, so completeness cannot be shown."""

    advice = "Load again; if it repeats, report the endpoint to Metronome."


class LoadError(MetronomeError):
    """A loader stopped before every row had arrived.

    `partial` is the frame of what had arrived; `failures` has one row per failed customer
    (`customer_id`, `endpoint`, `error`, `status`); `__cause__` is the first underlying error.
    A LoadError is also an instance of that error's own class, so `except NotFoundError` works.

    >>> try:
    ...     account.balances("00000000-0000-4000-8000-000000000000")
    ... except ma.LoadError as error:
    ...     print(error.failures.select("endpoint", "status").rows())
    [('POST /v1/contracts/customerBalances/list', 404)]
    """

    partial: pl.DataFrame
    failures: pl.DataFrame

    def _repr_html_(self) -> str:
        shown = self.failures.head(10)
        rows = "".join(
            "<tr>" + "".join(f"<td>{escape('' if cell is None else str(cell))}</td>" for cell in row) + "</tr>"
            for row in shown.iter_rows()
        )
        heads = "".join(f"<th>{escape(name)}</th>" for name in shown.columns)
        counts = f"showing {shown.height:,} of {self.failures.height:,} failures; {self.partial.height:,} rows arrived"
        return (
            f"<div><strong>LoadError</strong>: {escape(str(self))}<table><thead><tr>{heads}</tr></thead>"
            f"<tbody>{rows}</tbody></table><small>{counts}</small></div>"
        )


def _load_error_class(kind: type[MetronomeError]) -> type[LoadError]:
    return type(
        f"LoadError[{kind.__name__}]", (LoadError, kind), {"__module__": __name__, "__doc__": LoadError.__doc__}
    )


def load_error(first: MetronomeError, *, partial: pl.DataFrame, failures: pl.DataFrame) -> LoadError:
    """The LoadError for a load whose first failure is `first`."""
    others = failures.height - 1
    more = f" {others} more customers failed too." if others > 0 else ""
    error = _load_error_class(type(first))(
        first.message,
        endpoint=first.endpoint,
        customer_id=first.customer_id,
        page=first.page,
        status=first.status,
        advice=f"{first.advice}{more} The {partial.height} rows that arrived are in .partial, all errors in .failures.",
    )
    error.partial = partial
    error.failures = failures
    error.__cause__ = first
    return error


class IncompleteLoadWarning(UserWarning):
    """A loader called with `on_error="collect"` returns fewer rows than there are.

    >>> import warnings
    >>> with warnings.catch_warnings(record=True) as said:
    ...     frame = account.balances("00000000-0000-4000-8000-000000000000", on_error="collect")
    >>> said[0].category.__name__
    'IncompleteLoadWarning'
    """


class WritesDisabled(MetronomeError):
    """A write was asked of a client that can only read; nothing was sent."""

    sent = False

    advice = "Open the account with connect(allow_writes=True) to apply balance entries."


class PlanRejected(MetronomeError):
    """The plan of changes breaks a rule; nothing was sent. `problems` has a row per problem.

    >>> balance = account.balances().row(0, named=True)
    >>> wrong = {"customer_id": balance["customer_id"], "balance_id": balance["id"], "amount": 0, "reason": ""}
    >>> try:
    ...     account.plan_balance_entries(wrong)
    ... except ma.PlanRejected as error:
    ...     print(error.problems.select("field", "problem").head(2).rows())
    [('amount', '0 changes nothing'), ('reason', 'Field required')]
    """

    sent = False
    problems: pl.DataFrame | None = None


class StalePlan(MetronomeError):
    """The plan is too old, or the account is no longer what the plan saw; nothing was sent."""

    sent = False


class ConfirmationError(MetronomeError):
    """The phrase given is not the plan's confirmation phrase; nothing was sent."""

    sent = False


class JournalError(MetronomeError):
    """The journal cannot be read, written or trusted; nothing was sent."""

    sent = False

    advice = "Nothing is sent without a journal. Check the file METRONOME_ANALYTICS_JOURNAL names, its disk and rights."


class OutcomeUnknown(MetronomeError):
    """A write whose effect could not be established or written down; `outcome` has what is known of the plan."""

    outcome: Any = None


class MirrorError(MetronomeError):
    """A mirror cannot be opened, read or written, or has lost a file; nothing half done is shown."""


class MirrorLocked(MirrorError):
    """Another sync is writing the mirror; nothing of this one is shown."""

    advice = "Wait until it has finished, then sync again: it continues from what is there."


class MirrorMismatch(MirrorError):
    """The mirror is of another account or environment, or a column of it has another type than the loaders now give."""

    advice = "Sync into a new place; this one stays as it is."
