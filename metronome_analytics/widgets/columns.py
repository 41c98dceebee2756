"""Which columns of a frame are shown unless others are asked for, and in which order: what a person looks for first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.arguments import frame_with

if TYPE_CHECKING:
    from collections.abc import Mapping

WHO = ("customer", "customer_name", "customer_id")
"""Whose row it is: the first of these that there is."""
_KNOWN: Mapping[frozenset[str], tuple[str, ...]] = {
    frozenset({"line_item_index", "total"}): (
        *("invoice_id", "name", "type", "quantity", "unit_price", "total", "starting_at", "ending_before"),
    ),
    frozenset({"issued_at", "status", "total"}): (
        *("issued_at", "status", "type", "total", "start_timestamp", "end_timestamp", "id"),
    ),
    frozenset({"step", "remaining", "pending"}): (
        *("balance_name", "timestamp", "event", "change", "remaining", "pending", "reason"),
    ),
    frozenset({"entry_index", "amount", "timestamp"}): (
        *("timestamp", "type", "amount", "reason", "balance_id", "invoice_id"),
    ),
    frozenset({"access_schedule", "balance", "priority"}): (
        *("name", "type", "balance", "priority", "product_name", "created_at", "archived_at", "id"),
    ),
    frozenset({"segment_id", "amount", "starting_at"}): (
        *("balance_id", "amount", "starting_at", "ending_before", "segment_id"),
    ),
    frozenset({"granted", "utilisation", "at_risk"}): (
        *("balance_name", "product_name", "granted", "used", "remaining", "utilisation", "at_risk"),
        *("ending_before", "days_left"),
    ),
    frozenset({"runs_out_at", "burn_per_day"}): (
        *("balance_name", "remaining", "burn_per_day", "runs_out_at", "runs_out_at_earliest", "runs_out_at_latest"),
        *("unused_at_end", "overage_at_end", "ending_before", "verdict"),
    ),
    frozenset({"ingest_aliases", "external_id", "name"}): (
        *("name", "external_id", "ingest_aliases", "salesforce_account_id", "created_at", "archived_at", "id"),
    ),
    frozenset({"load_id", "requests"}): (
        *("endpoint", "customers", "requests", "pages", "rows", "seconds", "complete", "started_at"),
    ),
}
"""By the columns that tell a table, those to show after whose row it is."""
_UNIT = ("credit_type_id", "credit_type_name")


def usual_columns(schema: pl.Schema) -> list[str]:
    """The columns to show of a frame with `schema`: of a table of ours the usual ones, of any other all.

    What an amount already says, its unit, is left out; ids stand at the end.
    """
    who = [name for name in WHO if name in schema][:1]
    for told_by, columns in _KNOWN.items():
        if told_by <= schema.keys():
            return [*who, *(name for name in columns if name in schema)]
    money = any(isinstance(dtype, pl.Decimal) for dtype in schema.values())
    rest = [name for name in schema if name not in WHO and not (money and name in _UNIT)]
    return [*who, *sorted(rest, key=is_id)] or list(schema)


def is_id(name: str) -> bool:
    """Whether a column holds ids, by its name."""
    return name == "id" or name.endswith("_id")


def with_names(frame: pl.DataFrame, customers: pl.DataFrame | pl.LazyFrame | None) -> pl.DataFrame:
    """`frame` with `customer`, the name from `account.customers()`, where that is given; rows stay as they are."""
    if customers is None:
        return frame
    frame_with(frame, "frame", "customer_id", source="a loader")
    frame_with(customers, "customers", "id", "name")
    names = customers.lazy().select(customer_id="id", customer="name").unique("customer_id", keep="first").collect()
    return frame.drop("customer", strict=False).join(names, on="customer_id", how="left", maintain_order="left")
