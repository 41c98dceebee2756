from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.lab import DARK

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.browser.lab import Lab

    Open = Callable[..., Lab]

pytestmark = pytest.mark.browser

PLAN = """
from decimal import Decimal
import polars as pl
import metronome_analytics as ma
account = ma.demo(customers=6, allow_writes=True)
balance = account.balances().filter(pl.col("type") == "PREPAID", pl.col("balance") > 0).head(1)
plan = account.plan_balance_entries(balance.select(
    "customer_id", balance_id="id", amount=pl.lit(Decimal(1500)), reason=pl.lit("Outage credit, approved by finance")
))"""
REVIEW = "review = ma.widgets.PlanReview(plan, apply=account.apply)\nreview"
ENTRIES = "ma.ledger(account.balances(balance['customer_id'])).filter(pl.col('type').str.ends_with('_MANUAL')).height"


def test_a_plan_is_applied_once_by_its_phrase(opened: Open) -> None:
    """The button waits for the phrase, works once, shows what became of the entry, and keys stay inside."""
    lab = opened("review.ipynb", PLAN, REVIEW, "print('another cell')")
    shown = lab.output(1)
    button, field = shown.get_by_role("button", name="Apply"), shown.get_by_role("textbox")
    before = int(lab.value(ENTRIES))
    cells = lab.cells
    expect(shown).to_contain_text("To apply it, confirm with")
    expect(button).to_be_disabled()
    field.press_sequentially("apply everything")
    field.press("Shift+Enter")
    expect(button).to_be_disabled()
    field.fill(lab.value("plan.confirmation").strip("'"))
    lab.theme(DARK)
    assert lab.contrast(shown) > 3
    for key in ("b", "d", "d"):
        button.press(key)
    button.click()
    expect(shown.get_by_role("listitem")).to_contain_text("applied:")
    expect(shown.get_by_role("status")).to_have_text("1 applied.")
    expect(button).to_be_disabled()
    expect(field).to_be_disabled()
    assert lab.value("review.state, review.outcome.table['verified'].all()") == "('done', True)"
    assert int(lab.value(ENTRIES)) == before + 1
    assert lab.cells == cells


CHANGES = """
import metronome_analytics as ma
account = ma.demo(customers=6, allow_writes={"contracts.archive", "contracts.create"})
made = account.plan(ma.changes.CreateContract(
    customer_id=account.customers()["id"][0], name="Order form 2027", starting_at="2027-01-01", ending_before="open",
    rate_card_id=account.rate_cards()["id"][0],
))
done = account.apply(made, confirm=made.confirmation)
plan = account.plan(made.undo())"""
ARCHIVED = "account.contracts(include_archived=True).filter(name='Order form 2027')['archived_at'].is_not_null().sum()"


def test_any_plan_is_reviewed_and_what_is_lost_is_read(opened: Open) -> None:
    """A contract is archived: before and after, what is lost for ever, the phrase, and what became of it."""
    lab = opened("review_any.ipynb", CHANGES, REVIEW)
    shown = lab.output(1)
    for text in ("archive contract 'Order form 2027'", "active", "which archives 1 contract", "for ever"):
        expect(shown).to_contain_text(text)
    assert lab.value(ARCHIVED) == "0"
    shown.get_by_role("textbox").fill(lab.value("plan.confirmation").strip('"'))
    shown.get_by_role("button", name="Apply").click()
    expect(shown.get_by_role("listitem")).to_contain_text("applied: Read back from the account.")
    expect(shown.get_by_role("status")).to_have_text("1 applied.")
    assert lab.value(ARCHIVED) == "1"


def test_a_plan_is_not_applied_without_a_kernel(opened: Open) -> None:
    """A click that nobody hears says so, and nothing was sent."""
    lab = opened("review_dead.ipynb", PLAN, REVIEW)
    shown = lab.output(1)
    shown.get_by_role("textbox").fill(lab.value("plan.confirmation").strip("'"))
    lab.stop_kernel()
    shown.get_by_role("button", name="Apply").click()
    expect(shown.get_by_role("status")).to_contain_text("No answer from the kernel")
