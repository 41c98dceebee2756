"""Every endpoint we can speak to, on one page."""

from __future__ import annotations

import polars as pl

from metronome_analytics.api.endpoints import ENDPOINTS, Cursor, Endpoint
from metronome_analytics.tables.columns import key_of
from metronome_analytics.tables.loads import Catalogue
from metronome_analytics.tables.registry import TABLES


def catalogue() -> pl.DataFrame:
    """The columns of `tables.Catalogue`, in the order of the registry."""
    return pl.DataFrame(
        [_row(endpoint) for endpoint in ENDPOINTS.values()], schema=Catalogue.create_empty().schema, orient="row"
    )


def _row(endpoint: Endpoint) -> dict[str, object]:
    table = TABLES.get(endpoint.name)
    return {
        "endpoint": str(endpoint),
        "loader": endpoint.loader,
        "effect": endpoint.effect.value,
        "paging": "none" if endpoint.cursor is Cursor.NONE else f"{endpoint.cursor.place} {endpoint.cursor.asked}",
        "page_limit": endpoint.page_limit,
        "table": endpoint.table,
        "key": key_of(table.schema) if table else None,
        "status": endpoint.status.value,
    }
