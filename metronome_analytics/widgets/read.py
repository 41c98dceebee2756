"""What an Explorer has read of an account: each list once, and of a customer what was read of everybody."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypedDict

import polars as pl

from metronome_analytics.analysis.burn_down import burn_down
from metronome_analytics.analysis.closing import across
from metronome_analytics.wording import count

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime


class Estimate(Protocol):
    """What a load will take."""

    @property
    def requests(self) -> int:
        """At least."""

    @property
    def duration(self) -> timedelta | None:
        """None for an unpaced account."""


class Account(Protocol):
    """The clock and the loaders that are used."""

    @property
    def now(self) -> datetime:
        """The account's own time."""

    @property
    def estimate(self) -> Callable[..., Estimate]:
        """What a load will take."""

    @property
    def customers(self) -> Callable[..., pl.DataFrame]:
        """Every customer."""

    @property
    def balances(self) -> Callable[..., pl.DataFrame]:
        """Commits and credits."""

    @property
    def net_balances(self) -> Callable[..., pl.DataFrame]:
        """What is left, as the API says."""

    @property
    def contracts(self) -> Callable[..., pl.DataFrame]:
        """Contracts."""

    @property
    def invoices(self) -> Callable[..., pl.DataFrame]:
        """Invoices."""

    @property
    def invoice_breakdowns(self) -> Callable[..., pl.DataFrame]:
        """Daily invoices."""


class Wanted(NamedTuple):
    """What is looked at: a customer, a half-open period or all time, the moment taken for now, and that of loading."""

    customer: str
    starting_on: datetime | None
    ending_before: datetime | None
    as_of: datetime
    loaded_at: datetime

    @property
    def past(self) -> bool:
        """Whether the moment taken for now is over."""
        return self.as_of < self.loaded_at

    @property
    def window(self) -> dict[str, datetime]:
        """The period as loaders take it."""
        ends = {"starting_on": self.starting_on, "ending_before": self.ending_before}
        return {name: at for name, at in ends.items() if at is not None}


class Evidence(TypedDict):
    """What burn-downs need to tell the books of a past moment; of today's, when they were read."""

    loaded_at: datetime
    invoices: pl.DataFrame | None
    breakdowns: pl.DataFrame | None


class Books:
    """The lists of an account, each of which is read once an hour at most."""

    def __init__(self, account: Account, customers: pl.DataFrame) -> None:
        self.account = account
        self.customers = customers
        self._read: dict[tuple[object, ...], pl.DataFrame] = {}
        self._read_at: datetime | None = None

    def read(self, name: str, wanted: Wanted, **options: object) -> pl.DataFrame:
        """What the loader `name` gives of the customer wanted, or of every one: of all that was read, his part."""
        kind = (name, *sorted(options.items()))
        return self._once(kind, wanted, lambda: getattr(self.account, name)(self._whose(wanted), **options))

    def _once(self, kind: tuple[object, ...], wanted: Wanted, load: Callable[[], pl.DataFrame]) -> pl.DataFrame:
        """What was loaded of this kind, else what `load` gives. What was read in an earlier hour is let go."""
        if self._read_at is None or self._read_at < wanted.loaded_at:
            self._read_at, self._read = wanted.loaded_at, {}
        read = self._read
        of_all = read.get(("", wanted.loaded_at, *kind))
        if of_all is not None:
            return of_all.filter(pl.col("customer_id") == wanted.customer) if wanted.customer else of_all
        key = (wanted.customer, wanted.loaded_at, *kind)
        if key not in read:
            read[key] = load()
        return read[key]

    def balances(self, wanted: Wanted) -> pl.DataFrame:
        """Commits and credits, archived ones too."""
        return self.read("balances", wanted, include_archived=True)

    def burn(self, wanted: Wanted) -> pl.DataFrame:
        """The burn-down of balances, of a past moment by what the books said then."""
        return burn_down(self.balances(wanted), as_of=wanted.as_of, **self.evidence(wanted))

    def evidence(self, wanted: Wanted) -> Evidence:
        """When the books were read, and of a past moment the invoices, and the days of those open then."""
        bills = days = None
        if wanted.past:
            bills = self.read("invoices", wanted)
            cut = across(bills, wanted.as_of)
            if cut is not None:
                window = {"starting_on": cut.starting, "ending_before": cut.ending}
                # Of their own kind: not everybody's days are in them, nor is their window anybody's period.
                kind = ("days", wanted.as_of)
                days = self._once(kind, wanted, lambda: self.account.invoice_breakdowns(cut.customer_ids, **window))
        return {"loaded_at": wanted.loaded_at, "invoices": bills, "breakdowns": days}

    def named(self, wanted: Wanted) -> pl.DataFrame:
        """The row of the customer wanted."""
        return self.customers.filter(pl.col("id") == wanted.customer)

    def cost_of_all(self, wanted: Wanted) -> tuple[int, str]:
        """The requests that everybody's burn-down takes at least, and that in words; nothing where it was read."""
        kind = ("", wanted.loaded_at, "balances", ("include_archived", True))
        if kind in self._read:
            return 0, ""
        whose = self._whose(wanted)
        parts = [self.account.estimate("balances", whose)]
        if wanted.past:
            # Whose days are needed is only known from the invoices: a request for each is counted.
            window = {"starting_on": wanted.as_of, "ending_before": wanted.as_of + timedelta(days=1)}
            parts += [
                self.account.estimate("invoices", whose),
                self.account.estimate("invoice_breakdowns", whose, **window),
            ]
        requests = sum(part.requests for part in parts)
        seconds = sum(part.duration.total_seconds() for part in parts if part.duration is not None)
        took = f", {_long(seconds)}" if seconds else ""
        return requests, f"at least {count(requests, 'request')}{took}"

    def _whose(self, wanted: Wanted) -> list[str]:
        return [wanted.customer] if wanted.customer else self.customers["id"].to_list()


def _long(seconds: float) -> str:
    """So long, to the minute where it is some."""
    if seconds < 60:
        return f"about {count(max(round(seconds), 1), 'second')}"
    if seconds < 3_600:
        return f"about {count(round(seconds / 60), 'minute')}"
    return f"about {seconds / 3_600:.1f} hours"
