from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import metronome_analytics as ma
from metronome_analytics import errors

PACKAGE = Path(ma.__file__).parent
NAME = "metronome_analytics"


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


def test_imports_run_one_way() -> None:
    """No room imports one above it, and none stands outside the order: the contracts of pyproject.toml."""
    # In a process of its own: it configures logging, and silences every logger there is.
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", code], cwd=PACKAGE.parent, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_only_the_demo_the_command_line_and_tests_know_the_simulator() -> None:
    """Nothing that speaks to a real account imports the simulated one."""
    rooms = {path.relative_to(PACKAGE).parts[0] for path in PACKAGE.rglob("*.py") if "simulator" in imports(path)}
    assert rooms <= {"__main__.py", "cli", "demo.py", "simulator"}


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
    exported: list[str] = getattr(ma, "__all__")  # noqa: B009  # the stub does not say it: it is its own list
    assert exported == sorted(set(exported))
    assert [name for name in exported if not hasattr(ma, name)] == []
    assert set(errors.__all__) <= set(exported)
    assert dir(ma) == exported
    assert list(errors.__all__) == sorted(errors.__all__)


def test_the_error_tree_is_drawn_as_it_is() -> None:
    """Every error stands in the drawing at the top of errors.py, under its parent."""
    drawn = str(errors.__doc__)
    for name in errors.__all__:
        assert name in drawn or name == "IncompleteLoadWarning"
    kinds = [getattr(errors, name) for name in errors.__all__ if name != "IncompleteLoadWarning"]
    assert all(issubclass(kind, ma.MetronomeError) for kind in kinds)


def test_opening_an_account_imports_nothing_that_only_a_load_needs() -> None:
    """No table, change, analysis or HTTP client is imported before something is loaded, and so no thread started."""
    code = (
        f"import sys, {NAME} as ma\n"
        "ma.connect('token').close()\n"
        "later = {'dataframely', 'numpy', 'httpx', 'tenacity', 'altair', *(f'" + NAME + ".{room}' for room in\n"
        "         ('analysis', 'api.client', 'changes', 'charts', 'mirror', 'simulator', 'tables'))}\n"
        "print(sorted(later & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


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
