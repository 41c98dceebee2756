"""The review of a plan of balance entries in a notebook: read it, type its phrase, apply it, see what became of it."""

from __future__ import annotations

import html
import inspect
from typing import TYPE_CHECKING, Any, Protocol

import anywidget
import traitlets

from metronome_analytics.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl


class Plan(Protocol):
    """What is reviewed: a `BalancePlan`."""

    @property
    def table(self) -> pl.DataFrame:
        """One row per entry."""

    @property
    def confirmation(self) -> str:
        """The phrase to type."""

    def _repr_html_(self) -> str: ...


# Keys stay inside: in a notebook a letter typed into anything but a text field can insert or delete cells.
_ESM = """
function render({ model, el }) {
  el.classList.add("ma-plan-review");
  const plan = document.createElement("div");
  const form = document.createElement("div");
  const label = document.createElement("label");
  const input = document.createElement("input");
  const button = document.createElement("button");
  const message = document.createElement("p");
  const rows = document.createElement("ol");
  input.type = "text";
  input.autocomplete = "off";
  input.spellcheck = false;
  button.type = "button";
  button.textContent = "Apply";
  message.setAttribute("role", "status");
  rows.start = 0;
  label.append("Type the phrase to apply it: ", input);
  form.append(label, button);
  el.append(plan, form, message, rows);
  for (const type of ["keydown", "keyup", "keypress"]) {
    el.addEventListener(type, (event) => event.stopPropagation());
  }
  for (const node of [input, button]) node.dataset.lmSuppressShortcuts = "true";
  let waiting;
  const lost = () => {
    message.textContent = "No answer from the kernel. account.journal(), in a new one, says whether anything was sent.";
  };
  const draw = () => {
    const ready = model.get("state") === "ready";
    if (!ready) clearTimeout(waiting);
    plan.innerHTML = model.get("plan_html");
    input.disabled = !ready;
    button.disabled = !ready || input.value !== model.get("phrase");
    message.textContent = model.get("message");
    rows.replaceChildren(
      ...model.get("rows").map((row) => {
        const item = document.createElement("li");
        item.dataset.status = row.status;
        item.textContent = `${row.status}: ${row.message}`;
        return item;
      }),
    );
  };
  input.addEventListener("input", draw);
  button.addEventListener("click", () => {
    if (button.disabled) return;
    button.disabled = true;
    input.disabled = true;
    waiting = setTimeout(lost, 5000);
    try { model.send({ kind: "apply", typed: input.value }); } catch { lost(); }
  });
  for (const name of ["plan_html", "phrase", "state", "message", "rows"]) model.on(`change:${name}`, draw);
  draw();
  return () => clearTimeout(waiting);
}
export default { render };
"""

_CSS = """
.ma-plan-review { color: var(--jp-content-font-color1, inherit); }
.ma-plan-review table { border-collapse: collapse; }
.ma-plan-review th, .ma-plan-review td { padding: 2px 8px; text-align: left; vertical-align: top; }
.ma-plan-review input { width: 40em; max-width: 100%; font-family: var(--jp-code-font-family, monospace); }
.ma-plan-review li[data-status="unknown"], .ma-plan-review li[data-status="refused"],
.ma-plan-review li[data-status="not_sent"] { color: var(--jp-error-color1, firebrick); font-weight: bold; }
"""


class PlanReview(anywidget.AnyWidget):
    """Shows `plan`, takes its typed phrase, applies it once with `apply` and shows the outcome of every entry.

    `plan` is a `BalancePlan`, `apply` is `account.apply`. The phrase must be typed before the button can be pressed,
    and the button works once; whatever happens then, another try needs another `PlanReview`. `.outcome` is what
    `apply` returned, `.error` what it raised; `.state` goes from `ready` over `applying` to `done` or `failed`.
    """

    _esm = _ESM
    _css = _CSS

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
        self.on_msg(self._asked)

    def submit(self, typed: str) -> None:
        """What the button does: apply the plan if `typed` is its phrase, unless that was done before."""
        if self.state != "ready":
            return
        if typed != self._plan.confirmation:
            self.set_trait("message", "That is not the phrase; nothing was sent.")
            return
        self.set_trait("state", "applying")
        self.set_trait("message", "Applying, one entry at a time...")
        try:
            self.outcome = self._apply(self._plan, confirm=typed, **self._watching())
        except Exception as error:  # noqa: BLE001  # shown where the button is, and kept in .error
            self.error = error
            self._end("failed", f"{type(error).__name__}: {error}", getattr(error, "outcome", None))
        except BaseException:
            self._end("failed", "Interrupted. account.settle() says what became of the entry on its way.", None)
            raise
        else:
            statuses = self.outcome.table["status"].value_counts(sort=True).rows()
            said = ", ".join(f"{count} {status}" for status, count in statuses)
            self._end("done", f"{said}.", self.outcome)

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

    def _asked(self, _: object, content: dict[str, Any], __: object) -> None:
        if content.get("kind") == "apply":
            self.submit(str(content.get("typed", "")))

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """The widget, and for pages without a kernel the plan and its outcome as they were when shown."""
        bundle = super()._repr_mimebundle_(**options)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle or {}, {})
        return {**data, "text/html": self._fallback()}, metadata

    def _fallback(self) -> str:
        items = "".join(f"<li>{html.escape(_line(row))}</li>" for row in self.rows)
        said = f"<p>{html.escape(self.message)}</p>" if self.message else ""
        return f'{self.plan_html}{said}<ol start="0">{items}</ol>' if items else f"{self.plan_html}{said}"


def _shown(row: dict[str, Any]) -> dict[str, str]:
    return {"status": str(row["status"]), "message": str(row["message"])}


def _line(row: dict[str, str]) -> str:
    return f"{row['status']}: {row['message']}"
