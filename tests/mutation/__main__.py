"""Mutate modules of the package: `python -m tests.mutation analysis/forecast.py --sample 40 --seed 1`."""

from __future__ import annotations

import argparse
import random
import sys
import tomllib
from collections import Counter
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any

from tests.mutation.mutants import Mutant, mutants
from tests.mutation.trials import ROOT, Fate, baseline, trial

PACKAGE = Path("metronome_analytics")
LEFT = (Fate.SURVIVED, Fate.UNTESTED)


@cache
def settings() -> dict[str, Any]:
    """`[tool.mutation]` of pyproject.toml."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        found: dict[str, Any] = tomllib.load(file)["tool"]["mutation"]
    return found


def modules(names: list[str]) -> list[Path]:
    """The modules and folders of these names, or all, as far as pyproject.toml names tests for them."""
    every = [path for path in sorted(PACKAGE.rglob("*.py")) if its_tests(path)]
    asked = [PACKAGE / name for name in names] or [PACKAGE]
    return [path for path in every if any(path.is_relative_to(name) for name in asked)]


def its_tests(path: Path) -> list[str]:
    """The tests that pyproject.toml names for a module: those of the first pattern that fits."""
    name = path.relative_to(PACKAGE).as_posix()
    tests: list[str] = next((tests for like, tests in settings()["tests"].items() if fnmatch(name, like)), [])
    return tests


def sample(path: Path, number: int | None, seed: int) -> list[Mutant]:
    """All mutants of a module, or so many of them at random, the same for the same seed."""
    every = mutants(path)
    if number is None or number >= len(every):
        return every
    order = {mutant: place for place, mutant in enumerate(every)}
    return sorted(random.Random(seed).sample(every, number), key=order.__getitem__)  # noqa: S311  # no secret


def mutate(path: Path, number: int | None, seed: int) -> Counter[Fate]:
    """Try the mutants of one module, and print those that live."""
    chosen = sample(path, number, seed)
    if not chosen:
        return Counter()
    known = baseline(tuple(its_tests(path)), tuple(settings()["leave-out"]))
    fates: Counter[Fate] = Counter()
    for mutant in chosen:
        fate = trial(mutant, known)
        fates[fate] += 1
        if fate in LEFT:
            print(f"{fate}: {mutant.described()}", flush=True)  # noqa: T201  # a command's own output
    return fates


def main() -> int:
    """Print a line per module: how many mutants were tried and how many died; 1 if one lives."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("modules", nargs="*", help="modules or folders of the package; all that have tests named")
    parser.add_argument("--sample", type=int, help="so many mutants of each module, chosen at random; all")
    parser.add_argument("--seed", type=int, default=1, help="of that choice")
    asked = parser.parse_args()
    lives = 0
    for path in modules(asked.modules):
        fates = mutate(path, asked.sample, asked.seed)
        left = sum(fates[fate] for fate in LEFT)
        print(f"{path}: {fates.total()} tried, {fates.total() - left} died, {left} live", flush=True)  # noqa: T201  # as above
        lives += left
    return 1 if lives else 0


if __name__ == "__main__":
    sys.exit(main())
