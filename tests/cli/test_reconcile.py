from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import metronome_analytics as ma
from metronome_analytics import reports
from metronome_analytics.__main__ import main
from metronome_analytics.analysis.statements.periods import By, of_month, one_month
from metronome_analytics.cli import exits, findings
from metronome_analytics.cli.external import column_mapping
from metronome_analytics.cli.printing import screen
from metronome_analytics.simulator import Fault, Simulator
from metronome_analytics.tables import Invoices
from metronome_analytics.tables.money import currency, major
from tests.cli.support import AS_OF, day, table

if TYPE_CHECKING:
    from pathlib import Path

MAP = ("--map", "invoice_id=Number", "amount=Amount due", "currency=Currency")


def run(*arguments: str) -> int:
    """The exit code of `reconcile`, which leaves by SystemExit when it has one to tell."""
    try:
        return main(["reconcile", *arguments])
    except SystemExit as left:
        return int(left.code or 0)


@pytest.fixture(scope="module")
def export() -> pl.DataFrame:
    """What a billing provider would have of October, made up from the served account's own invoices."""
    with ma.demo(customers=6, as_of=AS_OF) as account:
        invoices = of_month(account.invoices(pl.concat([account.customers()])), "2026-10")
    final = invoices.filter((pl.col("status") == "FINALIZED") & (pl.col("total") != 0))
    name = pl.col("credit_type_name")
    return final.select(
        pl.coalesce("billing_provider_invoice_id", "id").alias("Number"),
        major(pl.col("total"), name).round(2).cast(pl.String).alias("Amount due"),
        currency(name).alias("Currency"),
    )


@pytest.mark.usefixtures("environment")
def test_a_month_that_ties_out_is_no_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0, both reports, a summary of every check, and nothing on stderr."""
    assert run("--month", "2026-10", "--out", str(tmp_path / "new" / "folder")) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert told.out.splitlines()[-1].startswith("Ties out: ")
    assert {path.name for path in (tmp_path / "new" / "folder").iterdir()} == {
        *("reconciliation-2026-10.xlsx", "reconciliation-2026-10.html")
    }
    assert all(check in told.out for check in ("invoice_total", "drawdown", "ledger_balance", "net_balance"))
    assert "simulator-token" not in told.out


@pytest.fixture
def without_reports(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Empty files for reports, which have tests of their own; what each was given."""
    given: dict[str, Any] = {}
    for name in ("workbook", "html"):
        monkeypatch.setattr(reports, name, lambda path, name=name, **what: (path.touch(), given.update({name: what})))
    return given


@pytest.mark.usefixtures("environment", "without_reports")
def test_another_system_that_agrees_is_matched(
    export: pl.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A CSV under its own column names; every invoice of the month is in it."""
    file = tmp_path / "export.csv"
    export.write_csv(file, separator=";")
    given = ("--external", str(file), *MAP)
    assert run("--month", "2026-10", *given, "--out", str(tmp_path)) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.lstrip().startswith("external ")]
    assert [int(number) for number in line.split()[-4:]] == [export.height, 0, 0, 0]


@pytest.mark.usefixtures("environment")
def test_the_workbook_is_headed_by_the_hash_of_the_other_systems_file(
    export: pl.DataFrame, without_reports: dict[str, Any], tmp_path: Path
) -> None:
    """What was compared with can be told from another file of its name."""
    file = tmp_path / "export.csv"
    export.write_csv(file)
    assert run("--month", "2026-10", "--external", str(file), *MAP, "--out", str(tmp_path)) == 0
    assert without_reports["workbook"]["files"] == [file]


@pytest.mark.usefixtures("environment", "without_reports")
def test_the_other_systems_file_is_read_before_anything_is_loaded(
    simulator: Simulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What does not fit is told in the words of the command line, with the file's own columns and lines."""
    file, sent = tmp_path / "export.csv", len(simulator.requests)
    file.write_text("Number;Amount due\nin_1;1.234\nin_2;5.678\n", encoding="utf-8")
    given = ("--month", "2026-10", "--out", str(tmp_path), "--external", str(file), "--map", "invoice_id=Number")
    assert run(*given) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "--external export.csv has no column 'amount'; its columns are 'Number', 'Amount due'." in told
    assert "--map amount='Amount due'" in told
    assert run(*given, "amount=Amount due") == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "can be read two ways (line 2: '1.234', line 3: '5.678'). Say what separates decimals: --decimal" in told
    assert len(simulator.requests) == sent
    assert run(*given, "amount=Amount due", "--decimal", ",") == 1
    assert "1,234.00" in capsys.readouterr().out
    assert run("--month", "2026-10", "--out", str(tmp_path), "--decimal", ",") == 2


@pytest.mark.usefixtures("environment", "without_reports")
def test_a_difference_is_exit_code_one(
    export: pl.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is missing there and what is 100 times too large is named, with the likeliest cause."""
    file = tmp_path / "export.csv"
    wrong = pl.when(pl.int_range(pl.len()) == 0).then(pl.col("Amount due").cast(pl.Decimal(38, 2)) * 100)
    amount = wrong.otherwise(pl.col("Amount due").cast(pl.Decimal(38, 2))).cast(pl.String)
    export.with_columns(amount.alias("Amount due")).head(-1).write_csv(file)
    assert run("--month", "2026-10", "--external", str(file), *MAP, "--out", str(tmp_path)) == 1
    told = capsys.readouterr().out
    assert "Does not tie out: " in told
    assert "unit 100 times off" in told
    assert "missing" in told
    assert len(re.findall(r"^  external: ", told, re.MULTILINE)) == 2


@pytest.mark.usefixtures("environment", "without_reports")
def test_what_could_not_be_checked_is_exit_code_three(
    export: pl.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An amount that is no number, and the reason on the screen."""
    file = tmp_path / "export.csv"
    first = pl.int_range(pl.len()) == 0
    export.with_columns(pl.when(first).then(pl.lit("n/a")).otherwise("Amount due").alias("Amount due")).write_csv(file)
    assert run("--month", "2026-10", "--external", str(file), *MAP, "--out", str(tmp_path)) == 3
    told = capsys.readouterr().out
    assert "the other system's amount is no number (1 row)" in told
    assert "not everything could be checked" in told


@pytest.mark.usefixtures("environment", "without_reports")
def test_a_mirror_and_the_account_check_the_same_net_balances(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every customer's, those without a balance included: a balance left out shows nowhere else."""
    told = []
    assert run("--month", "2026-10", "--out", str(tmp_path)) == 0
    told.append(capsys.readouterr().out)
    assert main(["sync", str(tmp_path / "mirror")]) == 0
    capsys.readouterr()
    assert run("--month", "2026-10", "--mirror", str(tmp_path / "mirror"), "--out", str(tmp_path)) == 0
    told.append(capsys.readouterr().out)
    live, mirrored = (sorted(re.findall(r"^ *net_balance .*$", text, re.MULTILINE)) for text in told)
    assert live == mirrored != []
    with ma.connect() as account:
        everyone = pl.concat([account.customers(), account.customers(only_archived=True)])
        held = account.balances(everyone["id"], include_archived=True)
    assert set(held["customer_id"]) < set(everyone["id"])
    assert sum(int(line.split()[-4]) for line in live) >= everyone.height


def test_the_reports_of_a_closed_month_show_its_close(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The balances at its last instant and the ledger of the month; of the running month, the books as they are."""
    given: dict[str, Any] = {}
    monkeypatch.setattr(ma, "demo", partial(ma.demo, customers=6))
    for name in ("workbook", "html"):
        monkeypatch.setattr(reports, name, lambda path, **what: (path.touch(), given.update(what)))
    assert run("--month", "2026-10", "--demo", "--out", str(tmp_path)) == 0
    end = datetime(2026, 11, 1, tzinfo=UTC)
    assert given["as_of"] == end
    assert given["entries"]["timestamp"].is_between(datetime(2026, 10, 1, tzinfo=UTC), end).all()
    assert ma.ledger(given["balances"])["timestamp"].max() <= end
    assert "24:00 UTC" in given["filters"]["Balances and ledger"]
    with ma.demo(as_of=end) as account:
        then = account.balances(account.customers()["id"])
    begun = ma.segments(then).filter(starting_at=end)["balance_id"]  # November's
    both = (
        given["balances"].join(then.select("id", api="balance"), on="id").filter(~pl.col("id").is_in(begun.implode()))
    )
    assert both.height > 5
    assert both.filter(pl.col("balance") != pl.col("api")).is_empty()
    assert run("--month", "2026-11", "--demo", "--out", str(tmp_path)) == 3
    assert (given["as_of"], given["entries"]) == (AS_OF, None)


@pytest.mark.usefixtures("environment")
def test_a_load_that_fails_writes_nothing(
    simulator: Simulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One message, exit code 2 and no half a report."""
    simulator.faults.add(Fault("status", match="/invoices", times=None, status=403))
    assert run("--month", "2026-10", "--out", str(tmp_path / "none")) == 2
    assert "METRONOME_BEARER_TOKEN" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


@pytest.mark.usefixtures("without_reports")
def test_the_demo_needs_no_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor a network; it loads the simulated account and prints no token."""
    monkeypatch.setattr(ma, "demo", partial(ma.demo, customers=3))
    assert run("--month", "2026-10", "--demo", "--out", str(tmp_path)) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert "environment='demo'" in told.out
    assert "simulator-token" not in told.out


def test_without_a_token_it_says_what_to_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """There is no option for one."""
    assert run("--month", "2026-10", "--out", str(tmp_path)) == 2
    assert "METRONOME_BEARER_TOKEN" in capsys.readouterr().err


@pytest.mark.parametrize("month", ["2026-13", "October", "2026-10-01", "0000-01"])
def test_a_month_is_year_and_month(month: str) -> None:
    """Anything else is refused before anything is sent."""
    with pytest.raises(ma.ArgumentError, match="month"):
        one_month(month)


@pytest.mark.parametrize(("by", "wanted"), [("period", ["inside", "scheduled"]), ("issued", ["before", "scheduled"])])
def test_a_months_invoices_are_chosen_by_period_or_by_issue(by: By, wanted: list[str]) -> None:
    """Half-open; what has no period belongs to the month it is issued in."""
    invoices = table(
        Invoices,
        {"id": "before", "start_timestamp": day(9, 1), "end_timestamp": day(10, 1), "issued_at": day(10, 2)},
        {"id": "inside", "start_timestamp": day(10, 1), "end_timestamp": day(11, 1), "issued_at": day(11, 2)},
        {"id": "scheduled", "issued_at": day(10, 31)},
        {"id": "after", "start_timestamp": day(11, 1), "end_timestamp": day(12, 1), "issued_at": day(12, 2)},
    )
    assert of_month(invoices, "2026-10", by)["id"].to_list() == wanted


@pytest.mark.parametrize("pair", ["amount", "=x", "amount="])
def test_a_mapping_is_ours_and_theirs(pair: str) -> None:
    """Both sides of each; a column twice is refused too."""
    with pytest.raises(ma.ArgumentError, match="map"):
        column_mapping([pair])
    with pytest.raises(ma.ArgumentError, match="map"):
        column_mapping(["amount=a", "amount=b"])


def test_the_screen_takes_eighty_columns(capsys: pytest.CaptureFixture[str]) -> None:
    """The table of checks is cut nowhere; a long list of failures says how many it leaves out."""
    with ma.demo(customers=6, as_of=AS_OF) as account:
        customers, invoices = account.customers(), account.invoices()
    found = ma.reconcile(invoices.with_columns(pl.col("total") + 1))
    assert exits.of_verdict(found.verdict) == 1
    findings.show(screen(width=80), found, customers, invoices)
    told = capsys.readouterr().out
    assert f"The first 20 of {found.exceptions.height:,}" in told
    assert "balances were not given" in told
    assert max(len(line) for line in told.splitlines() if "invoice_total  " in line) <= 80
