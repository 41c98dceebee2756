from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import metronome_analytics as ma
from metronome_analytics import tables
from tests.fakes import account_of, answer
from tests.widgets.support import a_few

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

Sent = list[dict[str, Any]]
AS_OF = datetime(2026, 11, 18, tzinfo=UTC)


def heard(widget: Any, monkeypatch: pytest.MonkeyPatch) -> Sent:
    """What `widget` sends to its view from now on."""
    sent: Sent = []
    monkeypatch.setattr(widget, "send", lambda content, buffers=None: sent.append(content))
    return sent


def put(widget: Any, name: str, value: str) -> None:
    """The view sets a field."""
    widget._handle_custom_msg({"type": "set", "name": name, "value": value}, [])


@pytest.mark.parametrize(
    ("value", "start", "end"),
    [
        ("2026-10", "2026-10-01", "2026-11-01"),
        ("2025-12", "2025-12-01", "2026-01-01"),
        ("2026-Q4", "2026-10-01", "2027-01-01"),
        (("2026-10-01", "2026-10-15"), "2026-10-01", "2026-10-15"),
    ],
)
def test_a_period_is_half_open_in_utc(value: Any, start: str, end: str) -> None:
    """A month, a quarter or both ends: midnights, the end not included."""
    period = ma.widgets.PeriodPicker(value=value, as_of=AS_OF)
    assert period.starting_on == datetime.fromisoformat(start).replace(tzinfo=UTC)
    assert period.ending_before == datetime.fromisoformat(end).replace(tzinfo=UTC)
    assert period.value == (period.starting_on, period.ending_before)


def test_no_period_is_chosen_until_somebody_does() -> None:
    """None, which loaders read as no bound."""
    period = ma.widgets.PeriodPicker(as_of=AS_OF)
    assert (period.value, period.starting_on, period.ending_before) == (None, None, None)


@pytest.mark.parametrize("value", ["2026-13", "2026-Q5", "october", ("2026-10-02", "2026-10-01"), 3, ("2026-10-01",)])
def test_what_is_no_period_raises(value: Any) -> None:
    """An ArgumentError that says how to write one."""
    with pytest.raises(ma.ArgumentError, match="value"):
        ma.widgets.PeriodPicker(value=value)


def test_unknown_arguments_raise() -> None:
    """For every picker alike."""
    with pytest.raises(ma.ArgumentError, match="colour"):
        ma.widgets.PeriodPicker(colour="red")
    with pytest.raises(ma.ArgumentError, match="months"):
        ma.widgets.PeriodPicker(months=0)


def test_a_period_is_chosen_field_by_field(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kind, then a period of that kind; custom days when both are there; an end before the start shows an error."""
    period: Any = ma.widgets.PeriodPicker(as_of=AS_OF, months=4)
    sent = heard(period, monkeypatch)
    put(period, "kind", "month")
    assert [value for value, _ in sent[-1]["fields"][1]["options"]] == ["", "2026-11", "2026-10", "2026-09", "2026-08"]
    put(period, "period", "2026-10")
    assert period.ending_before == datetime(2026, 11, 1, tzinfo=UTC)
    put(period, "kind", "quarter")
    assert period.value is None
    assert [value for value, _ in sent[-1]["fields"][1]["options"]] == ["", "2026-Q4", "2026-Q3"]
    put(period, "kind", "custom")
    put(period, "starting_on", "2026-10-05")
    put(period, "ending_before", "2026-10-01")
    assert "does not begin before it ends" in [m for m in sent if m["type"] == "error"][-1]["text"]
    put(period, "ending_before", "2026-10-08")
    assert period.value == (datetime(2026, 10, 5, tzinfo=UTC), datetime(2026, 10, 8, tzinfo=UTC))
    assert sent[-1]["note"] == "2026-10-05 until before 2026-10-08, UTC (3 days)"
    assert "2026-10-05" in period._repr_mimebundle_()[0]["text/html"]


@pytest.fixture(scope="module")
def frames() -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """The balances and customers of a small demo."""
    with ma.demo(customers=6, as_of=AS_OF) as account:
        yield account.balances(), account.customers()


def test_a_balance_is_chosen_step_by_step(
    frames: tuple[pl.DataFrame, pl.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A customer, a balance, a segment; each shows unit, what is left and dates."""
    balances, customers = frames
    picker: Any = ma.widgets.BalancePicker(balances, customers=customers)
    sent = heard(picker._fields, monkeypatch)
    row = balances.row(0, named=True)
    seen: list[Any] = []
    picker.observe(lambda change: seen.append(change["new"]), names="value")
    picker._customer._handle_custom_msg({"type": "pick", "id": row["customer_id"]}, [])
    offered = dict(sent[-1]["fields"][0]["options"])
    assert set(offered) == {"", *balances.filter(customer_id=row["customer_id"])["id"]}
    assert " left · 20" in offered[row["id"]]
    put(picker._fields, "balance", row["id"])
    assert (picker.customer_id, picker.balance_id, picker.segment_id) == (row["customer_id"], row["id"], None)
    segment = row["access_schedule"]["schedule_items"][0]["id"]
    assert "granted" in dict(sent[-1]["fields"][1]["options"])[segment]
    put(picker._fields, "segment", segment)
    assert picker.value == ma.widgets.BalanceChoice(row["customer_id"], row["id"], segment)
    assert picker.selected["id"].to_list() == [row["id"]]
    assert len(seen) == 2
    assert row["customer_id"] in picker._repr_mimebundle_()[0]["text/html"]
    other = next(id_ for id_ in balances["customer_id"] if id_ != row["customer_id"])
    picker._customer.value = other
    assert (picker.value, picker.customer_id) == (None, other)


def test_a_balance_is_set_by_its_id(frames: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    """The customer follows; an unknown id raises, and so does a segment of another balance."""
    balances, _ = frames
    picker = ma.widgets.BalancePicker(balances, value=balances["id"][1])
    assert picker.customer_id == balances["customer_id"][1]
    with pytest.raises(ma.ArgumentError, match="none of these"):
        picker.value = "nothing"
    with pytest.raises(ma.ArgumentError, match="no segment"):
        picker.value = ma.widgets.BalanceChoice(balances["customer_id"][1], balances["id"][1], "other")
    with pytest.raises(ma.ArgumentError, match="belongs to customer"):
        picker.value = ma.widgets.BalanceChoice("nobody", balances["id"][1])
    with pytest.raises(ma.ArgumentError, match="takes no colour"):
        ma.widgets.BalancePicker(balances, colour="red")


def test_a_balance_is_no_customer(frames: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    """A loader refuses a BalancePicker as customers instead of asking for a customer of that id."""
    balances, _ = frames
    picker: Any = ma.widgets.BalancePicker(balances, value=balances["id"][1])
    with ma.demo(customers=1) as account, pytest.raises(ma.ArgumentError, match="customers"):
        account.invoices(picker)


def test_an_unpicked_picker_says_so() -> None:
    """Whatever takes customers or a period; nothing is asked of the account."""
    sent: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return answer([])

    balances = pl.DataFrame(schema=tables.Balances.create_empty().schema)
    with account_of(handler) as account:
        calls = (account.invoices, account.balances, account.net_balances, account.contracts, account.customer_card)
        for picker in (ma.widgets.CustomerPicker(a_few()), ma.widgets.BalancePicker(balances)):
            for call in (*calls, lambda given: account.customers(customer_ids=given)):
                with pytest.raises(ma.ArgumentError, match="nothing is chosen in the picker yet"):
                    call(picker)
            with pytest.raises(ma.ArgumentError, match="nothing is chosen"):
                account.reconcile(month="2026-10", customers=picker)
            with pytest.raises(ma.ArgumentError, match="nothing is chosen"):
                account.estimate("invoices", picker)
        with pytest.raises(ma.ArgumentError, match="nothing is chosen in the picker yet"):
            account.invoices(period=ma.widgets.PeriodPicker(as_of=AS_OF))
    assert sent == []
