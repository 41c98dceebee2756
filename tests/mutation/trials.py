"""Run the tests of a module, in a forked process that has polars and pytest loaded but nothing of ours.

The mutant stands nowhere but in the memory of that process: no file changes, so a working tree can be edited meanwhile.
"""

from __future__ import annotations

import importlib.util
import json
import os
import resource
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.abc import MetaPathFinder
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import dataframely
import hypothesis
import metronome
import polars as pl
import pytest
import stamina

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from importlib.machinery import ModuleSpec
    from types import CodeType, FrameType

    from tests.mutation.mutants import Mutant

# Loaded here so that a fork has them.
LOADED = (dataframely, hypothesis, metronome, pl, stamina)
ROOT = Path(__file__).parents[2]
EXAMPLES = 10
# How many seconds the cases of one test may take together: what every operation obeys is shown by a few of them.
OF_ONE_TEST = 10.0
IMPORT = "as modules are imported"


class Fate(StrEnum):
    """What became of a mutant."""

    KILLED = "killed"
    TIMED_OUT = "killed by the clock"
    SURVIVED = "survived"
    UNTESTED = "no test runs it"


@dataclass(frozen=True)
class Baseline:
    """What each test calls, by file and line, and the processor time it takes, where nothing is changed."""

    calls: dict[str, frozenset[tuple[str, int]]]
    seconds: dict[str, float]

    def of(self, mutant: Mutant) -> list[str]:
        """The tests that run the mutant's function, the fastest first; of one test's cases what fits its time."""
        file, lines = str(mutant.path.resolve()), mutant.function or range(0)

        def runs(test: str) -> bool:
            return any(called == file and line in lines for called, line in self.calls[test])

        every = mutant.function is None or runs(IMPORT)
        ids = [test for test in self.calls if test != IMPORT and (every or runs(test))]
        spent: defaultdict[str, float] = defaultdict(float)
        chosen = []
        for test in sorted(ids, key=lambda test: self.seconds[test]):
            name = test.partition("[")[0]
            if not spent[name] or spent[name] + self.seconds[test] <= OF_ONE_TEST:
                chosen.append(test)
                spent[name] += self.seconds[test]
        return chosen


@cache
def baseline(tests: tuple[str, ...], leave_out: tuple[str, ...]) -> Baseline:
    """Run the tests on the package as it is; RuntimeError with what they said where one fails."""
    with tempfile.TemporaryDirectory() as folder:
        notes, said = Path(folder, "notes.json"), Path(folder, "said.txt")
        watch = _Watch(str(ROOT / "metronome_analytics"), leave_out)

        def run() -> int:
            code = _pytest(tests, watch, said)
            notes.write_text(json.dumps([{k: sorted(v) for k, v in watch.calls.items()}, watch.seconds]))
            return code

        status = _in_fork(run, seconds=3600)
        if status:
            raise RuntimeError(f"{', '.join(tests)} fail as it stands ({status}):\n{said.read_text()}")
        calls, seconds = json.loads(notes.read_text())
    return Baseline({test: frozenset(map(tuple, places)) for test, places in calls.items()}, seconds)


def trial(mutant: Mutant, known: Baseline) -> Fate:
    """Run the mutant's tests on it, until the first that fails."""
    tests = known.of(mutant)
    if not tests:
        return Fate.UNTESTED
    source = mutant.source()

    def run() -> int:
        sys.meta_path.insert(0, _Finder(mutant.path, source))
        return _pytest([*tests, "-x"], _Watch("", ()), Path(os.devnull))

    status = _in_fork(run, seconds=int(20 + 5 * sum(known.seconds[test] for test in tests)))
    if status < 0:
        return Fate.TIMED_OUT
    return Fate.KILLED if status else Fate.SURVIVED


def _pytest(arguments: Sequence[str], plugin: object, output: Path) -> int:
    with output.open("w") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
        options = ["-q", "-n", "0", "-p", "no:cacheprovider", "--assert=plain", "--rootdir", str(ROOT)]
        code = int(pytest.main([*arguments, *options], plugins=[plugin]))
        sys.stdout.flush()
    return code


def _in_fork(run: Callable[[], int], *, seconds: int) -> int:
    """The exit status of `run` in a fork; negative if it used up its seconds of processor time, or far more of ours."""
    child = os.fork()
    if not child:
        _be_child(run, seconds)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _be_child(run: Callable[[], int], seconds: int) -> NoReturn:
    code = 3
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        signal.alarm(20 * seconds)
        code = run()
    except BaseException:  # noqa: BLE001  # a fork ends here, whatever happens
        traceback.print_exc()
    finally:
        os._exit(code)


class _Watch:
    """A plugin: few examples, the slow tests left out, and what each test calls."""

    def __init__(self, folder: str, leave_out: Sequence[str]) -> None:
        self.folder, self.leave_out = folder, set(leave_out)
        self.calls: dict[str, set[tuple[str, int]]] = {}
        self.seconds: dict[str, float] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_collection(self) -> Iterator[None]:
        """Choose the same few examples every time, not the smallest that fails, and note what imports call."""
        few: dict[str, Any] = {"max_examples": EXAMPLES, "derandomize": True, "database": None, "deadline": None}
        phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
        checks = list(hypothesis.HealthCheck)
        hypothesis.settings.register_profile("mutation", phases=phases, suppress_health_check=checks, **few)
        hypothesis.settings.load_profile("mutation")
        return (yield from self._noting(IMPORT))

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Leave out what is named, or asks for a fixture that is."""
        items[:] = [each for each in items if not self.leave_out & {each.originalname, *each.fixturenames}]
        for each in items:
            # A test that asks for a number of examples itself has no outward way to be given fewer.
            asked = getattr(each.obj, "_hypothesis_internal_use_settings", None)
            if asked is not None and asked.max_examples > EXAMPLES:
                each.obj._hypothesis_internal_use_settings = hypothesis.settings(asked, max_examples=EXAMPLES)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Note which functions of the package a test calls."""
        return (yield from self._noting(item.nodeid))

    def _noting(self, what: str) -> Iterator[None]:
        if not self.folder:
            return (yield)
        called = self.calls.setdefault(what, set())

        def note(frame: FrameType, _event: str, _argument: object) -> None:
            if frame.f_code.co_filename.startswith(self.folder):
                called.add((frame.f_code.co_filename, frame.f_code.co_firstlineno))

        begun = time.process_time()
        sys.settrace(note)
        threading.settrace(note)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            threading.settrace(None)
            self.seconds[what] = time.process_time() - begun


class _Finder(MetaPathFinder):
    """Gives the mutant where the module is imported."""

    def __init__(self, path: Path, source: str) -> None:
        self.path, self.source = path.resolve(), source
        parts = self.path.relative_to(ROOT).with_suffix("").parts
        self.package = parts[-1] == "__init__"
        self.name = ".".join(parts[: -1 if self.package else None])

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """The mutant, under the module's name and file."""
        if fullname != self.name:
            return None
        loader = _Loader(fullname, str(self.path), self.source)
        folders = [str(self.path.parent)] if self.package else None
        return importlib.util.spec_from_file_location(
            fullname, self.path, loader=loader, submodule_search_locations=folders
        )


class _Loader(SourceFileLoader):
    def __init__(self, fullname: str, path: str, source: str) -> None:
        super().__init__(fullname, path)
        self.mutated = source

    def get_code(self, fullname: str) -> CodeType:
        """Compile the mutant; the module's file, and what is cached of it, stand aside."""
        return compile(self.mutated, self.path, "exec", dont_inherit=True)
