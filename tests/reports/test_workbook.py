from __future__ import annotations

import re
import sys
from contextlib import closing
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import openpyxl
import polars as pl
import pytest

import metronome_analytics as ma
from metronome_analytics.reports import grid, sheets
from tests.reports.conftest import AS_OF, Account

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from openpyxl import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

LOADED = ["Checks", "Invoices", "Lines", "Balances", "Ledger"]
SHEETS = ["Summary", "Footing", "Exceptions", *LOADED, "Receipts", "Notes"]


class Data(NamedTuple):
    """A sheet as it reads back: headers and rows."""

    headers: list[str]
    rows: list[tuple[Any, ...]]

    def column(self, header: str) -> list[Any]:
        """The values below a header."""
        place = self.headers.index(header)
        return [row[place] for row in self.rows]


def read(path: Path, name: str) -> Data:
    """A data sheet without its header."""
    with closing(openpyxl.load_workbook(path, read_only=True, data_only=True)) as book:
        first, *rows = book[name].iter_rows(values_only=True)
    return Data([str(cell) for cell in first], rows)


def exactly(amounts: list[float | None], texts: list[str | None] | None = None) -> list[Decimal | None]:
    """The decimals behind the numbers of a sheet: the text where there is one."""
    long = texts or [None] * len(amounts)
    return [
        None if number is None else Decimal(text or repr(number)) for number, text in zip(amounts, long, strict=True)
    ]


@pytest.fixture(scope="module")
def written(account: Account, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workbook of the account."""
    return ma.reports.workbook(tmp_path_factory.mktemp("book") / "report.xlsx", title="October", **account.given)


@pytest.fixture(scope="module")
def live(written: Path) -> Workbook:
    """The workbook with its formulas."""
    return openpyxl.load_workbook(written)


@pytest.fixture(scope="module")
def told(written: Path) -> Iterator[Worksheet]:
    """Yield the Summary as it was when the workbook was written."""
    with closing(openpyxl.load_workbook(written, data_only=True, read_only=True)) as book:
        yield book["Summary"]


@pytest.fixture(scope="module")
def tables(account: Account) -> dict[str, pl.DataFrame]:
    """What the sheets are made from."""
    return {
        "Invoices": account.invoices,
        "Lines": ma.line_items(account.invoices),
        "Balances": account.balances,
        "Ledger": ma.ledger(account.balances),
        "Checks": account.found.checks,
    }


@pytest.mark.parametrize("name", ["Invoices", "Lines", "Balances", "Ledger", "Checks"])
def test_every_amount_reads_back_exactly(name: str, written: Path, tables: dict[str, pl.DataFrame]) -> None:
    """In the API's unit and in major units, of every row, in order."""
    sheet, frame = read(written, name), tables[name]
    assert len(sheet.rows) == frame.height > 0
    amounts = [column for column, dtype in frame.schema.items() if isinstance(dtype, pl.Decimal)]
    known = pl.col("credit_type_name")
    cents = frame.select(known.str.contains("(cents)", literal=True).fill_null(value=False)).to_series().to_list()
    checked = 0
    for column in amounts:
        title = column.replace("_", " ").capitalize()
        if title not in sheet.headers:
            assert frame[column].null_count() == frame.height
            continue
        exact = f"{title} (API unit, exact)"
        texts = sheet.column(exact) if exact in sheet.headers else None
        raw = exactly(sheet.column(f"{title} (API unit)"), texts)
        assert raw == frame[column].to_list()
        if name != "Checks" and texts is None:  # a check may know its credit type by its id alone
            wanted = [each and each / (100 if cent else 1) for each, cent in zip(raw, cents, strict=True)]
            assert exactly(sheet.column(title)) == wanted
        checked += 1
    assert checked


def test_the_sheets_stand_in_order(live: Workbook) -> None:
    """Ten of them, each data sheet with a table of its name, a frozen header, filters, and the print title."""
    assert live.sheetnames == SHEETS
    for name in SHEETS[2:-1]:
        sheet = live[name]
        assert list(sheet.tables) == [name]
        assert sheet.freeze_panes == "B2"
        assert [table.autoFilter is not None for table in sheet.tables.values()] == [True]
        assert sheet.print_title_rows == "$1:$1"


def test_dates_say_that_they_are_utc(written: Path, account: Account) -> None:
    """In the header, as a cell of a sheet has no time zone."""
    sheet = read(written, "Invoices")
    told = [at and at.replace(tzinfo=None) for at in account.invoices["issued_at"].to_list()]
    assert sheet.column("Issued at (UTC)") == told


def test_maps_are_text(written: Path, account: Account) -> None:
    """A free-form object is `key=value` pairs in one cell."""
    sheet = read(written, "Invoices")
    pairs = account.invoices["custom_fields"].cast(pl.List(pl.Struct({"key": pl.String, "value": pl.String}))).to_list()
    texts = ["; ".join(f"{each['key']}={each['value']}" for each in row or []) for row in pairs]
    assert [text or "" for text in sheet.column("Custom fields")] == texts
    assert any(texts)


def test_an_amount_wears_its_currency(live: Workbook) -> None:
    """Red when negative; dollars and euros by their codes, a custom unit by its column."""
    sheet = live["Lines"]
    headers = [str(cell.value) for cell in sheet[1]]
    unit, total = headers.index("Currency"), headers.index("Total")
    formats = {row[unit].value: row[total].number_format for row in sheet.iter_rows(min_row=2)}
    assert set(formats) == {"USD", "EUR", "AI Credits"}
    assert all("[Red]-" in each for each in formats.values())
    assert [formats[code].startswith(f"[${code}] #,##0.00") for code in ("USD", "EUR", "AI Credits")] == [
        *(True, True, False)
    ]


def test_totals_are_live_and_of_one_currency(live: Workbook, told: Worksheet, tables: dict[str, pl.DataFrame]) -> None:
    """Each total of the Summary is a formula that names its currency; its value is the exact sum of these rows."""
    formulas = [
        str(cell.value) for row in live["Summary"].iter_rows() for cell in row if str(cell.value).startswith("=")
    ]
    sums = [formula for formula in formulas if "SUMIFS" in formula]
    assert len(sums) > 20
    assert all(re.search(r'"=(USD|EUR|AI Credits)"', formula) for formula in sums)
    final = tables["Invoices"].filter(pl.col("status") == "FINALIZED")
    for code, name, size in (("USD", "USD (cents)", 100), ("EUR", "EUR", 1)):
        wanted = final.filter(pl.col("credit_type_name") == name)["total"].sum() / size
        (row,) = [row for row in told.iter_rows(values_only=True) if row[:2] == (code, "invoiced")]
        assert row[3] == pytest.approx(float(wanted), abs=1e-9)


def test_the_formulas_give_what_is_stored_with_them(live: Workbook, told: Worksheet) -> None:
    """Every SUMIFS and COUNTIFS, computed here from the columns it names, equals its stored value."""
    stored = list(told.iter_rows(values_only=True))
    columns: dict[str, list[Any]] = {}

    def cells(reference: str) -> list[Any]:
        if reference not in columns:
            table, _, header = reference.rstrip("]").partition("[")
            first, *rows = live[table].iter_rows(values_only=True)
            place = first.index(header)
            columns[reference] = [row[place] for row in rows]
        return columns[reference]

    checked = 0
    for row, values in zip(live["Summary"].iter_rows(), stored, strict=True):
        for cell, kept in zip(row, values, strict=True):
            found = re.fullmatch(r"=(SUM|COUNT)IFS\((.*)\)", str(cell.value))
            if found is None or "Checks[Verdict]" in found[2]:  # a formula itself: LibreOffice computes it elsewhere
                continue
            references = re.findall(r"\w+\[[^\]]+\]", found[2])
            criteria = re.findall(r'"=((?:[^"]|"")*)"', found[2])
            summed = cells(references.pop(0)) if found[1] == "SUM" else None
            areas = zip(references, criteria, strict=True)
            tests = [[(value or "") == text for value in cells(area)] for area, text in areas]
            chosen = [place for place, all_true in enumerate(zip(*tests, strict=True)) if all(all_true)]
            value = len(chosen) if summed is None else sum(Decimal(repr(summed[place] or 0)) for place in chosen)
            assert kept == pytest.approx(float(value), abs=1e-9), cell.value
            checked += 1
    assert checked > 30


def test_every_load_has_its_receipt(written: Path, account: Account) -> None:
    """A row each, and all of them complete."""
    receipts = read(written, "Receipts")
    assert receipts.column("Load id") == account.receipts["load_id"].to_list()
    assert set(receipts.column("Complete")) == {True}


def test_the_notes_say_what_it_is(live: Workbook) -> None:
    """Filters, as-of, version, rounding, and what was left out."""
    lines = list(live["Notes"].iter_rows(values_only=True))
    notes = {row[0]: row[1] for row in lines}
    assert str(notes["As of"]).startswith("2026-11-18 09:30")
    assert notes["Filter: Account"] == "demo"
    assert "half to even" in str(notes["Rounding"])
    assert str(notes["Made by"]).startswith("metronome-analytics ")
    left_out = [str(row[1]) for row in lines if row[0] == "Not on Invoices"]
    assert [text.partition(":")[0] for text in left_out] == ["Nested columns", "Columns without any value"]
    assert "line_items" in left_out[0]


def test_more_digits_than_excel_keeps_are_text_too(account: Account, tmp_path: Path) -> None:
    """The float beside it is rounded to 15 digits; the text has them all, and so has the note of a total."""
    long = Decimal("12345678901234.5678901234")
    one = account.invoices.head(2).with_columns(
        pl.when(pl.int_range(pl.len()) == 0).then(pl.lit(long, pl.Decimal(38, 10))).otherwise("total").alias("total")
    )
    given = account.given | {"invoices": one, "reconciliation": None}
    path = ma.reports.workbook(tmp_path / "long.xlsx", **given)
    sheet = read(path, "Invoices")
    assert sheet.column("Total (API unit, exact)") == [str(long), None]
    notes = list(openpyxl.load_workbook(path)["Notes"].iter_rows(values_only=True))
    totals = [Decimal(str(row[1])) for row in notes if str(row[0]).startswith("Total: ")]
    assert totals == [Decimal(str(one["total"].sum())).scaleb(-2)]
    assert sheet.column("Total (API unit)")[0] == pytest.approx(float(long))


def test_a_sheet_that_is_full_is_continued(account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No row is lost, totals reach over all sheets, and the notes say where the rows are."""
    monkeypatch.setattr(grid, "MOST_ROWS", 10)
    few = account.invoices.head(25)
    given = account.given | {"invoices": few, "balances": account.balances.head(1), "reconciliation": None}
    path = ma.reports.workbook(tmp_path / "full.xlsx", **given)
    parts = [read(path, name) for name in ("Invoices", "Invoices (2)", "Invoices (3)")]
    assert [len(part.rows) for part in parts] == [10, 10, 5]
    assert [each for part in parts for each in part.column("Id")] == few["id"].to_list()
    book = openpyxl.load_workbook(path)
    formulas = [
        str(cell.value) for row in book["Summary"].iter_rows() for cell in row if "Invoices[" in str(cell.value)
    ]
    assert formulas
    assert all(formula.count("IFS(") == 3 for formula in formulas)
    sheets = {row[0]: row[1] for row in book["Summary"].iter_rows(values_only=True) if row[1]}
    assert "25 rows, on 3 sheets: one holds no more than 10" in sheets.values()
    notes = {row[0]: row[1] for row in book["Notes"].iter_rows(values_only=True)}
    assert notes["Rows of Invoices"] == "10 on Invoices, 10 on Invoices (2), 5 on Invoices (3)"


def test_rows_are_let_go_as_they_are_written(account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are, no sheet holds more than the one it is at; its table has all of them."""
    held: list[int] = []
    table = grid.Grid.table

    def watched(self: grid.Grid, sheet: Any, *given: Any, **options: Any) -> None:
        table(self, sheet, *given, **options)
        held.append(len(sheet.table) + len(sheet.table_cells) // len(given[0].columns))

    monkeypatch.setattr(grid.Grid, "table", watched)
    path = ma.reports.workbook(tmp_path / "streamed.xlsx", **account.given)
    assert max(held) <= 3  # the row it is at, and the two of a table that XlsxWriter is told of
    assert len(held) == len(SHEETS) - 3
    sheet = openpyxl.load_workbook(path)["Lines"]
    assert sheet.tables["Lines"].ref.endswith(str(ma.line_items(account.invoices).height + 1))


def test_a_long_title_leaves_room_in_the_header(account: Account, tmp_path: Path) -> None:
    """It is cut on the printed page, so that the date and the number of the page stay."""
    path = ma.reports.workbook(tmp_path / "long.xlsx", title="A & B 🚀 " * 60, **account.given)
    header = openpyxl.load_workbook(path)["Summary"].oddHeader
    assert header is not None
    assert str(header.left.text).startswith("A && B 🚀")
    assert header.right.text == "As of 2026-11-18 09:30 UTC"


def test_a_name_is_never_a_formula(account: Account, tmp_path: Path) -> None:
    """What looks like a formula, a link or a number stays the text it is."""
    names = ['=HYPERLINK("https://example.invalid","x")', "https://example.invalid", "0012", "+1", "-1+2", "@a"]
    customers = account.customers.head(6).with_columns(pl.Series("name", names))
    few = account.invoices.filter(pl.col("customer_id").is_in(customers["id"].implode())).unique("customer_id")
    given = account.given | {"customers": customers, "invoices": few, "reconciliation": None}
    sheet = openpyxl.load_workbook(ma.reports.workbook(tmp_path / "names.xlsx", **given))["Invoices"]
    cells = [row[0] for row in sheet.iter_rows(min_row=2)]
    assert {str(cell.value) for cell in cells} == set(names)
    assert {cell.data_type for cell in cells} == {"s"}
    assert not [cell for cell in cells if cell.hyperlink]


def test_a_text_too_long_for_a_cell_is_cut_loudly(account: Account) -> None:
    """It ends with an ellipsis, and the notes name its column."""
    long = account.customers.head(1).select("id", pl.lit("x" * 40_000).alias("name"), pl.lit("USD").alias("unit"))
    made = sheets.as_sheet("Customers", long, ("unit", "name"))
    (text,) = made.frame["Name"].to_list()
    assert (len(text), text[-1]) == (sheets.LONGEST, "…")
    assert any("Name" in line for line in made.left_out)


def test_credit_types_of_one_name_stay_apart(account: Account, tmp_path: Path) -> None:
    """Two units that are called the same have totals of their own."""
    half = pl.when(pl.int_range(pl.len()) % 2 == 0).then(pl.lit("11111111-a")).otherwise(pl.lit("22222222-b"))
    usd = account.invoices.filter(pl.col("credit_type_name") == "USD (cents)").with_columns(
        half.alias("credit_type_id")
    )
    given = account.given | {"invoices": usd, "balances": account.balances.clear(), "reconciliation": None}
    sheet = read(ma.reports.workbook(tmp_path / "units.xlsx", **given), "Invoices")
    assert {"USD 11111111", "USD 22222222"} <= set(sheet.column("Currency"))


def test_units_that_only_case_tells_apart_stay_apart(account: Account, tmp_path: Path) -> None:
    """Excel sums `usd` with `USD`; a name too long to look up is cut, and told apart too."""
    place = pl.int_range(pl.len()) % 3
    names = ["Credits", "credits", "Credits " * 60]
    units = account.invoices.with_columns(
        place.replace_strict([0, 1, 2], names).alias("credit_type_name"),
        place.replace_strict([0, 1, 2], ["11111111-a", "22222222-b", "33333333-c"]).alias("credit_type_id"),
    )
    given = account.given | {"invoices": units, "balances": account.balances.clear(), "reconciliation": None}
    path = ma.reports.workbook(tmp_path / "units.xlsx", **given)
    shown = set(read(path, "Invoices").column("Currency"))
    assert {"Credits 11111111", "credits 22222222"} <= shown
    book = openpyxl.load_workbook(path)
    formulas = [str(cell.value) for row in book["Summary"].iter_rows() for cell in row if cell.data_type == "f"]
    assert max(len(text) for formula in formulas for text in re.findall(r'"([^"]*)"', formula)) < 255


def test_an_empty_account_is_a_workbook(account: Account, tmp_path: Path) -> None:
    """Every sheet with its headers and no row."""
    path = ma.reports.workbook(
        tmp_path / "empty.xlsx", invoices=account.invoices.clear(), balances=account.balances.clear(), as_of=AS_OF
    )
    assert openpyxl.load_workbook(path).sheetnames == [name for name in SHEETS if name != "Receipts"]
    sheet = read(path, "Invoices")
    assert "Total (API unit)" in sheet.headers
    assert not any(any(cell is not None for cell in row) for row in sheet.rows)


def test_exceptions_are_the_failures(account: Account, tmp_path: Path) -> None:
    """A spoiled invoice is on the sheet with its cause; what somebody should look at stands below the failures."""
    spoiled = pl.when(pl.int_range(pl.len()) == 3).then(pl.col("total") + 5000).otherwise("total")
    invoices = account.invoices.with_columns(spoiled.alias("total"))
    found = ma.reconcile(invoices, account.balances, account.net_balances, as_of=AS_OF)
    given = account.given | {"invoices": invoices, "reconciliation": found}
    sheet = read(ma.reports.workbook(tmp_path / "wrong.xlsx", **given), "Exceptions")
    failed, verdicts = found.exceptions.height, sheet.column("Verdict")
    assert failed >= 1
    assert verdicts[:failed] == ["fail"] * failed
    assert account.invoices["id"][3] in sheet.column("Invoice id")[:failed]
    assert verdicts[failed:] == found.checks.filter(pl.col("verdict") == "warning")["verdict"].to_list()


def test_without_xlsxwriter_it_says_what_to_install(
    account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ConfigurationError names the extra."""
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    with pytest.raises(ma.ConfigurationError, match=r"metronome-analytics\[excel\]"):
        ma.reports.workbook(tmp_path / "report.xlsx", **account.given)


@pytest.mark.parametrize("name", ["report.xls", "missing/report.xlsx"])
def test_a_path_that_cannot_be_written_is_refused(name: str, account: Account, tmp_path: Path) -> None:
    """Before anything is computed."""
    with pytest.raises(ma.ArgumentError, match="path"):
        ma.reports.workbook(tmp_path / name, **account.given)


def test_a_frame_of_another_kind_is_refused(account: Account, tmp_path: Path) -> None:
    """ArgumentError names the missing column."""
    with pytest.raises(ma.ArgumentError, match="invoices has no column"):
        ma.reports.workbook(tmp_path / "report.xlsx", **(account.given | {"invoices": account.customers}))
