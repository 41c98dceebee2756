from __future__ import annotations

import re
import zipfile
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import openpyxl
import polars as pl
import pytest

import metronome_analytics as ma
from metronome_analytics.analysis.statements.of_customer import customer_month
from tests.analysis.support import Entry, Segment, applied, balance, expired, invoice, line, on, start
from tests.reports.test_page import Page

if TYPE_CHECKING:
    from pathlib import Path

AS_OF = datetime(2026, 11, 18, 9, 30, tzinfo=UTC)
MONTH = "2026-10"
EVIL = "=HYPERLINK(0)<b>"


class Books:
    """The books of an account with parents and children, every name hostile and told apart."""

    def __init__(self) -> None:
        with ma.demo(customers=40, as_of=AS_OF) as account:
            everyone = account.customers(include_archived=True)
            self.customers = everyone.with_columns(name=pl.format(f"{EVIL} {{}}", pl.int_range(pl.len()) + 90_000))
            self.invoices = account.invoices(everyone)
            self.balances = account.balances(everyone, include_archived=True)

    def of(self, customer_id: str, folder: Path) -> list[bytes]:
        """Every file of a customer's statement, a workbook's unpacked."""
        page, book = ma.reports.statement(
            customer_id,
            folder,
            month=MONTH,
            customers=self.customers,
            invoices=self.invoices,
            balances=self.balances,
            as_of=AS_OF,
        )
        with zipfile.ZipFile(book) as files:
            return [page.read_bytes(), *(files.read(name) for name in files.namelist())]


@pytest.fixture(scope="module")
def books() -> Books:
    """Loaded once."""
    return Books()


def test_nothing_of_another_customer_is_in_it(books: Books, tmp_path: Path) -> None:
    """No id and no name of any other, theirs or of what is theirs, in the bytes of either file."""
    for customer_id in books.customers["id"].to_list()[:3]:
        text = b"\n".join(books.of(customer_id, tmp_path))
        others = books.customers.filter(pl.col("id") != customer_id)
        secrets = [*others["id"], *others["name"].str.split(" ").list.last(), *others["ingest_aliases"].explode()]
        for frame in (books.invoices, books.balances):
            secrets += frame.filter(pl.col("customer_id") != customer_id)["id"].to_list()
        own = books.customers.filter(id=customer_id)["name"].item().split(" ")[-1]
        assert own.encode() in text
        assert [secret for secret in secrets if secret and secret.encode() in text] == []


def test_a_child_does_not_see_its_parent(tmp_path: Path) -> None:
    """Its usage drew on its parent's commit, its ledger was drawn on by a sibling: covered, and by nobody's name."""
    line_of_parent = applied("-60", "balance-of-parent")
    usage = line("60", name="Calls", commit_id="balance-of-parent", origin={"customer_id": "parent-id"})
    period = {"start_timestamp": on("2026-10-01"), "end_timestamp": on("2026-11-01")}
    bills = pl.concat(
        invoice([usage, line_of_parent], "0", id=f"invoice-of-{who}", customer_id=who, **period)
        for who in ("child", "parent-id", "sibling-id")
    )
    span = [Segment("100", "2026-09-01", "2026-12-01")]
    drew = Entry(
        "AUTOMATED_INVOICE_DEDUCTION", "2026-11-01", "-30", "s1", "invoice-of-sibling-id", None, "contract-of-x"
    )
    named = start("2026-09-01", "100")._replace(reason="as parent-id asked")
    held = pl.concat([
        balance([named, drew], span, key="own", customer="child"),
        balance([start("2026-09-01", "900")], span, key="balance-of-parent", customer="parent-id"),
    ])  # fmt: skip
    people = pl.DataFrame({"id": ["child", "parent-id"], "name": ["Child", "Parent Name"]})
    page, book = ma.reports.statement(
        "child", tmp_path, month=MONTH, customers=people, invoices=bills, balances=held, as_of=AS_OF
    )
    with zipfile.ZipFile(book) as files:
        text = page.read_bytes() + b"".join(files.read(name) for name in files.namelist())
    assert b"invoice-of-child" in text
    for secret in (b"parent-id", b"Parent Name", b"balance-of-parent", b"sibling", b"contract-of-x", b"900.00"):
        assert secret not in text


def test_it_says_what_a_customer_asks(books: Books, tmp_path: Path) -> None:
    """What was used, what covered it and why in that order, what is left and ends; figures as in the analyses."""
    drawn = ma.revenue(books.invoices, months=MONTH, by="customer_id").filter(pl.col("covered_prepaid") < 0)
    customer_id = drawn.sort("covered_prepaid")["customer_id"][0]
    page = Page(books.of(customer_id, tmp_path)[0].decode())
    words = " ".join(page.words)
    for title in ("What you used", "What covered it, in the order of use", "What is left, and when it ends"):
        assert title in words
    own = [frame.filter(customer_id=customer_id) for frame in (books.balances, books.invoices)]
    why = customer_month(MONTH, *own, loaded_at=AS_OF).covered["why"].to_list()
    assert why
    assert [each for each in why if each not in words] == []
    row = drawn.filter(customer_id=customer_id)
    gross = ma.major_units(row.select("credit_type_name", "gross"))["gross"][0]
    whole, _, decimals = f"{gross:,f}".partition(".")
    assert f"{whole}.{decimals.rstrip('0'):0<2}" in page.words
    assert EVIL in words
    assert "b" not in page.tags


def test_the_workbook_has_the_same_tables_and_no_formulas(books: Books, tmp_path: Path) -> None:
    """Amounts are numbers; a name that looks like a formula is text."""
    customer_id = books.customers["id"][0]
    books.of(customer_id, tmp_path)
    (file,) = tmp_path.glob("*.xlsx")
    book = openpyxl.load_workbook(file)
    assert book.sheetnames[0] == "Statement"
    assert len(book.sheetnames) == 5
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert [cell for cell in cells if cell.data_type == "f"] == []
    assert any(cell.data_type == "n" for cell in cells)


def test_why_it_is_used_in_that_order() -> None:
    """The first thing of the documented order that tells a balance from the one before it, in words."""
    span = [Segment("100", "2026-09-01", "2026-12-01", "s1")]

    def one(key: str, priority: float | None, **more: Any) -> pl.DataFrame:
        return balance([start("2026-09-01", "100")], span, key=key, priority=priority, **more)

    held = pl.concat([one("b3", None), one("b1", 1.0, applicable_product_ids=["p"]), one("b2", 2.0)])
    held = pl.concat([held, one("b4", 1.0, kind="POSTPAID"), one("b5", 9.0, rolled_over_from_commit_id="b0")])
    found = customer_month(MONTH, held, ma.tables.Invoices.create_empty(), loaded_at=AS_OF)
    assert found.covered["why"].to_list() == [
        "Carried over from an earlier contract: used before anything else.",
        "After what was carried over.",
        "Its priority is 2, that of the one before 1: the lower comes first.",
        "It has no priority of its own: those that have one come first.",
        "A commitment that is billed as it is used: it comes after what was prepaid or given.",
    ]
    assert found.covered["place"].to_list() == [1, 2, 3, 4, 5]


def test_what_expired_and_what_is_left() -> None:
    """What ended in the month is expired, what ends later is listed with its end."""
    entries = [start("2026-09-01", "100", "s1"), expired("2026-10-15", "-100", "s1"), start("2026-10-15", "50", "s2")]
    entries.append(start("2026-11-01", "70", "s3"))  # the next month's
    span = [Segment("100", "2026-09-01", "2026-10-15", "s1"), Segment("50", "2026-10-15", "2026-12-01", "s2")]
    span.append(Segment("70", "2026-11-01", "2027-01-01", "s3"))
    found = customer_month(MONTH, balance(entries, span), ma.tables.Invoices.create_empty(), loaded_at=AS_OF)
    row = found.covered.row(0, named=True)
    assert (row["opening"], row["granted"], row["expired"], row["closing"]) == (100, 50, -100, 50)
    assert found.ending.select("remaining", "ending_before").rows() == [
        (Decimal(50), datetime(2026, 12, 1, tzinfo=UTC))
    ]


def test_what_is_left_is_what_covers_end_with(books: Books) -> None:
    """Customer by customer and currency by currency: the two tables tie."""
    for customer_id in books.customers["id"].to_list()[:8]:
        own = [frame.filter(customer_id=customer_id) for frame in (books.balances, books.invoices)]
        found = customer_month(MONTH, *own, loaded_at=AS_OF)
        unit = "credit_type_id"
        closing = found.covered.group_by(unit).agg(pl.col("closing").sum()).filter(pl.col("closing") != 0).sort(unit)
        left = found.ending.group_by(unit).agg(pl.col("remaining").sum()).sort(unit)
        assert left.rows() == closing.rows()


def test_a_customer_nobody_knows_is_refused(books: Books, tmp_path: Path) -> None:
    """And a folder that is not there; nothing is written."""
    with pytest.raises(ma.ArgumentError, match="no customer 'nobody'"):
        books.of("nobody", tmp_path)
    with pytest.raises(ma.ArgumentError, match="does not exist"):
        books.of(books.customers["id"][0], tmp_path / "none")
    assert list(tmp_path.iterdir()) == []


def test_the_files_are_named_after_the_month_and_the_customer(books: Books, tmp_path: Path) -> None:
    """So that a folder may hold everybody's."""
    customer_id = books.customers["id"][0]
    books.of(customer_id, tmp_path)
    names = sorted(file.name for file in tmp_path.iterdir())
    assert names == [f"statement-{MONTH}-{customer_id}.html", f"statement-{MONTH}-{customer_id}.xlsx"]
    assert re.search(r"@media print", (tmp_path / names[0]).read_text("utf-8"))
