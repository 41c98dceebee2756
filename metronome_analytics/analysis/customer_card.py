"""A customer on one page: contract, what it holds, what of it is used, and when it runs out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dataframely as dy
import polars as pl

from metronome_analytics.analysis.burn_down import burn_down
from metronome_analytics.analysis.forecast import forecast
from metronome_analytics.analysis.frames import checked, literal, required_instant
from metronome_analytics.analysis.utilisation import utilisation
from metronome_analytics.tables import columns as c

if TYPE_CHECKING:
    from datetime import datetime

    from metronome_analytics.analysis.frames import Given
    from metronome_analytics.arguments import Instant


class CustomerCard(dy.Schema):
    """One row per customer and credit type that it was granted. Key: `customer_id`, `credit_type_id`.

    `contract` names the contracts that run, `contract_ending_before` is when the last of them ends, null where one has
    no end. `net_balance` is as the API says, null where it was not asked for; `granted`, `used` and `remaining` are as
    in `Utilisation`, `ending_before`, the run-out date, its range, amounts at the end and `verdict` as in
    `CustomerForecast`.
    """

    customer_id = c.key()
    customer_name = c.text()
    contract = c.text()
    contract_ending_before = c.instant()
    credit_type_id = c.key()
    credit_type_name = c.text()
    net_balance = c.amount()
    granted = c.amount()
    used = c.amount()
    remaining = c.amount()
    utilisation = c.number()
    ending_before = c.instant()
    burn_per_day = c.amount()
    runs_out_at = c.instant()
    runs_out_at_earliest = c.instant()
    runs_out_at_latest = c.instant()
    unused_at_end = c.amount()
    overage_at_end = c.amount()
    verdict = c.text()


_KEY = ["customer_id", "credit_type_id"]
_USED = ("granted", "used", "remaining", "utilisation")
_AHEAD = (
    *("ending_before", "burn_per_day", "runs_out_at", "runs_out_at_earliest", "runs_out_at_latest"),
    *("unused_at_end", "overage_at_end", "verdict"),
)


def customer_card(
    customers: Given,
    contracts: Given,
    balances: Given,
    net_balances: Given | None,
    *,
    as_of: Instant,
    loaded_at: Instant | None = None,
    invoices: Given | None = None,
    breakdowns: Given | None = None,
) -> pl.DataFrame:
    """The cards of the customers in these frames, as the account's loaders give them: the columns of `CustomerCard`.

    Amounts are in the unit of their credit type. A past `as_of` needs what `burn_down()` says, and no `net_balances`:
    the API has only today's. Raises ArgumentError for other frames, without `as_of`, or for a past one that the frames
    cannot answer for.
    """
    at = required_instant("as_of", as_of)
    held = checked(balances, "balances").collect()
    used = utilisation(held, as_of=at, by="customer", loaded_at=loaded_at, invoices=invoices, breakdowns=breakdowns)
    burn = burn_down(held, as_of=at, loaded_at=loaded_at, invoices=invoices, breakdowns=breakdowns)
    ahead = forecast(burn, as_of=at, by="customer", balances=held)
    names = checked(customers, "customers", "id", "name").select(customer_id="id", customer_name="name").collect()
    card = (
        used.select(*_KEY, "credit_type_name", *_USED)
        .join(ahead.select(*_KEY, *_AHEAD), on=_KEY, how="left", maintain_order="left")
        .join(_net(net_balances), on=_KEY, how="left", maintain_order="left")
        .join(names.unique("customer_id", keep="first"), on="customer_id", how="left", maintain_order="left")
        .join(_running(contracts, at), on="customer_id", how="left", maintain_order="left")
    )
    schema = CustomerCard.create_empty().schema
    return card.select(list(schema)).cast(schema)


def _net(net_balances: Given | None) -> pl.DataFrame:
    """What the API says is left."""
    if net_balances is None:
        schema = CustomerCard.create_empty().schema
        return pl.DataFrame(schema={name: schema[name] for name in (*_KEY, "net_balance")})
    return checked(net_balances, "net_balances", *_KEY, "balance").select(*_KEY, net_balance="balance").collect()


def _running(contracts: Given, at: datetime) -> pl.DataFrame:
    """The contracts of each customer that run at a moment, as one text, and the last end of them."""
    needed = ("id", "customer_id", "name", "starting_at", "ending_before", "archived_at")
    end, now = pl.col("ending_before"), literal(at)
    runs = (pl.col("starting_at") <= now) & (end.is_null() | (now < end)) & pl.col("archived_at").is_null()
    title = pl.coalesce("name", pl.lit("contract ") + pl.col("id").str.head(8))
    last = pl.when(end.is_null().any()).then(None).otherwise(end.max())
    grouped = checked(contracts, "contracts", *needed).filter(runs).group_by("customer_id", maintain_order=True)
    return grouped.agg(
        contract=title.str.join(", "),
        contract_ending_before=last,
    ).collect()
