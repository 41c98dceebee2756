"""Explorer: a customer, a period, and what the account knows of them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import ipywidgets
import traitlets
from IPython.core.formatters import DisplayFormatter

from metronome_analytics.arguments import Instant, instant, whole_number
from metronome_analytics.background import StoppedError, stoppable
from metronome_analytics.errors import ArgumentError
from metronome_analytics.offers import one_of
from metronome_analytics.progress import Progress, watched
from metronome_analytics.widgets.base import Widget, asset, in_marimo, known, said, static_list
from metronome_analytics.widgets.customer_picker import CustomerPicker
from metronome_analytics.widgets.period_picker import PeriodPicker
from metronome_analytics.widgets.read import Account, Books, Wanted
from metronome_analytics.widgets.stack import Stack
from metronome_analytics.widgets.views import OF_ALL, OF_PERIOD, VIEWS, View
from metronome_analytics.widgets.work import Worker
from metronome_analytics.wording import count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import polars as pl

    from metronome_analytics.widgets.table import Table

Shown = tuple[Any, ...]
"""Outputs as Jupyter keeps them, or what marimo shows itself."""


class _Tabs(Widget):
    """The names of the tabs, which one is open, how far its load is, and what loads only when it is asked to."""

    _esm = asset("tabs.js")
    _css = asset("widgets.css") + "\n" + asset("wide.css")
    tabs = traitlets.List(traitlets.Unicode(), list(VIEWS)).tag(sync=True)
    tab = traitlets.Unicode(next(iter(VIEWS)))

    def __init__(self, load: Callable[[], None], **options: Any) -> None:
        self._state: dict[str, object] = {}
        self._load = load
        super().__init__(**options)

    def tell(self, note: str, *, busy: bool = False, error: str = "", offer: str = "") -> None:
        """What stands below the tabs from now on; `offer` is a button."""
        said_ = {"note": note, "busy": busy, "error": error, "offer": offer}
        self._state = {"type": "state", "tab": self.tab, **said_}
        self.send(self._state)

    def _on_hello(self, _: Mapping[str, Any]) -> None:
        self.send(self._state)

    def _on_tab(self, content: Mapping[str, Any]) -> None:
        if content["name"] in VIEWS:
            self.tab = content["name"]

    def _on_load(self, _: Mapping[str, Any]) -> None:
        self._load()


class Explorer(Stack):
    """A customer picker, a period picker, and tabs: portfolio, the customer's card, balances, invoices, ledger, costs.

    It opens with the portfolio, which says who runs out and who grew among the customers it has; a row there, or the
    picker, opens a customer's card, and a row of the invoices shows the lines of one and what its total comes from.
    Every table downloads as CSV.

    A tab loads when it is opened, in the background, and tells how far it is; what is no longer wanted is cancelled,
    and an error shows in place. Nothing is read twice within an hour. The portfolio takes a request for each customer,
    and a past `as_of` three: where that is more than `max_requests`, it says how many, and waits for a click.

    What a tab shows is what cells would: `output` is an ordinary Output, and `below` has what a row opened. `customers`
    is the frame to choose from, else `account.customers()` is loaded; `as_of` is the moment taken for now. `customer`,
    `period` and `tab` can be read and set. In marimo show it as it is. Raises ArgumentError for unknown arguments.

    >>> explorer = ma.widgets.Explorer(account)
    >>> explorer.tab
    'Portfolio'
    """

    def __init__(
        self,
        account: Account,
        *,
        customers: pl.DataFrame | None = None,
        as_of: Instant | None = None,
        max_requests: int = 60,
        **options: Any,
    ) -> None:
        options = known("Explorer", options)
        missing = [name for name in vars(Account) if not name.startswith("_") and not hasattr(account, name)]
        if missing:
            raise ArgumentError(
                f"account cannot be {type(account).__name__}.", advice="Pass ma.connect() or ma.demo()."
            )
        self._account = account
        self._as_of = instant("as_of", as_of)
        self._most = whole_number("max_requests", max_requests, least=0)
        self._books = Books(account, account.customers() if customers is None else customers)
        self.customer = CustomerPicker(self._books.customers, multiple=False, label="Customer")
        self.period = PeriodPicker(as_of=self._as_of or account.now)
        self._tabs = _Tabs(self._load_all)
        self.output, self.below = ipywidgets.Output(), ipywidgets.Output()
        self._panels = {id(place): Stack() for place in (self.output, self.below)} if in_marimo() else {}
        self._stop, self._shut = threading.Event(), threading.Event()
        self._worker = Worker()
        self._lock = threading.RLock()
        """Held by what changes what is wanted, and by what shows something as long as it is."""
        self._seen: dict[tuple[str, Wanted], tuple[View, Shown]] = {}
        super().__init__(**options)
        panels = {"tab": self.output, "below": self.below}
        self.stack(
            [self.customer, self.period, self._tabs],
            **{name: self._panels.get(id(place), place) for name, place in panels.items()},
        )
        self.customer.observe(self._customer_chosen, names="value")
        self.period.observe(self._period_chosen, names="value")
        self._tabs.observe(self._look, names="tab")
        self._look()

    @property
    def tab(self) -> str:
        """The name of the open tab."""
        return str(self._tabs.tab)

    @tab.setter
    def tab(self, name: str) -> None:
        one_of("tab", name, VIEWS)
        self._tabs.tab = name

    def wait(self, seconds: float | None = None) -> None:
        """Wait until what is being loaded is on view."""
        self._worker.last.wait(seconds)

    # --- what is wanted --------------------------------------------------------------------------------------------

    def _customer_chosen(self, _: object) -> None:
        """A customer opens with its card."""
        if self.customer.value and self.tab in OF_ALL:
            self.tab = "Customer"
        else:
            self._look()

    def _period_chosen(self, _: object) -> None:
        """A tab that is of no period stays as it is, and goes on loading."""
        if self.tab in OF_PERIOD:
            self._look()

    def _row_chosen(self, table: Table, view: View) -> None:
        """A row leads to its customer, or to what belongs below."""
        row = table.selected
        if row.is_empty():
            return
        with self._lock:
            if view.below is not None:
                self._open_below(view.below, row)
            if view.customer_of is not None:
                table.value = ()
                chosen = (view.customer_of(row),)
                if self.customer.value == chosen:
                    self.tab = "Customer"
                self.customer.value = chosen

    def _open_below(self, below: Callable[[pl.DataFrame], Iterable[object]], row: pl.DataFrame) -> None:
        shut = self._fresh_below()

        def opened() -> None:
            shown = self._as_shown(below(row))
            with self._lock:
                if not shut.is_set():
                    self._place(self.below, shown)

        self._work(shut, opened)

    def _wanted(self) -> Wanted:
        now = self._account.now.replace(minute=0, second=0, microsecond=0)
        at = self._as_of or now
        customer = "" if self.tab in OF_ALL else self.customer.value[0]
        ends = (self.period.starting_on, self.period.ending_before) if self.tab in OF_PERIOD else (None, None)
        return Wanted(customer, *ends, at, max(at, now))

    def _look(self, _: object = None) -> None:
        """Show what is wanted now, and give up what was wanted before."""
        with self._lock:
            self._give_up()
            if not self.customer.value and self.tab not in OF_ALL:
                self._tabs.tell("Choose a customer.")
            else:
                self._show_or_begin(self._wanted())

    def _show_or_begin(self, wanted: Wanted) -> None:
        """Show what was seen of it, else load it, else ask whether to."""
        seen = self._seen.get((self.tab, wanted))
        if seen is not None:
            self._show(*seen)
            return
        if self.tab in OF_ALL:
            requests, words = self._books.cost_of_all(wanted)
            if requests > self._most:
                whose = count(self._books.customers.height, "customer")
                self._tabs.tell(f"Choose a customer. The portfolio of {whose} takes {words}.", offer="Load it")
                return
        self._begin(wanted)

    def _load_all(self) -> None:
        """Load the portfolio, which somebody asked for, whatever it takes."""
        with self._lock:
            if self.tab in OF_ALL:
                self._give_up()
                self._begin(self._wanted())

    def _give_up(self) -> None:
        self._stop.set()
        self._stop = threading.Event()
        self._place(self.output, ())
        self._fresh_below()

    def _fresh_below(self) -> threading.Event:
        """Nothing is shown below from now on, nor will be of what is under way; what says so of what comes next."""
        self._shut.set()
        self._shut = threading.Event()
        self._place(self.below, ())
        return self._shut

    # --- loading ---------------------------------------------------------------------------------------------------

    def _begin(self, wanted: Wanted) -> None:
        tab, stop = self.tab, self._stop
        self._tabs.tell(f"Loading {tab.lower()} …", busy=True)
        self._work(stop, lambda: self._load(tab, wanted, stop))

    def _work(self, stop: threading.Event, work: Callable[[], None]) -> None:
        """Do this in the background until it is stopped; what goes wrong is shown where it was asked for."""

        def stopped_or_told() -> None:
            try:
                with stoppable(stop):
                    work()
            except StoppedError:
                return
            except Exception as error:  # noqa: BLE001  # whatever goes wrong
                with self._lock:
                    if not stop.is_set():
                        self._tabs.tell("", error=said(error))

        self._worker.do(stopped_or_told)

    def _load(self, tab: str, wanted: Wanted, stop: threading.Event) -> None:
        def tell(far: Progress) -> None:
            requests = f"{far.requests:,} of {far.foreseen:,} requests"
            with self._lock:
                if not stop.is_set():
                    self._tabs.tell(f"Loading {tab.lower()} … {requests}, {far.rows:,} rows", busy=True)

        with watched(tell):
            view = VIEWS[tab](self._books, wanted)
        shown = self._as_shown(view.parts)
        for table in view.tables:
            table.observe(lambda change: self._row_chosen(change["owner"], view), names="value")
        with self._lock:
            # What was seen in an earlier hour is wanted no more.
            self._seen = {key: seen for key, seen in self._seen.items() if key[1].loaded_at >= wanted.loaded_at}
            self._seen[tab, wanted] = view, shown
            if not stop.is_set():
                self._show(view, shown)

    def _show(self, view: View, shown: Shown) -> None:
        self._tabs.tell(view.note)
        self._place(self.output, shown)
        for table in view.tables:
            self._row_chosen(table, view)

    def _as_shown(self, parts: Iterable[object]) -> Shown:
        return tuple(parts) if self._panels else _outputs(parts)

    def _place(self, place: Any, shown: Shown) -> None:
        """Show these there: as Jupyter keeps outputs, in marimo as it draws them."""
        panel = self._panels.get(id(place))
        if panel is None:
            place.outputs = shown
        else:
            panel.stack(shown)

    def _static(self) -> str:
        chosen = [str(name) for name in self.customer.selected["name"].to_list()]
        return static_list("Explorer", chosen or ["no customer chosen"])

    def __repr__(self) -> str:
        return f"Explorer({', '.join(self.customer.value) or 'no customer chosen'}, {self.tab})"


def _outputs(shown: Iterable[object]) -> Shown:
    """What a cell with `display(...)` of each would leave below it: outputs as Jupyter keeps them."""
    formatter: Any = DisplayFormatter()
    bundles = (formatter.format(each) for each in shown)
    return tuple({"output_type": "display_data", "data": data, "metadata": metadata} for data, metadata in bundles)
