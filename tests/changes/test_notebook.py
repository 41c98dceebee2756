from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.notebooks.test_quickstart import ROOT, convert, read, source

if TYPE_CHECKING:
    from pathlib import Path

NOTEBOOK = ROOT / "notebooks" / "04_balance_correction.ipynb"


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The notebook, run from top to bottom."""
    folder = tmp_path_factory.mktemp("notebook")
    done = convert(NOTEBOOK, folder, "--to", "notebook", "--execute")
    assert done.returncode == 0, done.stderr
    return folder / NOTEBOOK.name


def test_it_opens_with_its_question() -> None:
    """The first cell asks, there are fewer than twenty, and no cell holds a token or applies without a phrase."""
    cells = read(NOTEBOOK)["cells"]
    assert len(cells) < 20
    assert re.match(r"# .+\?\n", source(cells[0]))
    code = "\n".join(source(cell) for cell in cells if cell["cell_type"] == "code")
    assert not re.search(r"token\s*=", code)
    assert code.count('confirm="apply 3 entries') == 2


def test_every_step_of_the_routine_works(executed: Path) -> None:
    """Planned, refused where wrong, applied, seen in the ledger, reversed: no error and no warning."""
    outputs = [output for cell in read(executed)["cells"] for output in cell.get("outputs", [])]
    assert [output for output in outputs if output["output_type"] in {"error", "stream"}] == []
    pages = ["".join(output["data"].get("text/html", "")) for output in outputs]
    assert sum("To apply it, confirm with" in page for page in pages) == 2
    texts = ["".join(output["data"]["text/plain"]) for output in outputs]
    assert any("over max_entry, 10,000" in text for text in texts)
    (outcome,) = [text for text in texts if "verified" in text]
    assert outcome.count("Read back from the ledger.") == 3
    assert texts[-1].count("intent") == 6
    assert "simulator-token" not in executed.read_text(encoding="utf-8")
