"""What an account tells of itself: what its loads cost, what they met, whether we know it right, and a record of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.loaders import AllLoaders
from metronome_analytics.recording.recorder import Recording

if TYPE_CHECKING:
    import os

    import polars as pl

    from metronome_analytics.arguments import Customers
    from metronome_analytics.receipts import Partial


class Observed(AllLoaders):
    """Every loader, and what can be seen of the loads and of the API behind them."""

    @property
    def receipts(self) -> pl.DataFrame:
        """One row per load so far: the columns of `tables.Receipts`.

        >>> customers = account.customers()
        >>> account.receipts.select("endpoint", "rows", "complete").tail(1).rows()
        [('customers', 10, True)]
        """
        return self.session.receipts.frame()

    @property
    def partial(self) -> Partial | None:
        """What the load that was interrupted last had brought: its `frame` and its `receipt`; None so far.

        >>> account.partial is None
        True
        """
        return self.session.partial

    @property
    def drift(self) -> pl.DataFrame:
        """The fields the API sent that no table declares: the columns of `tables.Drift`.

        >>> account.drift.height
        0
        """
        return self.session.drift.frame()

    @staticmethod
    def catalogue() -> pl.DataFrame:
        """Every endpoint with its loader, what that gives in words, and its table: the columns of `tables.Catalogue`.

        Sends nothing. On a screen it is the loaders in words.

        >>> account.catalogue().select("endpoint", "loader", "table").row(0)
        ('GET /v1/customers', 'customers', 'Customers')
        """
        from metronome_analytics.catalogue import catalogue  # noqa: PLC0415  # only this needs it

        return catalogue()

    def doctor(
        self,
        customers: Customers | None = None,
        *,
        max_requests: int = 60,
        out: str | os.PathLike[str] | None = None,
    ) -> pl.DataFrame:
        """Whether what this package relies on is true of this account: the columns of `tables.Diagnosis`.

        One row per fact, with where we have it from, how it was looked at, what was seen, the verdict (holds, differs,
        cannot tell here) and what follows for you. Reads only, one request after another, at most `max_requests` of
        them; what they do not suffice for cannot be told. `customers` are those whose invoices and balances are looked
        at; None takes a few. `out` is a JSON file to write the same to, with every id,
        name and amount replaced, so that it can be sent to somebody.
        Raises ArgumentError for arguments that cannot be used; what a request meets is a verdict.

        >>> facts = account.doctor(max_requests=8)
        >>> facts["verdict"].unique().sort().to_list()
        ['cannot tell here', 'holds']
        """
        self.session.check_process()
        from metronome_analytics.doctor.examination import examine  # noqa: PLC0415  # nobody else pays for it

        return examine(self, customers=customers, max_requests=max_requests, out=out)

    def record(self, path: str | os.PathLike[str]) -> Recording:
        """Record every request from now on, and its answer, in the file `path`; `replay(path)` answers from it.

        Use it as a context, or close it. The format is that of vcrpy's cassettes, and scrubbed as those are: the token
        and all headers are left out, names, notes, custom fields and every id are replaced, each id by the same
        throughout; amounts, states, times and the words of the API stay. Read it before you send it to anybody.
        Raises ArgumentError for a path that cannot be written to.

        >>> with account.record("account.yaml"):
        ...     customers = account.customers()
        >>> ma.replay("account.yaml").customers().height
        10
        """
        return Recording(path, self.session.connection.watchers, self.session.clock.now)
