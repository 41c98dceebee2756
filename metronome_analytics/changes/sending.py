"""One change: how it is sent, and what its answer means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from metronome_analytics.api.client import Request, Tally
from metronome_analytics.api.endpoints import ENDPOINTS
from metronome_analytics.changes.operation import Proof, Seen, Sighting
from metronome_analytics.changes.operations import OPERATIONS
from metronome_analytics.changes.records import Facts, Result, Status
from metronome_analytics.errors import (
    AuthenticationError,
    MetronomeError,
    RateLimitedError,
    RequestRejected,
    TransportError,
)

if TYPE_CHECKING:
    from metronome_analytics.changes.evidence import Observer
    from metronome_analytics.changes.operation import Call
    from metronome_analytics.changes.records import Key
    from metronome_analytics.session import Session


class Send(Protocol):
    """Sends one write, once; raises one of our errors."""

    def __call__(self, call: Call, *, idempotency_key: str) -> None:
        """Return when the API said 200."""


@dataclass(frozen=True, slots=True)
class SendOnce:
    """Sends by a client of its own, opened for one write and closed after it.

    The loaders' client refuses every write, and a connection that was idle may be gone, which nobody can tell from a
    request that was lost.
    """

    session: Session

    def __call__(self, call: Call, *, idempotency_key: str) -> None:
        """Return when the API said 200."""
        request = Request(
            ENDPOINTS[call.endpoint],
            path=call.path,
            body=call.body,
            labels={"customer_id": call.customer_id},
            headers={"Idempotency-Key": idempotency_key},
        )

        async def nothing(_: bytes) -> None:
            return None

        async def once() -> None:
            client = self.session.connection.client(writes=True)
            try:
                await client.fetch(request, nothing, tally=Tally())
            finally:
                await client.aclose()

        self.session.run(once)


def send_once(send: Send, observer: Observer, key: Key, facts: Facts, call: Call, *, idempotency_key: str) -> Result:
    """Send a change and say what became of it; where the answer does not, the account does."""
    entry = key[1]
    status: int | None = 200
    said = ""
    try:
        send(call, idempotency_key=idempotency_key)
    except RateLimitedError as error:
        return Result(entry, Status.NOT_SENT, str(error), error.status)
    except AuthenticationError as error:
        return Result(entry, Status.REFUSED, str(error), error.status)
    except TransportError as error:
        if not error.sent:
            return Result(entry, Status.NOT_SENT, str(error))
        status, said = error.status, error.message
    except MetronomeError as error:
        # 409 on a key of our own, 408, a 5xx: it may have taken effect. Any other 4xx is the API's last word.
        if isinstance(error, RequestRejected) and error.status not in {408, 409}:
            return Result(entry, Status.REFUSED, str(error), error.status)
        status, said = error.status, error.message
    finally:
        observer.sign(key)
    if OPERATIONS[facts.operation].proof is Proof.NONE:
        return _unprovable(entry, status, said)
    return _seen(entry, facts, observer.sees(facts), status, said)


def found(
    entry: int, status: Status, facts: Facts, seen: Sighting, *, message: str, http_status: int | None = None
) -> Result:
    """The result of a change that is there; its own status where what is there is not what was sent."""
    differs = seen.differs
    if not differs and seen.twins > facts.twins:
        differs = "the same is there once more, and not from this plan: somebody else made the same change"
    if differs:
        message = f"{message} But {differs}: look at it before anything else."
        return Result(entry, Status.DIFFERS, message, http_status)
    return Result(entry, status, message, http_status, verified=True)


OTHERS = (
    "The API knows this change already, and the ledger has it once, without this plan's mark: somebody else made the "
    "same one. Nothing of this plan took effect."
)


def _seen(entry: int, facts: Facts, seen: Sighting, status: int | None, said: str) -> Result:
    mark = OPERATIONS[facts.operation].proof is Proof.MARK
    where = OPERATIONS[facts.operation].place
    if seen.seen is Seen.THERE:
        if status == 409 and not mark:
            said += " Whether by this plan or by somebody else's same change, it is there once."
        said = f"{said} The {where} has it." if said else f"Read back from the {where}."
        return found(entry, Status.APPLIED, facts, seen, message=said, http_status=status)
    # Only an entry of the same content has the same uniqueness_key, and that key is used up for ever.
    if status == 409 and seen.twins > facts.twins:
        return Result(entry, Status.ALREADY_APPLIED, f"{said} {OTHERS}", status, verified=True)
    silence = f"The {where} cannot be read." if seen.seen is Seen.UNREADABLE else f"The {where} does not show it."
    said = said or "The API said 200."
    return Result(entry, Status.UNKNOWN, f"{said} {silence} settle() decides later.", status)


def _unprovable(entry: int, status: int | None, said: str) -> Result:
    if status == 200:
        return Result(entry, Status.SENT, "The API said 200; no read can show it.", status)
    return Result(entry, Status.UNKNOWN, f"{said} No read can show whether it took effect.", status)
