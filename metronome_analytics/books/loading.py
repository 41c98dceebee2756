"""Everything a reconciliation needs of an account, or of its mirror, and when it was read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.arguments import customer_ids
from metronome_analytics.errors import NotFoundError
from metronome_analytics.loaders.balances import net_balance_units
from metronome_analytics.tables import Receipts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from metronome_analytics.arguments import Customers
    from metronome_analytics.loaders import AllLoaders
    from metronome_analytics.mirror.mirror import Mirror


@dataclass(frozen=True)
class Books:
    """Frames of the loaders, whole, and the moment they are of.

    `source` and `environment` name the account, `receipts` gives what the loads brought, and `days_of` the daily
    breakdowns of some customers, or None where there are none to be had.
    """

    customers: pl.DataFrame
    invoices: pl.DataFrame
    balances: pl.DataFrame
    net_balances: pl.DataFrame
    as_of: datetime
    source: str
    environment: str | None
    receipts: Callable[[], pl.DataFrame]
    days_of: Callable[[Sequence[str], datetime, datetime], pl.DataFrame | None]

    @property
    def frames(self) -> dict[str, pl.DataFrame]:
        """Every frame by its name."""
        names = ("customers", "invoices", "balances", "net_balances")
        return {**{name: getattr(self, name) for name in names}, "receipts": self.receipts()}


def account_books(account: AllLoaders, customers: Customers | None = None) -> Books:
    """The books of an account: of every customer, archived ones too, unless told which.

    Archived customers were invoiced while they were active, and the ledger of an archived commit is part of the books.
    Net balances come one credit type a call.
    """
    as_of = account.session.clock.now()
    known = every_customer(account, customer_ids(customers))
    ids = known["id"]
    invoices = account.invoices(ids)
    balances = account.balances(ids, include_archived=True)
    return Books(
        known,
        invoices,
        balances,
        every_net_balance(account, ids, balances),
        as_of,
        repr(account),
        account.session.environment,
        account.session.receipts.frame,
        lambda some, first, last: account.invoice_breakdowns(some, starting_on=first, ending_before=last),
    )


def mirror_books(uri: str | Path) -> Books:
    """The books of a mirror, as of its newest reading; nothing is sent."""
    from metronome_analytics.mirror.mirror import open_mirror  # noqa: PLC0415  # deltalake is an extra

    held = open_mirror(uri)
    newest = held.completeness["newest"].max()
    return Books(
        held.customers().collect(),
        held.invoices().collect(),
        held.balances().collect(),
        held.net_balances().collect(),
        newest if isinstance(newest, datetime) else datetime.now(UTC),
        repr(held),
        held.environment,
        Receipts.create_empty,
        partial(_mirrored_days, held),
    )


def every_customer(account: AllLoaders, ids: Sequence[str] | None) -> pl.DataFrame:
    """The customers asked for, active ones first; one call lists either active or archived customers."""
    found = pl.concat([account.customers(customer_ids=ids, only_archived=archived) for archived in (False, True)])
    for missing in sorted(set(ids or ()) - set(found["id"])):
        raise NotFoundError("The account has no such customer.", endpoint="customers", customer_id=missing)
    return found


def every_net_balance(account: AllLoaders, customers: pl.Series, balances: pl.DataFrame) -> pl.DataFrame:
    """The net balances of `customers` in the credit types of their `balances`, as `net_balance_units` has it."""
    pairs = balances.select("customer_id", "credit_type_id").drop_nulls().unique(maintain_order=True)
    held = {id_: tuple(units) for id_, units in pairs.group_by("customer_id").agg("credit_type_id").iter_rows()}
    asked: dict[str | None, list[str]] = {}
    for id_ in customers:
        for unit in net_balance_units(held.get(id_, ())):
            asked.setdefault(unit, []).append(id_)
    frames = [account.net_balances(ids, credit_type_id=unit) for unit, ids in asked.items()]
    return pl.concat(frames or [account.net_balances([])])


def _mirrored_days(held: Mirror, ids: Sequence[str], first: datetime, last: datetime) -> pl.DataFrame | None:
    if "invoice_breakdowns" not in held.completeness["table"]:
        return None
    begins = pl.col("breakdown_start_timestamp")
    return held.invoice_breakdowns().filter(pl.col("customer_id").is_in(ids), begins >= first, begins < last).collect()
