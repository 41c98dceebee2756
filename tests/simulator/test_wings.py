"""The simulator's wings: data flows one way, and no module is too long to read at once."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from metronome_analytics import simulator

ROOM = "metronome_analytics.simulator"
FOLDER = Path(simulator.__file__).parent
WINGS = ("world", "rendering", "endpoints", "server")
"""Each may import itself and those before it."""
LONGEST = 350


def modules() -> dict[str, Path]:
    """Return every module by its dotted name below the simulator; the package itself is the empty name."""
    parts = {path: path.relative_to(FOLDER).with_suffix("").parts for path in FOLDER.rglob("*.py")}
    return {".".join(part for part in name if part != "__init__"): path for path, name in parts.items()}


MODULES = modules()


def imports(path: Path) -> set[str]:
    """Return the modules of the simulator that a file imports, for type checkers only or not."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            module = node.module or ""
            names = [f"{module}.{alias.name}" for alias in node.names]
            names = [name if name.removeprefix(f"{ROOM}.") in MODULES else module for name in names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        found |= {name.removeprefix(f"{ROOM}.") for name in names if name.startswith(f"{ROOM}.")}
    return found


@pytest.mark.parametrize("wing", WINGS)
def test_no_wing_imports_one_above_it(wing: str) -> None:
    """The world knows no JSON, the writers no request, the endpoints no server."""
    allowed = set(WINGS[: WINGS.index(wing) + 1])
    for name, path in MODULES.items():
        if name.split(".")[0] == wing:
            assert {each.split(".")[0] for each in imports(path)} <= allowed, name


def test_no_import_runs_in_a_circle() -> None:
    """Not even one that only type checkers follow."""
    assert len(list(TopologicalSorter({name: imports(path) for name, path in MODULES.items()}).static_order())) > 1


def test_every_module_is_short() -> None:
    """What is longer has a second job."""
    lengths = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in MODULES.items()}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST} == {}
