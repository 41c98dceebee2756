from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from metronome_analytics.cli import app, exits

if TYPE_CHECKING:
    from pathlib import Path

PICKER = """import polars as pl
import metronome_analytics as ma
names = pl.DataFrame({"id": ["c-1", "c-2"], "name": ["Osprey", "Heron"]})
ma.widgets.CustomerPicker(names, value=["c-1"])"""


def notebook(path: Path, *cells: str) -> Path:
    """A notebook of these cells."""
    book = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        "cells": [
            {"cell_type": "code", "id": f"c{n}", "metadata": {}, "execution_count": None, "outputs": [], "source": cell}
            for n, cell in enumerate(cells)
        ],
    }
    path.write_text(json.dumps(book), encoding="utf-8")
    return path


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A Python program, with no Jupyter settings of the user's."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("METRONOME_")}
    return subprocess.run([sys.executable, "-m", *arguments], check=False, capture_output=True, text=True, env=clean)


def test_export_writes_a_page_with_what_was_chosen(tmp_path: Path) -> None:
    """The widget is the list it leaves, and nothing is asked of another machine; the notebook stays as it was."""
    book = notebook(tmp_path / "month.ipynb", PICKER)
    before = book.read_bytes()
    done = run("metronome_analytics", "export", str(book))
    assert done.returncode == exits.DONE, done.stderr
    page = (tmp_path / "month.html").read_text(encoding="utf-8")
    assert "Customers: 1 of 2 chosen" in page
    assert 'src="http' not in page
    assert book.read_bytes() == before


def test_the_usual_nbconvert_shows_what_was_chosen_too(tmp_path: Path) -> None:
    """`jupyter nbconvert --to html --execute` takes the live view first: there is none to take."""
    book = notebook(tmp_path / "month.ipynb", PICKER)
    done = run("nbconvert", "--to", "html", "--execute", str(book))
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "month.html").read_text(encoding="utf-8")
    assert "Customers: 1 of 2 chosen" in page
    assert '<script type="application/vnd.jupyter.widget-view+json"' not in page


@pytest.mark.parametrize(
    ("text", "said"), [(None, "is not there"), ("no notebook", "is no notebook"), ("1 / 0", "ZeroDivisionError")]
)
def test_what_cannot_be_run_leaves_no_page(
    text: str | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing file, another file, a cell that stops: one message, exit code 2."""
    book = tmp_path / "month.ipynb"
    if text == "no notebook":
        book.write_text(text, encoding="utf-8")
    elif text is not None:
        notebook(book, text)
    assert app.run(["export", str(book)]) == exits.CANNOT
    assert said in capsys.readouterr().err
    assert not (tmp_path / "month.html").exists()
