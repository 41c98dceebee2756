"""The registry: one row per endpoint we can speak to.

The HTTP verb is no guide to the effect (many reads are POST), so each row says READ or WRITE itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from metronome_analytics.api import wire

if TYPE_CHECKING:
    import polars as pl


class Effect(Enum):
    """What a call does to the account."""

    READ = "read"
    WRITE = "write"


class Cursor(Enum):
    """Where an endpoint takes its page cursor and limit; the answer gives the next one as `next_page`."""

    NONE = "none"
    QUERY = "query"
    BODY = "body"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint: how it is called, what it does, how it pages, what it answers."""

    name: str
    method: str
    path: str
    effect: Effect
    cursor: Cursor
    page_limit: int | None  # the largest page the API documents; None where it takes no limit
    wire: pl.Struct | None  # a row of `data`, or the single object; None for an empty answer

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def is_list(self) -> bool:
        """Whether `data` is a list of rows rather than one object."""
        return self.cursor is not Cursor.NONE


def _registry(*endpoints: Endpoint) -> dict[str, Endpoint]:
    return {endpoint.name: endpoint for endpoint in endpoints}


# One line a row, so that it reads as the table it is.
# fmt: off
# ruff: noqa: E501
ENDPOINTS = _registry(
    Endpoint("customers", "GET", "/v1/customers", Effect.READ, Cursor.QUERY, 100, wire.CUSTOMER),
    Endpoint("invoices", "GET", "/v1/customers/{customer_id}/invoices", Effect.READ, Cursor.QUERY, 100, wire.INVOICE),
    Endpoint("invoice_breakdowns", "GET", "/v1/customers/{customer_id}/invoices/breakdowns", Effect.READ, Cursor.QUERY, 100, wire.INVOICE_BREAKDOWN),
    Endpoint("costs", "GET", "/v1/customers/{customer_id}/costs", Effect.READ, Cursor.QUERY, 100, wire.COST),
    Endpoint("commits", "POST", "/v1/contracts/customerCommits/list", Effect.READ, Cursor.BODY, 25, wire.BALANCE),
    Endpoint("credits", "POST", "/v1/contracts/customerCredits/list", Effect.READ, Cursor.BODY, 25, wire.BALANCE),
    Endpoint("balances", "POST", "/v1/contracts/customerBalances/list", Effect.READ, Cursor.BODY, 25, wire.BALANCE),
    Endpoint("net_balances", "POST", "/v1/contracts/customerBalances/getNetBalance", Effect.READ, Cursor.NONE, None, wire.NET_BALANCE),
    Endpoint("add_manual_balance_entry", "POST", "/v1/contracts/addManualBalanceLedgerEntry", Effect.WRITE, Cursor.NONE, None, None),
)
# fmt: on
