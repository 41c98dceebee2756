"""Small tables to keep in a mirror, and short ways to write and to see them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.mirror.store import Layout, Replacement, Store

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from metronome_analytics.mirror.store import MirrorWriter, Snapshot

INVOICES = Layout(
    "invoices",
    {
        "id": pl.String(),
        "customer_id": pl.String(),
        "status": pl.String(),
        "total": pl.Decimal(38, 10),
        "issued_at": pl.Datetime("us", "UTC"),
        "custom_fields": pl.Map(pl.String(), pl.String()),
        "line_items": pl.List(pl.Struct({"amount": pl.Decimal(38, 10), "groups": pl.Map(pl.String(), pl.String())})),
    },
    ("id",),
    "customer_id",
)
COSTS = Layout(
    "costs",
    {"customer_id": pl.String(), "day": pl.Datetime("us", "UTC"), "cost": pl.Decimal(38, 10)},
    ("customer_id", "day"),
    "customer_id",
)
PRODUCTS = Layout("products", {"id": pl.String(), "name": pl.String()}, ("id",), None)
LAYOUTS = (INVOICES, COSTS, PRODUCTS)
IDENTITY = {"base_url": "https://api.example", "environment": "test"}
START = datetime(2026, 5, 1, tzinfo=UTC)


class Clock:
    """A clock that somebody else turns."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        """What it shows."""
        return self.now

    def turn(self, **by: float) -> None:
        """Move it on."""
        self.now += timedelta(**by)


def make(uri: str | Path, *, buckets: int = 3, options: Mapping[str, str] | None = None) -> Store:
    """A new mirror."""
    return Store.create(uri, LAYOUTS, identity=IDENTITY, buckets=buckets, storage_options=options)


def invoice(id_: str, customer: str, total: str = "1.5", **other: object) -> dict[str, object]:
    """One invoice, nested as the loaders nest it."""
    return {
        "id": id_,
        "customer_id": customer,
        "status": "DRAFT",
        "total": Decimal(total),
        "issued_at": START,
        "custom_fields": {"region": "eu", "tier": id_},
        "line_items": [{"amount": Decimal(total), "groups": {"model": "large"}}, {"amount": None, "groups": None}],
        **other,
    }


def invoices(*rows: dict[str, object]) -> pl.DataFrame:
    """`rows` as a loader returns them."""
    return pl.DataFrame(rows, schema=INVOICES.schema)


def bucket(store: Store, customer: str) -> int:
    """Where the rows of one customer are."""
    return int(store.bucket_of(pl.Series([customer])).item())


def told(table: str, customers: Iterable[str | None], status: str = "complete") -> pl.DataFrame:
    """What a sync says of the customers that it read."""
    ids = list(customers)
    return pl.DataFrame(
        {"table": [table] * len(ids), "customer_id": ids, "status": [status] * len(ids)},
        schema={"table": pl.String, "customer_id": pl.String, "status": pl.String},
    )


def put(
    store: Store, writer: MirrorWriter, rows: pl.DataFrame, customers: Iterable[str], keep: pl.Expr | None = None
) -> int:
    """Let `rows` be all the invoices of `customers`, besides those to `keep`."""
    customers = list(customers)
    changes: dict[int, Replacement] = {}
    for customer in customers:
        where = bucket(store, customer)
        own = rows.filter(pl.col("customer_id") == customer)
        if own.height:
            writer.write("invoices", where, own)
        changes.setdefault(where, Replacement([], keep)).customers.append(customer)  # type: ignore[attr-defined]  # our list
    return writer.commit({"invoices": changes}, told("invoices", customers))


def held(snapshot: Snapshot) -> pl.DataFrame:
    """The invoices that a reader sees, in the order of their ids."""
    return snapshot.scan("invoices").sort("id").collect(engine="streaming")
