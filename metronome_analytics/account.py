"""Account: every loader, the writes and the mirror of one account, as one object; and how one is opened."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, NoReturn, Self

from metronome_analytics import arguments as args
from metronome_analytics.api.request import MAX_BYTES, MAX_SECONDS
from metronome_analytics.books.closing import ClosingLoaders
from metronome_analytics.changing import Changing
from metronome_analytics.errors import ConfigurationError
from metronome_analytics.mirroring import Mirroring
from metronome_analytics.observed import Observed
from metronome_analytics.offers import no_such_member
from metronome_analytics.session import open_session

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    import httpx
    import polars as pl
    from pydantic import SecretStr

    from metronome_analytics.arguments import Customers
    from metronome_analytics.progress import ProgressMode

_NEXT = (
    "Next: account.catalogue() lists what can be loaded, ma.widgets.Explorer(account) shows it; account.customers(), "
    "account.invoices(month=...) and account.balances() are frames, and ma.show(frame) a table to look through."
)


def connect(
    token: str | SecretStr | None = None,
    *,
    base_url: str | None = None,
    environment: str | None = None,
    allow_writes: bool | str | Iterable[str] = False,
    max_requests_per_second: float | None = 7.5,
    max_concurrency: int = 16,
    timeout: float = 60.0,
    page_size: int | None = None,
    progress: ProgressMode = "auto",
    transport: httpx.AsyncBaseTransport | None = None,
    max_seconds_per_request: float = MAX_SECONDS,
    max_bytes_per_answer: int = MAX_BYTES,
) -> Account:
    """An account to load from. Nothing is sent until something is loaded.

    `token` is the argument, else METRONOME_BEARER_TOKEN; `base_url` the argument, else METRONOME_BASE_URL, else
    https://api.metronome.com (sandbox and production share it: the token decides). `environment` is a label of yours,
    shown in reprs, plans and receipts. `max_requests_per_second=None` means unpaced; the vendor documents no limit for
    reads, and 7.5 is this package's own guess. `page_size` is how many rows a page is asked for at most, where an
    endpoint takes a limit; it halves by itself where pages do not arrive. `transport` replaces the network.
    `allow_writes` names the operations of `changes.catalogue()` that `apply` may send, and no others: True is manual
    balance entries, {"credits.create", "commits.end"} those, "all" every one.
    One try of a request ends after `max_seconds_per_request` (`timeout` is how long nothing may arrive), and an answer
    may have `max_bytes_per_answer`, uncompressed; both are errors that say so.

    A proxy is taken from HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY; this machine is never reached through one.

    Raises ConfigurationError without a usable token or base URL, ArgumentError for any other argument.

    >>> ma.connect("your-token", environment="sandbox")
    Account('https://api.metronome.com', environment='sandbox', token='********', reads only, 7.5 requests/s)
    """
    allowed = frozenset[str]()
    if allow_writes is not False:
        from metronome_analytics.changes.operations import operations_allowed  # noqa: PLC0415  # who reads plans nothing

        allowed = operations_allowed(allow_writes)
    return Account(
        open_session(
            token,
            base_url=base_url,
            environment=environment,
            allow_writes=allowed,
            max_requests_per_second=max_requests_per_second,
            max_concurrency=max_concurrency,
            timeout=timeout,
            page_size=page_size,
            progress=progress,
            transport=transport,
            max_seconds_per_request=max_seconds_per_request,
            max_bytes_per_answer=max_bytes_per_answer,
        )
    )


class Account(Observed, ClosingLoaders, Changing, Mirroring):
    """One Metronome account, read as polars tables. Open it with `connect()` or `demo()`.

    Every loader returns every row or raises LoadError (`on_error="raise"`, the default), or returns the rows it could
    get, warns, and marks its receipt incomplete (`on_error="collect"`). `customers=` is None (every customer that is
    not archived, as `customers()` lists them), an id, several ids, a Series, a frame with a `customer_id` or `id`
    column, or a picker; rows come in the order of the customers given, then in the API's own. A loader called with an
    argument that cannot be used raises ArgumentError and sends nothing.

    >>> account = ma.demo(customers=10)
    >>> account.customers().height
    10
    """

    @property
    def environment(self) -> str | None:
        """The label that the user gave.

        >>> account.environment
        'demo'
        """
        return self.session.environment

    @property
    def now(self) -> datetime:
        """The account's clock, in UTC: its server's, by the Date of its last answer; a simulated account has its own.

        Before the first answer it is this machine's, and where the two differ by less than ten seconds.

        >>> account.now.isoformat()
        '2026-11-18T09:30:00+00:00'
        """
        return self.session.clock.now()

    def customer_card(self, customer: Customers) -> pl.DataFrame:
        """`CustomerCard`: a row per credit type, contract, balances, run-out. Raises ArgumentError unless it is one.

        >>> osprey = account.customers()["id"][0]
        >>> account.customer_card(osprey).select("customer_name", "credit_type_name", "verdict").rows()
        [('Osprey Biotech Inc.', 'USD (cents)', 'runs out')]
        """
        self.session.check_process()
        from metronome_analytics.analysis.customer_card import customer_card  # noqa: PLC0415  # analysis is for later

        one = [args.one_customer(customer)]
        held, net = self.balances(one, include_archived=True), self.net_balances(one)
        return customer_card(self.customers(customer_ids=one), self.contracts(one), held, net, as_of=self.now)

    def close(self) -> None:
        """Let go of every connection and the background thread; again does nothing.

        >>> with ma.demo(customers=1) as other:
        ...     name = other.customers()["name"].item()
        >>> "closed" in repr(other)
        True
        """
        self.session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse: it holds a token, connections and a thread."""
        raise ConfigurationError(
            "An account cannot be pickled or copied: it holds a token, connections and a thread.",
            advice="Open one where it is needed, with connect().",
        )

    if not TYPE_CHECKING:  # to a type checker a wrong name is an error of its own

        def __getattr__(self, name: str) -> NoReturn:
            """Say which name is near; what is there and failed, a property, raises its own error again."""
            if hasattr(type(self), name):
                object.__getattribute__(self, name)
            raise no_such_member(self, name)

    def __repr__(self) -> str:
        return f"Account({', '.join(self._facts())})"

    def _repr_html_(self) -> str:
        facts = "".join(f"<li>{escape(fact)}</li>" for fact in self._facts())
        return f'<div><strong>Account</strong><ul style="margin:2px 0">{facts}</ul>{escape(_NEXT)}</div>'

    def _repr_pretty_(self, printer: Any, _: object) -> None:
        printer.text(f"{self!r}\n{_NEXT}")

    def _facts(self) -> list[str]:
        session, rate = self.session, self.session.connection.max_requests_per_second
        facts = [
            repr(session.base_url),
            *([f"environment={session.environment!r}"] if session.environment else []),
            "token='********'",
            f"may write {', '.join(sorted(session.allow_writes))}" if session.allow_writes else "reads only",
            "unpaced" if rate is None else f"{rate:g} requests/s",
            *(["closed"] if session.closed else []),
            session.receipts.in_words(),
        ]
        return [fact for fact in facts if fact]
