"""Explorer: a customer, a period, and what the account knows of them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import ipywidgets
import traitlets
from IPython.core.formatters import DisplayFormatter

from metronome_analytics.arguments import Instant, instant
from metronome_analytics.background import StoppedError, stoppable
from metronome_analytics.errors import ArgumentError
from metronome_analytics.progress import Progress, watched
from metronome_analytics.widgets.base import Widget, asset, kept, known, said, static_list
from metronome_analytics.widgets.customer_picker import CustomerPicker
from metronome_analytics.widgets.period_picker import PeriodPicker
from metronome_analytics.widgets.views import OF_ALL, VIEWS, Account, Wanted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import polars as pl


Shown = tuple[dict[str, Any], ...]
"""Outputs as Jupyter keeps them."""


class _Tabs(Widget):
    """The names of the tabs, which one is open, and how far its load is."""

    _esm = asset("tabs.js")
    _css = asset("widgets.css") + "\n" + asset("wide.css")
    tabs = traitlets.List(traitlets.Unicode(), list(VIEWS)).tag(sync=True)
    tab = traitlets.Unicode("Balances")

    def __init__(self, **options: Any) -> None:
        self._state: dict[str, object] = {}
        super().__init__(**options)

    def tell(self, note: str, *, busy: bool = False, error: str = "") -> None:
        """What stands below the tabs from now on."""
        self._state = {"type": "state", "tab": self.tab, "note": note, "busy": busy, "error": error}
        self.send(self._state)

    def _on_hello(self, _: Mapping[str, Any]) -> None:
        self.send(self._state)

    def _on_tab(self, content: Mapping[str, Any]) -> None:
        if content["name"] in VIEWS:
            self.tab = content["name"]


class Explorer(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets is not typed
    """A customer picker, a period picker, and tabs: portfolio, the customer's card, balances, invoices, ledger, costs.

    Portfolio says who runs out and who grew, and needs no customer; as it reads the balances of all of them, it too
    loads only when it is opened. A tab loads when it is opened, in the background, and tells how far it is; what is
    no longer wanted is cancelled, and an error shows in place. What a tab shows is what cells would: `output` is an
    ordinary Output. `customers` is the frame to choose from, else `account.customers()` is loaded; `as_of` is the
    moment taken for now. `customer`, `period` and `tab` can be read and set. Raises ArgumentError for unknown
    arguments.

    >>> explorer = ma.widgets.Explorer(account)
    >>> explorer.tab
    'Balances'
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
        missing = [name for name in ("customers", "balances", "invoices", "now") if not hasattr(account, name)]
        if missing:
            raise ArgumentError(
                f"account cannot be {type(account).__name__}.", advice="Pass ma.connect() or ma.demo()."
            )
        self._account = account
        self._as_of = instant("as_of", as_of)
        self.customer = CustomerPicker(
            account.customers() if customers is None else customers, multiple=False, label="Customer"
        )
        self.period = PeriodPicker(as_of=self._as_of or account.now)
        self._tabs = _Tabs()
        self.output = ipywidgets.Output()
        self.output.add_class("ma-panel")
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._seen: dict[tuple[str, Wanted], Shown] = {}
        super().__init__([self.customer, self.period, self._tabs, self.output], **options)
        for part, name in ((self.customer, "value"), (self.period, "value"), (self._tabs, "tab")):
            part.observe(self._look, names=name)
        self._look()

    @property
    def tab(self) -> str:
        """The name of the open tab."""
        return str(self._tabs.tab)

    @tab.setter
    def tab(self, name: str) -> None:
        if name not in VIEWS:
            raise ArgumentError(f"tab must be one of {', '.join(VIEWS)}, not {name!r}.")
        self._tabs.tab = name

    def wait(self, seconds: float | None = None) -> None:
        """Wait until what is being loaded is on view."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _look(self, _: object = None) -> None:
        """Show what is wanted now, and give up what was wanted before."""
        self._stop.set()
        self._stop = threading.Event()
        self.output.outputs = ()
        if not self.customer.value and self.tab not in OF_ALL:
            self._tabs.tell("Choose a customer.")
            return
        now = self._account.now.replace(minute=0, second=0, microsecond=0)
        at = self._as_of or now
        customer = "" if self.tab in OF_ALL else self.customer.value[0]
        wanted = Wanted(customer, self.period.starting_on, self.period.ending_before, at, max(at, now))
        key = (self.tab, wanted)
        if key in self._seen:
            self._tabs.tell("")
            self.output.outputs = self._seen[key]
            return
        self._tabs.tell(f"Loading {self.tab.lower()} …", busy=True)
        self._thread = threading.Thread(target=self._load, args=(key, self._stop), daemon=True)
        self._thread.start()

    def _load(self, key: tuple[str, Wanted], stop: threading.Event) -> None:
        tab, wanted = key

        def tell(far: Progress) -> None:
            if not stop.is_set():
                requests = f"{far.requests:,} of {far.foreseen:,} requests"
                self._tabs.tell(f"Loading {tab.lower()} … {requests}, {far.rows:,} rows", busy=True)

        try:
            with stoppable(stop), watched(tell):
                shown = _outputs(VIEWS[tab](self._account, wanted))
        except StoppedError:
            return
        except Exception as error:  # noqa: BLE001  # whatever goes wrong is shown where it was asked for
            if not stop.is_set():
                self._tabs.tell("", error=said(error))
            return
        self._seen[key] = shown
        if not stop.is_set():
            self._tabs.tell("")
            self.output.outputs = shown

    def _repr_mimebundle_(self, **options: Any) -> Any:
        chosen = self.customer.selected["name"].to_list()
        html = static_list("Explorer", [str(name) for name in chosen] or ["no customer chosen"])
        return kept(super()._repr_mimebundle_(**options), html)

    def __repr__(self) -> str:
        return f"Explorer({', '.join(self.customer.value) or 'no customer chosen'}, {self.tab})"


def _outputs(shown: Iterable[object]) -> Shown:
    """What a cell with `display(...)` of each would leave below it."""
    formatter: Any = DisplayFormatter()
    bundles = (formatter.format(each) for each in shown)
    return tuple({"output_type": "display_data", "data": data, "metadata": metadata} for data, metadata in bundles)
