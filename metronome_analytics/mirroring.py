"""Keeping a mirror, and what a load would take: what `Account.sync` and `Account.estimate` are."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal, Unpack, overload

from metronome_analytics import arguments as args
from metronome_analytics.loaders import AllLoaders

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from metronome_analytics.arguments import Customers, Instant
    from metronome_analytics.mirror.estimate import Estimate
    from metronome_analytics.mirror.mirror import Mirror
    from metronome_analytics.mirror.request import Deadline, SyncOptions


class Mirroring(AllLoaders):
    """The loaders, and what writes what they load to disk."""

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

        >>> mirror = account.sync("mirror", tables=["customers", "balances"])
        >>> mirror.is_complete
        True
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
        loads so far, one request if there were none; `invoice_breakdowns` one for each part of its window. Raises
        ArgumentError for what is no loader, and for `invoice_breakdowns` without a window.

        >>> osprey = account.customers()["id"][0]
        >>> ma.demo(customers=1).estimate("balances", osprey).requests
        1
        """
        from metronome_analytics.mirror.estimate import estimate_load  # noqa: PLC0415  # only this needs it

        return estimate_load(
            self, loader, customers, starting_on=starting_on, ending_before=ending_before, window_size=window_size
        )
