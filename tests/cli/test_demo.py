from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import defaultdict
from decimal import Decimal
from io import StringIO
from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import metronome_analytics as ma
from metronome_analytics.__main__ import main
from metronome_analytics.cli.loads import TABLES, LoadOptions, load
from metronome_analytics.cli.printing import screen
from metronome_analytics.cli.run import outlook, report
from tests.cli.support import AS_OF, command

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

CUSTOMERS = 6
Tables = dict[str, pl.DataFrame]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demo wrote."""
    return tmp_path_factory.mktemp("demo") / "made" / "by the demo"


@pytest.fixture(scope="module")
def done(folder: Path) -> subprocess.CompletedProcess[str]:
    """The demo, run once."""
    return command("demo", "--customers", str(CUSTOMERS), "--out", str(folder))


@pytest.fixture(scope="module")
def loaded() -> Tables:
    """The same loads in process."""
    with ma.demo(customers=CUSTOMERS) as account:
        return dict(load(account, LoadOptions()))


def test_the_demo_names_its_folder_last(done: subprocess.CompletedProcess[str], folder: Path) -> None:
    """It ends well, says nothing on stderr, and its last line is the folder it wrote."""
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == str(folder)


def test_the_folder_holds_every_table_the_receipts_and_the_chart(
    done: subprocess.CompletedProcess[str], folder: Path
) -> None:
    """One Parquet file per table, nothing half-written beside them."""
    expected = {f"{name}.parquet" for name in (*TABLES, "receipts")} | {
        *("burn-down.svg", "burn-down.html", "report.xlsx", "report.html", "mirror")
    }
    assert {path.name for path in folder.iterdir()} == expected
    assert "burn-down.svg, burn-down.html, report.xlsx, report.html" in done.stdout


def test_the_demo_ends_with_its_report(done: subprocess.CompletedProcess[str], folder: Path) -> None:
    """The books of the simulated account tie out, on the screen and on the page."""
    assert re.search(r"^Ties out: [\d,]+ passed, 0 failed, \d+ warnings, 0 not checked\.$", done.stdout, re.MULTILINE)
    assert "Everything was checked and ties out." in (folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("done")
def test_what_was_written_reads_back_as_it_was_loaded(folder: Path, loaded: Tables) -> None:
    """Every file equals the load in values, order and dtypes."""
    for name in TABLES:
        assert_frame_equal(pl.read_parquet(folder / f"{name}.parquet"), loaded[name])


@pytest.mark.usefixtures("done")
def test_every_load_of_the_demo_is_complete(folder: Path) -> None:
    """The receipts say so, and none was retried."""
    receipts = pl.read_parquet(folder / "receipts.parquet")
    assert receipts["complete"].all()
    assert receipts["retries"].sum() == 0


def test_the_totals_printed_are_those_of_the_invoices(done: subprocess.CompletedProcess[str], loaded: Tables) -> None:
    """Summed in Python, by currency, without void invoices, drafts and twins."""
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for row in loaded["invoices"].select("status", "type", "credit_type_name", "total").iter_rows(named=True):
        if row["status"] == "FINALIZED" and row["type"] != "USAGE_CONSOLIDATED":
            totals[row["credit_type_name"]] += row["total"]
    assert set(totals) == {"USD (cents)", "EUR"}
    line = next(line for line in done.stdout.splitlines() if line.startswith(" total"))
    printed = [Decimal(number.replace(",", "")) for number in re.findall(r"[\d,]+\.\d+", line)]
    assert printed == [totals["EUR"], totals["USD (cents)"] / 100]


def test_the_chart_is_whole_and_needs_no_network(done: subprocess.CompletedProcess[str], folder: Path) -> None:
    """The SVG is XML with a line in it; the page loads no script and no style from anywhere."""
    assert done.returncode == 0
    svg = ET.parse(folder / "burn-down.svg").getroot()  # noqa: S314  # our own file
    assert len(list(svg.iter("{http://www.w3.org/2000/svg}path"))) > 1
    page = (folder / "burn-down.html").read_text(encoding="utf-8")
    assert re.findall(r"""<(?:script|link|img)\b[^>]*\b(?:src|href)=["']?[a-z/]""", page) == []


def test_the_token_is_printed_nowhere(done: subprocess.CompletedProcess[str], folder: Path) -> None:
    """Neither the output nor a file holds it."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    texts = [done.stdout.encode(), *(path.read_bytes() for path in files)]
    assert [text for text in texts if b"simulator-token" in text] == []


@pytest.mark.parametrize("width", [80, 100])
def test_nothing_is_cut_but_names(width: int, loaded: Tables) -> None:
    """At 80 columns no line is longer, and every amount, date and count is there in full."""
    ahead = outlook(loaded, as_of=AS_OF)
    receipts = pl.DataFrame({"endpoint": ["invoices"]}).with_columns(
        complete=True,
        **{name: pl.lit(1) for name in ("requests", "pages", "rows", "bytes", "retries", "throttled")},
        seconds=pl.lit(0.5),
    )
    texts = []
    for columns in (width, 300):
        file = StringIO()
        report(screen(file, width=columns), loaded, ahead, receipts, as_of=AS_OF)
        texts.append(file.getvalue())
    narrow, wide = (re.findall(r"[\d,]+\.\d+|\d{4}-\d\d-\d\d|\d+%", text) for text in texts)
    assert narrow == wide
    assert max(map(len, texts[0].splitlines())) <= width


def test_an_empty_account_is_no_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No customers: the same tables without rows, and no chart."""
    assert main(["demo", "--customers", "0", "--out", str(tmp_path)]) == 0
    assert "No invoices." in capsys.readouterr().out
    assert pl.read_parquet(tmp_path / "invoices.parquet").height == 0
    assert not list(tmp_path.glob("burn-down*"))
