from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import pytest
import stamina

import metronome_analytics as ma
from metronome_analytics import tables
from metronome_analytics.simulator import Fault, Simulator, running
from tests.cli.support import ROOT, surroundings

if TYPE_CHECKING:
    from collections.abc import Callable

README = (ROOT / "README.md").read_text(encoding="utf-8")
TABLES_PAGE = (ROOT / "docs" / "explanation" / "tables.md").read_text(encoding="utf-8")
ERRORS_PAGE = (ROOT / "docs" / "explanation" / "errors.md").read_text(encoding="utf-8")
CI = ROOT / ".ci" / "run"

TABLES = {
    "account.customers()": tables.Customers,
    "account.invoices()": tables.Invoices,
    "ma.line_items(invoices)": tables.LineItems,
    "account.invoice_breakdowns()": tables.InvoiceBreakdowns,
    "account.costs()": tables.Costs,
    "ma.cost_lines(costs)": tables.CostLines,
    "account.balances()": tables.Balances,
    "account.commits()": tables.Balances,
    "account.credits()": tables.Balances,
    "ma.ledger(balances)": tables.Ledger,
    "ma.segments(balances)": tables.Segments,
    "account.net_balances()": tables.NetBalances,
}


def blocks(language: str, page: str = README) -> list[str]:
    """The code blocks of README, or of another page, in `language`."""
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


def test_two_commands_do_everything() -> None:
    """A fresh machine needs exactly two lines, one to run the demo and one to pass the tests."""
    lines = [block.strip() for block in blocks("bash") if "venv .venv" in block]
    assert len(lines) == 2
    assert [line.count("\n") for line in lines] == [0, 0]
    assert lines[0].endswith("/metronome-analytics demo")
    assert lines[1].endswith("/python -m pytest -n auto --dist worksteal")
    assert all(line.startswith("python3 -m venv .venv && ") for line in lines)


def test_ci_runs_the_very_test_command() -> None:
    """.ci/run takes the line out of README and finds one; it is executable and it is bash."""
    found = re.search(r"tests=\$\(grep -E '(.+)' README\.md\)", CI.read_text(encoding="utf-8"))
    assert found is not None
    lines = [line for line in README.splitlines() if re.search(found[1], line)]
    assert lines == [block.strip() for block in blocks("bash") if "pytest" in block]
    assert os.access(CI, os.X_OK)
    subprocess.run(["/usr/bin/env", "bash", "-n", str(CI)], check=True)


def test_every_command_of_ci_is_installed_by_the_tests_extra() -> None:
    """What .ci/run calls after the tests comes from the environment the tests made."""
    programs = set(re.findall(r"^\.venv/bin/(\S+)", CI.read_text(encoding="utf-8"), re.MULTILINE))
    assert programs == {"python", "ruff", "mypy", "nbstripout"}


def test_the_ten_lines_load_and_draw() -> None:
    """The example runs as it stands and prints months, currencies and receipts."""
    (code,) = blocks("python")
    assert len(code.splitlines()) == 10

    simulator = Simulator(customers=3)
    with running(simulator) as url:
        environment = surroundings(METRONOME_BASE_URL=url, METRONOME_BEARER_TOKEN=simulator.token)
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", code], check=False, capture_output=True, text=True, env=environment
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert "2026-10" in done.stdout
    assert "USD" in done.stdout
    assert "complete" in done.stdout


def test_the_keys_are_the_tables_own() -> None:
    """The list of tables names every loader and flattener, each with the key its schema declares."""
    rows = re.findall(r"^\| `([^`]+)` \| (.+?) \|", TABLES_PAGE, re.MULTILINE)
    assert [name for name, _ in rows] == list(TABLES)
    for name, key in rows:
        assert set(re.findall(r"`(\w+)`", key)) == set(TABLES[name].primary_key()), name


def test_the_receipt_is_described_in_full() -> None:
    """Every column of a receipt but its id is in the paragraph about it."""
    paragraph = TABLES_PAGE.partition("## What a receipt says")[2].partition("\n## ")[0]
    columns = set(tables.Receipts.column_names()) - {"load_id"}
    assert columns <= set(re.findall(r"`(\w+)`", paragraph))


def raised(action: Callable[[], object]) -> str:
    """An error as README shows it."""
    with pytest.raises(ma.MetronomeError) as caught:
        action()
    return f"{type(caught.value).__name__}: {caught.value}"


def test_the_errors_shown_are_real() -> None:
    """Each message is what the package says today."""
    simulator = Simulator(customers=1)
    simulator.faults.add(Fault("mutate", match="/invoices", times=None, change=_total_as_text))
    nobody = "00000000-0000-4000-8000-000000000000"
    with stamina.set_testing(True, attempts=1), ma.demo(customers=1) as account, _of(simulator) as spoiled:
        messages = [
            raised(ma.connect),
            raised(lambda: account.invoices(starting_on="2026-11-01", ending_before="2026-10-01")),
            raised(lambda: _of(simulator, "wrong").customers()),
            raised(lambda: account.invoices(nobody)),
            raised(spoiled.invoices),
        ]
    assert blocks("text", ERRORS_PAGE) == ["\n".join(messages) + "\n"]


def _total_as_text(body: object) -> object:
    assert isinstance(body, dict)
    body["data"][0]["total"] = "12"
    return body


def _of(simulator: Simulator, token: str | None = None) -> ma.Account:
    """An account in process on `simulator`."""
    return ma.connect(
        token or simulator.token,
        base_url="http://127.0.0.1",
        max_requests_per_second=None,
        transport=httpx.ASGITransport(simulator.app),
    )


def test_readme_names_no_place_of_its_own() -> None:
    """No machine paths and no addresses but the loopback."""
    assert re.findall(r"https?://\S+|/(?:home|root|tmp|work|usr)/\S*", README) == []
