"""Every endpoint we can speak to, on one page."""

from __future__ import annotations

import polars as pl

from metronome_analytics.api.endpoints import ENDPOINTS, Cursor, Effect, Endpoint
from metronome_analytics.tables.columns import key_of
from metronome_analytics.tables.registry import TABLES
from metronome_analytics.tables.schemas import Catalogue


def catalogue() -> pl.DataFrame:
    """The columns of `tables.Catalogue`, in the order of the registry."""
    return pl.DataFrame(
        [_row(endpoint) for endpoint in ENDPOINTS.values()], schema=Catalogue.create_empty().schema, orient="row"
    )


def _row(endpoint: Endpoint) -> dict[str, object]:
    table = TABLES.get(endpoint.name)
    reads = endpoint.effect is Effect.READ
    return {
        "endpoint": str(endpoint),
        "loader": ((table.loader if table else None) or endpoint.name) if reads else None,
        "effect": endpoint.effect.value,
        "paging": "none" if endpoint.cursor is Cursor.NONE else f"{endpoint.cursor.place} {endpoint.cursor.asked}",
        "page_limit": endpoint.page_limit,
        "table": table.schema.__name__ if table else None,
        "key": key_of(table.schema) if table else None,
        "status": endpoint.status.value,
    }
