"""Costs by day of customers on Plans. Not in the OpenAPI file: the Plans reference and the official client do."""

from __future__ import annotations

import polars as pl

from metronome_analytics.api.wire.kinds import AMOUNT, INSTANT, TEXT

COST_LINE = pl.Struct({"name": TEXT, "cost": AMOUNT, "group_key": TEXT, "group_value": TEXT})

# Not in the OpenAPI file: the Plans reference and the official client declare it.
COST = pl.Struct(
    {
        "start_timestamp": INSTANT,
        "end_timestamp": INSTANT,
        "credit_types": pl.Map(
            TEXT, pl.Struct({"name": TEXT, "cost": AMOUNT, "line_item_breakdown": pl.List(COST_LINE)})
        ),
    }
)
