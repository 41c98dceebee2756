from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING, Any

from metronome_analytics.cli import printing, summaries
from metronome_analytics.tables import Customers, Invoices
from tests.cli.support import AS_OF, EUR, TOKENS, USD, day, money, table

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console


def printed(section: Callable[[Console], object], width: int = 80) -> list[str]:
    """The lines of one section."""
    file = StringIO()
    section(printing.screen(file, width=width))
    return file.getvalue().splitlines()


def invoices(*rows: dict[str, Any]) -> Callable[[Console], object]:
    """The section of months for finalised invoices."""
    usual = {"status": "FINALIZED", "type": "USAGE", "issued_at": day(10, 2)}
    frame = table(Invoices, *(usual | row for row in rows))
    months, left_out = summaries.invoiced_by_month(frame), summaries.left_out(frame)
    return lambda console: printing.invoiced(console, months, left_out)


def cells(lines: list[str], label: str) -> list[str]:
    """The cells of the line that starts with `label`."""
    return next(line for line in lines if line.split()[:1] == [label]).split()[1:]


def test_a_month_has_a_column_for_each_unit() -> None:
    """Currencies in major units, a custom unit said to be one, and no figure across them."""
    lines = printed(
        invoices(
            {"total": money("150.5"), **USD},
            {"total": money("2"), **EUR},
            {"total": money("7"), **TOKENS},
        )
    )
    assert "AI Credits (units)" in "\n".join(lines)
    assert cells(lines, "2026-10") == ["1", "7", "1", "2.00", "1", "1.505"]
    assert cells(lines, "total") == ["1", "7", "1", "2.00", "1", "1.505"]


def test_credit_types_of_one_name_are_never_one_figure() -> None:
    """Two custom units called the same are two columns, told apart by their ids."""
    other = {"credit_type_id": "another-id-of-a-unit", "credit_type_name": "AI Credits"}
    lines = printed(invoices({"total": money("1"), **TOKENS}, {"total": money("2"), **other}), width=100)
    assert sorted(cells(lines, "total")) == ["1", "1", "1", "2"]


def test_old_months_are_one_row_and_nothing_is_lost() -> None:
    """Beyond fourteen months the earlier ones are summed; the total is of all."""
    months = [day(1 + number % 12, 2, 2025 + number // 12) for number in range(20)]
    lines = printed(invoices(*({"total": money("100"), "issued_at": at, **USD} for at in months)))
    assert cells(lines, "earlier") == ["6", "6.00"]
    assert cells(lines, "total") == ["20", "20.00"]


def test_more_than_three_units_go_on_below() -> None:
    """A fourth currency starts another table rather than a column nobody sees."""
    names = ["AUD", "CAD", "EUR", "GBP", "SEK"]
    rows = ({"total": money("1"), "credit_type_id": name, "credit_type_name": name} for name in names)
    lines = printed(invoices(*rows))
    assert max(map(len, lines)) <= 80
    assert len([line for line in lines if line.startswith(" Month")]) == 2
    assert all(any(name in line for line in lines) for name in names)


def test_a_name_that_looks_like_markup_is_a_name() -> None:
    """Brackets are printed, and a long name gives way to the figures."""
    customers = table(Customers, {"id": "a", "name": "[red]Ada[/red] " + "x" * 90})
    frame = table(
        Invoices,
        {
            "id": "1",
            "customer_id": "a",
            "status": "FINALIZED",
            "type": "USAGE",
            "total": money("12345.67"),
            "issued_at": day(10, 2),
            **USD,
        },
    )
    largest = summaries.largest_customers(frame, customers, as_of=AS_OF)
    lines = printed(lambda console: printing.customers(console, customers, largest))
    (line,) = [line for line in lines if "[red]Ada[/red]" in line]
    assert "…" in line
    assert line.split()[-5:] == ["1", "123.4567", "USD", "100%", "2026-10-02"]
