"""What users hold: table schemas, the selection from wire rows, the flatteners."""

from metronome_analytics.tables.columns import select
from metronome_analytics.tables.flatten import cost_lines, ledger, line_items, segments
from metronome_analytics.tables.schemas import (
    Balances,
    BreakdownLineItems,
    CostLines,
    Costs,
    Customers,
    Drift,
    Failures,
    InvoiceBreakdowns,
    Invoices,
    Ledger,
    LineItems,
    NetBalances,
    Receipts,
    Segments,
)

__all__ = [
    "Balances",
    "BreakdownLineItems",
    "CostLines",
    "Costs",
    "Customers",
    "Drift",
    "Failures",
    "InvoiceBreakdowns",
    "Invoices",
    "Ledger",
    "LineItems",
    "NetBalances",
    "Receipts",
    "Segments",
    "cost_lines",
    "ledger",
    "line_items",
    "segments",
    "select",
]
