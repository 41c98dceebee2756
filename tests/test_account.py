from __future__ import annotations

import json
import warnings
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import httpx
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import metronome_analytics as ma
from metronome_analytics.api.decode.reading import schema_of
from metronome_analytics.tables import Receipts
from tests.fakes import Handler, account_of, answer, asked

if TYPE_CHECKING:
    from collections.abc import Mapping

LOADERS = ["invoices", "commits", "credits", "balances", "net_balances"]


def customer_of(request: httpx.Request) -> str:
    """The customer a request is about."""
    parts = request.url.path.split("/")
    return str(parts[3]) if parts[2] == "customers" else str(asked(request)["customer_id"])


def small_account(customers: list[str], fails: dict[str, int] | None = None) -> Handler:
    """One invoice and one balance a customer; the customers in `fails` answer with that status."""

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/customers":
            return answer([{"id": id_, "name": id_.upper()} for id_ in customers])
        id_ = customer_of(request)
        if id_ in (fails or {}):
            return httpx.Response((fails or {})[id_], json={"message": "refused"})
        if request.url.path.endswith("getNetBalance"):
            return httpx.Response(200, json={"data": {"balance": 1.5, "credit_type_id": "u"}})
        return answer([{"id": f"{id_}-1", "customer_id": id_, "total": 2.5, "balance": 2.5}])

    return handler


@pytest.mark.parametrize("loader", LOADERS)
def test_none_means_every_customer_in_list_order(loader: str) -> None:
    """Without customers every one that the API lists is loaded, in the order of the list."""
    ids = [f"c{n}" for n in range(40)]
    with account_of(small_account(ids)) as account:
        frame = getattr(account, loader)()
        assert frame["customer_id"].to_list() == ids
        receipt = account.receipts.row(0, named=True)
    assert (receipt["customers"], receipt["requests"], receipt["rows"], receipt["complete"]) == (40, 41, 40, True)


@given(st.permutations(["a", "b", "c", "d", "e"]))
def test_rows_come_in_the_order_of_the_customers_given(ids: list[str]) -> None:
    """However the answers race, rows stand in the order asked for."""
    with account_of(small_account(ids)) as account:
        assert account.invoices(ids)["customer_id"].to_list() == ids


class Picker:
    """What a picker widget looks like to a loader."""

    value = ("a", "b")


@pytest.mark.parametrize(
    "customers",
    [
        ["a", "b"],
        ("a", "b"),
        (id_ for id_ in ("a", "b", "a")),
        pl.Series(["a", "b", "a"]),
        pl.DataFrame({"customer_id": ["a", "b", "b"], "id": ["x", "y", "z"]}),
        pl.DataFrame({"id": ["a", "b"]}),
        pl.LazyFrame({"id": ["a", "b"]}),
        Picker(),
    ],
)
def test_every_way_to_name_customers(customers: Any) -> None:
    """Ids, series, frames and pickers mean the same, and each customer is asked for once."""
    with account_of(small_account([])) as account:
        assert account.invoices(customers)["customer_id"].to_list() == ["a", "b"]
        assert account.receipts["requests"].to_list() == [2]


def test_one_id_is_one_customer() -> None:
    """A text is an id, not its letters."""
    with account_of(small_account([])) as account:
        assert account.invoices("abc")["customer_id"].to_list() == ["abc"]


@pytest.mark.parametrize("customers", [[], pl.Series([], dtype=pl.String), pl.DataFrame(schema={"id": pl.String})])
def test_no_customers_means_no_request(customers: Any) -> None:
    """An empty choice loads nothing and asks nothing."""
    with account_of(small_account(["a"])) as account:
        assert account.invoices(customers).height == 0
        assert account.receipts["requests"].to_list() == [0]


@pytest.mark.parametrize(
    "customers",
    [5, 5.0, True, b"id", {"id": "a"}, [1], ["a", None], [""], [" a"], "", pl.Series([1]), pl.DataFrame({"x": ["a"]})],
)
def test_customers_of_another_kind_are_refused_by_name(customers: Any) -> None:
    """What can be no customer is an error that names the argument, before anything is sent."""
    with account_of(small_account(["a"])) as account:
        with pytest.raises(ma.ArgumentError, match="customers"):
            account.invoices(customers)
        assert account.receipts.height == 0


def test_an_unknown_customer_is_not_found() -> None:
    """An id the API does not know is NotFoundError with the id in its message."""
    with account_of(small_account([], {"nobody": 404})) as account:
        with pytest.raises(ma.NotFoundError, match="customer nobody") as raised:
            account.invoices("nobody")
    assert isinstance(raised.value, ma.LoadError)


def test_raise_stops_and_keeps_what_arrived() -> None:
    """The first failure stops the load; the rows so far and the failures travel with the error."""
    ids = [f"c{n}" for n in range(200)]
    with account_of(small_account(ids, {"c100": 403}), max_concurrency=1) as account:
        with pytest.raises(ma.LoadError) as raised:
            account.invoices()
        receipt = account.receipts.row(0, named=True)
    assert isinstance(raised.value.__cause__, ma.AuthenticationError)
    assert raised.value.partial["customer_id"].to_list() == ids[:100]
    assert raised.value.failures["customer_id"].to_list() == ["c100"]
    assert (receipt["requests"], receipt["complete"]) == (102, False)


def test_collect_goes_on_warns_and_says_incomplete() -> None:
    """With collect every other customer is loaded, a warning says so, the receipt is incomplete."""
    ids = [f"c{n}" for n in range(20)]
    with account_of(small_account(ids, {"c3": 404, "c7": 500})) as account:
        with pytest.warns(ma.IncompleteLoadWarning, match="2 of 20 requests failed"):
            frame = account.invoices(on_error="collect")
        assert frame["customer_id"].to_list() == [id_ for id_ in ids if id_ not in {"c3", "c7"}]
        assert account.receipts["complete"].to_list() == [False]


@pytest.mark.parametrize("customers", [2, 200])
@pytest.mark.parametrize("on_error", ["raise", "collect"])
def test_what_cannot_be_converted_after_all_is_an_error_of_ours(
    customers: int, on_error: Literal["raise", "collect"], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Should polars refuse later what was taken, the load ends as any other that has a wrong answer."""
    items = [{"starting_at": "yesterday"}]
    balance = {"id": "b", "type": "CREDIT", "access_schedule": {"schedule_items": items}}
    monkeypatch.setattr("metronome_analytics.api.decode.surprises._odd_instants", lambda _: [])
    schema_of.cache_clear()
    try:
        with account_of(lambda _: answer([balance])) as account:
            with pytest.raises(ma.MalformedResponse, match="cannot be held in the declared columns"):
                account.balances([f"c{n}" for n in range(customers)], on_error=on_error)
            assert account.receipts["complete"].to_list() == [False]
    finally:
        schema_of.cache_clear()


def test_a_customer_list_that_fails_fails_the_load() -> None:
    """Without the whole list of customers no load of all of them is complete."""

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/customers":
            return answer([{"id": "a"}], "two") if "next_page" not in request.url.params else httpx.Response(404)
        return answer([])

    with account_of(handler) as account, pytest.raises(ma.NotFoundError, match="/v1/customers, page 2"):
        account.invoices()


def test_on_error_knows_two_words() -> None:
    """Any other on_error is refused by name."""
    with account_of(small_account([])) as account, pytest.raises(ma.ArgumentError, match="on_error"):
        account.invoices("a", on_error="ignore")  # type: ignore[arg-type]  # the point


def requests_of(call: Any) -> list[dict[str, Any]]:
    """What `call(account)` sends."""
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answer([])

    with account_of(handler) as account:
        call(account)
    return [asked(request) | {"path": request.url.path} for request in seen]


def test_balances_ask_for_everything_by_default() -> None:
    """The API would leave out ledgers, balances and contracts; one pass asks for all of them."""
    (sent,) = requests_of(lambda account: account.balances("c"))
    assert sent == {
        "path": "/v1/contracts/customerBalances/list",
        "customer_id": "c",
        "limit": 25,
        "include_ledgers": True,
        "include_balance": True,
        "include_contract_balances": True,
        "include_archived": False,
    }


@pytest.mark.parametrize(
    ("loader", "flag"), [("commits", "include_contract_commits"), ("credits", "include_contract_credits")]
)
def test_commits_and_credits_have_their_own_flag(loader: str, flag: str) -> None:
    """The flag for contract level is named after what is listed; instants are sent in UTC."""
    (sent,) = requests_of(
        lambda account: getattr(account, loader)("c", covering_date=date(2026, 10, 1), **{flag: False})
    )
    assert sent[flag] is False
    assert sent["covering_date"] == "2026-10-01T00:00:00Z"


def test_net_balances_send_what_was_given_only() -> None:
    """Absent filters stay absent; given ones arrive as they are."""
    assert requests_of(lambda a: a.customers())[0] == {"path": "/v1/customers", "limit": "100"}
    seen: list[dict[str, Any]] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(asked(request))
        return httpx.Response(200, json={"data": {"balance": 0, "credit_type_id": "u"}})

    with account_of(handler) as account:
        account.net_balances("c")
        account.net_balances(
            "c", credit_type_id="u", filters=[{"balance_types": ["CREDIT"]}], invoice_inclusion_mode="finalized"
        )
    assert seen == [
        {"customer_id": "c"},
        {
            "customer_id": "c",
            "credit_type_id": "u",
            "filters": [{"balance_types": ["CREDIT"]}],
            "invoice_inclusion_mode": "FINALIZED",
        },
    ]


@pytest.mark.parametrize("filters", [{"ids": ["x"]}, "ids", [["ids"]], [{"idz": []}]])
def test_net_balance_filters_are_checked(filters: Any) -> None:
    """Filters the API does not know are refused by name."""
    with account_of(small_account([])) as account, pytest.raises(ma.ArgumentError, match="filters"):
        account.net_balances("c", filters=filters)


def test_customer_ids_go_in_batches_of_a_hundred() -> None:
    """250 ids are three requests, each within what the API takes."""
    ids = [f"c{n}" for n in range(250)]
    sent = requests_of(lambda account: account.customers(customer_ids=ids))
    assert [len(one["customer_ids"].split(",")) for one in sent] == [100, 100, 50]
    assert sorted(",".join(one["customer_ids"] for one in sent).split(",")) == sorted(ids)


def test_customer_filters_are_sent() -> None:
    """Archived customers, an alias and Salesforce ids are filters of the API's own."""
    (sent,) = requests_of(
        lambda account: account.customers(only_archived=True, ingest_alias="a@b", salesforce_account_ids=["s1", "s2"])
    )
    assert sent["only_archived"] == "true"
    assert sent["ingest_alias"] == "a@b"
    assert sent["salesforce_account_ids"] == "s1,s2"


@pytest.mark.parametrize(
    ("size", "days", "requests"), [("day", 1, 1), ("day", 35, 1), ("day", 36, 2), ("DAY", 366, 11), ("hour", 3, 3)]
)
def test_breakdowns_are_split_into_what_one_answer_covers(size: str, days: int, requests: int) -> None:
    """Windows of at most 35 days (or 24 hours) cover the whole span without a gap or an overlap."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    end = datetime.fromtimestamp(start.timestamp() + days * 86400, tz=UTC)
    sent = requests_of(
        lambda account: account.invoice_breakdowns("c", starting_on=start, ending_before=end, window_size=size)
    )
    windows = sorted((one["starting_on"], one["ending_before"]) for one in sent)
    assert len(windows) == requests
    assert windows[0][0] == "2026-01-01T00:00:00Z"
    assert windows[-1][1] == end.isoformat().replace("+00:00", "Z")
    assert all(before[1] == after[0] for before, after in pairwise(windows))
    assert {one["window_size"] for one in sent} == {size.upper()}


@pytest.mark.parametrize("loader", ["costs", "invoice_breakdowns"])
def test_bounds_are_sent_as_midnights_and_cut_here(loader: str) -> None:
    """Usage-like endpoints take midnights only, so the days around the window are asked for and the rest dropped."""
    (sent,) = requests_of(
        lambda account: getattr(account, loader)(
            "c",
            starting_on=datetime(2026, 10, 1, 5),  # noqa: DTZ001  # naive is read as UTC
            ending_before=datetime(2026, 10, 2, 7),  # noqa: DTZ001  # naive is read as UTC
        )
    )
    assert (sent["starting_on"], sent["ending_before"]) == ("2026-10-01T00:00:00Z", "2026-10-03T00:00:00Z")
    rows = [
        {
            "id": "i",
            "customer_id": "c",
            "start_timestamp": day,
            "breakdown_start_timestamp": day,
            "credit_types": {"u": {"cost": 1}},
        }
        for day in ("2026-10-01T00:00:00Z", "2026-10-02T00:00:00Z", "2026-10-03T00:00:00Z")
    ]
    with account_of(lambda _: answer(rows)) as account:
        frame = getattr(account, loader)("c", starting_on="2026-10-01T05:00:00", ending_before="2026-10-02T07:00:00")
    assert frame.height == 1


@pytest.mark.parametrize("loader", ["costs", "invoice_breakdowns"])
def test_an_empty_window_asks_nothing(loader: str) -> None:
    """[t, t) holds nothing."""
    assert requests_of(lambda a: getattr(a, loader)("c", starting_on="2026-10-01", ending_before="2026-10-01")) == []


INVOICE_STARTS = ["2026-08-01T00:00:00Z", "2026-09-01T00:00:00Z", "2026-09-15T12:00:00Z", "2026-10-01T00:00:00Z"]


def dated_invoices() -> list[Mapping[str, object]]:
    """Usage invoices by period start, scheduled ones by issue."""
    usage: list[Mapping[str, object]] = [
        {"id": f"u{n}", "start_timestamp": start} for n, start in enumerate(INVOICE_STARTS)
    ]
    scheduled: list[Mapping[str, object]] = [
        {"id": f"s{n}", "issued_at": start} for n, start in enumerate(INVOICE_STARTS)
    ]
    return usage + scheduled


@given(
    st.lists(
        st.sampled_from([*INVOICE_STARTS, "2026-09-10T00:00:00Z", "2026-12-01T00:00:00Z"]), max_size=4, unique=True
    )
)
def test_consecutive_windows_share_no_invoice_and_miss_none(cuts: list[str]) -> None:
    """Any partition of time gives each invoice exactly once, scheduled ones too."""
    edges = [None, *sorted(cuts), None]
    with account_of(lambda _: answer(dated_invoices())) as account:
        found = [
            id_
            for start, end in pairwise(edges)
            for id_ in account.invoices("c", starting_on=start, ending_before=end)["id"].to_list()
        ]
    assert sorted(found) == sorted(str(row["id"]) for row in dated_invoices())


def test_a_month_holds_the_invoice_of_that_month() -> None:
    """The period that ends exactly where the window ends is in, although the API's own filter drops it."""
    with account_of(lambda _: answer(dated_invoices())) as account:
        frame = account.invoices("c", starting_on=date(2026, 9, 1), ending_before=date(2026, 10, 1))
    assert frame["id"].to_list() == ["u1", "u2", "s1", "s2"]


@pytest.mark.parametrize("loader", ["invoices", "costs", "invoice_breakdowns"])
@pytest.mark.parametrize(
    ("window", "argument"),
    [
        ({"starting_on": "2026-10-02", "ending_before": "2026-10-01"}, "starting_on"),
        ({"starting_on": "last week", "ending_before": "2026-10-01"}, "starting_on"),
        ({"starting_on": "2026-10-01", "ending_before": 5}, "ending_before"),
    ],
)
def test_windows_that_make_no_sense_are_refused(loader: str, window: dict[str, Any], argument: str) -> None:
    """A window that is reversed or no time at all is an error that names the argument; nothing is sent."""
    with account_of(small_account(["a"])) as account, pytest.raises(ma.ArgumentError, match=argument):
        getattr(account, loader)("a", **window)


@pytest.mark.parametrize(
    "call",
    [
        lambda a: a.invoices("c", status=""),
        lambda a: a.invoices("c", status=5),
        lambda a: a.invoices("c", skip_zero_qty_line_items="yes"),
        lambda a: a.balances("c", include_ledgers="yes"),
        lambda a: a.balances("c", covering_date="soon"),
        lambda a: a.invoice_breakdowns("c", starting_on="2026-01-01", ending_before="2026-01-02", window_size="week"),
        lambda a: a.net_balances("c", invoice_inclusion_mode="DRAFT"),
        lambda a: a.customers(only_archived="no"),
        lambda a: a.costs("c", starting_on=None, ending_before="2026-01-02"),
    ],
)
def test_arguments_are_checked_before_anything_is_sent(call: Any) -> None:
    """A value of the wrong kind is an ArgumentError (and a ValueError), and costs no request."""
    with account_of(small_account(["c"])) as account:
        with pytest.raises(ma.ArgumentError) as raised:
            call(account)
        assert isinstance(raised.value, ValueError)
        assert account.receipts.height == 0


def test_receipts_tell_what_every_load_cost() -> None:
    """One row a load, oldest first, with its filters as JSON and the declared columns."""
    with account_of(small_account(["a", "b"]), environment="sandbox") as account:
        assert account.receipts.schema == Receipts.create_empty().schema
        account.customers()
        account.invoices(status="finalized", starting_on="2026-10-01")
        receipts = account.receipts
    Receipts.validate(receipts)
    assert receipts["endpoint"].to_list() == ["customers", "invoices"]
    assert receipts["customers"].to_list() == [0, 2]
    assert receipts["bytes"].min() > 0  # type: ignore[operator]  # never null
    filters = json.loads(receipts["filters"][1])
    assert filters == {"environment": "sandbox", "status": "FINALIZED", "starting_on": "2026-10-01 00:00:00+00:00"}


def test_unknown_fields_are_logged_once_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    """A field nobody declared breaks no load; it is logged once, kept in drift, counted in each receipt."""
    with account_of(lambda _: answer([{"id": "c", "brand_new": 1}])) as account:
        account.customers()
        account.customers()
        assert account.drift.select("endpoint", "field").rows() == [("customers", "brand_new")]
        assert account.receipts["unknown_fields"].to_list() == [1, 1]
    assert [record.message for record in caplog.records if "brand_new" in record.message] == [
        "Metronome sends an undeclared field, which no table holds: GET /v1/customers brand_new"
    ]


def test_the_repr_says_what_the_account_is() -> None:
    """Address, label, mode, pace and cost so far; never the token."""
    with account_of(small_account(["a"]), environment="sandbox", max_requests_per_second=500) as account:
        account.customers()
        text = repr(account)
    assert "api.metronome.com" in text
    assert "'sandbox'" in text
    assert "reads only" in text
    assert "500 requests/s" in text
    assert "1 load, 1 request, 1 row so far" in text
    assert "closed" in repr(account)


def test_a_closed_account_says_so() -> None:
    """Closing twice is fine; loading afterwards is an error of ours."""
    with account_of(small_account(["a"])) as account:
        account.customers()
    account.close()
    with pytest.raises(ma.ConfigurationError, match="closed"):
        account.customers()


@pytest.mark.parametrize(
    "options",
    [
        {"max_concurrency": 0},
        {"max_concurrency": 1.5},
        {"timeout": -1},
        {"max_requests_per_second": 0},
        {"timeout": float("nan")},
        {"environment": 5},
    ],
)
def test_connect_checks_its_options(options: dict[str, Any]) -> None:
    """An option that cannot work is refused by name."""
    with pytest.raises(ma.ArgumentError, match=next(iter(options))):
        ma.connect("token", **options)


def test_no_warning_without_a_failure() -> None:
    """Nothing is warned of when nothing fails."""
    with warnings.catch_warnings(), account_of(small_account(["a"])) as account:
        warnings.simplefilter("error")
        assert account.invoices(on_error="collect").height == 1


def test_every_load_has_an_id_of_its_own_whoever_loads() -> None:
    """Threads that load at once leave receipts whose ids are theirs alone."""
    with ma.demo(customers=2) as account, ThreadPoolExecutor(8) as threads:
        for load in [threads.submit(account.credit_types) for _ in range(64)]:
            load.result()
        assert account.receipts["load_id"].to_list() == [f"{number:04d}" for number in range(1, 65)]


def test_a_thread_collects_the_receipts_of_its_own_loads() -> None:
    """What another thread loads meanwhile is not among them."""
    with ma.demo(customers=2) as account, ThreadPoolExecutor(1) as other:
        with account.session.receipts.collecting() as own:
            other.submit(account.products).result()
            account.credit_types()
        assert [receipt.endpoint for receipt in own] == ["credit_types"]
