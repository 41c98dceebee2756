from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from decimal import Decimal
from html import escape
from typing import TYPE_CHECKING, Any

import httpx
import polars as pl
import pytest
from IPython.core.formatters import DisplayFormatter

import metronome_analytics as ma
from tests.fakes import TOKEN, account_of, answer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def account() -> Iterator[ma.Account]:
    """A small demo."""
    with ma.demo(customers=4, as_of=datetime(2026, 11, 18, tzinfo=UTC)) as opened:
        yield opened


MONEY = pl.Decimal(38, 10)
FRAME = pl.DataFrame(
    {
        "name": ["<script>alert(1)</script>", "a & b", None],
        "credit_type_name": ["USD (cents)", "AI Credits", None],
        "balance": pl.Series([Decimal("123456.5"), Decimal(-12), None], dtype=MONEY),
        "at": pl.Series([datetime(2026, 10, 1), datetime(2026, 10, 1, 9, 30), None], dtype=pl.Datetime("us", "UTC")),  # noqa: DTZ001  # as UTC
        "aliases": [["one", "two"], [], None],
        "count": [3, 4, None],
    }
)


def test_amounts_have_their_unit_and_times_say_utc() -> None:
    """Cents become dollars, other units stay what they are, exact, and no time is without a zone."""
    page = ma.show(FRAME).as_raw_html()
    for text in ("USD 1,234.565", "AI Credits -12.00", "2026-10-01 UTC", "2026-10-01 09:30 UTC", "one, two"):
        assert text in page


def test_amounts_are_right_aligned() -> None:
    """Numbers are read from their last digit."""
    page = ma.show(FRAME).as_raw_html()
    cell = page[: page.index("USD 1,234.565")].rsplit("<td", 1)[1]
    assert "gt_right" in cell
    words = page[: page.index("a &amp; b")].rsplit("<td", 1)[1]
    assert "gt_left" in words


def test_what_is_left_out_is_said() -> None:
    """How many of how many, whatever the title."""
    assert "showing 2 of 3" in ma.show(FRAME, rows=2).as_raw_html()
    page = ma.show(FRAME.lazy(), columns=["name"], title="Balances <now>").as_raw_html()
    assert "showing 3 of 3" in page
    assert "Balances &lt;now&gt;" in page
    assert "USD" not in page


def test_names_are_escaped_once() -> None:
    """HTML in a name is shown, not run."""
    page = ma.show(FRAME).as_raw_html()
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "&amp;amp;" not in page


def test_every_table_of_ours_can_be_shown(account: ma.Account) -> None:
    """Nested columns and maps too, and without a row."""
    balances, invoices = account.balances(), account.invoices()
    tables = [account.customers(), balances, invoices, account.receipts, account.catalogue()]
    tables += [ma.ledger(balances), ma.segments(balances), ma.line_items(invoices), ma.burn_down(balances)]
    for table in tables:
        assert f"showing {min(table.height, 3)} of {table.height:,}" in ma.show(table, rows=3).as_raw_html()
        assert "showing 0 of 0" in ma.show(table.clear()).as_raw_html()


def test_what_cannot_be_shown_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    """ArgumentError for the arguments, ConfigurationError that names the extra without great_tables."""
    with pytest.raises(ma.ArgumentError, match="not list"):
        ma.show([])  # type: ignore[arg-type]  # what is tested
    with pytest.raises(ma.ArgumentError, match="rows"):
        ma.show(FRAME, rows=0)
    with pytest.raises(ma.ArgumentError, match="'other'"):
        ma.show(FRAME, columns=["other"])
    monkeypatch.setitem(sys.modules, "great_tables", None)
    with pytest.raises(ma.ConfigurationError, match=r"metronome-analytics\[report\]"):
        ma.show(FRAME)


def test_an_account_shows_itself_without_its_token() -> None:
    """What it is and may do, escaped."""
    with account_of(lambda request: answer([]), environment="<b>sandbox") as opened:
        page = opened._repr_html_()
    assert "reads only" in page
    assert "&lt;b&gt;sandbox" in page
    assert TOKEN not in page


def test_an_account_says_what_to_do_next() -> None:
    """In a notebook and at a prompt; what it names is there."""
    with account_of(lambda request: answer([])) as opened:
        formatter: Any = DisplayFormatter()
        page, prompt = opened._repr_html_(), formatter.format(opened)[0]["text/plain"]
        assert prompt.startswith(repr(opened))
        for text in (page, prompt):
            assert "Next: account.catalogue()" in text
            for name in re.findall(r"account\.(\w+)\(", text):
                assert callable(getattr(opened, name))
            assert "ma.widgets.Explorer(account)" in text


def test_a_column_that_is_none_says_which_is_near() -> None:
    """As every other name does."""
    with pytest.raises(ma.ArgumentError, match=r"columns names 'totl', which .* Did you mean 'total'\?$"):
        ma.show(pl.DataFrame({"id": ["a"], "total": [1]}), columns=["id", "totl"])


def test_the_catalogue_fits_a_screen() -> None:
    """Each loader once, in words, within 100 columns and 26 lines, in a notebook in columns that wrap."""
    page = ma.Account.catalogue()
    lines = str(page).splitlines()
    assert (len(lines), max(map(len, lines))) <= (26, 100)
    html = page._repr_html_()
    for loader, words in page.filter(pl.col("loader").is_not_null())["loader", "gives"].iter_rows():
        shown = words if not words.startswith("one of ") else f"{loader}(s)"
        assert shown in str(page)
        assert escape(shown) in html
    assert page.filter(pl.col("loader").is_null())["gives"].drop_nulls().is_empty()
    for made_of_several in ("daily_costs", "customer_card"):
        assert f"{made_of_several}(" in lines[-2]
        assert f"{made_of_several}(" in html
    assert "overflow" not in html
    assert "shape: (96, 1)" in str(page.select("endpoint"))
    assert "<table" in page.drop("loader")._repr_html_()
    for slim in (page.head(2), page.filter(pl.col("loader") == "invoice")):
        assert "endpoint" in slim.columns
        assert str(slim)


def test_a_load_error_shows_its_failures() -> None:
    """Message and failed customers, escaped, and how many rows arrived."""
    with (
        account_of(lambda request: httpx.Response(400, json={"message": "no <b>"})) as opened,
        pytest.raises(ma.LoadError) as caught,
    ):
        opened.balances(["c-1", "c-2"])
    page = caught.value._repr_html_()
    assert "no &lt;b&gt;" in page
    assert "c-1" in page
    assert "0 rows arrived" in page
    assert TOKEN not in page


def test_a_reconciliation_shows_its_counts(account: ma.Account) -> None:
    """A row per check."""
    page = ma.reconcile(account.invoices(), account.balances(include_archived=True))._repr_html_()
    assert "<td>ledger_balance</td>" in page
    assert "<th>failed</th>" in page


def shows_as(thing: object) -> dict[str, str]:
    """What IPython makes of it: text in a terminal, HTML beside it in Jupyter."""
    formatter: Any = DisplayFormatter()
    data: dict[str, str] = formatter.format(thing)[0]
    return data


def test_what_we_hand_out_reads_well_in_a_terminal_and_in_jupyter() -> None:
    """Account, receipts, an error, a reconciliation and a plan say what they are both ways, and never the token."""
    with ma.demo(customers=4, as_of=datetime(2026, 11, 18, tzinfo=UTC), allow_writes=True) as account:
        balances = account.balances()
        balance = balances.filter(pl.col("type") == "PREPAID", pl.col("balance") > 0).head(1)
        entry = balance.select("customer_id", balance_id="id", amount=pl.lit(Decimal(5)), reason=pl.lit("goodwill, ok"))
        plan = account.plan_balance_entries(entry)
        with pytest.raises(ma.LoadError) as caught:
            account.balances("00000000-0000-4000-8000-000000000000")
        things = {
            "may write": account,
            "balances": account.receipts,
            "customer 00000000-0000-4000-8000-000000000000": caught.value,
            "passed": ma.reconcile(account.invoices(), balances),
            "goodwill, ok": plan,
        }
        for words, thing in things.items():
            shown = shows_as(thing)
            assert words in shown["text/html"]
            assert words in (str(thing) if isinstance(thing, Exception) else shown["text/plain"])
            assert " at 0x" not in shown["text/plain"]
            assert "simulator-token" not in str(shown)
