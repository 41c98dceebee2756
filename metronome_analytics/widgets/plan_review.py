"""The review of a plan in a notebook: read it, type its phrase, apply it, see what became of it."""

from __future__ import annotations

import html
import inspect
from typing import TYPE_CHECKING, Any, Protocol

import traitlets

from metronome_analytics.errors import ArgumentError
from metronome_analytics.widgets.base import Widget, asset, said
from metronome_analytics.wording import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import polars as pl


class Plan(Protocol):
    """What is reviewed: a `Plan`, of balance entries or of any changes."""

    @property
    def table(self) -> pl.DataFrame:
        """One row per change."""

    @property
    def confirmation(self) -> str:
        """The phrase to type."""

    def _repr_html_(self) -> str: ...


class PlanReview(Widget):
    """Shows `plan`, takes its typed phrase, applies it once with `apply` and shows the outcome of every change.

    `plan` is a `Plan`, `apply` is `account.apply`. The phrase must be typed before the button can be pressed,
    and the button works once; whatever happens then, another try needs another `PlanReview`. `.outcome` is what
    `apply` returned, `.error` what it raised; `.state` goes from `ready` over `applying` to `done` or `failed`.

    >>> plan = account.plan(ma.changes.CreateCustomer(name="Heron Ltd", ingest_aliases=("heron",)))
    >>> ma.widgets.PlanReview(plan, apply=account.apply).state
    'ready'
    """

    _esm = asset("plan_review.js")
    _css = asset("plan_review.css")

    plan_html = traitlets.Unicode(read_only=True).tag(sync=True)
    phrase = traitlets.Unicode(read_only=True).tag(sync=True)
    state = traitlets.Enum(["ready", "applying", "done", "failed"], "ready", read_only=True).tag(sync=True)
    message = traitlets.Unicode("", read_only=True).tag(sync=True)
    rows: traitlets.List[dict[str, str]] = traitlets.List(read_only=True).tag(sync=True)

    def __init__(self, plan: Plan, *, apply: Callable[..., Any]) -> None:
        if not hasattr(plan, "confirmation") or not callable(apply):
            raise ArgumentError(
                "PlanReview takes a plan and what applies it.", advice="PlanReview(plan, apply=account.apply)"
            )
        super().__init__()
        self._plan = plan
        self._apply = apply
        self.outcome: Any = None
        self.error: Exception | None = None
        self.set_trait("plan_html", plan._repr_html_())
        self.set_trait("phrase", plan.confirmation)

    def submit(self, typed: str) -> None:
        """What the button does: apply the plan if `typed` is its phrase, unless that was done before."""
        if self.state != "ready":
            return
        if typed != self._plan.confirmation:
            self.set_trait("message", "That is not the phrase; nothing was sent.")
            return
        self.set_trait("state", "applying")
        self.set_trait("message", "Applying, one change at a time...")
        try:
            self.outcome = self._apply(self._plan, confirm=typed, **self._watching())
        except Exception as error:  # noqa: BLE001  # shown where the button is, and kept in .error
            self.error = error
            self._end("failed", said(error), getattr(error, "outcome", None))
        except BaseException:
            self._end("failed", "Interrupted. account.settle() says what became of the change on its way.", None)
            raise
        else:
            statuses = self.outcome.table["status"].value_counts(sort=True).rows()
            counts = ", ".join(f"{count} {status}" for status, count in statuses)
            self._end("done", f"{counts}.", self.outcome)

    def _watching(self) -> dict[str, Any]:
        """Progress by entry, where `apply` can tell of it."""
        parameters = inspect.signature(self._apply).parameters
        return {"watch": self._add} if "watch" in parameters else {}

    def _add(self, row: dict[str, Any]) -> None:
        self.set_trait("rows", [*self.rows, _shown(row)])

    def _end(self, state: str, message: str, outcome: Any) -> None:
        if outcome is not None:
            self.set_trait("rows", [_shown(row) for row in outcome.table.iter_rows(named=True)])
        self.set_trait("message", message)
        self.set_trait("state", state)

    def _on_apply(self, content: Mapping[str, Any]) -> None:
        self.submit(str(content.get("typed", "")))

    def _static(self) -> str:
        items = "".join(f"<li>{html.escape(_line(row))}</li>" for row in self.rows)
        message = f"<p>{html.escape(self.message)}</p>" if self.message else ""
        return f'{self.plan_html}{message}<ol start="0">{items}</ol>' if items else f"{self.plan_html}{message}"


def _shown(row: dict[str, Any]) -> dict[str, str]:
    return {"status": str(row["status"]), "message": one_line(str(row["message"]))}


def _line(row: dict[str, str]) -> str:
    return f"{row['status']}: {row['message']}"
