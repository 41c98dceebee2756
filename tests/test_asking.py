"""What users may say to a loader: months and periods, frames of other libraries, names instead of ids, words."""

from __future__ import annotations

import threading
from typing import Any

import anyio
import httpx
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import metronome_analytics as ma
from metronome_analytics import periods
from metronome_analytics.analysis.statements.periods import month_names
from metronome_analytics.arguments import customer_ids
from tests.fakes import account_of, answer, asked

ACME = "11111111-1111-4111-8111-111111111111"
WAYNE = "22222222-2222-4222-8222-222222222222"


def two_customers(request: httpx.Request) -> httpx.Response:
    """Acme and Wayne, who have nothing."""
    if request.url.path == "/v1/customers":
        archived = "only_archived" in request.url.params
        rows = [{"id": WAYNE, "name": "Wayne Enterprises"}] if archived else [{"id": ACME, "name": "Acme Corp"}]
        return answer(rows)
    return answer([])


@pytest.mark.parametrize(
    "window",
    [
        {"month": "2026-10"},
        {"period": ("2026-10-01", "2026-11-01")},
        {"period": ma.widgets.PeriodPicker(value="2026-10")},
        {"starting_on": "2026-10-01", "ending_before": "2026-11-01"},
    ],
)
def test_a_window_may_be_asked_for_in_many_ways(window: dict[str, Any]) -> None:
    """A month, a pair, a picker and both ends ask the same."""
    seen: list[dict[str, Any]] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(asked(request))
        return answer([])

    with account_of(handler) as account:
        account.costs("c", **window)
    (parameters,) = seen
    assert (parameters["starting_on"], parameters["ending_before"]) == ("2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z")


def test_a_picker_without_a_choice_says_so() -> None:
    """Nothing chosen is not everything, and not nothing."""
    with account_of(two_customers) as account, pytest.raises(ma.ArgumentError, match="nothing is chosen"):
        account.invoices(period=ma.widgets.PeriodPicker())


def test_a_search_that_found_nobody_is_seen_to_have_searched() -> None:
    """An empty frame says nothing; this says what was sought and where, at a prompt and, escaped, on a page."""
    customers = pl.DataFrame({"id": ["a"], "name": ["Acme"], "external_id": ["e"]})
    nobody: Any = ma.find_customers(customers, "<b>zebra")
    assert repr(nobody) == str(nobody) == "No customer: nothing like “<b>zebra” in id, name and external id."
    assert "“&lt;b&gt;zebra”" in nobody._repr_html_()
    for made in (nobody.select("id"), nobody.vstack(customers)):
        assert "shape: " in str(made)


def test_a_search_that_found_nobody_says_so() -> None:
    """Before anything is sent, with what was sought; what has rows by now, or is no search, is meant."""
    customers = pl.DataFrame({"id": ["a", "b"], "name": ["Acme", "Osprey"]})
    with account_of(two_customers) as account:
        for nobody in (ma.find_customers(customers, "zebra"), ma.find_customers(customers, "zebra").head(1)):
            with pytest.raises(ma.ArgumentError, match=r"customers: the search for '(zebra)?' found nobody"):
                account.invoices(nobody)
        assert account.receipts.height == 0
        for meant in (customers.clear(), ma.find_customers(customers, "acme", limit=0)):
            assert account.invoices(meant).is_empty()
        assert account.receipts["requests"].sum() == 0
        account.invoices(ma.find_customers(customers, "zebra").vstack(customers.head(1)))
        assert account.receipts["requests"].sum() == 1


@given(st.dates())
def test_months_and_quarters_tile_the_year(day: Any) -> None:
    """Every day lies in its month and its quarter, which begins with a month that begins it."""
    name = f"{day.year:04d}-{day.month:02d}"
    quarter = f"{day.year:04d}-Q{(day.month + 2) // 3}"
    if day.year == 9999:
        return
    (start, end), (first, last) = periods.named("month", name), periods.named("month", quarter)
    assert start.date() <= day < end.date()
    assert first <= start < end <= last


@pytest.mark.parametrize("name", ["9999-12", "9999-Q4", "0000-01", "2026-13"])
def test_a_month_that_no_datetime_holds_is_an_argument_error(name: str) -> None:
    """What ends after the last datetime there is is no period, here as in a statement."""
    with pytest.raises(ma.ArgumentError):
        periods.named("month", name)
    with pytest.raises(ma.ArgumentError):
        month_names(name)


def test_archived_customers_come_after_the_active_ones() -> None:
    """`include_archived=True` reads both lists."""
    with account_of(two_customers) as account:
        assert account.customers(include_archived=True)["id"].to_list() == [ACME, WAYNE]


class Arrow:
    """A frame that knows nothing but the Arrow interface; iterating over it gives column names, as pandas does."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame
        self.columns = frame.columns

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._frame.__arrow_c_stream__(requested_schema)

    def __iter__(self) -> Any:
        return iter(self.columns)


class Columns:
    """A frame that has columns by name and no Arrow interface, as pandas without pyarrow."""

    def __init__(self, **columns: list[str]) -> None:
        self._columns = columns
        self.columns = list(columns)

    def __getitem__(self, name: str) -> list[str]:
        return self._columns[name]

    def __iter__(self) -> Any:
        return iter(self.columns)


@pytest.mark.parametrize(
    "frame", [Arrow(pl.DataFrame({"name": ["n"], "customer_id": ["c"]})), Columns(name=["n"], customer_id=["c"])]
)
def test_a_frame_of_another_library_is_read(frame: Any) -> None:
    """Its customer_id column is meant, not the names of its columns."""
    seen: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.path)
        return answer([])

    with account_of(handler) as account:
        account.invoices(frame)
        with pytest.raises(ma.ArgumentError, match="customer_id or id"):
            account.invoices(Columns(name=["n"]))
    assert seen == ["/v1/customers/c/invoices"]


class Column:
    """A column of another library, as a Series of pandas: it streams its values by the Arrow interface."""

    def __init__(self, *values: str) -> None:
        self._values = pl.Series(values)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._values.__arrow_c_stream__(requested_schema)


def test_a_column_of_another_library_is_ids() -> None:
    """A Series of pandas, or a column of Arrow, is the ids in it."""
    with account_of(two_customers) as account:
        assert customer_ids(Column("c", "d", "c")) == ["c", "d"]
        with pytest.raises(ma.ArgumentError, match="is a name"):
            account.invoices(Column("Acme Corp"))


def test_a_name_where_an_id_belongs_says_so() -> None:
    """What was listed offers the customer that may be meant; nothing is sent."""
    with account_of(two_customers) as account:
        with pytest.raises(ma.ArgumentError, match="is a name"):
            account.invoices("Acme Corp")
        account.customers()
        sent = account.receipts.height
        for name in ("Acme Corp", "acme corp"):
            with pytest.raises(ma.ArgumentError, match=ACME):
                account.contract(name, "k")
        with pytest.raises(ma.ArgumentError, match=ACME):
            account.balances(["Acme Crp"])
        assert account.receipts.height == sent


def test_an_unknown_id_that_is_none_says_so() -> None:
    """The API's refusal is not all there is to say."""
    with account_of(lambda _: httpx.Response(404, json={"message": "gone"})) as account:
        with pytest.raises(ma.NotFoundError, match="'acme' does not look like a customer's id"):
            account.invoices("acme")
        with pytest.raises(ma.NotFoundError) as raised:
            account.invoices(ACME)
    assert "look like" not in str(raised.value)


def test_a_misspelt_word_is_refused_with_the_nearest() -> None:
    """Known values are checked before anything is sent."""
    with account_of(two_customers) as account:
        with pytest.raises(ma.ArgumentError, match="Did you mean 'FINALIZED'"):
            account.invoices("c", status="FINALISED")
        with pytest.raises(ma.ArgumentError, match="Did you mean 'SCHEDULED'"):
            account.invoices("c", type="schedulled")


def test_a_word_that_may_be_newer_is_sent_with_a_warning() -> None:
    """Where the API's values may grow, what we do not know may be right."""
    seen: list[dict[str, Any]] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(asked(request))
        return answer([])

    with account_of(handler) as account, pytest.warns(UserWarning, match="SEAT_PURCHASE"):
        account.invoices("c", type="SEAT_PURCHASE")
    assert seen[0]["type"] == "SEAT_PURCHASE"


@pytest.mark.parametrize("loader", ["alerts", "billing_configurations", "contract_edits", "spend_breakdowns"])
def test_no_customers_mean_every_customer(loader: str) -> None:
    """Like every loader, without an argument."""
    window = {"month": "2026-10"} if loader == "spend_breakdowns" else {}
    with account_of(two_customers) as account:
        getattr(account, loader)(**window)
        assert account.receipts["customers"].to_list() == [1 if loader != "contract_edits" else 0]


def test_an_interrupted_load_keeps_what_arrived(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows that had come and the receipt, whatever had not come yet."""
    ids = [f"c{number}" for number in range(8)]
    waiting = threading.Event()

    async def handler(request: httpx.Request) -> httpx.Response:
        id_ = request.url.path.split("/")[3]
        if id_ == "c3":
            waiting.set()
            await anyio.sleep_forever()
        return answer([{"id": f"{id_}-1", "customer_id": id_}])

    def show(self: object, **counts: int) -> None:
        """Called while a load lasts, where a user's interrupt arrives too."""
        if waiting.is_set():
            raise KeyboardInterrupt

    monkeypatch.setattr("metronome_analytics.progress.ProgressBar.show", show)
    with account_of(handler, max_concurrency=1) as account:
        assert account.partial is None
        with pytest.raises(KeyboardInterrupt):
            account.invoices(ids)
        partial = account.partial
        assert partial is not None
        assert partial.frame["customer_id"].to_list() == ids[:3]
        assert partial.receipt.equals(account.receipts.tail(1))
        assert partial.receipt["complete"].to_list() == [False]
