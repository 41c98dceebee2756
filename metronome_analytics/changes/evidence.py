"""What the account and the journal prove: whether a change took effect, may still take effect, or never will."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from metronome_analytics.changes.operation import ABSENT, UNREADABLE, Proof, Seen, Sighting
from metronome_analytics.changes.operations import OPERATIONS
from metronome_analytics.errors import MetronomeError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from metronome_analytics.changes.operation import Operation
    from metronome_analytics.changes.records import Facts, Key, Past
    from metronome_analytics.changes.view import View
    from metronome_analytics.session import Clock

# How long to wait before each look at the account, in seconds, after something was sent.
LOOKS = (0.0, 0.5, 1.0, 2.0, 4.0)
# A request that nobody answered may still be on its way. So many seconds after the last sign of it, it no longer is:
# the longest a gateway of the vendor's is documented to hold a request is 60.1 s. It is also the longest that anybody
# waits here for one change, whatever the clocks on the wall say: only this process's own, monotonic clock is asked.
LANDED = 61.0


@dataclass(frozen=True, slots=True)
class Observer:
    """Looks at the account, as often as it takes."""

    look: Callable[[Operation, Facts], View]
    clock: Clock
    signs: dict[Key, float] = field(default_factory=dict)
    """When this process last had a sign of a change, by its monotonic clock."""

    def sign(self, key: Key) -> None:
        """A request of this change was on its way until now."""
        self.signs[key] = self.clock.monotonic()

    def settled(self, key: Key, facts: Facts, past: Past, *, began: float) -> Sighting:
        """What the account has of an undecided change, looked at until silence would be proof.

        What another process sent has been on its way since before this one `began` to watch: a clock on the wall may
        have been set since, so what the journal says of the time is not asked.
        """
        pauses = [0.0]
        left = 0.0 if past.answered_yes else LANDED - (self.clock.monotonic() - self.signs.get(key, began))
        pause = LOOKS[3]
        while left > 0:
            pauses.append(min(pause, left))
            left -= pauses[-1]
            pause *= 2
        return self.sees(facts, pauses)

    def sees(self, facts: Facts, pauses: Sequence[float] = LOOKS) -> Sighting:
        """What the account has of a change, at the last look if not before."""
        operation = OPERATIONS.get(facts.operation)
        if operation is None or operation.proved_by(facts) is Proof.NONE:
            return UNREADABLE
        seen = ABSENT
        for pause in pauses:
            if pause:
                self.clock.sleep(pause)
            try:
                seen = operation.sighting(facts, self.look(operation, facts))
            except MetronomeError:
                seen = UNREADABLE
            if seen.seen is Seen.THERE:
                break
        return seen
