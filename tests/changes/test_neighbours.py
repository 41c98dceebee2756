"""What others in the same process have set decimals to rounds no amount of ours, and raises nothing."""

from __future__ import annotations

from decimal import ROUND_UP, Context, Decimal, Inexact, Rounded, localcontext
from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import metronome_analytics as ma
from metronome_analytics.api.decode.amounts import JsonNumber, held_text
from metronome_analytics.changes.fields import wrong_amount
from metronome_analytics.changes.records import plain
from metronome_analytics.external.columns import External
from tests.fakes import account_of, answer

if TYPE_CHECKING:
    from tests.changes.support import Desk

CONTEXTS = {
    "three digits": Context(prec=3),
    "rounding up": Context(prec=5, rounding=ROUND_UP),
    "nothing inexact": Context(prec=28, traps=[Inexact, Rounded]),
    "small exponents": Context(prec=4, Emax=2, Emin=-2),
}
AMOUNT = Decimal("-123456.7890123")
# What the slow path reads.
TEXTS = ("123456789012345678.1234567891", "0.3333333333333333", "1e-10", "-9007199254740993.0000000001")


@pytest.fixture(params=list(CONTEXTS.values()), ids=list(CONTEXTS))
def neighbour(request: pytest.FixtureRequest) -> Context:
    """A context of somebody else's."""
    context: Context = request.param
    return context


def test_an_entry_its_reversal_and_its_key_are_exact(desk: Desk, neighbour: Context) -> None:
    """The plan, the phrase, the file, what is sent and what is read back are those of Python's own context."""
    (row,) = desk.rows(AMOUNT)
    expected = desk.account.plan_balance_entries(row)
    with localcontext(neighbour):
        plan = desk.account.plan_balance_entries(row)
        assert_frame_equal(plan.table, expected.table)
        assert plan.confirmation == expected.confirmation
        assert plan.uniqueness_key(0) == expected.uniqueness_key(0)
        assert [each["amount"] for each in plan.reversal_entries()] == [AMOUNT.copy_negate()]
        assert plan.reversal().table["amount"].to_list() == [AMOUNT.copy_negate()]
        assert desk.apply(plan) == [("applied", 200)]
        again = plan.reversal()
        assert desk.apply(again) == [("applied", 200)]
    posted = [e.amount for entries in desk.simulator.account.posted.values() for _, e in entries]
    assert sum(posted) == 0
    assert len(posted) == 2


def test_limits_are_exact(desk: Desk, neighbour: Context) -> None:
    """A cent over the limit is over it, however few digits others keep."""
    rows = desk.rows(1_000_000, 1_000_001)
    with localcontext(neighbour):
        desk.account.plan_balance_entries(rows[0])
        with pytest.raises(ma.PlanRejected, match="over max_entry"):
            desk.account.plan_balance_entries(rows[1])
        assert wrong_amount(Decimal("1.00000000001")) == "1.00000000001 has more than 10 decimals"
        assert plain(Decimal("1234567.8900")) == "1234567.89"


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_read_is_exact(text: str, neighbour: Context) -> None:
    """From the API, and from another system's file."""
    expected = held_text(JsonNumber(text))
    body = f'{{"id": "b", "type": "CREDIT", "balance": {text}}}'.encode()
    frame = pl.DataFrame({"invoice_id": ["a"], "amount": ["-1234567.89"], "currency": ["USD"]})
    with localcontext(neighbour):
        assert held_text(JsonNumber(text)) == expected
        with account_of(lambda _: answer([]).__class__(200, content=b'{"data": [' + body + b"]}")) as account:
            read = account.balances(["c"])["balance"].to_list()
        theirs = External.of(frame)
    assert [f"{amount:f}" for amount in read] == [expected]
    assert theirs.rows["amount"].to_list() == [Decimal("-1234567.89")]


def test_a_forecast_is_the_same(neighbour: Context) -> None:
    """Draining a customer's balances divides, in digits of its own."""
    with ma.demo(customers=8) as account:
        balances, at = account.balances(), account.now
        burn = ma.burn_down(balances, as_of=at)
        expected = ma.forecast(burn, as_of=at, by="customer", balances=balances)
        with localcontext(neighbour):
            found = ma.forecast(burn, as_of=at, by="customer", balances=balances)
    assert_frame_equal(found, expected)
