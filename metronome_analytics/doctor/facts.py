"""A fact that this package relies on, how it is looked at, and what was found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from metronome_analytics.doctor.examiner import Examiner


class Verdict(StrEnum):
    """What can be said of a fact."""

    HOLDS = "holds"
    DIFFERS = "differs"
    UNKNOWN = "cannot tell here"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was seen of a fact, in words that hold nothing of the account but counts, states and the API's own words.

    `examples` are the ids it was seen at. `consequence` stands for the fact's own, where there is more to say.
    """

    verdict: Verdict
    seen: str
    examples: tuple[str, ...] = ()
    consequence: str | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing we rely on: `name` for programs, the rest for people. `copes` is what follows where it differs."""

    name: str
    relied_on: str
    source: str
    how: str
    copes: str
    look: Callable[[Examiner], Finding]


# Where beliefs come from.
FILE = "the vendor's OpenAPI file"
DOCS = "the vendor's documentation"
CLIENT = "the official Python client 4.12"
LIVE = "seen live, in public code that calls the API"
GUESS = "no source: a choice of this package"
CONTRADICTED = "the vendor's documentation, which contradicts itself"


def holds(seen: str, examples: Iterable[str] = ()) -> Finding:
    """It is as we believe."""
    return Finding(Verdict.HOLDS, seen, tuple(examples)[:3])


def differs(seen: str, examples: Iterable[str] = (), *, consequence: str | None = None) -> Finding:
    """It is not as we believe."""
    return Finding(Verdict.DIFFERS, seen, tuple(examples)[:3], consequence)


def unknown(seen: str) -> Finding:
    """This account does not show it."""
    return Finding(Verdict.UNKNOWN, seen)


def judged(as_believed: bool | None, seen: str, examples: Iterable[str] = ()) -> Finding:  # noqa: FBT001  # it judges one
    """The finding of a yes, a no or neither."""
    if as_believed is None:
        return unknown(seen)
    return holds(seen, examples) if as_believed else differs(seen, examples)
