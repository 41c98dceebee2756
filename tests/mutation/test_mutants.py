from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.mutation.__main__ import PACKAGE, its_tests, modules, settings
from tests.mutation.mutants import Mutant, mutants
from tests.mutation.trials import IMPORT, ROOT, Baseline

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = '''
from __future__ import annotations

LEAST: int | None = 7


def rule(frame: int | str, *, days: int | None) -> int | None:
    """Seven 7 days."""
    return frame.filter(days < 7).first("ACTIVE", "name")
'''


def test_what_runs_is_mutated(tmp_path: Path) -> None:
    """Numbers, comparisons, steps of a chain, opposites and the API's words change; annotations and columns do not."""
    path = tmp_path / "rule.py"
    path.write_text(SOURCE)
    found = mutants(path)
    constant, line = "LEAST: int | None = 7", 'return frame.filter(days < 7).first("ACTIVE", "name")'
    swaps = [("7", "8"), ("7", "6"), ("<", "<="), ("<", ">="), ("first", "last"), (".filter(days < 7)", "")]
    changed = [line.replace(*swap) for swap in [*swaps, ('"ACTIVE"', "'ACTIVE_OTHER'")]]
    expected = [constant.replace("7", "8"), constant.replace("7", "6"), *changed]
    assert sorted(mutant.described().split("+ ", 1)[1] for mutant in found) == sorted(expected)
    assert [mutant.function for mutant in found] == [None] * 2 + [range(7, 10)] * len(changed)


def test_a_function_begins_where_python_says(tmp_path: Path) -> None:
    """At its first decorator: a test that calls a property or a class method is known to run it."""
    path = tmp_path / "rule.py"
    path.write_text("class Rule:\n    @property\n    def days(self):\n        return 7\n")
    module: dict[str, Any] = {}
    exec(compile(path.read_text(), str(path), "exec"), module)  # noqa: S102  # the text above
    first = module["Rule"].days.fget.__code__.co_firstlineno
    assert [mutant.function for mutant in mutants(path)] == [range(first, 5)] * 2


def test_every_exception_that_is_caught_is_another(tmp_path: Path) -> None:
    """One by one, a dotted name too."""
    path = tmp_path / "rule.py"
    path.write_text("try:\n    pass\nexcept (OSError, a.Error) as error:\n    pass\nexcept ValueError:\n    pass\n")
    assert [mutant.described().split("+ ", 1)[1] for mutant in mutants(path)] == [
        "except (StopAsyncIteration, a.Error) as error:",
        "except (OSError, StopAsyncIteration) as error:",
        "except StopAsyncIteration:",
    ]


@pytest.mark.parametrize("pattern", settings()["tests"])
def test_every_pattern_is_of_modules_and_tests_that_are_there(pattern: str) -> None:
    """What pyproject.toml names exists, and no pattern stands behind another that takes all it fits."""
    tests = settings()["tests"][pattern]
    assert all((ROOT / test).exists() for test in tests)
    assert any(its_tests(path) == tests for path in modules([]))


def test_of_one_tests_cases_the_fastest_run_until_its_time_is_up(tmp_path: Path) -> None:
    """The first whatever it takes; other tests have their own time."""
    path = tmp_path / "rule.py"
    seconds = {"t::a[1]": 4.0, "t::a[2]": 2.0, "t::a[3]": 5.0, "t::b[1]": 60.0, "t::c": 1.0}
    known = Baseline({test: frozenset({(str(path), 3)}) for test in seconds}, seconds)
    known.calls[IMPORT] = frozenset()
    mutant = Mutant(path, "AddNot", 0, (4, 0), (4, 1), range(3, 6))
    assert known.of(mutant) == ["t::c", "t::a[2]", "t::a[1]", "t::b[1]"]


def test_a_folder_is_its_modules() -> None:
    """Names are modules or folders of the package."""
    assert modules(["api/pages.py"]) == [PACKAGE / "api" / "pages.py"]
    assert {path.parent.name for path in modules(["analysis/checks"])} == {"checks"}
