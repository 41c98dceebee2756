from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import metronome_analytics as ma
from metronome_analytics import errors

PACKAGE = Path(ma.__file__).parent
NAME = "metronome_analytics"

# Who may import whom; a room not named here may import any room that is.
ROOMS: dict[str, set[str]] = {
    "errors": set(),
    "settings": {"errors"},
    "api": {"errors"},
    "tables": {"api", "errors"},
    "arguments": {"errors"},
    "background": {"errors"},
    "progress": set(),
    "loading": {"api", "errors", "tables"},
    "catalogue": {"api", "tables"},
    "loaders": {"api", "arguments", "background", "errors", "loading", "progress", "tables"},
    "account": {
        "api",
        "arguments",
        "background",
        "catalogue",
        "corrections",
        "errors",
        "loaders",
        "loading",
        "mirror",
        "progress",
        "settings",
        "tables",
    },
    "external": {"errors", "reports"},
    "analysis": {"arguments", "errors", "external", "tables"},
    "charts": {"analysis", "arguments", "errors", "tables"},
    "mirror": {
        "analysis",
        "api",
        "arguments",
        "background",
        "errors",
        "loaders",
        "loading",
        "progress",
        "tables",
    },
    "search": {"errors"},
    "display": {"analysis", "errors"},
    "widgets": {"analysis", "arguments", "background", "charts", "display", "errors", "progress", "search", "tables"},
    "reports": {"analysis", "arguments", "charts", "errors", "tables"},
    "corrections": {"api", "background", "errors", "tables"},
    "simulator": set(),
}


def imports(path: Path) -> set[str]:
    """The rooms of this package that a file imports."""
    rooms: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        rooms |= {name.split(".")[1] for name in names if name.startswith(f"{NAME}.")}
    return rooms


@pytest.mark.parametrize("room", ROOMS)
def test_imports_run_one_way(room: str) -> None:
    """No room imports one above it."""
    files = list((PACKAGE / room).rglob("*.py")) if (PACKAGE / room).is_dir() else [PACKAGE / f"{room}.py"]
    for path in files:
        if path.exists():
            assert imports(path) - {room} <= ROOMS[room], path


def test_only_the_demo_the_command_line_and_tests_know_the_simulator() -> None:
    """Nothing that speaks to a real account imports the simulated one."""
    rooms = {path.relative_to(PACKAGE).parts[0] for path in PACKAGE.rglob("*.py") if "simulator" in imports(path)}
    assert rooms <= {"__init__.py", "__main__.py", "cli", "simulator"}


def test_only_settings_reads_the_environment() -> None:
    """os.environ and getenv are for settings.py."""
    readers = {
        path.relative_to(PACKAGE).parts[0]
        for path in PACKAGE.rglob("*.py")
        if any(
            isinstance(n, ast.Attribute) and n.attr in {"environ", "getenv"}
            for n in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        )
    }
    assert readers <= {"settings.py"}


def test_the_export_list_is_sorted_and_complete() -> None:
    """Every public name is exported once, in order, and exists; every error is among them."""
    assert list(ma.__all__) == sorted(set(ma.__all__))
    assert [name for name in ma.__all__ if not hasattr(ma, name)] == []
    assert set(errors.__all__) <= set(ma.__all__)
    assert list(errors.__all__) == sorted(errors.__all__)


def test_the_error_tree_is_drawn_as_it_is() -> None:
    """Every error stands in the drawing at the top of errors.py, under its parent."""
    drawn = str(errors.__doc__)
    for name in errors.__all__:
        assert name in drawn or name == "IncompleteLoadWarning"
    kinds = [getattr(errors, name) for name in errors.__all__ if name != "IncompleteLoadWarning"]
    assert all(issubclass(kind, ma.MetronomeError) for kind in kinds)


def test_importing_the_package_loads_nothing_heavy() -> None:
    """Charts, widgets, notebooks and reports cost nothing until they are used."""
    code = (
        f"import sys, {NAME}\n"
        "heavy = {'altair', 'ipywidgets', 'IPython', 'great_tables', 'xlsxwriter', 'anywidget', 'tqdm.auto',\n"
        "         'deltalake', 'distributed'}\n"
        "print(sorted(heavy & set(sys.modules)), 'metronome_analytics.simulator' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], check=True, capture_output=True, text=True
    )  # our own code
    assert done.stdout.strip() == "[] False"
