"""What each extra adds in MB: `python docs/weigh.py`, in an environment with the extra `dev`, which has them all.

It follows the requirements of each installed package and adds up the files that pip recorded; what Python compiles of
them is left out.
"""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OURS: str = PROJECT["name"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]


def requires(name: str, extras: frozenset[str]) -> list[Requirement]:
    """What a package needs with these extras; of ourselves, what the tree says."""
    if name == OURS:
        return [
            Requirement(line) for each in ("", *extras) for line in (EXTRAS[each] if each else PROJECT["dependencies"])
        ]
    needed = [Requirement(line) for line in distribution(name).requires or ()]
    return [
        each
        for each in needed
        if each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in ("", *extras))
    ]


def wanted(name: str, extras: frozenset[str], seen: dict[str, set[str]]) -> None:
    """Into `seen`: `name` and whatever it needs with `extras`, and with which extras of its own."""
    name = re.sub(r"[-_.]+", "-", name).lower()
    if name in seen and extras <= seen[name]:
        return
    seen.setdefault(name, set()).update(extras)
    for needed in requires(name, extras):
        wanted(needed.name, frozenset(needed.extras), seen)


def megabytes(package: Distribution) -> float:
    """The files of one package."""
    files = (file for file in package.files or () if "__pycache__" not in file.parts)
    return sum((file.size or 0) for file in files) / 1e6


def installed(extra: str) -> dict[str, float]:
    """Each package of an installation, and its size; of ourselves nothing, who may be installed from a tree."""
    seen: dict[str, set[str]] = {}
    wanted(OURS, frozenset({extra} - {""}), seen)
    return {name: megabytes(distribution(name)) for name in seen if name != OURS}


def main() -> None:
    """One line for the base, and one for each extra: what it adds to that, and what of it is large."""
    base = installed("")
    print(f"base: {sum(base.values()):.0f} MB in {len(base)} packages: {largest(base)}")
    for extra in EXTRAS:
        more = {name: size for name, size in installed(extra).items() if name not in base}
        print(f"{extra}: +{sum(more.values()):.0f} MB in {len(more)} packages: {largest(more)}")


def largest(packages: dict[str, float]) -> str:
    """The five largest."""
    ranked = sorted(packages, key=lambda name: -packages[name])[:5]
    return ", ".join(f"{name} {packages[name]:.0f}" for name in ranked)


if __name__ == "__main__":
    main()
