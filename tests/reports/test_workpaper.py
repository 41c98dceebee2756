"""The workbook as a workpaper: statements, footing, links, and formulas that another program computes alike."""

from __future__ import annotations

import hashlib
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import openpyxl
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import metronome_analytics as ma
from metronome_analytics.analysis.checks.meaning import meaning
from metronome_analytics.analysis.reconciliation import CHECKS
from metronome_analytics.reports.formulas import Formula
from metronome_analytics.reports.statement_sheets import STATEMENTS, page
from tests.reports.conftest import AS_OF, Account
from tests.reports.recalculation import SOFFICE, recalculated

if TYPE_CHECKING:
    from pathlib import Path

    from openpyxl import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

MONTHS = ["2026-09", "2026-10", "2026-11"]
USD = "USD (cents)"
NAMES = [name for name in STATEMENTS if name != "journal_entries"]
SHEETS = [STATEMENTS[name].name for name in NAMES]


@pytest.fixture(scope="module")
def statements(account: Account) -> dict[str, pl.DataFrame]:
    """Every statement of the account; the register is of books in which one invoice is void."""
    invoices, balances = account.invoices, account.balances
    final = pl.col("status") == "FINALIZED"
    second = final & (final.cum_sum() == 2)
    voided = invoices.with_columns(pl.when(second).then(pl.lit("VOID")).otherwise("status").alias("status"))
    return {
        "roll_forward": ma.roll_forward(balances, invoices, months=MONTHS, as_of=AS_OF),
        "deferred_revenue": ma.deferred_revenue(balances, invoices, months=MONTHS, as_of=AS_OF),
        "revenue": ma.revenue(invoices, months=MONTHS, as_of=AS_OF),
        "flux": ma.flux(invoices, months=MONTHS[:2], as_of=AS_OF),
        "accrual": ma.accrual(invoices, month=MONTHS[1], as_of=AS_OF),
        "aging": ma.aging(invoices, as_of=AS_OF),
        "corrections_register": ma.corrections_register(voided),
        "reconciliation": reconciliation(account.invoices),
    }


def reconciliation(invoices: pl.DataFrame) -> pl.DataFrame:
    """A statement against another system that lacks one invoice, has another and rounds a third: in two currencies."""
    lines = {
        "per Metronome": "1000.4",
        "per the other system": "1020.0",
        "difference": "19.6",
        "missing here": "120.1",
        "missing there": "-100.4",
        "rounding": "-0.1",
        "unexplained": "0",
    }
    units = invoices.select("credit_type_id", "credit_type_name").unique().sort("credit_type_name")
    rows = pl.DataFrame({"line": list(lines), "amount": list(lines.values()), "rows": [3, 3, 3, 1, 1, 1, 0]})
    return units.join(rows.with_columns(pl.col("amount").cast(pl.Decimal(38, 10))), how="cross", maintain_order="left")


@pytest.fixture(scope="module")
def wrong(account: Account) -> dict[str, Any]:
    """What a report is given when one invoice is out by fifty dollars."""
    spoiled = pl.when(pl.int_range(pl.len()) == 3).then(pl.col("total") + 5000).otherwise("total")
    invoices = account.invoices.with_columns(spoiled.alias("total"))
    found = ma.reconcile(invoices, account.balances, account.net_balances, as_of=AS_OF)
    return account.given | {"invoices": invoices, "reconciliation": found}


@pytest.fixture(scope="module")
def written(
    wrong: dict[str, Any], statements: dict[str, pl.DataFrame], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A workbook with everything in it."""
    folder = tmp_path_factory.mktemp("paper")
    export = folder / "export & more.csv"
    export.write_text("invoice,amount\n", "utf-8")
    return ma.reports.workbook(
        folder / "close.xlsx",
        title="R&D: October",
        prepared_for="The board",
        files=[export],
        statements=statements,
        **wrong,
    )


@pytest.fixture(scope="module")
def live(written: Path) -> Workbook:
    """The workbook with its formulas."""
    return openpyxl.load_workbook(written)


@pytest.fixture(scope="module")
def stored(written: Path) -> Workbook:
    """The workbook with the values that were stored with its formulas."""
    return openpyxl.load_workbook(written, data_only=True)


@pytest.fixture(scope="module")
def computed(written: Path, tmp_path_factory: pytest.TempPathFactory) -> Workbook:
    """The workbook with the values that LibreOffice computes."""
    if SOFFICE is None:
        pytest.skip("LibreOffice is not installed: .ci/run installs libreoffice-calc")
    return recalculated(written, tmp_path_factory.mktemp("libreoffice"))


def cells(sheet: Worksheet, **area: int) -> list[tuple[Any, ...]]:
    """The values of a sheet, row by row."""
    return list(sheet.iter_rows(values_only=True, **area))


def table(book: Workbook, name: str) -> pl.DataFrame:
    """The rows of a sheet's table."""
    sheet = book[name]
    (held,) = sheet.tables.values()
    first, *rows = [[cell.value for cell in row] for row in sheet[held.ref]]
    columns = zip(*rows, strict=True)
    return pl.DataFrame({str(head): list(cells) for head, cells in zip(first, columns, strict=True)}, strict=False)


def rows_of(sheet: Worksheet, label: str) -> list[tuple[Any, ...]]:
    """The rows whose first cell is `label`."""
    return [row for row in cells(sheet) if row[0] == label]


def test_the_sheets_stand_in_the_order_of_a_close(live: Workbook) -> None:
    """Money first, then what is wrong, then what was loaded."""
    assert live.sheetnames == [
        *("Summary", *SHEETS, "Footing", "Exceptions", "Checks", "Invoices", "Lines", "Balances", "Ledger"),
        *("Receipts", "Notes"),
    ]
    names = [name for sheet in live for name in sheet.tables]
    assert names == [
        *("RollForward", "DeferredRevenue", "Revenue", "Flux", "Accrual", "Ageing", "Register", "Exceptions"),
        *("Checks", "Invoices", "Lines", "Balances", "Ledger", "Receipts"),
    ]


def test_another_program_computes_what_is_stored(live: Workbook, stored: Workbook, computed: Workbook) -> None:
    """Without any stored value, LibreOffice gives every formula of every sheet the value it was stored with."""
    checked = 0
    for sheet in live:
        for row in sheet.iter_rows():
            for cell in row:
                if cell.data_type != "f":
                    continue
                kept, found = (book[sheet.title][cell.coordinate].value for book in (stored, computed))
                place = f"{sheet.title}!{cell.coordinate}: {cell.value}"
                if isinstance(kept, str) or kept is None:
                    assert (found or "") == (kept or ""), place
                else:
                    assert found == pytest.approx(kept, rel=1e-12, abs=1e-9), place
                checked += 1
    assert checked > 1000


@pytest.mark.parametrize("name", NAMES)
def test_a_statement_recalculated_equals_its_frame(
    name: str, computed: Workbook, statements: dict[str, pl.DataFrame]
) -> None:
    """Row by row in major units, by currency, and every difference is nothing."""
    frame, sheet = ma.major_units(statements[name]), table(computed, STATEMENTS[name].name)
    ordered = frame.sort("currency", maintain_order=True)
    amounts = [column for column, dtype in frame.schema.items() if isinstance(dtype, pl.Decimal)]
    assert sheet.height == frame.height > 0
    assert sheet["Currency"].to_list() == ordered["currency"].to_list()
    for column in amounts:
        wanted = [None if each is None else float(each) for each in ordered[column].to_list()]
        assert sheet[column.replace("_", " ").capitalize()].to_list() == pytest.approx(wanted, abs=1e-9), column
    ties = [column for column in sheet.columns if column.startswith("Difference")]
    assert len(ties) == len(STATEMENTS[name].ties)
    assert {each for column in ties for each in sheet[column]} == ({0} if ties else set())


def test_totals_of_several_months_open_first_and_close_last(
    computed: Workbook, statements: dict[str, pl.DataFrame]
) -> None:
    """The quarter's roll-forward: the first opening, every movement, the last closing."""
    (total,) = rows_of(computed["Roll-forward"], "Total PREPAID USD")
    ours = ma.major_units(statements["roll_forward"]).filter(currency="USD", balance_type="PREPAID")
    headers = [cell.value for cell in computed["Roll-forward"][4]]
    assert total[headers.index("Opening")] == pytest.approx(float(ours["opening"][0]))
    assert total[headers.index("Used")] == pytest.approx(float(ours["used"].sum()))
    assert total[headers.index("Closing")] == pytest.approx(float(ours["closing"][-1]))


def test_the_verdict_follows_the_checks(live: Workbook, computed: Workbook) -> None:
    """It is a formula over the verdicts of Checks, which are formulas of their amounts."""
    (row,) = rows_of(live["Summary"], "Verdict")
    assert 'COUNTIFS(Checks[Verdict],"=fail")' in str(row[1])
    assert rows_of(computed["Summary"], "Verdict")[0][1] == "does not tie out"
    checks = table(live, "Checks")
    assert all("[[#This Row],[Difference]]" in each for each in checks["Verdict"])
    assert all("[[#This Row],[Expected]]" in each for each in checks["Difference"])


def test_the_reconciliation_foots_to_nothing(live: Workbook, computed: Workbook) -> None:
    """Per currency: the difference and what is unexplained are formulas, and a rounding line where cents hide some."""
    sheet = computed["Summary"]
    usd = {row[1]: row[3] for row in cells(sheet, max_row=60) if row[0] == "USD"}
    assert usd["Difference"] == pytest.approx(0.196)
    assert usd["Unexplained"] == pytest.approx(0, abs=1e-12)
    assert usd["Verdict"] == "foots"
    items = [usd["Missing here"], usd["Missing there"], usd["Rounding"]]
    shown = sum(round(Decimal(repr(each)), 2) for each in items)
    hidden = Decimal(repr(usd.get("Rounding of the figures shown", 0.0)))
    assert float(shown + hidden) == pytest.approx(0.20)
    formulas = {row[1]: row[3] for row in cells(live["Summary"], max_row=60) if row[0] == "USD"}
    assert all(str(formulas[line]).startswith("=") for line in ("Difference", "Unexplained", "Verdict"))


def test_both_sides_of_a_reconciliation_come_from_its_checks(account: Account, tmp_path: Path) -> None:
    """What each system has is the sum of the rows of Checks, by a formula."""
    invoices = account.invoices
    theirs = ma.major_units(ma.invoiced(invoices)).select(invoice_id="id", amount="total", currency="currency")
    found = ma.reconcile(invoices, external=theirs.slice(3), as_of=AS_OF)
    checks = found.checks.filter(check="external").group_by("credit_type_id", "credit_type_name")
    sums = checks.agg(pl.col("expected", "actual").sum())
    sides = {"per Metronome": "expected", "per the other system": "actual"}
    lines = [
        sums.select("credit_type_id", "credit_type_name", pl.lit(line).alias("line"), amount=column, rows=1)
        for line, column in sides.items()
    ]
    given = account.given | {"reconciliation": found, "statements": {"reconciliation": pl.concat(lines)}}
    book = openpyxl.load_workbook(ma.reports.workbook(tmp_path / "sides.xlsx", **given))
    shown = {row[1]: str(row[3]) for row in cells(book["Summary"]) if row[0] == "USD"}
    assert shown["Per Metronome"] == '=SUMIFS(Checks[Expected],Checks[Currency],"=USD",Checks[Check id],"=external")'
    assert shown["Per the other system"].startswith("=SUMIFS(Checks[Actual],")


def test_lines_foot_to_invoices(computed: Workbook, wrong: dict[str, Any]) -> None:
    """Per currency and standing; the fifty dollars show, and postpaid drawdown has a line of its own."""
    found = [row[:4] for row in cells(computed["Footing"])]
    verdicts = [row[3] for row in found if row[1] == "Verdict"]
    assert verdicts.count("does not foot") == 1
    assert len(verdicts) > 5
    off = [row[3] for row in found if row[1] == "Difference" and row[3]]
    assert off == [pytest.approx(50)]
    lines = ma.line_items(wrong["invoices"])
    drawn = (pl.col("applied_commit_or_credit_type") == "POSTPAID") & (pl.col("type") == "applied_commit_or_credit")
    postpaid = lines.filter(drawn, credit_type_name=USD)
    rows = [row for row in found if str(row[1]).startswith("Postpaid applied lines")]
    assert sum(row[2] for row in rows) == postpaid.height > 0
    assert sum(row[3] for row in rows) == pytest.approx(float(postpaid["total"].sum()) / 100)


def test_balances_foot(computed: Workbook, account: Account) -> None:
    """Granted less what became of it is what the API says is left, with trued up, overdraft and not started."""
    found = [row[:4] for row in cells(computed["Footing"])]
    kinds = account.balances.select("type", "credit_type_name").unique().height
    words = {"Granted", "Overdraft", "less Trued up", "less Not started", "Remaining"}
    assert words <= {row[1] for row in found}
    assert len([row for row in found if row[1] == "Remaining"]) == kinds
    left = sum(row[3] for row in found if row[1] == "Balances as the API states them" and row[0] == "USD")
    wanted = account.balances.filter(credit_type_name=USD)["balance"].sum()
    assert left == pytest.approx(float(wanted) / 100)


def test_statements_tie_to_each_other(computed: Workbook) -> None:
    """The closing is the balances, and before and after of the flux are the revenue of their months."""
    rows = [row for row in cells(computed["Summary"]) if row[5] in {"foots", "does not foot"}]
    assert len(rows) >= 6
    assert {row[5] for row in rows} == {"foots"}
    assert any("roll-forward" in row[1] for row in rows)
    assert any("flux" in row[1] for row in rows)


def test_every_exception_leads_to_its_rows(live: Workbook, computed: Workbook) -> None:
    """A link finds its row by the id, so that sorting does not mislead; what is not there has no link."""
    rows, shown = table(live, "Exceptions"), table(computed, "Exceptions")
    assert rows.height == shown.height == 5
    targets = {"See invoice": "Invoices", "See lines": "Lines", "See balance": "Balances", "See ledger": "Ledger"}
    for column, sheet in targets.items():
        key = "Invoice id" if sheet in {"Invoices", "Lines"} else "Balance id"
        assert all(f"HYPERLINK(\"#'{sheet}'!A\"" in each for each in rows[column])
        assert all(f"MATCH(Exceptions[[#This Row],[{key}]]" in each for each in rows[column])
        named = shown[key].is_not_null()
        assert all(bool(text) == has for text, has in zip(shown[column].fill_null(""), named, strict=True))
    spoiled = shown.row(0, named=True)
    assert spoiled["See invoice"] == "invoice"
    assert spoiled["Invoice id"] in table(computed, "Invoices")["Id"].to_list()
    for sheet in targets.values():
        assert live[sheet]["A1"].value is not None  # the row of the header, from which a link counts


def test_postings_have_a_sheet(account: Account, statements: dict[str, pl.DataFrame], tmp_path: Path) -> None:
    """In major units as they are, with debits and credits totalled by currency."""
    accounts = dict.fromkeys(("billed", "recognised_use", "recognised_breakage", "adjusted"), ("1000", "2000"))
    posted = ma.journal_entries(statements["deferred_revenue"], accounts=accounts)
    frames = {"journal_entries": posted}
    path = ma.reports.workbook(tmp_path / "posted.xlsx", statements=frames, **account.given)
    sheet = openpyxl.load_workbook(path, data_only=True)["Journal"]
    (usd,) = rows_of(sheet, "Total USD")
    total = posted.filter(currency="USD")["debit"].sum()
    assert [each for each in usd[1:] if each is not None] == [pytest.approx(float(total))] * 2


def test_two_decimals_are_shown_and_the_cell_holds_all(live: Workbook, account: Account) -> None:
    """The format rounds; the value does not."""
    sheet = live["Invoices"]
    place = [cell.value for cell in sheet[1]].index("Total")
    formats = {row[place].number_format for row in sheet.iter_rows(min_row=2)}
    assert {re.sub(r"\[[^\]]*\] ?", "", each) for each in formats} == {"#,##0.00;-#,##0.00"}
    assert any(round(row[place], 2) != row[place] for row in cells(sheet, min_row=2))


def test_it_is_headed_and_signed(live: Workbook, written: Path) -> None:
    """Who it is for, as of when, the hash of the file compared with, and lines for preparer and reviewer."""
    texts = [str(row[0]) for row in cells(live["Summary"], max_row=14)]
    digest = hashlib.sha256((written.parent / "export & more.csv").read_bytes()).hexdigest()
    assert "Prepared for: The board" in texts
    assert f"SHA-256 of export & more.csv: {digest}" in texts
    assert {"Prepared by", "Reviewed by"} <= set(texts)
    for sheet in live:
        assert sheet.oddHeader is not None
        assert sheet.oddFooter is not None
        assert sheet.oddHeader.right.text == "As of 2026-11-18 09:30 UTC"
        assert digest[:12] in str(sheet.oddHeader.left.text)
        assert "Page &P of &N" in str(sheet.oddFooter.right.text)


def test_it_prints(live: Workbook) -> None:
    """Landscape, as wide as a page, and headers on every page of a table."""
    for sheet in live:
        assert sheet.page_setup.orientation == "landscape"
        assert (sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight) == (None, 0)
        assert sheet.sheet_properties.pageSetUpPr is not None
        assert sheet.sheet_properties.pageSetUpPr.fitToPage
        if sheet.tables:
            (held,) = sheet.tables.values()
            head = re.sub(r"\D", "", held.ref.partition(":")[0])
            assert sheet.print_title_rows == f"${head}:${head}"


@pytest.mark.parametrize("check", CHECKS)
def test_every_check_says_what_it_proves(check: str) -> None:
    """In words, under a title that is no name of ours."""
    title, proves = meaning(check)
    assert "_" not in title
    assert proves.endswith(".")


def test_the_summary_says_what_each_check_proves(live: Workbook, wrong: dict[str, Any]) -> None:
    """Once per check, beside its counts."""
    words = {row[0]: row[1] for row in cells(live["Summary"]) if row[0]}
    for check in wrong["reconciliation"].checks["check"].unique():
        assert words[meaning(check).title] == meaning(check).proves


def test_a_file_that_is_not_there_is_refused(account: Account, tmp_path: Path) -> None:
    """ArgumentError, before anything is written."""
    with pytest.raises(ma.ArgumentError, match="files"):
        ma.reports.workbook(tmp_path / "report.xlsx", files=[tmp_path / "none.csv"], **account.given)
    assert not (tmp_path / "report.xlsx").exists()


CENTS = st.decimals(-(10**7), 10**7, places=4)


@given(st.lists(st.tuples(CENTS, st.sampled_from([USD, "EUR"])), min_size=1, max_size=30))
def test_shown_figures_and_their_rounding_foot(rows: list[tuple[Decimal, str]]) -> None:
    """Whatever the amounts: the column as shown and the rounding line make the total as shown."""
    amounts, names = zip(*rows, strict=True)
    frame = pl.DataFrame(
        {"customer_id": "c", "credit_type_id": names, "credit_type_name": names, "amount": amounts},
        schema_overrides={"amount": pl.Decimal(38, 10)},
    )
    made = page(STATEMENTS["aging"], frame.with_columns(pl.col("credit_type_name").str.head(3).alias("unit")))
    totals = {str(cells[0]): cells[1] for cells in made.totals}
    for unit in {name[:3] for name in names}:
        divided = [amount / 100 if name == USD else amount for amount, name in rows if name[:3] == unit]
        shown = sum(cents(each) for each in divided)
        whole, rounding = totals[f"Total {unit}"], totals.get(f"Rounding {unit}")
        assert isinstance(whole, Formula)
        assert float(whole.value) == pytest.approx(float(sum(divided)), abs=1e-7)
        lacking = rounding.value if isinstance(rounding, Formula) else 0
        assert cents(sum(divided, Decimal(0))) == shown + cents(Decimal(repr(lacking)))


def cents(amount: Decimal) -> Decimal:
    """As a workbook shows it: halves away from zero."""
    return amount.quantize(Decimal("0.01"), "ROUND_HALF_UP")
