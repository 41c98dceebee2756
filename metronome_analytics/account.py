"""Account: every loader, the writes and the mirror of one account, as one object."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Self, Unpack, overload

from metronome_analytics import arguments as args
from metronome_analytics.api.request import MAX_BYTES, MAX_SECONDS
from metronome_analytics.books.closing import ClosingLoaders
from metronome_analytics.errors import ConfigurationError
from metronome_analytics.leeway import MAX_ENTRY, MAX_TOTAL, Leeway
from metronome_analytics.observed import Observed
from metronome_analytics.session import Session, open_session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime
    from pathlib import Path

    import httpx
    import polars as pl
    from pydantic import SecretStr

    from metronome_analytics.arguments import Customers, Instant
    from metronome_analytics.changes.applying import Outcome
    from metronome_analytics.changes.balance_plan import BalancePlan
    from metronome_analytics.changes.fields import Asked
    from metronome_analytics.changes.machine import ChangeMachine
    from metronome_analytics.changes.plan import Plan
    from metronome_analytics.changes.sending import Send
    from metronome_analytics.leeway import Limit
    from metronome_analytics.mirror.estimate import Estimate
    from metronome_analytics.mirror.mirror import Mirror
    from metronome_analytics.mirror.request import Deadline, SyncOptions
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


class Account(Observed, ClosingLoaders):
    """One Metronome account, read as polars tables. Open it with `connect()` or `demo()`.

    Every loader returns every row or raises LoadError (`on_error="raise"`, the default), or returns the rows it could
    get, warns, and marks its receipt incomplete (`on_error="collect"`). `customers=` is None (every customer that is
    not archived, as `customers()` lists them), an id, several ids, a Series, a frame with a `customer_id` or `id`
    column, or a picker; rows come in the order of the customers given, then in the API's own.
    """

    def __init__(self, session: Session, *, send: Send | None = None) -> None:
        """`send` replaces what sends one write."""
        super().__init__(session)
        self._send = send

    @property
    def environment(self) -> str | None:
        """The label that the user gave."""
        return self.session.environment

    @property
    def now(self) -> datetime:
        """The account's clock, in UTC: its server's, by the Date of its last answer; a simulated account has its own.

        Before the first answer it is this machine's, and where the two differ by less than ten seconds.
        """
        return self.session.clock.now()

    def customer_card(self, customer: Customers) -> pl.DataFrame:
        """`CustomerCard`: a row per credit type, contract, balances, run-out. Raises ArgumentError unless it is one."""
        self.session.check_process()
        from metronome_analytics.analysis.customer_card import customer_card  # noqa: PLC0415  # analysis is for later

        one = [args.one_customer(customer)]
        held, net = self.balances(one, include_archived=True), self.net_balances(one)
        return customer_card(self.customers(customer_ids=one), self.contracts(one), held, net, as_of=self.now)

    # --- changes -----------------------------------------------------------------------------------------------

    @cached_property
    def _changes(self) -> ChangeMachine:
        self.session.check_process()
        from metronome_analytics.changes.machine import ChangeMachine  # noqa: PLC0415  # as in `connect`

        return ChangeMachine(self, self._send)

    def plan(
        self,
        changes: Asked,
        *,
        operation: str | None = None,
        max_entry: Limit = MAX_ENTRY,
        max_total: Limit = MAX_TOTAL,
        allow_duplicate: bool = False,
    ) -> Plan:
        """A plan of changes; reads only, and works on an account that may not write.

        `changes` is a change of `metronome_analytics.changes`, or several; or, with `operation` (a name of
        `changes.catalogue()`), a dict, several of them, or a frame whose columns are the fields of that class.
        `max_entry` and `max_total` limit the amount of one change and of all, in major units, for every currency or by
        currency. Raises PlanRejected with everything that is wrong, by row, in its message and its `problems`.
        """
        leeway = Leeway(max_entry=max_entry, max_total=max_total, allow_duplicate=allow_duplicate)
        return self._changes.plan(changes, operation, leeway)

    def plan_balance_entries(
        self,
        entries: Asked,
        *,
        max_entry: Limit = MAX_ENTRY,
        max_total: Limit = MAX_TOTAL,
        allow_overdraw: bool = False,
        allow_duplicate: bool = False,
    ) -> BalancePlan:
        """A plan of manual balance entries; reads only, and works on an account that may not write.

        `entries` is a `BalanceEntry`, a dict, several of them, or a frame with those columns (a CSV read with
        `infer_schema=False`, say). Amounts are in the balance's own unit: USD is in cents. `max_entry` and `max_total`
        limit one entry and the sum of all, in major units, for every currency or by currency. Raises PlanRejected
        with everything that is wrong, by row, in its message and its `problems`.
        """
        leeway = Leeway(
            max_entry=max_entry, max_total=max_total, allow_overdraw=allow_overdraw, allow_duplicate=allow_duplicate
        )
        return self._changes.plan_balance_entries(entries, leeway)

    def apply(
        self, plan: Plan, confirm: str, *, watch: Callable[[dict[str, object]], object] = lambda _: None
    ) -> Outcome:
        """Apply `plan`, change by change; `confirm` is `plan.confirmation`, literally.

        The account is read again and every check of planning made again before anything is sent. Each change is
        written to the journal before it is sent, sent once, and read back: `applied` means seen in the account. After
        one that is `unknown`, `not_sent` or `differs` nothing more is sent. Applying again sends only what is provably
        not applied, and looks for up to 61 seconds where an answer was lost. `watch` is called with each row of the
        outcome as it comes.

        Raises WritesDisabled for an operation that `allow_writes` does not name, ConfirmationError for another phrase,
        StalePlan for a plan that is older than 15 minutes or an account that has changed, PlanRejected for what may not
        be applied any more, JournalError where the journal cannot be used or another process is applying; then nothing
        was sent. OutcomeUnknown: a change was sent and the journal could not say so; `outcome` has what is known.
        """
        return self._changes.apply(plan, confirm, watch=watch)

    def settle(self) -> pl.DataFrame:
        """Decide what is still unknown by reading the account; sends nothing, and needs no right to write.

        One row per open change of the journal: `plan` (its digest) and the columns of an outcome's table. Where an
        answer was lost, silence is proof only after this process has watched for 61 seconds, and it watches no longer.
        """
        return self._changes.settle()

    def journal(self) -> pl.DataFrame:
        """Every intent and outcome, oldest first. Raises JournalError where the journal was changed."""
        return self._changes.journal()

    # --- the mirror --------------------------------------------------------------------------------------------

    @overload
    def sync(self, uri: str | Path, *, dry_run: Literal[False] = ..., **options: Unpack[SyncOptions]) -> Mirror: ...

    @overload
    def sync(self, uri: str | Path, *, dry_run: Literal[True], **options: Unpack[SyncOptions]) -> Estimate: ...

    @overload
    def sync(self, uri: str | Path, *, dry_run: bool, **options: Unpack[SyncOptions]) -> Mirror | Estimate: ...

    def sync(
        self,
        uri: str | Path,
        *,
        tables: str | Iterable[str] | None = None,
        customers: Customers | None = None,
        max_requests: int | None = None,
        deadline: Deadline | None = None,
        full: bool = False,
        open_every: timedelta = timedelta(days=1),
        full_every: timedelta = timedelta(days=7),
        dry_run: bool = False,
        storage_options: Mapping[str, str] | None = None,
    ) -> Mirror | Estimate:
        """Write the account to `uri` as Delta Lake tables, or bring what is there up to date, and open it.

        `uri` is a local path, `s3://`, `gs://` or `az://` (with `storage_options`). `tables` are customers, invoices,
        invoice_breakdowns, costs, balances, net_balances, contracts, products, rate_cards, credit_types, and what
        those nest (line_items, ledger, ...). None is what the mirror has; for a new one all but `invoice_breakdowns`,
        which cost a request for each 35 days of a customer. Archived customers and balances are included.

        The first sync reads everything; a later one only what may have changed, by the rules of
        `metronome_analytics.mirror.rules`, and everything that was read longer than `full_every` ago; `full=True`
        reads all of it now. `max_requests` and `deadline` (a time, or how long) stop it cleanly: it begins no customer
        that would not fit. However it ends, customers are in the mirror whole or not at all, and the next sync goes on
        there. `dry_run=True` returns an Estimate instead, and writes nothing.

        Raises LoadError when customers could not be read (the others are in the mirror), MirrorLocked while another
        sync is at work, MirrorMismatch for the mirror of another account or environment, MirrorError where it cannot
        be written.
        """
        self.session.check_process()
        from metronome_analytics.mirror.request import read_request  # noqa: PLC0415  # deltalake is an extra
        from metronome_analytics.mirror.syncing import sync_account  # noqa: PLC0415  # as above

        request = read_request(
            tables=tables,
            customers=customers,
            max_requests=max_requests,
            deadline=deadline,
            full=full,
            open_every=open_every,
            full_every=full_every,
        )
        return sync_account(
            self,
            uri,
            request,
            tables_as_held=tables is None,
            dry_run=bool(args.flag("dry_run", dry_run)),
            storage_options=storage_options,
        )

    def estimate(
        self,
        loader: str,
        customers: Customers | None = None,
        *,
        starting_on: Instant | None = None,
        ending_before: Instant | None = None,
        window_size: str = "day",
    ) -> Estimate:
        """How many requests `loader` ("invoices", "balances", ...) takes at least, and how long at the account's pace.

        Sends nothing when `customers` are given; None lists them. A customer counts what it took on average in the
        loads so far, one request if there were none; `invoice_breakdowns` one for each part of its window.
        """
        from metronome_analytics.mirror.estimate import estimate_load  # noqa: PLC0415  # only this needs it

        return estimate_load(
            self, loader, customers, starting_on=starting_on, ending_before=ending_before, window_size=window_size
        )

    def close(self) -> None:
        """Let go of every connection and the background thread; again does nothing."""
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
