"""What the doctor says follows is true: the argument it names copes, or the package refuses loudly."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

import metronome_analytics as ma
from metronome_analytics.simulator import Fault, Simulator, Switches
from tests.doctor.support import SHOWN, account_of


def small(**switches: Any) -> Simulator:
    """An account that is quick to read."""
    return Simulator(customers=4, seed=7, months=4, switches=Switches(**switches))


def test_an_unknown_parameter_that_is_refused_is_loud() -> None:
    """Only where such an argument is given: everything else loads."""
    with account_of(small(reject_unknown_parameters=True)) as account:
        ids = account.customers()["id"].to_list()
        assert account.balances(ids).height
        with pytest.raises(ma.RequestRejected):
            account.balances(ids, access_type="SPEND")


def test_a_cursor_that_does_not_last_is_loud() -> None:
    """A page that did not arrive cannot be asked for again; nothing is missing in silence."""
    simulator = small(cursors_last=False)
    with account_of(simulator, page_size=2) as account:
        assert account.customers().height == 4
        simulator.faults.add(Fault("status_after_effect", "/v1/customers", after=1, status=500))
        with pytest.raises(ma.RequestRejected):
            account.customers()


@pytest.mark.parametrize(
    "switches",
    [
        {"sort_honoured": False},
        {"period_end_inclusive": True},
        {"scheduled_in_date_filters": True},
        {"default_page_size": 3},
        {"limit_too_large_refused": False},
    ],
    ids=lambda each: next(iter(each)),
)
def test_a_month_of_invoices_is_the_same(switches: Any) -> None:
    """Whatever the API does with its order, its date filter and its page sizes."""
    months = []
    usual: dict[str, Any] = {}
    for given in (usual, switches):
        with account_of(small(**given)) as account:
            months.append(account.invoices(account.customers(), month="2026-10").sort("id"))
    assert months[0].height
    assert months[1].equals(months[0])


def test_archived_customers_can_be_left_out() -> None:
    """By their date in the list, which is then given."""
    with account_of(Simulator(customers=21, months=2, switches=Switches(archived_customers_listed=True))) as account:
        customers = account.customers()
        active = customers.filter(pl.col("archived_at").is_null())
        assert (customers.height, active.height) == (23, 21)


def test_net_balances_can_leave_postpaid_commits_out() -> None:
    """The filter says so itself, so both kinds of server agree."""
    types = [{"balance_types": ["PREPAID_COMMIT", "CREDIT"]}]
    nets = []
    for included in (True, False):
        with account_of(
            Simulator(customers=40, months=3, switches=Switches(net_includes_postpaid=included))
        ) as account:
            nets.append(account.net_balances(SHOWN[2], filters=types)["balance"][0])
    assert nets[0] == nets[1]


def test_a_draft_tells_what_is_pending() -> None:
    """With invoices, deductions of drafts are pending whatever their date."""
    with account_of(Simulator(customers=40, months=3, switches=Switches(draft_deductions_dated="now"))) as account:
        balances, invoices = account.balances(SHOWN), account.invoices(SHOWN)
        burn = ma.burn_down(balances, as_of=account.now, invoices=invoices)
        drafts = invoices.filter(pl.col("status") == "DRAFT")["id"].to_list()
    drawn = burn.filter(pl.col("invoice_id").is_in(drafts), pl.col("event") == "deduction")
    assert drawn.height
    assert drawn["pending"].all()
