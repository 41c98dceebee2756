from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import httpx
import polars as pl
import pytest

import metronome_analytics as ma
from metronome_analytics import charts
from metronome_analytics.charts.showing import LIVE
from metronome_analytics.widgets import views
from metronome_analytics.widgets.read import Books, Wanted
from tests.fakes import account_of, answer
from tests.widgets.support import a_few, many

if TYPE_CHECKING:
    from collections.abc import Iterator

AS_OF = datetime(2026, 11, 18, tzinfo=UTC)


@pytest.fixture(scope="module")
def account() -> Iterator[ma.Account]:
    """A small demo."""
    with ma.demo(customers=6, as_of=AS_OF) as opened:
        yield opened


def shown(explorer: Any) -> str:
    """What is on view once everything is loaded: the note, the error, and every output as text."""
    explorer.wait(60)
    state: dict[str, Any] = explorer._tabs._state
    assert not state["busy"]
    return " ".join([state["note"], state["error"], *(str(output["data"]) for output in explorer.output.outputs)])


def test_nothing_is_loaded_before_a_customer_is_chosen(account: ma.Account) -> None:
    """The customers, and no more, where the portfolio takes more requests than it may: a click loads it."""
    before = account.receipts.height
    explorer: Any = ma.widgets.Explorer(account, as_of=AS_OF, max_requests=5)
    assert shown(explorer).strip() == "Choose a customer. The portfolio of 6 customers takes at least 6 requests."
    assert account.receipts["endpoint"].to_list()[before:] == ["customers"]
    explorer._tabs._hear(None, {"type": "load"}, None)
    assert "Who runs out" in shown(explorer)
    assert account.receipts["endpoint"].to_list()[before:] == ["customers", "balances"]


def test_what_the_portfolio_takes_is_said_with_how_long() -> None:
    """At the account's pace; of a past moment the invoices and their days too. Nothing is sent."""
    sent: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return answer([])

    with ma.connect("t", base_url="http://127.0.0.1:1", transport=httpx.MockTransport(handler)) as paced:
        customers = many(50_000)
        now: Any = ma.widgets.Explorer(paced, customers=customers)
        assert shown(now).strip() == (
            "Choose a customer. The portfolio of 50,000 customers takes at least 50,000 requests, about 1.9 hours."
        )
        then: Any = ma.widgets.Explorer(paced, customers=customers.head(100), as_of="2026-01-01")
        assert "takes at least 300 requests, about 39 seconds." in shown(then)
        few: Any = ma.widgets.Explorer(paced, customers=customers.head(600))
        assert "takes at least 600 requests, about 1 minute." in shown(few)
    assert sent == []


def test_a_row_of_the_portfolio_opens_its_customer(account: ma.Account) -> None:
    """Its card, of what was read for the portfolio: the contracts and the net balance alone are asked for."""
    explorer: Any = ma.widgets.Explorer(account, as_of=AS_OF)
    assert "Click a row" in shown(explorer)
    (view, _) = next(iter(explorer._seen.values()))
    ending, grown = view.tables
    first = ending.selected.height
    before = account.receipts.height
    grown.value = (1,)
    wanted = grown._frame["customer_id"][1]
    words = shown(explorer)
    assert (first, explorer.customer.value, explorer.tab, grown.value) == (0, (wanted,), "Customer", ())
    assert "What is left" in words
    assert account.receipts["endpoint"].to_list()[before:] == ["contracts", "net_balances"]
    explorer.tab = "Portfolio"
    shown(explorer)
    grown.value = (1,)
    assert (explorer.tab, explorer.customer.value) == ("Customer", (wanted,))


def test_who_grew_compares_amounts_of_one_currency() -> None:
    """Those of the currency that most customers have first, in each the largest change first."""
    months = {"2026-09": datetime(2026, 9, 2, tzinfo=UTC), "2026-10": datetime(2026, 10, 2, tzinfo=UTC)}
    drawn = [("c-1", "AI Credits", 1, 900_000), ("c-2", "USD (cents)", 5, 7), ("c-3", "USD (cents)", 5, 50)]
    rows = [
        {
            "customer_id": id_,
            "credit_type_name": unit,
            "event": "deduction",
            "change": Decimal(-amount),
            "timestamp": at,
        }
        for id_, unit, *amounts in drawn
        for at, amount in zip(months.values(), amounts, strict=True)
    ]
    burn = pl.DataFrame(rows, schema_overrides={"change": pl.Decimal(38, 10)}).with_columns(
        pl.col("timestamp").alias("usage_starting_at")
    )
    grown = views._grown(burn, AS_OF)
    assert grown["customer_id"].to_list() == ["c-3", "c-2", "c-1"]
    assert grown["change"].to_list() == [45, 2, 899_999]


def test_a_customer_opens_with_its_card(account: ma.Account) -> None:
    """What the card has is what the account's own says; forecast dates are days."""
    explorer: Any = ma.widgets.Explorer(account, as_of=AS_OF)
    explorer.customer.value = account.customers()["id"][0]
    words = shown(explorer)
    assert explorer.tab == "Customer"
    for name in ("contract", "currency", "net_balance", "granted", "used", "ending_before", "runs_out_at"):
        assert name in words
    (table, _) = explorer._seen["Customer", explorer._wanted()][0].parts
    said = account.customer_card(explorer.customer)
    days = ["ending_before", "runs_out_at", "runs_out_at_earliest", "runs_out_at_latest"]
    assert table._frame.drop("currency").equals(said.with_columns(pl.col(days).dt.date()))


def test_an_invoice_opens_to_its_lines_and_its_explanation(account: ma.Account) -> None:
    """Below the invoices, without a request; another customer, period or tab takes it away."""
    explorer: Any = ma.widgets.Explorer(account, as_of=AS_OF)
    explorer.tab = "Invoices"
    explorer.customer.value = account.customers()["id"][0]
    assert "Click an invoice" in shown(explorer)
    (table,) = explorer._seen["Invoices", explorer._wanted()][0].tables
    before = account.receipts.height
    table.value = (2,)
    explorer.wait(60)
    assert table.selected["id"][0] == table._frame["id"][2]
    words = str([output["data"] for output in explorer.below.outputs])
    whose = f"Invoice of {explorer.customer.selected['name'][0]}"
    for part in (table._frame["id"][2], whose, "explained", "Its lines", "unit_price", LIVE):
        assert part in words
    assert account.receipts.height == before
    explorer.tab = "Ledger"
    assert explorer.below.outputs == ()
    shown(explorer)
    explorer.tab = "Invoices"
    explorer.wait(60)
    assert "explained" in str(explorer.below.outputs)


@pytest.mark.parametrize(
    ("tab", "words"),
    [
        ("Customer", "runs_out_at"),
        ("Balances", "Burn-down"),
        ("Invoices", "issued_at"),
        ("Ledger", "timestamp"),
        ("Costs", "The last 90 days: choose a period for others."),
        ("Costs", "Usage before commits"),
    ],
)
def test_a_tab_shows_what_it_is_named_after(account: ma.Account, tab: str, words: str) -> None:
    """Each loads when it is opened, and once."""
    explorer: Any = ma.widgets.Explorer(account, as_of=AS_OF, max_requests=0)
    explorer.tab = tab
    explorer.customer.value = account.customers()["id"][0]
    assert words in shown(explorer)
    before = account.receipts.height
    explorer.tab = "Costs" if tab != "Costs" else "Ledger"
    explorer.wait(60)
    middle = account.receipts.height
    explorer.tab = tab
    assert words in shown(explorer)
    assert (middle > before, account.receipts.height) == (True, middle)


def test_the_portfolio_needs_no_customer(account: ma.Account) -> None:
    """Who runs out, who grew and who drew when, by name: what an Explorer opens with."""
    before = account.receipts.height
    explorer: Any = ma.widgets.Explorer(account, as_of=AS_OF)
    assert explorer.tab == "Portfolio"
    words = shown(explorer)
    for part in ("Who runs out", "Who grew", "drawn 2026-10", "drawn 2026-09", "Drawn by customer and month"):
        assert part in words
    assert "balances" in account.receipts["endpoint"].to_list()[before:]
    explorer.tab = "Balances"
    assert shown(explorer).strip() == "Choose a customer."


def test_the_period_bounds_the_invoices(account: ma.Account) -> None:
    """A quarter without invoices shows none."""
    explorer: Any = ma.widgets.Explorer(account, as_of=AS_OF)
    explorer.tab = "Invoices"
    explorer.customer.value = account.customers()["id"][0]
    assert "showing 0 of 0" not in shown(explorer)
    explorer.period.value = "2020-Q1"
    assert "showing 0 of 0" in shown(explorer)


def test_a_period_leaves_what_it_does_not_bound(account: ma.Account) -> None:
    """The portfolio, a card and balances stay on view, or go on loading; costs of a period need no note."""
    explorer: Any = ma.widgets.Explorer(account, as_of=AS_OF)
    loading = explorer._stop
    explorer.period.value = "2026-Q3"
    assert not loading.is_set()
    shown(explorer)
    explorer.customer.value = account.customers()["id"][0]
    shown(explorer)
    before, on = explorer.output.outputs, explorer._worker.last
    explorer.period.value = "2026-10"
    assert (explorer.output.outputs, explorer._worker.last) == (before, on)
    explorer.tab = "Costs"
    assert "The last 90 days" not in shown(explorer)


def test_an_error_shows_in_place() -> None:
    """What the API refused is read below the tabs, and another customer can be chosen after it."""
    refuse = True

    def handler(_: httpx.Request) -> httpx.Response:
        return httpx.Response(400, json={"message": "no such thing"}) if refuse else answer([])

    with account_of(handler) as refused:
        explorer: Any = ma.widgets.Explorer(refused, customers=a_few(), as_of=AS_OF, max_requests=0)
        explorer.tab = "Balances"
        explorer.customer.value = "c-2"
        assert "no such thing" in shown(explorer)
        assert explorer.output.outputs == ()
        refuse = False
        explorer.customer.value = "c-4"
        assert "no such thing" not in shown(explorer)
        assert "showing 0 of 0" in shown(explorer)


def test_a_load_tells_how_far_it_is() -> None:
    """Requests and rows so far stand below the tabs while a tab loads, and go when it is there."""
    told: list[str] = []
    ready = threading.Event()

    async def handler(request: httpx.Request) -> httpx.Response:
        import anyio  # noqa: PLC0415  # only here

        await anyio.to_thread.run_sync(ready.wait)
        return answer([])

    with account_of(handler) as slow:
        explorer: Any = ma.widgets.Explorer(slow, customers=a_few(), as_of=AS_OF, max_requests=0)
        explorer.tab = "Balances"
        tell = explorer._tabs.tell

        def listen(note: str, **rest: Any) -> None:
            tell(note, **rest)
            told.append(note)
            if "requests" in note:
                ready.set()

        explorer._tabs.tell = listen
        explorer.customer.value = "c-2"
        shown(explorer)
    assert told[0] == "Loading balances …"
    assert told[1] == "Loading balances … 1 of 2 requests, 0 rows"
    assert told[-1] == ""


def test_what_a_tab_shows_is_what_a_cell_would(account: ma.Account) -> None:
    """A live chart with its picture, then a table."""
    explorer: Any = ma.widgets.Explorer(account, as_of=AS_OF)
    explorer.tab = "Balances"
    explorer.customer.value = account.customers()["id"][0]
    explorer.wait(60)
    chart, table = explorer.output.outputs
    assert {LIVE, "image/png"} < set(chart["data"])
    assert "text/html" in table["data"]


def test_a_past_moment_shows_what_the_books_said_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of a billing period too: every balance ends where the API's own did on that day."""
    then = datetime(2026, 11, 10, tzinfo=UTC)
    drawn: list[pl.DataFrame] = []

    def kept(burn: pl.DataFrame, **given: Any) -> Any:
        drawn.append(burn)
        return charts.burn_down(burn, **given)

    monkeypatch.setattr("metronome_analytics.widgets.views.charts", SimpleNamespace(burn_down=kept))
    with ma.demo(customers=3, as_of=AS_OF) as now, ma.demo(customers=3, as_of=then) as before:
        books = Books(now, before.customers())
        for customer in before.customers()["id"]:
            views.balances(books, Wanted(customer, None, None, then, now.now))
        stood = before.balances(before.customers()).filter(pl.col("balance") != 0)
    left = pl.concat(drawn).group_by("balance_id").agg(pl.col("remaining").sort_by("step").last())
    both = stood.select("balance", balance_id="id").join(left, on="balance_id")
    assert both.height == stood.height > 2
    assert both.filter(pl.col("balance") != pl.col("remaining")).is_empty()


@pytest.mark.parametrize("day", [datetime(2026, 10, 9, tzinfo=UTC), datetime(2026, 11, 17, tzinfo=UTC)])
def test_a_card_of_a_past_moment_agrees_with_its_chart(account: ma.Account, day: datetime) -> None:
    """What remains is what the burn-down ends with; today's net balance is not shown for that day's."""
    books = Books(account, account.customers())
    for customer in books.customers["id"]:
        wanted = Wanted(customer, None, None, day, account.now)
        shown = views.card(books, wanted)
        (table,) = (part for part in shown.parts if isinstance(part, ma.widgets.Table))
        ends = books.burn(wanted).group_by("balance_id", "credit_type_id").agg(pl.col("remaining").last())
        left = ends.group_by("credit_type_id").agg(pl.col("remaining").sum().alias("left"))
        both = table._frame.join(left, on="credit_type_id", how="left")
        assert both.height > 0
        assert both["remaining"].to_list() == both["left"].to_list()
        assert both["net_balance"].null_count() == both.height
        assert "net balance" in shown.note


def test_nothing_is_read_twice_within_an_hour(account: ma.Account) -> None:
    """The days of a past moment neither, nor a customer's after everybody's; the next hour reads anew."""
    day = datetime(2026, 11, 10, tzinfo=UTC)
    books = Books(account, account.customers())
    wanted = Wanted("", None, None, day, account.now)
    before = account.receipts.height
    burn = books.burn(wanted)
    read = account.receipts["endpoint"].to_list()[before:]
    assert sorted(read) == ["balances", "invoice_breakdowns", "invoices"]
    loaded = account.receipts.height
    one = books.customers["id"][0]
    assert books.burn(wanted).equals(burn)
    alone = books.burn(wanted._replace(customer=one))
    assert account.receipts.height == loaded > before
    whole = burn.filter(pl.col("customer_id") == one).group_by("balance_id").agg(pl.col("remaining").last())
    parts = alone.group_by("balance_id").agg(pl.col("remaining").last())
    assert parts.sort("balance_id").equals(whole.sort("balance_id"))
    kept = len(books._read)
    books.burn(wanted._replace(loaded_at=account.now + timedelta(hours=1)))
    assert account.receipts.height > loaded
    assert len(books._read) == kept


def test_what_is_no_longer_wanted_is_cancelled() -> None:
    """Another choice lets go of the request on its way."""
    asked = threading.Event()
    cancelled = threading.Event()

    async def handler(request: httpx.Request) -> httpx.Response:
        import anyio  # noqa: PLC0415  # only here

        if b"c-2" not in request.content:
            return answer([])
        asked.set()
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.set()
        raise AssertionError

    with account_of(handler) as slow:
        explorer: Any = ma.widgets.Explorer(slow, customers=a_few(), as_of=AS_OF, max_requests=0)
        explorer.tab = "Balances"
        explorer.customer.value = "c-2"
        first = explorer._worker.last
        assert asked.wait(30)
        explorer.customer.value = "c-4"
        assert first.wait(30)
        assert cancelled.is_set()
        assert "c-4" in repr(explorer)
        shown(explorer)


class Contended:
    """A lock that says when somebody has to wait for it."""

    def __init__(self, waits: threading.Event) -> None:
        self.lock, self.waits = threading.RLock(), waits

    def __enter__(self) -> None:
        if not self.lock.acquire(blocking=False):
            self.waits.set()
            self.lock.acquire()

    def __exit__(self, *_: object) -> None:
        self.lock.release()


def test_what_was_loaded_is_not_shown_for_another_choice(account: ma.Account) -> None:
    """One made just when it is about to be shown: what is shown last is what was chosen last."""
    explorer: Any = ma.widgets.Explorer(account, as_of=AS_OF, max_requests=0)
    explorer.customer.value = account.customers()["id"][0]
    shown(explorer)
    on = threading.Event()
    explorer._lock, show = Contended(on), explorer._show
    another: list[threading.Thread] = []

    def choose() -> None:
        explorer.tab = "Portfolio"
        on.set()

    def late(view: Any, parts: Any) -> None:
        if not another:
            another.append(threading.Thread(target=choose))
            another[0].start()
            assert on.wait(30)
        show(view, parts)

    explorer._show = late
    explorer.tab = "Ledger"
    explorer.wait(60)
    another[0].join(30)
    assert explorer.output.outputs == ()
    assert "Choose a customer. The portfolio" in explorer._tabs._state["note"]


def test_what_cannot_be_used_raises(account: ma.Account) -> None:
    """Unknown arguments and tabs, and what is no account."""
    with pytest.raises(ma.ArgumentError, match="colour"):
        ma.widgets.Explorer(account, colour="red")
    with pytest.raises(ma.ArgumentError, match="account cannot be"):
        ma.widgets.Explorer(a_few())  # type: ignore[arg-type]  # what is tested
    four: Any = SimpleNamespace(customers=account.customers, balances=None, invoices=None, now=account.now)
    with pytest.raises(ma.ArgumentError, match="account cannot be"):
        ma.widgets.Explorer(four)
    explorer = ma.widgets.Explorer(account, as_of=AS_OF)
    with pytest.raises(ma.ArgumentError, match="tab must be"):
        explorer.tab = "Weather"
