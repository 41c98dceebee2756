from __future__ import annotations

import csv
import hashlib
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import metronome_analytics as ma
from metronome_analytics import reports
from metronome_analytics.__main__ import main
from metronome_analytics.analysis.statements.month_end import ACCOUNTS, month_end_statements
from metronome_analytics.books import pack
from metronome_analytics.books.loading import account_books
from metronome_analytics.books.month import Comparison, Month
from metronome_analytics.folder import Folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from metronome_analytics.account import Account

AS_OF = datetime(2026, 11, 18, 9, 30, tzinfo=UTC)
END = datetime(2026, 11, 1, tzinfo=UTC)
NAMES = {
    *("reconciliation", "roll_forward", "deferred_revenue", "revenue", "flux", "accrual", "aging"),
    *("corrections_register", "journal_entries", "checks", "exceptions", "receipts"),
}


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    """A small account, in the middle of November."""
    with ma.demo(customers=10, as_of=AS_OF) as opened:
        yield opened


@pytest.fixture
def without_reports(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Empty files for reports, which have tests of their own; what they were given."""
    given: dict[str, Any] = {}
    for name in ("workbook", "html"):
        monkeypatch.setattr(reports, name, lambda path, **what: (path.touch(), given.update(what)))
    return given


def close(*arguments: str) -> int:
    """The exit code of `close`, which leaves by SystemExit when it has one to tell."""
    try:
        return main(["close", *arguments])
    except SystemExit as left:
        return int(left.code or 0)


def october(account: Account, **columns: Any) -> pl.DataFrame:
    """What a billing provider would have of October, made up from the account's own invoices."""
    invoices = account.reconcile("2026-10").loaded["invoices"]
    at = pl.coalesce("start_timestamp", "issued_at").dt.strftime("%Y-%m")
    billed = ma.major_units(ma.invoiced(invoices)).filter(at == "2026-10", pl.col("total") != 0)
    return billed.select(invoice_id="id", amount=pl.col("total").round(2), currency="currency").with_columns(**columns)


def test_a_month_is_reconciled_with_what_was_loaded(account: Account) -> None:
    """The checks of the whole about the month, every frame beside them; without a month it is the whole."""
    found = account.reconcile(month="2026-10")
    assert (found.month, found.verdict) == ("2026-10", "ties out")
    assert set(found.loaded) == {"customers", "invoices", "balances", "net_balances", "receipts"}
    archived = account.customers(only_archived=True)["id"]
    assert set(archived) <= set(found.loaded["customers"]["id"])
    whole = account.reconcile()
    assert whole.month is None
    assert whole.checks.height > found.checks.height
    frames = (whole.loaded[name] for name in ("invoices", "balances", "net_balances"))
    assert_frame_equal(ma.reconcile(*frames, as_of=AS_OF).checks, whole.checks)
    assert found.statement().is_empty()


def test_some_customers_and_another_system(account: Account, tmp_path: Path) -> None:
    """Only they are loaded; the file is read, and the difference stated in money."""
    customer = account.invoices()["customer_id"][0]
    assert set(account.reconcile("2026-10", customer).loaded["balances"]["customer_id"]) <= {customer}
    october(account, amount=pl.col("amount") + 1).write_csv(tmp_path / "theirs.csv")
    found = account.reconcile("2026-10", external=tmp_path / "theirs.csv")
    statement = ma.major_units(found.statement())
    off = {(row["currency"], row["line"]): (row["amount"], row["rows"]) for row in statement.iter_rows(named=True)}
    amount, rows = off["USD", "amount"]
    assert abs(amount - rows) <= Decimal("0.005") * rows
    assert off["USD", "unexplained"] == (0, 0)
    with pytest.raises(ma.ArgumentError, match="external_columns"):
        account.reconcile("2026-10", external_columns={"amount": "x"})
    with pytest.raises(ma.ArgumentError, match="month"):
        account.reconcile("October")


def test_statements_tie_to_one_another_and_to_the_close(account: Account) -> None:
    """The roll-forward closes at the balances of the close; deferred revenue and revenue at their own parts."""
    month = Month("2026-10", account_books(account), Comparison())
    assert month.closed is not None
    made = month_end_statements(
        "2026-10", month.books.balances, month.books.invoices, loaded_at=AS_OF, breakdowns=month.days
    )
    unit = ["balance_type", "credit_type_id"]
    closing = made["roll_forward"].group_by(unit).agg(pl.col("closing").sum()).filter(pl.col("closing") != 0)
    held = month.closed.balances.rename({"type": "balance_type"}).group_by(unit).agg(closing=pl.col("balance").sum())
    assert_frame_equal(closing, held.filter(pl.col("closing") != 0), check_row_order=False, check_exact=True)
    change = made["flux"].group_by("credit_type_id").agg(pl.col("after").sum())
    billed = made["revenue"].group_by("credit_type_id").agg(after=pl.col("net").sum())
    assert_frame_equal(change, billed, check_row_order=False, check_exact=True)
    assert made["aging"].filter(pl.col("issued_at") >= END).is_empty()
    posted = made["journal_entries"].group_by("currency").agg(pl.col("debit").sum(), pl.col("credit").sum())
    assert (posted["debit"] == posted["credit"]).all()


def test_the_pack_is_whole_and_vouched_for(account: Account, without_reports: dict[str, Any], tmp_path: Path) -> None:
    """Every statement as Parquet and CSV, and a manifest with the hash of every file, the receipts and as of when."""
    done = account.close_month("2026-10", tmp_path / "new" / "pack")
    folder = tmp_path / "new" / "pack"
    tables = {path.name for path in (folder / "statements").iterdir()}
    assert tables == {f"{name}.{kind}" for name in NAMES for kind in ("parquet", "csv")}
    assert {path.name for path in folder.iterdir()} == {
        *("close-2026-10.xlsx", "close-2026-10.html", "manifest.json", "statements")
    }
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    assert (manifest["as_of"], manifest["books_read_at"]) == ("2026-11-01T00:00:00Z", "2026-11-18T09:30:00Z")
    assert (manifest["month"], manifest["verdict"]) == ("2026-10", "ties out")
    for file in manifest["files"]:
        assert hashlib.sha256((folder / file["file"]).read_bytes()).hexdigest() == file["sha256"]
    assert {file["file"] for file in manifest["files"]} == set(done.files["file"])
    assert {load["endpoint"] for load in manifest["receipts"]} >= {"invoices", "balances", "net_balances"}
    assert "simulator-token" not in json.dumps(manifest)
    for name, frame in done.statements.items():
        assert_frame_equal(pl.read_parquet(folder / "statements" / f"{name}.parquet"), frame)
        with (folder / "statements" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            assert sum(1 for _ in csv.reader(file)) == frame.height + 1
    assert set(done.statements["roll_forward"]["month"]) == {"2026-10"}
    assert without_reports["year"]["roll_forward"]["month"].n_unique() == 12
    assert without_reports["as_of"] == END


def test_no_text_of_a_csv_is_a_formula(tmp_path: Path) -> None:
    """A name that a spreadsheet would run gets an apostrophe; amounts below zero stay numbers, lists are joined."""
    frame = pl.DataFrame(
        {"name": ["=1+1", "@x", "-5", "plain"], "ids": [["=a", "b"], [], None, ["c"]], "at": [AS_OF] * 4}
    )
    pack._write(frame, tmp_path, "table")
    text = (tmp_path / "table.csv").read_text("utf-8").splitlines()
    assert text[1:] == [
        "'=1+1,\"'=a, b\",2026-11-18T09:30:00Z",
        *('\'@x,"",2026-11-18T09:30:00Z', "-5,,2026-11-18T09:30:00Z", "plain,c,2026-11-18T09:30:00Z"),
    ]
    assert_frame_equal(pl.read_parquet(tmp_path / "table.parquet"), frame)


def test_nothing_is_half_written(
    account: Account, without_reports: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the page fails there is no folder; where one of an earlier close is there, it stays as it was."""
    whole = reports.html
    monkeypatch.setattr(reports, "html", lambda path, **_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        account.close_month("2026-10", tmp_path / "pack")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(reports, "html", whole)
    account.close_month("2026-10", tmp_path / "pack")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    monkeypatch.setattr(reports, "html", lambda path, **_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        account.close_month("2026-10", tmp_path / "pack")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert without_reports


def test_the_folder_and_the_file_are_tried_before_anything_is_loaded(account: Account, tmp_path: Path) -> None:
    """A folder that cannot be made, or a file that cannot be read, costs no request."""
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    before = account.receipts.height
    with pytest.raises(ma.ArgumentError, match="folder"):
        account.close_month("2026-10", tmp_path / "taken")
    with pytest.raises(ma.ArgumentError, match="no column 'amount'"):
        account.close_month("2026-10", tmp_path, pl.DataFrame({"invoice_id": ["x"]}))
    with pytest.raises(ma.ArgumentError, match="month"):
        account.close_month("2026-13", tmp_path)
    assert account.receipts.height == before


def test_files_of_others_stay(tmp_path: Path) -> None:
    """All or nothing replaces what has the name of one of its files, and touches nothing else."""
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    (tmp_path / "a.txt").write_text("old", encoding="utf-8")
    with Folder(tmp_path).all_or_nothing() as beside:
        (beside / "a.txt").write_text("new", encoding="utf-8")
        (beside / "deep").mkdir()
        (beside / "deep" / "b.txt").touch()
    assert (tmp_path / "a.txt").read_text("utf-8") == "new"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.txt", "b.txt", "deep", "notes.txt"]


@pytest.mark.usefixtures("without_reports")
@pytest.mark.parametrize(("month", "code"), [("2026-10", 0), ("2026-11", 3)])
def test_the_command_writes_the_same_pack(
    month: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its exit code is that of the verdict: 0 ties out, 3 the month still runs; nothing on stderr."""
    demo = ma.demo
    monkeypatch.setattr(ma, "demo", lambda **given: demo(customers=4, **given))
    assert close("--month", month, "--demo", "--out", str(tmp_path)) == code
    told = capsys.readouterr()
    assert told.err == ""
    assert json.loads((tmp_path / "manifest.json").read_text("utf-8"))["month"] == month
    assert f"the pack of {month}" in told.out


@pytest.mark.usefixtures("without_reports")
def test_the_command_compares_with_a_file(
    account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A difference is exit code 1, in money on the screen, and the manifest has the file's hash."""
    demo = ma.demo
    monkeypatch.setattr(ma, "demo", lambda **given: demo(customers=10, **given))
    file = tmp_path / "stripe.csv"
    october(account, amount=pl.col("amount") + 1).rename({"amount": "Due"}).write_csv(file)
    given = ["--external", str(file), "--map", "amount=Due", "--out", str(tmp_path / "pack"), "--demo"]
    assert close("--month", "2026-10", *given) == 1
    assert "per the other system" in capsys.readouterr().out
    manifest = json.loads((tmp_path / "pack" / "manifest.json").read_text("utf-8"))
    assert manifest["compared_with"]["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()


def test_the_hash_of_the_file_is_once_in_each_report(
    account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The workbook has it in the header of every sheet, the page among what was selected."""
    given: dict[str, Any] = {}
    for name in ("workbook", "html"):
        monkeypatch.setattr(reports, name, lambda path, name=name, **what: (path.touch(), given.update({name: what})))
    file = tmp_path / "stripe.csv"
    october(account).write_csv(file)
    account.close_month("2026-10", tmp_path / "pack", str(file))
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert given["workbook"]["files"] == [file]
    assert digest not in given["workbook"]["filters"].values()
    assert digest in given["html"]["filters"].values()


def test_accounts_are_those_of_the_user(account: Account, without_reports: dict[str, Any], tmp_path: Path) -> None:
    """Journal entries post to the accounts given, else to names that say what they are."""
    own = dict.fromkeys(ACCOUNTS, ("1", "2"))
    done = account.close_month("2026-10", tmp_path, accounts=own)
    assert set(done.statements["journal_entries"]["account"]) == {"1", "2"}
    assert without_reports
