"""What a user can call says how: every public docstring has an example that runs here, its columns, and its errors.

The names are those of `ma.__all__`, of `Account`, and of the rooms that `ma` exports. In the examples `account` is a
small demo account, and files are written into an empty folder.
"""

from __future__ import annotations

import doctest
import inspect
import re
import sys
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import metronome_analytics as ma

DOCS = Path(__file__).parents[2] / "docs"
ROOMS = ("changes", "charts", "errors", "reports", "widgets")
# Of these the docstring of their base speaks for all: what the exception says is its own example.
SAID_BY_THE_BASE = {name for name in ma.errors.__all__ if name != "MetronomeError"}


def members() -> dict[str, Any]:
    """Every public method and property of an account."""
    names = [name for name in dir(ma.Account) if not name.startswith("_")]
    return {f"account.{name}": inspect.getattr_static(ma.Account, name) for name in names}


def documented(value: Any) -> Any:
    """What holds the docstring and the signature of it."""
    match value:
        case property():
            return value.fget
        case staticmethod():
            return value.__func__
        case cached_property():
            return value.func
        case _:
            return value


def public() -> dict[str, Any]:
    """Everything that is called by a user, by the name it is called by."""
    exported = getattr(ma, "__all__")  # noqa: B009  # the stub does not say it: it is its own list
    named = {f"ma.{name}": getattr(ma, name) for name in exported}
    listed = [(room, name) for room in ROOMS for name in getattr(ma, room).__all__]
    rooms = {f"ma.{room}.{name}": getattr(getattr(ma, room), name) for room, name in listed}
    every = {name: documented(value) for name, value in (named | members() | rooms).items()}
    # A name that is exported twice is looked at once, and a type alias (a union) has no docstring of ours.
    once = {id(value): name for name, value in reversed(every.items())}
    return {
        name: value
        for name, value in every.items()
        if once[id(value)] == name and (inspect.isfunction(value) or inspect.isclass(value))
    }


PUBLIC = public()
WITH_EXAMPLES = [name for name in PUBLIC if name.rpartition(".")[2] not in SAID_BY_THE_BASE]
FUNCTIONS = [name for name in PUBLIC if inspect.isfunction(PUBLIC[name])]
FRAMES = [name for name in FUNCTIONS if re.search(r"Frame\b", str(inspect.signature(PUBLIC[name]).return_annotation))]


def told(name: str) -> str:
    """The docstring."""
    return inspect.getdoc(PUBLIC[name]) or ""


@pytest.fixture(scope="module")
def account() -> Any:
    """A small demo account, of which examples read and plan; those that write open one of their own."""
    with ma.demo(customers=10) as small:
        yield small


@pytest.fixture(scope="module")
def page() -> set[str]:
    """The tables that the page of tables shows with all their columns."""
    sys.path.insert(0, str(DOCS))
    try:
        return set(import_module("generate").schemas())
    finally:
        sys.path.remove(str(DOCS))


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_every_example_runs(name: str, account: ma.Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is one, and it prints what it says that it prints."""
    monkeypatch.chdir(tmp_path)
    test = doctest.DocTestParser().get_doctest(
        told(name), {"ma": ma, "pl": pl, "account": account}, name, filename=None, lineno=None
    )
    assert test.examples, f"{name} has no example"
    said: list[str] = []
    assert doctest.DocTestRunner().run(test, out=said.append).failed == 0, "".join(said)


def columns_are_told(name: str, page: set[str]) -> bool:
    """Whether the docstring names a table that the page of tables shows, or lists columns, or says whose they are."""
    text = told(name)
    tables = set(re.findall(r"[A-Z][A-Za-z]+", text)) & page
    whose = re.search(r"same columns|same rows|rows of `customers`|columns of an outcome", text)
    return bool(tables or whose or len(re.findall(r"`[a-z_]+`", text)) >= 4)


def test_a_frame_has_its_columns_on_a_page(page: set[str]) -> None:
    """Whoever gives a frame says which columns it has, or which table of the reference."""
    assert [name for name in FRAMES if not columns_are_told(name, page)] == []


def errors_are_told(name: str) -> bool:
    """Whether what takes arguments says what it raises; loaders raise the same, which the account says once."""
    arguments = [each for each in inspect.signature(PUBLIC[name]).parameters if each != "self"]
    return not arguments or "on_error" in arguments or "aises" in told(name)


def test_what_can_go_wrong_is_said() -> None:
    """Whoever takes arguments says what happens to bad ones."""
    assert [name for name in FUNCTIONS if not errors_are_told(name)] == []


def test_the_errors_of_loaders_are_said_of_all() -> None:
    """An account says what each loader raises, once."""
    assert {"LoadError", "ArgumentError"} <= set(re.findall(r"\w+Error", told("ma.Account")))


def test_every_error_says_when() -> None:
    """One sentence at least, and the root has the example."""
    assert all(inspect.getdoc(getattr(ma.errors, name)) for name in ma.errors.__all__)
