from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import metronome_analytics as ma
from metronome_analytics.widgets import plan_review as module
from metronome_analytics.widgets.plan_review import PlanReview

if TYPE_CHECKING:
    from tests.changes.support import Desk


def click(review: PlanReview, typed: str) -> None:
    """What the front end sends when its button is pressed."""
    review._handle_custom_msg({"type": "apply", "typed": typed}, [])


def test_the_phrase_and_a_click_apply_a_plan_once(desk: Desk) -> None:
    """Every entry's outcome is shown as it comes; a second click sends nothing."""
    plan = desk.plan(-1000, 5)
    review = PlanReview(plan, apply=desk.account.apply)
    seen: list[tuple[str, int]] = []
    review.observe(lambda _: seen.append((review.state, len(review.rows))), names=["rows", "state"])
    assert (review.state, review.phrase) == ("ready", plan.confirmation)
    click(review, plan.confirmation)
    assert seen[:3] == [("applying", 0), ("applying", 1), ("applying", 2)]
    assert (review.state, review.message) == ("done", "2 applied.")
    assert [row["status"] for row in review.rows] == ["applied"] * 2
    assert review.outcome.ok
    click(review, plan.confirmation)
    assert desk.posts() == 2
    assert desk.in_ledger(plan) == [1, 1]


@pytest.mark.parametrize("typed", ["", "apply", "APPLY"])
def test_a_click_without_the_phrase_sends_nothing(desk: Desk, typed: str) -> None:
    """One click does nothing, and the review stays ready for the phrase."""
    plan = desk.plan(-1000)
    review = PlanReview(plan, apply=desk.account.apply)
    click(review, typed)
    assert (review.state, desk.posts()) == ("ready", 0)
    assert "nothing was sent" in review.message
    click(review, plan.confirmation)
    assert review.state == "done"


def test_an_error_is_shown_and_ends_the_review(desk: Desk) -> None:
    """What apply raises stands on the screen and in .error; the same review cannot try again."""
    plan = desk.plan(-1000)
    review = PlanReview(plan, apply=desk.account.apply)
    desk.account.session.allow_writes = frozenset()
    click(review, plan.confirmation)
    assert review.state == "failed"
    assert isinstance(review.error, ma.WritesDisabled)
    assert review.message.startswith("WritesDisabled: ")
    desk.account.session.allow_writes = frozenset({"balances.enter"})
    click(review, plan.confirmation)
    assert (review.state, desk.posts()) == ("failed", 0)


def test_a_second_review_of_an_applied_plan_sends_nothing(desk: Desk) -> None:
    """The ledger decides, not the widget."""
    plan = desk.plan(-1000)
    for _ in range(2):
        click(PlanReview(plan, apply=desk.account.apply), plan.confirmation)
    assert desk.posts() == 1


def test_an_apply_of_ones_own_needs_no_watch(desk: Desk) -> None:
    """Any function of a plan and a phrase will do."""
    plan = desk.plan(-1000)
    called: list[str] = []

    def apply(plan: Any, confirm: str) -> Any:
        called.append(confirm)
        return desk.account.apply(plan, confirm)

    review = PlanReview(plan, apply=apply)
    click(review, plan.confirmation)
    assert called == [plan.confirmation]
    assert [row["status"] for row in review.rows] == ["applied"]


def test_unknown_arguments_and_wrong_ones_are_refused(desk: Desk) -> None:
    """No argument is silently ignored, and traits are not for the user to set."""
    plan = desk.plan(-1000)
    with pytest.raises(TypeError):
        PlanReview(plan, apply=desk.account.apply, phrase="x")  # type: ignore[call-arg]  # what is tested
    with pytest.raises(ma.ArgumentError):
        PlanReview(plan, apply=None)  # type: ignore[arg-type]  # what is tested
    with pytest.raises(Exception, match="read-only"):
        PlanReview(plan, apply=desk.account.apply).state = "done"


def test_a_page_without_a_kernel_shows_the_plan_and_the_outcome(desk: Desk) -> None:
    """The mimebundle has both as HTML, escaped, and no token anywhere in the widget's state."""
    plan = desk.plan(-1000)
    review = PlanReview(plan, apply=desk.account.apply)
    click(review, plan.confirmation)
    data, _ = review._repr_mimebundle_()
    assert "-1,000 USD (cents) = -$10.00" in data["text/html"]
    assert "applied: Read back" in data["text/html"]
    assert desk.simulator.token not in str(review.get_state()) + str(data)


def test_keys_never_reach_the_notebook() -> None:
    """Every key event stops at the widget, and Lumino is told to leave its controls alone."""
    source = Path(module.__file__).with_suffix(".js").read_text(encoding="utf-8")
    assert 'for (const type of ["keydown", "keyup", "keypress"])' in source
    assert "stopPropagation()" in source
    assert 'lmSuppressShortcuts = "true"' in source
