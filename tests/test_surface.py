"""What is outward: the names and signatures that users and their notebooks call, kept as a list beside this file."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import metronome_analytics as ma
from metronome_analytics import analysis, errors, tables
from metronome_analytics.analysis.schemas import BurnDown
from metronome_analytics.tables import Balances, Costs, Invoices

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

KEPT = Path(__file__).with_name("surface.txt")
EXPORTED: list[str] = getattr(ma, "__all__")  # noqa: B009  # the stub does not say it: it is its own list


def signature(of: Any) -> str:
    """Parameters with their kinds and defaults; annotations are the type checker's."""
    plain = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for name, parameter in inspect.signature(of).parameters.items()
        if name != "self"
    ]
    return re.sub(r"<function .*? at 0x[0-9a-f]+>", "...", str(inspect.Signature(plain)))


def surface() -> list[str]:
    """One line for each public name of the package that is called, and of an account, in order."""
    called = {name: getattr(ma, name) for name in EXPORTED if inspect.isfunction(getattr(ma, name))}
    members = {name: member for name, member in inspect.getmembers(ma.Account) if not name.startswith("_")}
    return sorted(
        [f"{name}{signature(of)}" for name, of in called.items()]
        + [f"Account.{name}{signature(of) if callable(of) else ''}" for name, of in members.items()]
    )


def test_outward_names_and_signatures_are_the_kept_ones() -> None:
    """A name, a parameter or a default that changes is a change of surface.txt, and there for all to see."""
    assert surface() == KEPT.read_text(encoding="utf-8").splitlines()


def test_what_a_room_offers_to_users_is_exported() -> None:
    """Every analysis, every flattener and every error is a name of the package."""
    flatteners = {name for name in tables.__all__ if inspect.isfunction(getattr(tables, name))} - {"select"}
    offered = {*analysis.__all__, *errors.__all__, *flatteners}
    assert offered - set(EXPORTED) == set()


def test_what_is_exported_is_offered_by_its_room() -> None:
    """An exported function or class has no second home: the module it comes from says that it is public."""
    for name in EXPORTED:
        home = inspect.getmodule(getattr(ma, name))
        assert home is not None
        assert name in getattr(home, "__all__", [name]) or inspect.ismodule(getattr(ma, name))


ROOMS = [name for name in EXPORTED if inspect.ismodule(getattr(ma, name))]


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_lists_what_a_user_needs(room: str) -> None:
    """No module of ours, no import and no dunder: `ma.charts.<Tab>` is `__all__`, and what it names is there."""
    module = getattr(ma, room)
    assert dir(module) == sorted(module.__all__)
    assert [name for name in dir(module) if not hasattr(module, name)] == []


def test_the_modules_of_a_room_stay_importable() -> None:
    """What is not listed is there all the same."""
    for module in pkgutil.walk_packages(ma.charts.__path__, f"{ma.charts.__name__}."):
        assert inspect.ismodule(importlib.import_module(module.name))
    from metronome_analytics.charts import fitting  # noqa: PLC0415  # what is tested: by way of its package

    assert fitting.__name__ == "metronome_analytics.charts.fitting"


@pytest.mark.parametrize(
    ("room", "name", "meant"),
    [
        (ma, "burndown", "burn_down"),
        (ma, "NotFoundErorr", "NotFoundError"),
        (ma.charts, "burndown", "burn_down"),
        (ma.changes, "CreateCredits", "CreateCredit"),
        (ma.widgets, "customerpicker", "CustomerPicker"),
    ],
)
def test_a_name_that_is_none_says_which_is_near(room: ModuleType, name: str, meant: str) -> None:
    """A misspelt name of the package or of a room of it; one that is near nothing says only that it is not there."""
    with pytest.raises(AttributeError, match=rf"has no attribute '{name}'. Did you mean '{meant}'\?$"):
        getattr(room, name)
    with pytest.raises(AttributeError, match=r"has no attribute 'xyzzy'\.$"):
        _ = room.xyzzy
    assert not hasattr(room, "__wrapped__")


def test_a_loader_that_is_none_says_which_is_near() -> None:
    """As the package and its rooms do: a notebook's traceback has no hint of its own."""
    with ma.demo(customers=1) as account:
        with pytest.raises(AttributeError, match=r"^'Account' object has no .* 'invoces'. Did you mean 'invoices'\?$"):
            getattr(account, "invoces")  # noqa: B009  # a type checker would refuse the name
        assert not hasattr(account, "_repr_mimebundle_")


@pytest.mark.parametrize("wrong", ["ma.burndown", "ma.charts.burndown", "account.invoces"])
def test_a_near_name_is_offered_once(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Python's own traceback, which offers names too, does not say it again."""
    with pytest.raises(AttributeError) as caught:
        eval(wrong, {"ma": ma, "account": ma.Account.__new__(ma.Account)})  # noqa: S307  # an expression of ours
    sys.__excepthook__(caught.type, caught.value, None)
    assert capsys.readouterr().err.count("Did you mean") == 1


@pytest.mark.parametrize(
    ("wrong", "call"),
    [
        ("balances", lambda by: ma.utilisation(Balances.create_empty(), by=by)),
        ("balances", lambda by: ma.forecast(BurnDown.create_empty(), as_of="2026-11-01", by=by)),
        ("products", lambda by: ma.revenue(Invoices.create_empty(), months="2026-10", by=by)),
        ("days", lambda by: ma.charts.costs(Costs.create_empty(), by=by)),
        ("drak", lambda theme: ma.charts.costs(Costs.create_empty(), theme=theme)),
        ("lasd", lambda first: ma.drain_order(Balances.create_empty(), as_of="2026-11-01", contract_first=first)),
    ],
)
def test_a_choice_that_is_none_says_which_is_near(wrong: str, call: Callable[[Any], object]) -> None:
    """`by="balances"` is one letter from what was meant."""
    with pytest.raises(ma.ArgumentError, match=r"Did you mean '(balance|product|day|dark|last)'\?$"):
        call(wrong)
