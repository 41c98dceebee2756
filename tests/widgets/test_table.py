from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from html import unescape
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import metronome_analytics as ma

Sent = list[dict[str, Any]]
MONEY = pl.Decimal(38, 10)
IDS = [f"{n:08d}-9a4e-4c0e-b6b4-000000000000" for n in range(4)]
FRAME = pl.DataFrame(
    {
        "customer_id": ["c-1", "c-2", "c-1", "c-3"],
        "id": IDS,
        "status": ["FINALIZED", "DRAFT", "VOID", None],
        "type": ["USAGE", "=cmd()", "<img src=x>", "Übung"],
        "total": pl.Series([Decimal("123456.5"), Decimal(-200), Decimal(900), None], dtype=MONEY),
        "credit_type_name": ["USD (cents)", "USD (cents)", "EUR", None],
        "issued_at": pl.Series([datetime(2026, n, 1, tzinfo=UTC) for n in range(1, 5)], dtype=pl.Datetime("us", "UTC")),
        "custom_fields": pl.Series([{"a": "b"}, {}, None, {}], dtype=pl.Map(pl.String, pl.String)),
    }
)
CUSTOMERS = pl.DataFrame({"id": ["c-1", "c-2"], "name": ["Acme", "Osprey"]})


def table_of(monkeypatch: pytest.MonkeyPatch, frame: pl.DataFrame = FRAME, **options: Any) -> tuple[Any, Sent]:
    """A table, and what it sends to its view."""
    table: Any = ma.widgets.Table(frame, **options)
    sent: Sent = []

    def send(content: dict[str, Any], buffers: list[bytes] | None = None) -> None:
        sent.append({**content, "buffers": buffers or []})

    monkeypatch.setattr(table, "send", send)
    return table, sent


def say(table: Any, kind: str, **content: Any) -> None:
    """A message of the view, as the kernel delivers it."""
    table._handle_custom_msg({"type": kind, **content}, [])


def last(sent: Sent, kind: str) -> dict[str, Any]:
    """The last message of a kind."""
    return [message for message in sent if message["type"] == kind][-1]


def order(table: Any, sent: Sent) -> list[int]:
    """The numbers of the rows in the first window."""
    say(table, "window", start=0)
    return [row["row"] for row in last(sent, "rows")["rows"]]


def test_what_a_person_looks_for_first_comes_first() -> None:
    """The usual columns of a table of ours, the name in place of the id, units in the amounts; all of another frame."""
    usual = ["customer", "issued_at", "status", "type", "total", "id"]
    assert ma.show(FRAME, customers=CUSTOMERS)._view.columns == usual
    with ma.demo(customers=3, as_of=datetime(2026, 11, 18, tzinfo=UTC)) as account:
        balances = account.balances()
        assert ma.widgets.Table(balances)._view.columns[:4] == ["customer_id", "name", "type", "balance"]
        for frame in (ma.ledger(balances), ma.segments(balances), account.receipts, account.customers()):
            assert 4 < len(ma.widgets.Table(frame)._view.columns) < 10
    assert ma.widgets.Table(CUSTOMERS)._view.columns == ["name", "id"]


def test_amounts_are_short_and_exact_beneath(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two decimals in major units, every digit under the pointer, ids short with the whole of them."""
    table, sent = table_of(monkeypatch, columns=["total", "id", "issued_at"])
    say(table, "window", start=0)
    cells = [row["cells"] for row in last(sent, "rows")["rows"]]
    assert [row[0] for row in cells[:3]] == [
        ("USD 1,234.56", "USD 1,234.565"),
        ("USD -2.00", "USD -2.00"),
        ("EUR 900.00", "EUR 900.00"),
    ]
    assert cells[0][1] == ("00000000…", IDS[0])
    assert cells[0][2] == ("2026-01-01 UTC", "2026-01-01 UTC")
    assert cells[3][0] == (None, None)
    json.dumps(last(sent, "rows")["rows"])


def test_names_are_joined_where_customers_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """A customer nobody lists has no name, and what is selected has the columns that were given."""
    table, sent = table_of(monkeypatch, customers=CUSTOMERS, columns=["customer"], value=[3])
    say(table, "window", start=0)
    assert [row["cells"][0][0] for row in last(sent, "rows")["rows"]] == ["Acme", "Osprey", "Acme", None]
    assert_frame_equal(table.selected, FRAME[[3]])
    with pytest.raises(ma.ArgumentError, match="customer_id"):
        ma.show(CUSTOMERS.drop("id"), customers=CUSTOMERS)


def test_a_column_sorts_up_then_down_then_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Amounts by their size in major units; what is null comes last both ways."""
    table, sent = table_of(monkeypatch)
    seen = []
    for _ in range(3):
        say(table, "sort", column="total")
        seen.append(order(table, sent))
    assert seen == [[1, 2, 0, 3], [0, 2, 1, 3], [0, 1, 2, 3]]
    say(table, "sort", column="no such column")
    assert order(table, sent) == [0, 1, 2, 3]


def test_a_search_forgives_case_and_accents_in_what_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every word somewhere in the row; a column that is not shown is not searched."""
    table, sent = table_of(monkeypatch)
    for words, rows in (("UBUNG", [3]), ("usd 1,234.565", [0]), ("draft 2026-02", [1]), ("", [0, 1, 2, 3])):
        say(table, "query", text=words)
        assert order(table, sent) == rows
    say(table, "columns", names=["type"])
    say(table, "query", text="draft")
    assert (order(table, sent), last(sent, "state")["found"]) == ([], 0)


def test_rows_are_chosen_where_they_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    """By their places in the order shown, one or a stretch; an order that is gone chooses nothing."""
    table, sent = table_of(monkeypatch)
    say(table, "hello")
    before = last(sent, "state")["look"]
    say(table, "sort", column="total")
    say(table, "pick", look=before, **{"from": 0, "to": 0}, on=True)
    assert table.value == ()
    look = last(sent, "state")["look"]
    say(table, "pick", look=look, **{"from": 1, "to": 0}, on=True)
    assert table.value == (1, 2)
    assert_frame_equal(table.selected, FRAME[[1, 2]])
    say(table, "pick", look=look, **{"from": 0, "to": 0}, on=False)
    assert (table.value, last(sent, "state")["chosen"]) == ((2,), 1)
    say(table, "query", text="usage")
    say(table, "all", on=True)
    assert table.value == (0, 2)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.booleans()), max_size=8))
def test_what_is_selected_is_what_was_chosen(picks: list[tuple[int, int, bool]]) -> None:
    """Whatever was clicked, in the order of the frame and each row once."""
    table: Any = ma.widgets.Table(FRAME)
    chosen: set[int] = set()
    for start, end, on in picks:
        say(table, "pick", look=0, **{"from": start, "to": end}, on=on)
        rows = set(range(min(start, end), max(start, end) + 1))
        chosen = chosen | rows if on else chosen - rows
    assert table.value == tuple(sorted(chosen))
    assert_frame_equal(table.selected, FRAME[sorted(chosen)])


def test_a_file_has_exact_figures_and_runs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Major units beside their currency, as sorted; what a spreadsheet would run begins with an apostrophe."""
    table, sent = table_of(monkeypatch, columns=["type", "total", "custom_fields"])
    say(table, "sort", column="total")
    say(table, "export", to="csv")
    lines = last(sent, "file")["buffers"][0].decode().splitlines()
    assert lines == [
        "type,total,custom_fields,currency",
        '\'=cmd(),-2,"",USD',
        "<img src=x>,900,,EUR",
        "USAGE,1234.565,a: b,USD",
        'Übung,,"",',
    ]
    table.value = [2]
    say(table, "export", to="copy")
    assert (
        last(sent, "file")["buffers"][0].decode() == "type\ttotal\tcustom_fields\tcurrency\n<img src=x>\t900\t\tEUR\n"
    )


def test_a_long_table_costs_a_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred rows travel at a time, from anywhere, and little state."""
    long = pl.select(number=pl.int_range(100_000), name=pl.format("row {}", pl.int_range(100_000)))
    table, sent = table_of(monkeypatch, long)
    say(table, "window", start=99_950)
    rows = last(sent, "rows")["rows"]
    assert (len(rows), rows[-1]["row"]) == (50, 99_999)
    say(table, "query", text="row 9999")
    assert last(sent, "state")["found"] == 19
    say(table, "all", on=True)
    assert table.selected.height == 19
    assert len(json.dumps(table.get_state(), default=str)) < 20_000


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"value": [4]}, "4, which is no row of 4 rows"),
        ({"value": "1"}, "value cannot be str"),
        ({"value": [True]}, "True"),
        ({"columns": []}, "no column"),
        ({"colour": "red"}, "takes no colour"),
    ],
)
def test_what_cannot_be_used_raises(options: dict[str, Any], words: str) -> None:
    """Rows that there are not, no column, unknown arguments: an ArgumentError that names it."""
    with pytest.raises(ma.ArgumentError, match=words):
        ma.widgets.Table(FRAME, **options)


def test_without_a_kernel_the_still_table_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTML beside the live view, with names as text."""
    bundle = ma.show(FRAME, title="Invoices <now>")._repr_mimebundle_()[0]
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "&lt;img src=x&gt;" in bundle["text/html"]
    assert "<img" not in bundle["text/html"]
    assert "showing 4 of 4" in bundle["text/html"]
    assert repr(ma.show(FRAME)) == "Table(4 rows, 0 chosen)"


def test_what_stays_without_a_kernel_reads_as_the_widget_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """The widget's own cells, in its order and with its columns, the whole of what is short in a title; one rule."""
    frame = FRAME.with_columns(type=pl.Series(["a", "b", 'x" onload="', "<i>&amp;</i>"]))
    table, sent = table_of(monkeypatch, frame, customers=CUSTOMERS, rows=3)
    say(table, "sort", column="total")
    say(table, "window", start=0)
    page = table.as_raw_html()
    cells = re.findall(r'<td [^>]*class="gt_row[^>]*>(?:<span title="([^"]*)">)?(.*?)(?:</span>)?</td>', page)
    wanted = [(cell[0] or "", cell[1] or "") for row in last(sent, "rows")["rows"][:3] for cell in row["cells"]]
    assert [(unescape(brief), unescape(whole) or unescape(brief)) for whole, brief in cells] == wanted
    for text in ('<span title="USD 1,234.565">USD 1,234.56</span>', f'<span title="{IDS[0]}">00000000…</span>', "Acme"):
        assert text in page
    assert "<i>" not in page
    assert "showing 3 of 4" in page


def test_a_printed_table_has_its_first_rows() -> None:
    """In a script and a terminal: the cells as the widget has them, amounts to the right, and how many of how many."""
    odd = FRAME.with_columns(type=pl.Series(["USAGE", "one\ntwo", "\x1b[31mred", None]))
    lines = str(ma.show(odd, customers=CUSTOMERS, columns=["customer", "type", "total", "id"], rows=3)).splitlines()
    assert [" ".join(line.split()) for line in lines] == [
        "customer type total id",
        "Acme USAGE USD 1,234.56 00000000…",
        "Osprey one two USD -2.00 00000001…",
        "Acme [31mred EUR 900.00 00000002…",
        "showing 3 of 4",
    ]
    ends = {
        line.index(amount) + len(amount)
        for line, amount in zip(lines[1:4], ("1,234.56", "-2.00", "900.00"), strict=True)
    }
    assert len(ends) == 1
    assert str(ma.show(odd.clear())).endswith("showing 0 of 0")
    many = ma.show(pl.select(number=pl.int_range(1_000)))
    assert len(str(many).splitlines()) == 22
    assert str(many).endswith("showing 20 of 1,000")
    assert many._repr_mimebundle_()[0]["text/plain"] == str(many)


def test_one_row_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `multiple` a choice replaces the one before, and a file has every row found, whatever is chosen."""
    table, sent = table_of(monkeypatch, multiple=False)
    for row in (2, 1):
        say(table, "pick", look=0, **{"from": row, "to": row}, on=True)
        assert table.value == (row,)
    say(table, "export", to="csv")
    assert last(sent, "file")["rows"] == FRAME.height
    say(table, "pick", look=0, **{"from": 1, "to": 1}, on=False)
    assert table.value == ()
    with pytest.raises(ma.ArgumentError, match="2 rows, and in this table one is chosen"):
        table.value = (0, 1)


def test_prices_shares_and_quantities_read_as_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two decimals would make nothing of a price; a share is a percentage, and its figure is under the pointer."""
    frame = pl.DataFrame(
        {
            "unit_price": pl.Series([Decimal("0.125")], dtype=MONEY),
            "granted": pl.Series([Decimal(1)], dtype=MONEY),
            "utilisation": [0.8243140974],
            "quantity": [878_589.0],
            "credit_type_name": ["USD (cents)"],
        }
    )
    table, sent = table_of(monkeypatch, frame, columns=["unit_price", "utilisation", "quantity"])
    say(table, "window", start=0)
    (row,) = last(sent, "rows")["rows"]
    assert [brief for brief, _ in row["cells"]] == ["USD 0.00125", "82.4 %", "878589"]
    assert [whole for _, whole in row["cells"]] == ["USD 0.00125", "0.8243140974", "878589.0"]


def test_the_first_rows_come_with_what_the_view_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """When it appears and after a search; a choice sends none, which the view asks for where it stands."""
    table, sent = table_of(monkeypatch)
    say(table, "hello")
    assert [row["row"] for row in last(sent, "state")["first"]["rows"]] == [0, 1, 2, 3]
    say(table, "query", text="draft")
    assert [row["row"] for row in last(sent, "state")["first"]["rows"]] == [1]
    table.value = (1,)
    assert last(sent, "state")["first"] is None
