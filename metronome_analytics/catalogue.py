"""Every endpoint we can speak to, on one page."""

from __future__ import annotations

from html import escape
from itertools import zip_longest
from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.api.endpoints import ENDPOINTS, Cursor, Endpoint
from metronome_analytics.tables.columns import key_of
from metronome_analytics.tables.loads import Catalogue
from metronome_analytics.tables.registry import TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping

GIVES: Mapping[str, str] = {
    "customers": "who they are",
    "billing_configurations": "how they are billed",
    "revenue_system_configurations": "where revenue goes",
    "dashboard_url": "a customer's page to embed",
    "invoices": "bills, their lines nested",
    "invoice_pdf": "one bill as a file",
    "invoice_breakdowns": "bills by day or hour",
    "spend_breakdowns": "spend before commits",
    "preview_historical_invoices": "what they would be",
    "preview_events": "what events would cost",
    "payments": "what was paid of a bill",
    "costs": "pending cost by day (Plans)",
    "commits": "prepaid and postpaid",
    "credits": "what was granted for free",
    "balances": "commits and credits at once",
    "net_balances": "what is left, as one sum",
    "contracts": "what was agreed",
    "contract_edits": "what was changed, and when",
    "named_schedules": "named values over time",
    "subscription_quantities": "how many, over time",
    "subscription_seats": "who has a seat, over time",
    "seat_balances": "what is left by seat",
    "rate_cards": "price lists",
    "rates": "prices at one moment",
    "rate_card_schedule": "prices over time",
    "rate_schedule": "a contract's prices",
    "products": "what is sold",
    "packages": "contracts ready made",
    "package_contracts": "contracts made of one",
    "billable_metrics": "what is counted, and how",
    "usage": "quantities by metric",
    "usage_groups": "the same, by group",
    "seat_usage": "the same, by seat",
    "purchased_seats": "how many were bought",
    "events": "usage events as sent",
    "alerts": "thresholds, by customer",
    "notifications": "notices you have set up",
    "system_notifications": "notices there are anyway",
    "credit_types": "currencies and units",
    "custom_field_keys": "custom fields there are",
    "configured_billing_providers": "ways to send bills",
    "services": "Metronome's own addresses",
    "audit_logs": "who did what, and when",
    "plans": "plans of customers (Plans)",
    "plan_price_adjustments": "their prices (Plans)",
    "credit_grants": "granted credit (Plans)",
    "credit_grant_entries": "their ledger (Plans)",
    "billing_config": "how one is billed (Plans)",
}
"""What each loader gives, in a few words; one that is named in the singular gives one row of the other."""

_NEXT = (
    "account.invoices() and so on, (s) also one by its id; of several: daily_costs(), customer_card(id).",
    "help(account.invoices) says more, ma.show(account.catalogue()) all, ma.changes.catalogue() changes.",
)
_WIDTH = 49
"""Characters of one of two columns of text."""


class _Page(pl.DataFrame):
    """The catalogue; on a screen, its loaders in words."""

    def _entries(self) -> list[tuple[str, str]]:
        loaders = dict.fromkeys(self["loader"].drop_nulls())
        plural = {name: f"{name[:-1]}(s)" for name in loaders if name.endswith("s") and name[:-1] in loaders}
        return [(plural.get(name, name), GIVES[name]) for name in loaders if name in GIVES]

    def __str__(self) -> str:
        if "loader" not in self.columns:
            return super().__str__()
        lines = [f"{name + ': ':<22}{words}" for name, words in self._entries()]
        half = (len(lines) + 1) // 2
        sides = zip_longest(lines[:half], lines[half:], fillvalue="")
        return "\n".join([*(f"{left:<{_WIDTH}} {right}".rstrip() for left, right in sides), *_NEXT])

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self, *, _from_series: bool = False) -> str:
        if "loader" not in self.columns:
            return str(super()._repr_html_(_from_series=_from_series))
        entries = "".join(
            f'<div style="white-space:nowrap"><code>{escape(name)}</code> {escape(words)}</div>'
            for name, words in self._entries()
        )
        rest = escape(" ".join(_NEXT))
        return f'<div style="columns:330px 3;line-height:1.6">{entries}</div><p>{rest}</p>'


def catalogue() -> pl.DataFrame:
    """The columns of `tables.Catalogue`, in the order of the registry; it shows itself as the loaders in words."""
    return _Page(
        [_row(endpoint) for endpoint in ENDPOINTS.values()], schema=Catalogue.create_empty().schema, orient="row"
    )


def _row(endpoint: Endpoint) -> dict[str, object]:
    table = TABLES.get(endpoint.name)
    return {
        "endpoint": str(endpoint),
        "loader": endpoint.loader,
        "gives": _gives(endpoint.loader),
        "effect": endpoint.effect.value,
        "paging": "none" if endpoint.cursor is Cursor.NONE else f"{endpoint.cursor.place} {endpoint.cursor.asked}",
        "page_limit": endpoint.page_limit,
        "table": endpoint.table,
        "key": key_of(table.schema) if table else None,
        "status": endpoint.status.value,
    }


def _gives(loader: str | None) -> str | None:
    if loader is None or loader in GIVES:
        return None if loader is None else GIVES[loader]
    return f"one of {loader}s"
