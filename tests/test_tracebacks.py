from __future__ import annotations

import json
import subprocess
import sys

import pytest

CELLS = """
import contextlib, io, json, sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance(colors="nocolor")
shown = []
for cell in json.loads(sys.stdin.read()):
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        shell.run_cell(cell)
    shown.append(text.getvalue())
print(json.dumps(shown))
"""
OPEN = "import metronome_analytics as ma\naccount = ma.demo(customers=2)"
MISTAKE = "def mine(x):\n    return account.invoices(x)\n\nmine('nobody')"


@pytest.fixture(scope="module")
def shown() -> list[str]:
    """What a notebook shows below each cell."""
    cells = [
        OPEN,
        MISTAKE,
        "account.invoices(status='FINALISED')",
        "raise ma.errors.ServerError('mine')",
        "1 / 0",
        "%xmode Plain",
        MISTAKE,
    ]
    done = subprocess.run(
        [sys.executable, "-c", CELLS], input=json.dumps(cells), capture_output=True, text=True, check=True
    )
    texts: list[str] = json.loads(done.stdout)
    return texts


def test_the_users_own_lines_are_shown_and_none_of_ours(shown: list[str]) -> None:
    """Both lines of the cell that led there are; retries, loops and readers are not."""
    assert "----> 4 mine('nobody')" in shown[1]
    assert "----> 2     return account.invoices(x)" in shown[1]
    assert len(shown[1].splitlines()) < 20
    assert "tenacity" not in shown[1]
    assert "metronome_analytics/" not in shown[1]


@pytest.mark.parametrize(
    ("cell", "message"), [(1, "customer_id must be a UUID"), (2, "Did you mean 'FINALIZED'?"), (3, "mine")]
)
def test_the_message_is_last(shown: list[str], cell: int, message: str) -> None:
    """What happened and what to do stands in the last line, how to see the rest in the one before."""
    *_, hint, last = shown[cell].strip().splitlines()
    assert message in last
    assert hint == "The whole traceback: run %xmode Plain, then %tb."


def test_the_chain_is_there_on_demand(shown: list[str]) -> None:
    """In another mode of IPython the traceback is IPython's, with the cause."""
    assert "direct cause" in shown[6]
    assert "The whole traceback" not in shown[6]


def test_other_peoples_errors_stay_as_they_are(shown: list[str]) -> None:
    """Only errors of ours are shown shorter."""
    assert "ZeroDivisionError" in shown[4]
    assert "The whole traceback" not in shown[4]
