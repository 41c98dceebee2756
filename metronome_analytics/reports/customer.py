"""The statement of one customer: a page and a workbook that this customer understands, and nothing of any other."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from metronome_analytics.analysis.frames import Given, checked, required_instant
from metronome_analytics.analysis.statements.of_customer import CustomerMonth, customer_month
from metronome_analytics.errors import ArgumentError
from metronome_analytics.extras import need
from metronome_analytics.reports.page import page_of
from metronome_analytics.tables.money import as_float, currency_told_apart, major
from metronome_analytics.wording import drawable, drawable_column

if TYPE_CHECKING:
    from collections.abc import Mapping

    from metronome_analytics.arguments import Instant

_WORDS = {"PREPAID": "prepaid", "POSTPAID": "commitment", "CREDIT": "credit"}
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


class _Part(NamedTuple):
    """A table of the statement: its title, what it says, and its columns with their headings."""

    title: str
    note: str
    keys: Mapping[str, str]
    amounts: Mapping[str, str]


_PARTS = {
    "usage": _Part(
        "What you used",
        "Usage and charges of the month, what your commits and credits covered of them, and what there is to pay.",
        {"product_name": "Product"},
        {
            "gross": "Used",
            "fixed": "Fixed charges",
            "covered_prepaid": "Covered by prepaid",
            "covered_credit": "Covered by credits",
            "purchases": "Commits bought",
            "net": "To pay",
            "covered_postpaid": "Counts towards a commitment",
        },
    ),
    "covered": _Part(
        "What covered it, in the order of use",
        "Each commit or credit with what it held at the start, what was added, used and expired, and what is left.",
        {"place": "Order", "name": "Commit or credit", "kind": "Kind", "why": "Why here"},
        {
            "opening": "At the start",
            "granted": "Added",
            "used": "Used",
            "expired": "Expired",
            "other": "Other changes",
            "closing": "Left",
        },
    ),
    "ending": _Part(
        "What is left, and when it ends",
        "What is not used by then expires; what is not used of a commitment is billed.",
        {"name": "Commit or credit", "kind": "Kind", "ends": "Ends (UTC)"},
        {"remaining": "Left"},
    ),
    "invoices": _Part(
        "Your invoices",
        "Those of the month. A draft may still change.",
        {"id": "Invoice", "issued": "Issued (UTC)", "status": "Status"},
        {"total": "Total"},
    ),
}


def statement(
    customer_id: str,
    folder: str | Path,
    *,
    month: str,
    customers: Given,
    invoices: Given,
    balances: Given,
    as_of: Instant,
    breakdowns: Given | None = None,
) -> tuple[Path, Path]:
    """Writes the statement of one customer and month as a page and a workbook into `folder`; the paths of both.

    It says what the customer used, what covered it and why in that order, what expired, what is left and when it ends,
    and the invoices of the month, in major units, currency by currency; times are UTC. `month` is as "2026-10",
    `customers`, `invoices` and `balances` are frames of the loaders (archived balances too), of this customer or of
    many: nothing of any other customer gets into the files. `as_of` is when they were loaded; figures of a month that
    is over are those of its end. `breakdowns` are needed where a billing period lies on both sides of the month's end.

    Raises ArgumentError for a customer who is not in `customers`, a folder that is not there, what is no month, or
    frames of another kind, and ConfigurationError without great_tables and XlsxWriter (extras `report` and `excel`).

    >>> customers, invoices = account.customers(), account.invoices()
    >>> balances = account.balances(include_archived=True)
    >>> frames = {"customers": customers, "invoices": invoices, "balances": balances, "as_of": account.now}
    >>> page, workbook = ma.reports.statement(customers["id"][0], ".", month="2026-10", **frames)
    >>> page.suffix, workbook.suffix
    ('.html', '.xlsx')
    """
    need("report", "great_tables")
    need("excel", "xlsxwriter")
    place = Path(folder)
    if not place.is_dir():
        raise ArgumentError(f"folder={str(folder)!r} does not exist.", advice="Make the folder first.")
    name = _name(customers, customer_id)
    own = {
        what: _own(frame, what, customer_id)
        for what, frame in {"invoices": invoices, "balances": balances, "breakdowns": breakdowns}.items()
        if frame is not None
    }
    at = required_instant("as_of", as_of)
    made = customer_month(month, own["balances"], own["invoices"], loaded_at=at, breakdowns=own.get("breakdowns"))
    tables = _tables(made)
    stem = f"statement-{month}-{_NOT_IN_NAMES.sub('_', customer_id)}"
    title, facts = f"Statement of {month}", f"{name} · as of {made.at:%Y-%m-%d %H:%M} UTC"
    page, book = place / f"{stem}.html", place / f"{stem}.xlsx"
    page.write_text(drawable(_page(tables, title, facts)), "utf-8")
    _book(tables, book, title, facts)
    return page, book


def _name(customers: Given, customer_id: str) -> str:
    """What the customer is called."""
    known = checked(customers, "customers", "id", "name").filter(pl.col("id") == customer_id).select("name").collect()
    if known.is_empty():
        raise ArgumentError(f"customers has no customer {customer_id!r}.", advice="Load it: account.customers().")
    return str(known.item(0, 0) or customer_id)


def _own(frame: Given, argument: str, customer_id: str) -> pl.DataFrame:
    """The rows of one customer, before anything else is done with the frame."""
    source = "account.invoice_breakdowns()" if argument == "breakdowns" else None
    return checked(frame, argument, "customer_id", source=source).filter(pl.col("customer_id") == customer_id).collect()


def _tables(made: CustomerMonth) -> dict[str, pl.DataFrame]:
    """The frames with what is shown of them, each with `unit`."""
    kind = pl.col("balance_type").replace(_WORDS).alias("kind")
    frames = {
        "usage": made.usage.with_columns(pl.col("product_name").fill_null("Other")),
        "covered": made.covered.with_columns(kind, pl.col("place").cast(pl.String)),
        "ending": made.ending.with_columns(kind, _moment("ending_before").fill_null("no end").alias("ends")),
        "invoices": made.invoices.with_columns(_moment("issued_at").alias("issued")),
    }
    shown = {}
    for name, frame in frames.items():
        columns = [*_PARTS[name].keys, *_PARTS[name].amounts, "credit_type_id", "credit_type_name"]
        unit = currency_told_apart(pl.col("credit_type_name"), pl.col("credit_type_id")).alias("unit")
        texts = drawable_column(pl.col(pl.String))
        rows = frame.select(columns).with_columns(unit).with_columns(texts)
        any_amount = pl.any_horizontal((pl.col([*_PARTS[name].amounts]) != 0).fill_null(value=False))
        shown[name] = rows if name == "invoices" else rows.filter(any_amount)
    return shown


def _moment(column: str) -> pl.Expr:
    """A moment to the minute, without the time of day at midnight."""
    at = pl.col(column)
    return (
        pl.when(at.dt.truncate("1d") == at).then(at.dt.strftime("%Y-%m-%d")).otherwise(at.dt.strftime("%Y-%m-%d %H:%M"))
    )


def _page(tables: Mapping[str, pl.DataFrame], title: str, facts: str) -> str:
    from metronome_analytics.reports.tables import by_currency, section  # noqa: PLC0415  # slow to import

    body = [f"<h1>{escape(title)}</h1>", f'<p class="quiet">{escape(facts)}</p>']
    for name, part in _PARTS.items():
        total = name in ("usage", "invoices")
        drawn = by_currency(name, tables[name], part.keys, part.amounts, total=total, sparse=True)
        body += section(part.title, part.note, drawn)
    return page_of(title, body)


def _book(tables: Mapping[str, pl.DataFrame], path: Path, title: str, facts: str) -> None:
    """One sheet a table; amounts are numbers in major units, texts are texts whatever they begin with."""
    from xlsxwriter import Workbook  # noqa: PLC0415  # an extra

    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with Workbook(str(path), options) as book:
        head, bold = book.add_format({"bold": True, "font_size": 14}), book.add_format({"bold": True})
        front: Any = book.add_worksheet("Statement")
        front.write_string(0, 0, drawable(title), head)
        front.write_string(1, 0, drawable(facts))
        front.set_column(0, 0, 34)
        front.set_column(1, 1, 100)
        for row, (name, part) in enumerate(_PARTS.items(), start=3):
            front.write_string(row, 0, part.title, bold)
            front.write_string(row, 1, part.note)
            _sheet(book, part, tables[name])
        for sheet in book.worksheets():
            sheet.set_landscape()
            sheet.set_paper(9)
            sheet.fit_to_pages(1, 0)


def _sheet(book: Any, part: _Part, rows: pl.DataFrame) -> None:
    unit = pl.col("credit_type_name")
    shown = rows.select(
        pl.col("unit").alias("Currency"),
        *(pl.col(column).alias(title) for column, title in part.keys.items()),
        *(as_float(major(pl.col(column), unit)).alias(title) for column, title in part.amounts.items()),
    )
    name = part.title.split(",")[0]
    shown.write_excel(
        book,
        name,
        table_style="Table Style Light 1",
        column_formats=dict.fromkeys(part.amounts.values(), "#,##0.00########;[Red]-#,##0.00########"),
        header_format={"bold": True, "text_wrap": True, "valign": "top", "bottom": 1},
        autofit=True,
        freeze_panes=(1, 0),
    )
    book.get_worksheet_by_name(name).repeat_rows(0)
