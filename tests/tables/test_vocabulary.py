"""The words of the API: complete where a rule depends on it, and each in one place."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

import metronome_analytics as ma
from metronome_analytics.tables import vocabulary
from metronome_analytics.tables.vocabulary import (
    LEDGER_EVENTS,
    LEDGER_PREFIXES,
    NOT_OWED,
    PROVIDER_MEANINGS,
    SETTLED,
    TROUBLED,
    WITHDRAWN,
    BalanceType,
    CommitType,
    Event,
    InvoiceInclusion,
    InvoiceStatus,
    InvoiceType,
    LineType,
    ProviderStatus,
)
from tests.spec import spec

PACKAGE = Path(ma.__file__).parent


def test_every_provider_status_means_something() -> None:
    """No status is left to a default, and the lists say what they said when each stood by itself."""
    assert set(PROVIDER_MEANINGS) == set(ProviderStatus)
    assert {*map(str, NOT_OWED)} == {"PAID", "VOID", "DELETED", "SKIPPED"}
    assert {*map(str, SETTLED)} == {"PAID", "VOID", "UNCOLLECTIBLE", "DELETED", "SKIPPED"}
    assert {*map(str, WITHDRAWN)} == {"VOID", "DELETED"}
    assert {*map(str, TROUBLED)} == {"PAYMENT_FAILED", "UNCOLLECTIBLE", "INVALID_REQUEST_ERROR"}


def test_every_event_but_the_floor_has_an_entry() -> None:
    """A ledger says every event but the overdraft, which only the API's own floor makes."""
    assert set(LEDGER_EVENTS.values()) == set(Event) - {Event.OVERDRAFT}
    assert set(LEDGER_PREFIXES) == set(BalanceType)


WORDS = [
    *(InvoiceStatus, InvoiceInclusion, InvoiceType, LineType, BalanceType, CommitType, ProviderStatus),
]
# What the vendor's file leaves to prose, or to an example of another word: seen in answers (see each class).
ONLY_SEEN = {"PLAN_ARREARS", "scheduled", "commit_purchase", "cpu_conversion", "PrepaidCommit"}


def test_the_words_are_the_vendors() -> None:
    """Each stands in the vendor's file as it is written here, but for a few that only answers show."""
    vendor = json.dumps(spec())
    assert {word.value for words in WORDS for word in words if f'"{word}"' not in vendor} == ONLY_SEEN
    entries = {event: [f'"{prefix}{event}"' for prefix in LEDGER_PREFIXES.values()] for event in LEDGER_EVENTS}
    assert [event for event, names in entries.items() if not any(name in vendor for name in names)] == []


def texts(path: Path) -> list[str]:
    """The text constants of a module, without its docstrings and notes: they may say the words."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    notes = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in notes
    ]


def homes(*wanted: str, whole: bool) -> set[str]:
    """The modules, but the simulator's, that have one of the texts `wanted`, as a whole or in a part."""
    return {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if "simulator" not in path.parts
        for text in texts(path)
        for each in wanted
        if (text == each if whole else each in text)
    }


@pytest.mark.parametrize("word", ["FINALIZED", "VOID", "USAGE_CONSOLIDATED", *NOT_OWED[1:], *TROUBLED, "CREDITED"])
def test_a_word_of_the_api_stands_in_one_place(word: str) -> None:
    """A rule names the member, never the text."""
    assert homes(word, whole=True) == {"tables/vocabulary.py"}


@pytest.mark.parametrize(
    ("rule", "home"),
    [
        ("(cents)", "tables/money.py"),
        (" must be a whole number", "arguments.py"),
        (" must be a polars DataFrame or LazyFrame", "arguments.py"),
        ("pip install", "extras.py"),
    ],
)
def test_a_rule_has_one_home(rule: str, home: str) -> None:
    """What marks cents, checks an argument or names an extra stands once."""
    assert homes(rule, whole=rule == "(cents)") == {home}


def test_nothing_in_the_vocabulary_is_unused() -> None:
    """Every class and list has a reader."""
    public = {name for name in vars(vocabulary) if not name.startswith("_") and name[0].isupper()}
    own = {name for name in public if getattr(getattr(vocabulary, name), "__module__", "") in {vocabulary.__name__, ""}}
    read = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    assert [name for name in sorted(own) if read.count(name) < 2] == []
