"""What our widgets share: how they are made, how they answer the browser, and what is left of them in a page."""

from __future__ import annotations

import itertools
import re
import sys
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import anywidget
import traitlets

from metronome_analytics.errors import ArgumentError
from metronome_analytics.wording import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_HERE = Path(__file__).parent
_OPTIONS = frozenset({"layout", "tooltip"})
_LOOKING = frozenset({"hello", "query", "window"})
"""Messages that change nothing, so the last error stays on view."""
_VIEW = "application/vnd.jupyter.widget-view+json"
CALM = (
    "font-family:var(--jp-ui-font-family,sans-serif);font-size:13px;padding:6px 0;"
    "color:var(--jp-ui-font-color1,inherit)"
)
"""The style of what is left of a widget in a page without a kernel."""


Held = TypeVar("Held")


class UnknownArgumentError(ArgumentError, TypeError):
    """An argument that no widget of ours takes; a TypeError too, as for any other call."""


class OfPython(traitlets.TraitType[Held, Any]):
    """A trait whose values its widget checks; it stays in Python, however large it is."""

    def validate(self, obj: Any, value: Any) -> Any:
        """`value` as the widget takes it."""
        return obj._taken(value)  # noqa: SLF001  # a trait is a part of its widget


class OneLine(traitlets.Unicode[str, str | bytes]):
    """A trait of one line of text: half a character, which Python can hold, could not even be sent to a browser."""

    def validate(self, obj: Any, value: Any) -> str:
        """`value` as a browser can show it."""
        return one_line(str(super().validate(obj, value)))


_BLANKS_OF_CSS = r"\s*([{};,]|:(?=\s))\s*"
_BLANKS_OF_JS = r" (=>|===|!==|&&|\|\||=|\?|:) |(?<=\{) | (?=[{}])|\b(?<=if|or) (?=\()"


def asset(name: str) -> str:
    """The text of a file beside this one without lines of comment and needless blanks: it travels with every widget."""
    lines = (line.strip() for line in (_HERE / name).read_text(encoding="utf-8").splitlines())
    text = "\n".join(line for line in lines if line and not line.startswith(("//", "/*")))
    # In no text of ours an operator stands between blanks, nor a blank inside a brace.
    needless = _BLANKS_OF_CSS if name.endswith(".css") else _BLANKS_OF_JS
    return re.sub(needless, lambda found: found[1] or "", text)


def known(widget: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """`options`, all of which a widget takes; else UnknownArgumentError."""
    wrong = sorted(set(options) - _OPTIONS)
    if wrong:
        raise UnknownArgumentError(f"{widget} takes no {', '.join(wrong)}.", advice=f"See help({widget}).")
    return dict(options)


def said(error: Exception) -> str:
    """What went wrong, on one line, as a browser can be told: a callback may raise with any text."""
    return one_line(f"{type(error).__name__}: {error}")


def kept(bundle: Any, *, html: str, text: str) -> Any:
    """A widget's mimebundle with what shows where no kernel is, and alone where there will be none."""
    if isinstance(bundle, tuple):
        return (kept(bundle[0], html=html, text=text), *bundle[1:])
    if bundle is None:
        return None
    shown = {**bundle, "text/html": html, "text/plain": text}
    if _being_converted():
        shown.pop(_VIEW, None)
    return shown


def in_marimo() -> bool:
    """Whether this runs in a notebook of marimo's."""
    marimo = sys.modules.get("marimo")
    return marimo is not None and bool(marimo.running_in_notebook())


@cache
def _being_converted() -> bool:
    """Whether nbconvert runs this kernel: its page takes the live view first, which then is blank for ever."""
    if "ipykernel" not in sys.modules:
        return False
    import psutil  # noqa: PLC0415  # ipykernel brings it

    try:
        launcher = psutil.Process().parent()
        return launcher is not None and any("nbconvert" in part for part in launcher.cmdline())
    except psutil.Error:
        return False


def static_list(title: str, items: Iterable[str], more: int = 0) -> str:
    """A title and a list as HTML, escaped; `more` counts what the list leaves out."""
    entries = [escape(one_line(item)) for item in items] + ([f"and {more:,} more"] if more else [])
    listed = "".join(f"<li>{entry}</li>" for entry in entries)
    return f'<div style="{CALM}"><strong>{escape(one_line(title))}</strong><ul style="margin:2px 0">{listed}</ul></div>'


class Widget(anywidget.AnyWidget):
    """A widget whose view sends messages that name a method `_on_<type>`, and shows what they answer."""

    label = OneLine().tag(sync=True)
    seen = traitlets.Int(0).tag(sync=True)
    """The last change that a page was told of, and tells back: marimo runs cells for what a page changes alone."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.on_msg(self._hear)
        if self.has_trait("value") and in_marimo():
            changes = itertools.count(1)
            self.observe(lambda _: self.send({"type": "changed", "at": next(changes)}), names="value")

    def _hear(self, _: object, content: Mapping[str, Any], __: object) -> None:
        """Answer a message of the view. What goes wrong shows there: nobody reads the kernel's log."""
        answer = getattr(self, f"_on_{content.get('type')}", None)
        if answer is None:
            return
        if content["type"] not in _LOOKING:
            self.send({"type": "error", "text": ""})
        try:
            answer(content)
        except Exception as error:  # noqa: BLE001  # a user's callback may raise anything
            self.send({"type": "error", "text": said(error)})

    def _static(self) -> str:
        """What is left in a page without a kernel, as HTML."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return kept(super()._repr_mimebundle_(**options), html=self._static(), text=str(self))


class Form(Widget):
    """A few fields that Python decides on: selections (with `options`) and dates (without)."""

    _esm = asset("form.js")
    _css = asset("widgets.css")

    def _fields(self) -> list[dict[str, object]]:
        """The fields as they are now: name, label, value and perhaps options."""
        raise NotImplementedError

    def _note(self) -> str:
        """What is chosen, in words."""
        raise NotImplementedError

    def _set(self, name: str, value: str) -> None:
        """A field was changed; an empty value is none."""
        raise NotImplementedError

    def _show(self) -> None:
        """Bring the view up to date."""
        self.send({"type": "fields", "fields": self._fields(), "note": self._note()})

    def _on_hello(self, _: Mapping[str, Any]) -> None:
        self._show()

    def _on_set(self, content: Mapping[str, Any]) -> None:
        try:
            self._set(str(content["name"]), str(content["value"]))
        finally:
            self._show()

    def _static(self) -> str:
        return static_list(self.label, [self._note()])


def choice_of(name: str, label: str, value: str | None, options: Iterable[tuple[str, str]]) -> dict[str, object]:
    """A selection that begins with nothing."""
    return {"name": name, "label": label, "value": value or "", "options": [("", "choose"), *options]}
