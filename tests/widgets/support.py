"""Customers to search, few and many."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

FIELDS = pl.Map(pl.String, pl.String)
INSTANT = pl.Datetime("us", "UTC")
SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "id": pl.String,
    "name": pl.String,
    "external_id": pl.String,
    "ingest_aliases": pl.List(pl.String),
    "salesforce_account_id": pl.String,
    "custom_fields": FIELDS,
    "archived_at": INSTANT,
}


def a_few() -> pl.DataFrame:
    """Six customers, each found by something else."""
    left = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [
        ("c-1", "Old Acme Holding", None, ["acme-old"], None, {}, left),
        ("c-2", "Bacmeister & Söhne", "ext-2", [], None, {}, None),
        ("c-3", "The Acme Company", "ext-3", None, "0015000001", {}, None),
        ("c-4", "Acme Café Straße", "ext-4", ["cafe@eu"], None, {"tier": "gold"}, None),
        ("c-5", "Zürich Labs", "acme", ["lab-5", "lab-five"], None, {"owner": "Łukasz"}, None),
        ("c-6", None, None, None, None, None, None),
    ]
    fields = pl.Series("custom_fields", [row[5] for row in rows], dtype=FIELDS)
    return pl.DataFrame(rows, schema=SCHEMA, orient="row").with_columns(fields)  # rows make nulls of maps


def many(count: int = 50_000) -> pl.DataFrame:
    """`count` customers with every field a search looks at."""
    number = pl.int_range(count)
    words = pl.Series(["Acme", "Café", "Nordwind", "Osprey", "Zürich"])
    return pl.select(
        id=pl.format("{}-9a4e-4c0e-b6b4-000000000000", number.cast(pl.String).str.zfill(8)),
        name=pl.format("{} Company {}", pl.lit(words).gather(number % len(words)), number),
        external_id=pl.format("ext-{}", number),
        ingest_aliases=pl.concat_list(pl.format("ext-{}", number), pl.format("team@{}", number)),
        salesforce_account_id=pl.format("0015{}", number),
    ).with_columns(
        pl.Series("custom_fields", [{"tier": f"t{n % 7}"} for n in range(count)], dtype=FIELDS),
        pl.lit(None, INSTANT).alias("archived_at"),
    )
