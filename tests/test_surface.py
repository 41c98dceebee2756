"""What is outward: the names and signatures that users and their notebooks call, kept as a list beside this file."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import metronome_analytics as ma
from metronome_analytics import analysis, errors, tables

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
