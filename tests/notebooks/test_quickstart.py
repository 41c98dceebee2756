from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
Notebook = dict[str, Any]


def read(path: Path) -> Notebook:
    """A notebook as JSON."""
    notebook: Notebook = json.loads(path.read_text(encoding="utf-8"))
    return notebook


def source(cell: dict[str, Any]) -> str:
    """The text of a cell."""
    return "".join(cell["source"])


def convert(path: Path, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Nbconvert, with nothing of the user's own Jupyter and no token."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("METRONOME_", "JUPYTER_"))}
    own = {name: str(folder / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")}
    return subprocess.run(
        [sys.executable, "-m", "nbconvert", "--output-dir", str(folder), *options, str(path)],
        check=False,
        capture_output=True,
        text=True,
        env=clean | own,
    )


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The quickstart, run from top to bottom."""
    folder = tmp_path_factory.mktemp("notebook")
    done = convert(ROOT / "notebooks" / "01_quickstart.ipynb", folder, "--to", "notebook", "--execute")
    assert done.returncode == 0, done.stderr
    return folder / "01_quickstart.ipynb"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs(path: Path) -> None:
    """Git holds the code and the words only."""
    for cell in read(path)["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_the_quickstart_opens_with_its_question() -> None:
    """The first cell asks, one cell says how to use a real account, and no cell holds a token."""
    cells = read(ROOT / "notebooks" / "01_quickstart.ipynb")["cells"]
    assert len(cells) < 20
    assert re.match(r"# .+\?\n", source(cells[0]))
    assert [index for index, cell in enumerate(cells) if "METRONOME_BEARER_TOKEN" in source(cell)] == [2]
    assert not [cell for cell in cells if re.search(r"token\s*=", source(cell))]


def test_every_cell_runs_and_the_loads_are_complete(executed: Path) -> None:
    """No error, no warning, and receipts that say true."""
    outputs = [output for cell in read(executed)["cells"] for output in cell.get("outputs", [])]
    assert [output for output in outputs if output["output_type"] in {"error", "stream"}] == []
    receipts = "".join(outputs[-1]["data"]["text/plain"])
    shape = re.match(r"shape: \((\d+),", receipts)
    assert shape is not None
    assert receipts.count("true") == int(shape[1]) > 3
    assert "false" not in receipts


def test_months_are_summed_by_currency(executed: Path) -> None:
    """The table of months has a column for each currency and the demo's own figures, in major units."""
    tables = [
        "".join(output["data"].get("text/plain", ""))
        for cell in read(executed)["cells"]
        for output in cell.get("outputs", [])
    ]
    (months,) = [table for table in tables if "│ month" in table]
    assert "EUR" in months
    assert "USD" in months
    assert re.search(r"2026-10 ┆ 0\S* +┆ 325,903\.136375", months)


def test_the_exported_page_shows_the_chart_without_a_network(executed: Path, tmp_path: Path) -> None:
    """The picture is in the page itself, and the token nowhere."""
    done = convert(
        executed,
        tmp_path,
        *("--to", "html", "--HTMLExporter.require_js_url=", "--HTMLExporter.mathjax_url="),
        "--HTMLExporter.mermaid_js_url=",
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "01_quickstart.html").read_text(encoding="utf-8")
    pictures = re.findall(r'<img [^>]*src="data:image/png;base64,([\w+/=]+)"', page)
    assert [base64.b64decode(picture)[1:4] for picture in pictures] == [b"PNG"]
    assert re.findall(r"""<(?:script|link|img)\b[^>]*\b(?:src|href)=["']?https?:""", page) == []
    assert "simulator-token" not in page
