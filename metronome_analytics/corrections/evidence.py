"""What the ledger and the journal prove: whether an entry took effect, may still take effect, or never will."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from metronome_analytics.errors import MetronomeError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from decimal import Decimal

    from metronome_analytics.corrections.state import State

Amounts = tuple["Decimal", ...]

# How long to wait before each look at the ledger, in seconds, after something was sent.
LOOKS = (0.0, 0.5, 1.0, 2.0, 4.0)
# A request that nobody answered may still be on its way. So long after the last sign of it, it no longer is: gateways
# give up on a request within half a minute. `uniqueness_key` is the second guard.
LANDED = timedelta(seconds=30)

# Not the API's last word: a conflict with an attempt under way, or a gateway that did not wait for the answer.
_UNDER_WAY = frozenset({408, 409, 502, 504})


def attempts(past: list[dict[str, Any]]) -> int:
    """How often an entry was sent."""
    return sum(record["kind"] == "intent" for record in past)


def is_open(record: dict[str, Any]) -> bool:
    """Whether an entry's last record leaves it undecided: announced and no more, or sent and not seen."""
    return record["kind"] == "intent" or record.get("status") == "unknown"


def still_possible(record: dict[str, Any]) -> bool:
    """Whether even a long silence of the ledger proves nothing: the API said 200, so it did something."""
    return record.get("http_status") == 200


def _quiet(record: dict[str, Any]) -> timedelta:
    """How long after `record` the ledger's silence is proof that the entry did not and will not take effect."""
    answered = record["kind"] != "intent" and record.get("http_status") not in {None, *_UNDER_WAY}
    return timedelta(0) if answered else LANDED


@dataclass(frozen=True, slots=True)
class Eye:
    """Looks at ledgers, as often as it takes."""

    look: Callable[[str], State]
    sleep: Callable[[float], None]
    now: Callable[[], datetime]

    def settled(self, facts: dict[str, Any], last: dict[str, Any]) -> Amounts | None:
        """What the ledger has of an open entry, looked at until silence would be proof; None: it cannot be read."""
        pauses = [0.0]
        left = 0.0 if still_possible(last) else (last["at"] + _quiet(last) - self.now()).total_seconds()
        pause = LOOKS[3]
        while left > 0:
            pauses.append(min(pause, left))
            left -= pauses[-1]
            pause *= 2
        return self.sees(facts, pauses)

    def sees(self, facts: dict[str, Any], pauses: list[float] | tuple[float, ...] = LOOKS) -> Amounts | None:
        """The amounts that the ledger has of an entry, at the last look if not before; None: it cannot be read."""
        seen: Amounts | None = None
        for pause in pauses:
            if pause:
                self.sleep(pause)
            try:
                state = self.look(facts["customer_id"])
            except MetronomeError:
                seen = None
                continue
            if seen := state.amounts_with(facts["balance_id"], facts["token"]):
                return seen
            balance = state.balances.get(facts["balance_id"])
            # What hides its ledger (an archived balance, another account's) proves nothing by it.
            seen = None if balance is None or balance.archived else ()
        return seen
