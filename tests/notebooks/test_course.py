"""The notebooks as a course: each asks, answers, and says where to go on; what they import is what a user imports."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def cells(path: Path) -> list[tuple[str, str]]:
    """Kind and text of each cell."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    return [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]]


def test_there_are_seven() -> None:
    """Numbered from 0 on, without a gap."""
    assert [path.stem[:2] for path in NOTEBOOKS] == [f"{number:02}" for number in range(7)]


def test_they_hold_no_outputs() -> None:
    """Each is as the hook of a commit leaves it, so what is read is what was written."""
    done = subprocess.run(
        [sys.executable, "-m", "nbstripout", "--verify", *map(str, NOTEBOOKS)], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout.decode()


@each_notebook
def test_it_opens_with_its_question(path: Path) -> None:
    """The first line asks."""
    kind, text = cells(path)[0]
    assert kind == "markdown"
    assert re.match(r"# .+\?\n", text)


@each_notebook
def test_it_ends_with_what_to_do_next(path: Path) -> None:
    """The last cell leads to other notebooks, and to pages that are there."""
    kind, text = cells(path)[-1]
    assert kind == "markdown"
    assert text.startswith("Next: ")
    notebooks = set(re.findall(r"\]\((\w+\.ipynb)\)", text))
    assert notebooks
    assert notebooks <= {each.name for each in NOTEBOOKS} - {path.name}
    assert [page for page in re.findall(r"`(docs/[\w/]+\.md)`", text) if not (ROOT / page).exists()] == []


@each_notebook
def test_it_imports_nothing_below_the_top_level(path: Path) -> None:
    """`import metronome_analytics as ma` is all that a notebook needs of this package."""
    code = "\n".join(text for kind, text in cells(path) if kind == "code")
    tree = ast.walk(ast.parse(code))
    ours = [node for node in tree if isinstance(node, ast.Import | ast.ImportFrom) and "metronome" in ast.unparse(node)]
    assert [ast.unparse(node) for node in ours] == ["import metronome_analytics as ma"]


def test_every_notebook_is_led_to() -> None:
    """Whoever begins with the questions or the quickstart comes to all of them."""
    leads = {path.name: set(re.findall(r"\]\((\w+\.ipynb)\)", cells(path)[-1][1])) for path in NOTEBOOKS}
    assert set().union(*leads.values()) >= set(leads)
