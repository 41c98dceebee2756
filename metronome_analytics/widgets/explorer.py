"""Explorer: a customer, a period, and what the account knows of them."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import ipywidgets
import traitlets

from metronome_analytics.arguments import Instant, instant
from metronome_analytics.background import StoppedError, stoppable
from metronome_analytics.errors import ArgumentError
from metronome_analytics.widgets.base import Widget, asset, kept, known, static_list
from metronome_analytics.widgets.customer_picker import CustomerPicker
from metronome_analytics.widgets.period_picker import PeriodPicker
from metronome_analytics.widgets.views import VIEWS, Account, Wanted

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl


class _Panel(Widget):
    """Tabs, and below them the HTML of the one that is open."""

    _esm = asset("panel.js")
    _css = asset("widgets.css")
    tabs = traitlets.List(traitlets.Unicode(), list(VIEWS)).tag(sync=True)
    tab = traitlets.Unicode(next(iter(VIEWS)))

    def __init__(self, **options: Any) -> None:
        self._shown: dict[str, object] = {}
        super().__init__(**options)

    def show(self, **content: object) -> None:
        """What is on view from now on."""
        self._shown = {"type": "panel", "tab": self.tab, **content}
        self.send(self._shown)

    def _on_hello(self, _: Mapping[str, Any]) -> None:
        self.send(self._shown)

    def _on_tab(self, content: Mapping[str, Any]) -> None:
        if content["name"] in VIEWS:
            self.tab = content["name"]


class Explorer(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets is not typed
    """A customer picker, a period picker, and tabs: balances with burn-down, invoices, ledger, costs.

    A tab loads when it is opened, in the background; what is no longer wanted is cancelled, and an error shows in
    place. `customers` is the frame to choose from, else `account.customers()` is loaded; `as_of` is the moment taken
    for now. `customer`, `period` and `tab` can be read and set. Raises ArgumentError for unknown arguments.
    """

    def __init__(
        self,
        account: Account,
        *,
        customers: pl.DataFrame | None = None,
        as_of: Instant | None = None,
        **options: Any,
    ) -> None:
        options = known("Explorer", options)
        missing = [name for name in ("customers", "balances", "invoices") if not hasattr(account, name)]
        if missing:
            raise ArgumentError(
                f"account cannot be {type(account).__name__}.", advice="Pass ma.connect() or ma.demo()."
            )
        self._account = account
        self._as_of = instant("as_of", as_of)
        self.customer = CustomerPicker(
            account.customers() if customers is None else customers, multiple=False, label="Customer"
        )
        self.period = PeriodPicker(as_of=self._as_of)
        self._panel = _Panel()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._seen: dict[tuple[str, Wanted], str] = {}
        super().__init__([self.customer, self.period, self._panel], **options)
        for part, name in ((self.customer, "value"), (self.period, "value"), (self._panel, "tab")):
            part.observe(self._look, names=name)
        self._look()

    @property
    def tab(self) -> str:
        """The name of the open tab."""
        return str(self._panel.tab)

    @tab.setter
    def tab(self, name: str) -> None:
        if name not in VIEWS:
            raise ArgumentError(f"tab must be one of {', '.join(VIEWS)}, not {name!r}.")
        self._panel.tab = name

    def wait(self, seconds: float | None = None) -> None:
        """Wait until what is being loaded is on view."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _look(self, _: object = None) -> None:
        """Show what is wanted now, and give up what was wanted before."""
        self._stop.set()
        self._stop = threading.Event()
        self._panel.send({"type": "error", "text": ""})
        if not self.customer.value:
            self._panel.show(html="", note="Choose a customer.", busy=False, about="")
            return
        now = self._as_of or datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        wanted = Wanted(self.customer.value[0], self.period.starting_on, self.period.ending_before, now)
        key = (self.tab, wanted)
        if key in self._seen:
            self._panel.show(html=self._seen[key], note="", busy=False, about=str(key))
            return
        self._panel.show(html="", note=f"Loading {self.tab.lower()} …", busy=True, about=str(key))
        self._thread = threading.Thread(target=self._load, args=(key, self._stop), daemon=True)
        self._thread.start()

    def _load(self, key: tuple[str, Wanted], stop: threading.Event) -> None:
        tab, wanted = key
        try:
            with stoppable(stop):
                html = VIEWS[tab](self._account, wanted)
        except StoppedError:
            return
        except Exception as error:  # noqa: BLE001  # whatever goes wrong is shown where it was asked for
            if not stop.is_set():
                self._panel.show(html="", note="", busy=False, about=str(key))
                self._panel.send({"type": "error", "text": f"{type(error).__name__}: {error}"})
            return
        self._seen[key] = html
        if not stop.is_set():
            self._panel.show(html=html, note="", busy=False, about=str(key))

    def _repr_mimebundle_(self, **options: Any) -> Any:
        chosen = self.customer.selected["name"].to_list()
        html = static_list("Explorer", [str(name) for name in chosen] or ["no customer chosen"])
        return kept(super()._repr_mimebundle_(**options), html)

    def __repr__(self) -> str:
        return f"Explorer({', '.join(self.customer.value) or 'no customer chosen'}, {self.tab})"
