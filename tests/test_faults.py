"""Every fault of the simulator, over real HTTP: nothing lost, nothing doubled, or the declared error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import metronome_analytics as ma
from metronome_analytics.simulator import Fault, Simulator, running

if TYPE_CHECKING:
    from collections.abc import Iterator

SIMULATOR = Simulator(customers=40, seed=7)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """One server for all of them."""
    with running(SIMULATOR) as url:
        yield url


@pytest.fixture
def account(address: str) -> Iterator[ma.Account]:
    """An account on it, with no fault left from before."""
    SIMULATOR.faults.clear()
    with ma.connect(SIMULATOR.token, base_url=address, max_requests_per_second=None, progress=False) as account:
        yield account
    SIMULATOR.faults.clear()


@pytest.fixture(scope="module")
def truth(address: str) -> dict[str, pl.DataFrame]:
    """What a load without faults gives."""
    with ma.connect(SIMULATOR.token, base_url=address, max_requests_per_second=None, progress=False) as account:
        return {name: getattr(account, name)() for name in ("customers", "balances", "invoices")}


PASSING: list[tuple[str, dict[str, Any]]] = [
    ("rate_limit_seconds", {"seconds": 0.1}),
    ("rate_limit_date", {"seconds": 0}),
    ("rate_limit_bare", {}),
    ("status", {"status": 500}),
    ("status", {"status": 503}),
    ("status", {"status": 408}),
    ("status_after_effect", {"status": 500}),
    ("lost_after_effect", {}),
    ("cut_body", {}),
    ("html", {}),
    ("garbage", {}),
    ("slow", {"seconds": 0.05}),
    ("empty_page", {}),
]


@pytest.mark.parametrize(("kind", "options"), PASSING, ids=str)
@pytest.mark.parametrize("after", [0, 3])
def test_a_passing_fault_loses_and_doubles_nothing(
    account: ma.Account, truth: dict[str, pl.DataFrame], kind: Any, options: dict[str, Any], after: int
) -> None:
    """A fault that passes leaves the very frame of a load without it, and shows in the receipt."""
    fault = SIMULATOR.faults.add(Fault(kind, match="customerBalances/list", times=3, after=after, **options))
    assert account.balances().equals(truth["balances"])
    assert fault.fired == 3
    receipt = account.receipts.row(0, named=True)
    assert receipt["complete"]
    assert receipt["rows"] == truth["balances"].height
    if kind not in {"slow", "empty_page"}:
        assert receipt["retries"] == 3
    assert receipt["throttled"] == (3 if kind.startswith("rate_limit") else 0)


def lift(change: Any) -> Any:
    """A mutation of the first row of an answer."""

    def first_row(payload: Any) -> Any:
        for row in payload["data"][:1]:
            change(row)
        return payload

    return first_row


def without_data(payload: Any) -> Any:
    """Take `data` away."""
    del payload["data"]
    return payload


LASTING: list[tuple[str, dict[str, Any], type[Exception], str]] = [
    ("rate_limit_bare", {}, ma.RateLimitedError, "429"),
    ("status", {"status": 500}, ma.ServerError, "500"),
    ("status", {"status": 503}, ma.ServerError, "503"),
    ("status", {"status": 401}, ma.AuthenticationError, "401"),
    ("status", {"status": 403}, ma.AuthenticationError, "403"),
    ("status", {"status": 404}, ma.NotFoundError, "404"),
    ("status", {"status": 400}, ma.RequestRejected, "400"),
    ("status", {"status": 409}, ma.ConflictError, "409"),
    ("lost_after_effect", {}, ma.TransportError, "No whole answer"),
    ("cut_body", {}, ma.TransportError, "No whole answer"),
    ("html", {}, ma.MalformedResponse, "not JSON"),
    ("garbage", {}, ma.MalformedResponse, "not JSON"),
    ("mutate", {"change": without_data}, ma.MalformedResponse, "data: expected a list, got nothing"),
    (
        "mutate",
        {"change": lift(lambda row: row.update(balance="12"))},
        ma.MalformedResponse,
        'balance: expected a number, got "12"',
    ),
    ("mutate", {"change": lift(lambda row: row.update(id=12))}, ma.MalformedResponse, "id: expected text, got 12"),
    ("mutate", {"change": lift(lambda row: row.update(ledger={}))}, ma.MalformedResponse, "ledger: expected a list"),
]


# A name must not hold the address of a function: processes that share the tests compare names.
@pytest.mark.parametrize(
    ("kind", "options", "error", "words"), LASTING, ids=[f"{kind}-{words}" for kind, _, _, words in LASTING]
)
def test_a_lasting_fault_is_the_declared_error(
    account: ma.Account, truth: dict[str, pl.DataFrame], kind: Any, options: dict[str, Any], error: Any, words: str
) -> None:
    """A fault that stays is its declared error, with endpoint, customer and page in the message."""
    owner = truth["balances"]["customer_id"][0]
    SIMULATOR.faults.add(Fault(kind, match="customerBalances/list", times=None, **options))
    with pytest.raises(error) as raised:
        account.balances(owner)
    assert isinstance(raised.value, ma.LoadError)
    assert words in str(raised.value)
    assert f"[POST /v1/contracts/customerBalances/list, customer {owner}, page 1]" in str(raised.value)
    assert account.receipts["complete"].to_list() == [False]


def test_a_repeated_cursor_is_found_out(account: ma.Account) -> None:
    """A server whose cursor never moves is PaginationError, not a load without end."""
    SIMULATOR.faults.add(Fault("repeat_cursor", match="/v1/customers"))
    with pytest.raises(ma.PaginationError, match="given before"):
        account.customers()


def test_unknown_fields_and_nulls_break_nothing(account: ma.Account, truth: dict[str, pl.DataFrame]) -> None:
    """A field nobody declared changes no row, and a null in an optional field stays a null."""

    def change(row: dict[str, Any]) -> None:
        row["surprise"] = {"deep": [1]}
        row["name"] = None

    SIMULATOR.faults.add(Fault("mutate", match="customerBalances/list", times=None, change=lift(change)))
    frame = account.balances()
    assert frame.drop("name").equals(truth["balances"].drop("name"))
    assert frame["name"].null_count() > truth["balances"]["name"].null_count()
    assert account.drift.select("endpoint", "field").rows() == [("balances", "surprise")]


def test_collect_keeps_what_the_faults_spared(account: ma.Account, truth: dict[str, pl.DataFrame]) -> None:
    """With collect one customer's failure costs that customer's rows only."""
    owner = truth["invoices"]["customer_id"][0]
    SIMULATOR.faults.add(Fault("status", match=f"{owner}/invoices", times=None, status=404))
    with pytest.warns(ma.IncompleteLoadWarning, match=owner):
        frame = account.invoices(on_error="collect")
    assert frame.equals(truth["invoices"].filter(pl.col("customer_id") != owner))
