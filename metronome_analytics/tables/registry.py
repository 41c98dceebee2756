"""The table that each endpoint fills, by the names in its row of the registry."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics import tables
from metronome_analytics.api.endpoints import ENDPOINTS
from metronome_analytics.tables.columns import select, sources

if TYPE_CHECKING:
    import dataframely as dy

# What a request knows and its answer does not repeat: whose rows they are.
LABELS = (
    "customer_id",
    "contract_id",
    "subscription_id",
    "rate_card_id",
    "schedule_name",
    "billable_metric_id",
    "customer_plan_id",
    "package_id",
    "seat_metric_id",
    "billing_provider_type",
)


@dataclass(frozen=True, slots=True)
class Table:
    """A schema, and the nested lists of the wire rows that become rows of their own, outermost first."""

    schema: type[dy.Schema]
    unnest: tuple[str, ...]

    def shape(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Wire rows as this table."""
        there = rows.columns
        rows = rows.with_columns(
            pl.lit(None, dtype=pl.String).alias(name) for name in _labels(self.schema) if name not in there
        )
        for path in self.unnest:
            parent, _, name = path.rpartition(".")
            column = pl.col(parent).struct.field(name) if parent else pl.col(name)
            rows = rows.with_columns(column.alias(name)).explode(name, empty_as_null=False, keep_nulls=False)
        return select(rows, self.schema)


@cache
def _labels(schema: type[dy.Schema]) -> tuple[str, ...]:
    """Those of LABELS that a column of the table comes from."""
    asked = {path.split(".")[0] for paths in sources(schema).values() for path in paths}
    return tuple(name for name in LABELS if name in asked)


TABLES = {
    endpoint.name: Table(getattr(tables, endpoint.table), endpoint.unnest)
    for endpoint in ENDPOINTS.values()
    if endpoint.table is not None
}
