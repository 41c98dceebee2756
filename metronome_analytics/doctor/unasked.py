"""Facts about writes: no read shows them, so without a write nothing is said of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.doctor.facts import CLIENT, DOCS, GUESS, LIVE, Fact, Finding, unknown

if TYPE_CHECKING:
    from metronome_analytics.doctor.examiner import Examiner


def _by_a_write(_: Examiner) -> Finding:
    return unknown("only a write shows it: metronome-analytics doctor --sandbox-writes, in a sandbox")


def _not_even_so(_: Examiner) -> Finding:
    return unknown("only a write that is wrong on purpose would show it, and none is sent")


OFF_HOUR = Fact(
    "off_hour_times",
    "a manual entry at a time that is not on the hour is refused",
    f"{LIVE}; {DOCS} says so of access times only",
    "an entry at half past, of the balance that is named",
    "Nothing: entries are planned on the hour all the same.",
    _by_a_write,
)
UNIQUENESS = Fact(
    "uniqueness_key",
    "a manual entry with a uniqueness_key that was used answers 409",
    f"{CLIENT} and newer pages; not in the vendor's OpenAPI file",
    "the same entry sent again with another Idempotency-Key",
    "Two machines could make the same entry twice: keep one journal for the account, and apply from one place.",
    _by_a_write,
)
IDEMPOTENCY = Fact(
    "idempotency_key",
    "a write with an Idempotency-Key that was used is not made again",
    DOCS,
    "the same entry sent again with the same keys",
    "Nothing is sent twice by this package, and what is in doubt is decided by reading the ledger: keep to settle().",
    _by_a_write,
)
FACTS = (
    OFF_HOUR,
    UNIQUENESS,
    IDEMPOTENCY,
    Fact(
        "wrong_segment",
        "an entry for a segment that is not the balance's answers 400",
        GUESS,
        "not at all",
        "",
        _not_even_so,
    ),
    Fact(
        "wrong_contract",
        "an entry for a contract that is not the balance's answers 400",
        GUESS,
        "not at all",
        "",
        _not_even_so,
    ),
)
