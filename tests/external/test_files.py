from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import openpyxl
import polars as pl
import pyarrow as pa
import pytest

import metronome_analytics as ma
from metronome_analytics.external import External, read_file

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS = {"invoice_id": "Number", "amount": "Betrag"}
NEEDED = ("Number", "Betrag")


def amounts(external: External) -> dict[str, Decimal]:
    """Amounts by invoice."""
    return dict(external.rows.select("external_id", "amount").iter_rows())


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp1252"])
def test_a_csv_is_read_as_text_in_any_usual_encoding(separator: str, encoding: str, tmp_path: Path) -> None:
    """Every digit is kept; a byte order mark is no part of a name, and a preamble no header."""
    lines = [
        "Müller & Söhne", "Export vom 1. November", "",
        f"Number{separator}Währung{separator}Betrag", f"in_1{separator}EUR{separator}0.1000000001",
        "", f"in_2{separator}EUR{separator}{'9' * 20}.5",
    ]  # fmt: skip
    file = tmp_path / "a.csv"
    file.write_bytes("\r\n".join(lines).encode(encoding))
    found = read_file(file, NEEDED)
    assert found.names == ["Number", "Währung", "Betrag"]
    assert found.numbers == [5, 7]
    assert amounts(External.of(found, COLUMNS)) == {"in_1": Decimal("0.1000000001"), "in_2": Decimal("9" * 20 + ".5")}


def test_quotes_hold_commas_and_line_breaks(tmp_path: Path) -> None:
    """An amount in quotes is one cell; an unquoted one is told by its line."""
    file = tmp_path / "a.csv"
    file.write_text('Number,Betrag,Note\nin_1,"1,234.50","two\nlines"\nin_2,"-,5",\n', encoding="utf-8")
    assert read_file(file, NEEDED).rows[0] == ("in_1", "1,234.50", "two\nlines")
    file.write_text("Number,Betrag\nin_1,2\nin_2,1,50\n", encoding="utf-8")
    with pytest.raises(ma.ArgumentError, match="line 3 has more cells"):
        read_file(file, NEEDED)


def test_a_workbook_keeps_its_numbers(tmp_path: Path) -> None:
    """The sheet that has the columns; numbers and dates as they are, texts as they are written."""
    book = openpyxl.Workbook()
    book.create_sheet("Cover").append(["Nothing here"])
    sheet = book.create_sheet("Export")
    for row in (["Report"], [], ["Number", "Betrag", "Date"], ["in_1", 1234.56, datetime(2026, 10, 31)],  # noqa: DTZ001  # as Excel has it
                [4711, "1.200,5", None]):  # fmt: skip
        sheet.append(row)
    book.save(tmp_path / "a.xlsx")
    found = External.of(read_file(tmp_path / "a.xlsx", NEEDED), {**COLUMNS, "date": "Date"})
    assert amounts(found) == {"in_1": Decimal("1234.56"), "4711": Decimal("1200.5")}
    assert found.rows["date"].to_list() == [datetime(2026, 10, 31, tzinfo=UTC), None]


def test_a_parquet_file_keeps_its_types(tmp_path: Path) -> None:
    """Decimals stay decimals, whatever a text would have to be."""
    pl.DataFrame({"Number": ["in_1"], "Betrag": [Decimal("1.234")]}).write_parquet(tmp_path / "a.parquet")
    assert amounts(External.of(read_file(tmp_path / "a.parquet"), COLUMNS)) == {"in_1": Decimal("1.234")}


@pytest.mark.parametrize("name", ["book.xlsx", "empty.csv", "a.parquet", "old.xls", "a.pdf", "odd.csv"])
def test_a_file_that_cannot_be_read_is_refused(name: str, tmp_path: Path) -> None:
    """Of an unknown kind, without a row, or not what its name says."""
    content = {"empty.csv": b"", "odd.csv": "\ufeffab".encode("utf-16-le") + b"\x00"}.get(name, b"Number,Betrag\n1,2\n")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ma.ArgumentError, match=r"cannot be read"):
        read_file(tmp_path / name, NEEDED)


def test_a_missing_column_is_told_with_the_files_own(tmp_path: Path) -> None:
    """Below the preamble too, where the header is the widest line."""
    (tmp_path / "b.csv").write_text("Rechnung;Betrag\nin_1;16.000,00\n", encoding="utf-8")
    assert read_file(tmp_path / "b.csv", ["invoice_id", "amount"]).names == ["Rechnung", "Betrag"]
    (tmp_path / "a.csv").write_text("Export\n\nNumber;Amount due;Cur\n1;2;3\n4;5;6\n", encoding="utf-8")
    with pytest.raises(ma.ArgumentError, match=r"no column 'Betrag'; its columns are 'Number', 'Amount due', 'Cur'\."):
        External.of(read_file(tmp_path / "a.csv", NEEDED), COLUMNS)


class Speaker:
    """A frame of another library: all that it can is to speak Arrow."""

    def __init__(self, table: Any) -> None:
        self.table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The table as a stream of Arrow batches."""
        return self.table.__arrow_c_stream__(requested_schema)


def test_any_frame_that_speaks_arrow_is_read() -> None:
    """A pyarrow table, and whatever has the same interface, pandas among them."""
    table = pa.table({"invoice_id": ["in_1", "in_2"], "amount": [1.1, 2.5], "lines": [[1], []]})
    frame = pl.DataFrame({"invoice_id": ["in_1", "in_2"], "amount": [1.1, 2.5]})
    wanted = {"in_1": Decimal("1.1"), "in_2": Decimal("2.5")}
    for given in (table, Speaker(table), frame, frame.lazy()):
        assert amounts(External.of(given)) == wanted
    for wrong in ({"invoice_id": ["in_1"]}, ["in_1"], "export.csv"):
        with pytest.raises(ma.ArgumentError, match="external cannot be"):
            External.of(wrong)


def test_a_row_is_told_by_its_place() -> None:
    """Of a frame from 0, as its rows are counted; what has no id is not lost, what has neither is no row."""
    frame = pl.DataFrame({"invoice_id": ["in_1", None, " ", None], "amount": ["1.234", "2.345", None, "5"]})
    with pytest.raises(ma.ArgumentError, match=r"two ways \(row 0: '1.234', row 1: '2.345'\)\. .*decimal="):
        External.of(frame)
    found = External.of(frame, decimal=",")
    assert list(amounts(found)) == ["in_1", "row 1, without an id", "row 3, without an id"]
    with pytest.raises(ma.ArgumentError, match="decimal must be"):
        External.of(frame, decimal=";")  # type: ignore[arg-type]  # the point of the test


def test_a_row_of_two_currencies_says_so() -> None:
    """What stands beside the number and what stands in the column."""
    frame = pl.DataFrame(
        {"invoice_id": ["a", "b", "c"], "amount": ["USD 1", "EUR 2", "3"], "currency": ["usd", "USD", None]}
    )
    found = External.of(frame, {"currency": "currency"}).rows
    assert found["currency"].to_list() == ["USD", "USD", None]
    assert found["trouble"].to_list() == [None, "its amount is in EUR, its currency is USD", None]


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    """An error of ours, whatever the kind of the file."""
    for kind in ("csv", "xlsx", "parquet"):
        with pytest.raises(ma.ArgumentError, match=rf"nothing\.{kind}' cannot be read: No such file"):
            read_file(tmp_path / f"nothing.{kind}")
