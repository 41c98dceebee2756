"""Stack: widgets below one another, in any notebook that shows an anywidget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets
import traitlets
from anywidget import AnyWidget

from metronome_analytics.widgets.base import Widget, asset

if TYPE_CHECKING:
    from collections.abc import Iterable

Part = dict[str, str]
"""What the page is told of a part: its kind, what it is, and perhaps the name of its place."""


class Stack(Widget):
    """Widgets of ours, and what else a cell may show, below one another.

    A box of ipywidgets does the same in Jupyter alone: marimo draws anywidgets, and what one of them asks for.
    """

    _esm = asset("stack.js")
    _css = asset("stack.css")
    parts: traitlets.List[Part] = traitlets.List().tag(sync=True)

    def stack(self, shown: Iterable[object], **named: object) -> None:
        """Show these, then those that have a name of their own."""
        self.parts = [*map(_part, shown), *({**_part(each), "name": name} for name, each in named.items())]

    def _static(self) -> str:
        return ""


def _part(shown: object) -> Part:
    if isinstance(shown, AnyWidget):
        return {"kind": "widget", "what": f"anywidget:{shown.model_id}"}
    if isinstance(shown, ipywidgets.Widget):
        return {"kind": "view", "what": shown.model_id}
    chart: Any = shown
    mime, data = chart._display_()._mime_()  # what marimo itself asks of a chart of ours
    return {"kind": "mime", "mime": mime, "what": data}
