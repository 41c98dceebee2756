"""The vendor's own client and our loaders, side by side on one simulated account over real HTTP."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

import metronome_analytics as ma
from tests.peer.conftest import exact


def test_customers(account: ma.Account, sdk: Any, customers: list[str]) -> None:
    """The same ids in the same order, names and times too; archived ones apart."""
    for archived in (False, True):
        theirs = [(c.id, c.name, c.created_at, c.archived_at) for c in sdk.v1.customers.list(only_archived=archived)]
        frame = account.customers(only_archived=archived)
        assert frame.select("id", "name", "created_at", "archived_at").rows() == theirs
        assert theirs


def test_invoices_and_their_lines(account: ma.Account, sdk: Any, customers: list[str]) -> None:
    """Every invoice and line: ids, states, periods, totals, quantities and prices are the SDK's to the last digit."""
    theirs = [
        i for id_ in customers for i in sdk.v1.customers.invoices.list(customer_id=id_, sort="date_asc", limit=100)
    ]
    frame = account.invoices()
    assert frame.select("id", "customer_id", "status", "type", "total", "credit_type_id", "start_timestamp").rows() == [
        (i.id, i.customer_id, i.status, i.type, exact(i.total), i.credit_type.id, i.start_timestamp) for i in theirs
    ]
    lines = ma.line_items(frame)
    assert lines.select(
        "invoice_id", "line_item_index", "name", "total", "unit_price", "quantity", "commit_id"
    ).rows() == [
        (i.id, n, line.name, exact(line.total), exact(line.unit_price), line.quantity, line.commit_id)
        for i in theirs
        for n, line in enumerate(i.line_items)
    ]
    assert lines.height > 1000


def test_breakdowns(account: ma.Account, sdk: Any, customers: list[str]) -> None:
    """Daily windows: the same windows, totals and lines."""
    window: dict[str, Any] = {
        "starting_on": datetime(2026, 10, 28, tzinfo=UTC),
        "ending_before": datetime(2026, 11, 5, tzinfo=UTC),
    }
    theirs = [
        i
        for id_ in customers
        for i in sdk.v1.customers.invoices.list_breakdowns(
            customer_id=id_, **window, window_size="DAY", sort="date_asc"
        )
    ]
    frame = account.invoice_breakdowns(**window)
    key = ("customer_id", "id", "breakdown_start_timestamp", "total")
    mine = sorted(frame.select(key).rows())
    assert mine == sorted((i.customer_id, i.id, i.breakdown_start_timestamp, exact(i.total)) for i in theirs)
    assert ma.line_items(frame)["total"].sum() == sum(
        Decimal(repr(line.total)) for i in theirs for line in i.line_items
    )
    assert mine


def test_costs(account: ma.Account, sdk: Any, customers: list[str]) -> None:
    """Daily costs of Plans customers by credit type."""
    window: dict[str, Any] = {
        "starting_on": datetime(2026, 10, 1, tzinfo=UTC),
        "ending_before": datetime(2026, 11, 1, tzinfo=UTC),
    }
    theirs = [
        (id_, day.start_timestamp, credit_type, cost.name, exact(cost.cost))
        for id_ in customers
        for day in sdk.v1.customers.list_costs(customer_id=id_, **window)
        for credit_type, cost in day.credit_types.items()
    ]
    frame = account.costs(**window)
    key = ("customer_id", "start_timestamp", "credit_type_id", "credit_type_name", "cost")
    assert frame.select(key).rows() == theirs
    assert theirs


BALANCES: dict[str, tuple[Any, str]] = {
    "balances": (lambda sdk: sdk.v1.contracts.list_balances, "include_contract_balances"),
    "commits": (lambda sdk: sdk.v1.customers.commits.list, "include_contract_commits"),
    "credits": (lambda sdk: sdk.v1.customers.credits.list, "include_contract_credits"),
}


@pytest.mark.parametrize("loader", BALANCES)
def test_balances_commits_and_credits_with_their_ledgers(
    account: ma.Account, sdk: Any, customers: list[str], loader: str
) -> None:
    """Ids, balances, access segments and every ledger entry are the SDK's to the last digit."""
    method, flag = BALANCES[loader]
    theirs = [
        (id_, balance)
        for id_ in customers
        for balance in method(sdk)(customer_id=id_, include_balance=True, include_ledgers=True, **{flag: True})
    ]
    frame = getattr(account, loader)()
    assert frame.select("customer_id", "id", "type", "balance").rows() == [
        (c, b.id, b.type, exact(b.balance)) for c, b in theirs
    ]
    assert ma.ledger(frame).select("balance_id", "entry_index", "type", "timestamp", "amount").rows() == [
        (b.id, n, entry.type, entry.timestamp, exact(entry.amount))
        for _, b in theirs
        for n, entry in enumerate(b.ledger or [])
    ]
    assert ma.segments(frame).select("balance_id", "segment_id", "amount", "starting_at").rows() == [
        (b.id, item.id, exact(item.amount), item.starting_at)
        for _, b in theirs
        for item in b.access_schedule.schedule_items
    ]
    assert theirs


def test_net_balances(account: ma.Account, sdk: Any, customers: list[str]) -> None:
    """The net balance of every customer."""
    theirs = [(id_, sdk.v1.contracts.get_net_balance(customer_id=id_).data) for id_ in customers]
    frame = account.net_balances()
    assert frame.rows() == [(id_, net.credit_type_id, exact(net.balance)) for id_, net in theirs]
