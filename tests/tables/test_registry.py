from __future__ import annotations

from pathlib import Path
from typing import Any

import dataframely as dy
import httpx
import polars as pl
import pytest

import metronome_analytics as ma
from metronome_analytics import loaders, tables
from metronome_analytics.api import wire
from metronome_analytics.api.endpoints import ENDPOINTS, Cursor, Effect, Endpoint
from metronome_analytics.loaders.load import _empty
from metronome_analytics.tables.registry import TABLES
from tests.fakes import account_of, asked

WINDOW = {"starting_on": "2026-10-01", "ending_before": "2026-10-02"}
# How to call each loader about one customer; a loader that is not here takes no arguments.
ARGUMENTS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "customer": (("c",), {}),
    "customer_billable_metrics": (("c",), {}),
    "alerts": (("c",), {}),
    "alert": (("c", "a"), {}),
    "billing_configurations": (("c",), {}),
    "billing_config": (("c", "stripe"), {}),
    "customer_named_schedule": (("s",), {"customer": "c"}),
    "contract_named_schedule": (("s",), {"customer": "c", "contract": "k"}),
    "rate_card_named_schedule": (("s",), {"rate_card": "r"}),
    "preview_events": (("c", [{"event_type": "e"}]), {}),
    "preview_historical_invoices": (([{"customer_id": "c"}],), {}),
    "invoice": (("c", "i"), {}),
    "invoice_breakdowns": (("c",), WINDOW),
    "spend_breakdowns": (("c",), WINDOW),
    "payments": (("c", "i"), {}),
    "costs": (("c",), WINDOW),
    "contract": (("c", "k"), {}),
    "contracts_v1": (("c",), {"version": 1}),
    "contract_v1": (("c", "k"), {"version": 1}),
    "contract_edits": (("c",), {"contract_id": "k"}),
    "rate_schedule": (("c", "k"), {}),
    "rate_card": (("r",), {}),
    "rate_card_schedule": (("r",), {"starting_at": "2026-10-01"}),
    "product": (("p",), {}),
    "package": (("p",), {}),
    "package_contracts": (("p",), {}),
    "billable_metric": (("m",), {}),
    "seat_usage": (("c", "m", "max"), WINDOW),
    "events": (("t",), {}),
    "notification": (("n",), {}),
    "subscription_quantities": (("c", "k", "s"), {}),
    "subscription_seats": (("c", "k", "s"), {}),
    "seat_balances": (("c", "k"), {}),
    "rates": (("r",), {"at": "2026-10-01"}),
    "usage": (("c",), WINDOW),
    "usage_groups": (("c", "m"), WINDOW),
    **{
        name: (("c",), {})
        for name in (
            *("invoices", "commits", "credits", "balances", "net_balances", "contracts", "plans"),
            *("named_schedules", "revenue_system_configurations", "purchased_seats"),
        )
    },
}
# This one lists plans first, with another table's rows; the peer tests read it.
LISTED = sorted(set(TABLES) - {"plan_price_adjustments"})


def call(account: ma.Account, name: str) -> pl.DataFrame:
    """What the loader of the endpoint `name` gives."""
    positional, keywords = ARGUMENTS.get(name, ((), {}))
    frame: pl.DataFrame = getattr(account, str(ENDPOINTS[name].loader))(*positional, **keywords)
    return frame


def test_adjustments_of_customers_without_plans() -> None:
    """Where nobody has a plan there is none to adjust: a table without rows."""
    with account_of(lambda _: httpx.Response(200, json={"data": [], "next_page": None})) as account:
        assert account.plan_price_adjustments(["c", "d"]).schema == tables.PlanPriceAdjustments.create_empty().schema
        assert account.plan_price_adjustments().is_empty()


@pytest.mark.parametrize("name", TABLES)
def test_no_rows_fill_every_table(name: str) -> None:
    """Zero wire rows of any endpoint become its table with every column and dtype."""
    shaped = TABLES[name].shape(_empty(ENDPOINTS[name]))
    assert shaped.height == 0
    assert shaped.schema == TABLES[name].schema.create_empty().schema


@pytest.mark.parametrize("name", [name for name, table in TABLES.items() if table.unnest])
def test_what_nests_nothing_is_no_row(name: str) -> None:
    """Whether the list in which a table's rows are is null or empty."""
    rows = _empty(ENDPOINTS[name]).clear(1)
    none = [pl.lit([], dtype=dtype).alias(each) for each, dtype in rows.schema.items() if dtype == pl.List]
    assert TABLES[name].shape(rows).is_empty()
    assert TABLES[name].shape(rows.with_columns(none)).is_empty()


def test_lists_in_lists_are_rows() -> None:
    """Outermost first: each price of each moment, and no row for a moment without a price."""
    moments: list[Any] = [[{"quantity": 1.0}, {"quantity": 2.0}], [], None, [{"quantity": 3.0}]]
    rows = _empty(ENDPOINTS["subscription_quantities"]).clear(1)
    history = pl.Series("history", [[{"data": data} for data in moments]], dtype=rows.schema["history"])
    shaped = TABLES["subscription_quantities"].shape(rows.with_columns(history))
    assert shaped["quantity"].to_list() == [1, 2, 3]


@pytest.mark.parametrize("name", [name for name in LISTED if ENDPOINTS[name].cursor is not Cursor.NONE])
def test_every_paging_style_is_followed_to_its_end(name: str) -> None:
    """Each list asks for its largest page, carries the cursor where it belongs, and has one receipt for both pages."""
    endpoint = ENDPOINTS[name]
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        cursor: Any = "two" if len(seen) == 1 else None
        for field in reversed(endpoint.cursor.answered):
            cursor = {field: cursor}
        # An endless cursor ends at an empty page, so a row keeps the first page alive.
        rows = [{"id": "x"}] if endpoint.endless and len(seen) == 1 else []
        return httpx.Response(200, json={"data": rows, **cursor})

    with account_of(handler) as account:
        assert call(account, name).schema == TABLES[name].schema.create_empty().schema
        assert account.receipts.select("requests", "pages", "complete").row(0) == (2, 2, True)
    first, second = (dict(r.url.params) if endpoint.cursor.place == "query" else asked(r) for r in seen)
    assert endpoint.cursor.asked not in first
    assert second.pop(endpoint.cursor.asked) == "two"
    assert first == second
    assert str(first.get("limit")) == str(endpoint.page_limit)


@pytest.mark.parametrize("name", LISTED)
def test_a_refusal_of_any_endpoint_is_ours(name: str) -> None:
    """Each loader turns a 404 into NotFoundError that names its endpoint, and leaves an incomplete receipt."""
    with account_of(lambda _: httpx.Response(404, json={"message": "gone"})) as account:
        with pytest.raises(ma.NotFoundError) as raised:
            call(account, name)
        assert str(ENDPOINTS[name]) in str(raised.value)
        assert account.receipts["complete"].to_list() == [False]


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS.values() if e.effect is Effect.READ], ids=lambda e: e.name)
def test_every_read_names_a_table_and_a_loader_that_are_there(endpoint: Endpoint) -> None:
    """What a row says by name is true: a method of Account, and a table of `tables` unless it answers no JSON."""
    assert callable(getattr(ma.Account, str(endpoint.loader)))
    assert (endpoint.table is None) == (endpoint.wire is None)
    assert endpoint.table is None or issubclass(getattr(tables, endpoint.table), dy.Schema)


def test_wire_tables_and_loaders_have_the_same_files() -> None:
    """One thing has one name in all three rooms."""
    rooms = [{path.stem for path in Path(str(room.__file__)).parent.glob("*.py")} for room in (wire, tables, loaders)]
    shared = {"account", "alerts", "balances", "contracts", "costs", "customers", "invoices", "plans", "products"}
    shared |= {"rates", "subscriptions", "usage"}
    machinery = {"__init__", "base", "columns", "flatten", "kinds", "load", "loads", "money", "registry", "terms"}
    # A preview is an invoice that is asked for with events: a loader of its own, with the table of invoices.
    machinery |= {"previews", "vocabulary"}
    assert [room - machinery for room in rooms] == [shared, shared, shared]


BAD: list[Any] = [
    lambda a: a.customer(""),
    lambda a: a.customer(5),
    lambda a: a.billable_metrics(on_current_plan=True),
    lambda a: a.alerts(None, alert_statuses="LOUD"),
    lambda a: a.alert(["c", "d"], "a"),
    lambda a: a.alert(None, "a"),
    lambda a: a.alert("c", "a", seat_filter={"nope": 1}),
    lambda a: a.billing_config("c", ""),
    lambda a: a.named_schedule("s"),
    lambda a: a.named_schedule("s", customer="c", rate_card="r"),
    lambda a: a.named_schedule("s", rate_card="r", contract="k"),
    lambda a: a.named_schedule("s", customer="c", properties={"a": 1}),
    lambda a: a.preview_events("c", [{"timestamp": "2026-10-01"}]),
    lambda a: a.preview_events("c", [{"event_type": "e", "when": 1}]),
    lambda a: a.preview_events("c", "events"),
    lambda a: a.preview_historical_invoices([{"customer_id": "c", "preview": False}]),
    lambda a: a.preview_events("c", [], mode="add"),
    lambda a: a.invoice("c", " i"),
    lambda a: a.invoice_pdf("c", "", "x.pdf"),
    lambda a: a.spend_breakdowns("c", starting_on="2026-10-02", ending_before="2026-10-01"),
    lambda a: a.spend_breakdowns("c", **WINDOW, window_size="hour"),
    lambda a: a.payments("c", "i", statuses=["late"]),
    lambda a: a.contracts("c", version=3),
    lambda a: a.contracts("c", covering_date="2026-10-01", starting_at="2026-10-01"),
    lambda a: a.contract("c", "k", include_ledgers=True, as_of_date="2026-10-01"),
    lambda a: a.contract("c", "k", version=1, as_of_date="2026-10-01"),
    lambda a: a.rate_schedule("c", "k", selectors=[{"product": "p"}]),
    lambda a: a.subscription_seats("c", "k", "s", covering_date="2026-10-01", starting_at="2026-10-01"),
    lambda a: a.seat_balances("c", "k", include_ledgers=True),
    lambda a: a.seat_balances("c", "k", covering_date="2026-10-01", effective_before="2026-10-01"),
    lambda a: a.products(archive_filter="SOME"),
    lambda a: a.rates("r", at=None),
    lambda a: a.usage(**WINDOW, window_size="week"),
    lambda a: a.usage(**WINDOW, billable_metrics=[{"metric": "m"}]),
    lambda a: a.usage_groups("c", "m"),
    lambda a: a.usage_groups("c", "m", **WINDOW, current_period=True),
    lambda a: a.usage_groups("c", "m", starting_on="2026-10-01"),
    lambda a: a.audit_logs(resource_type="customer"),
    lambda a: a.audit_logs(starting_on="2026-10-02", ending_before="2026-10-01"),
    lambda a: a.credit_grants(5),
    lambda a: a.customers(only_archived=True, include_archived=True),
    lambda a: a.customer("Acme Corp"),
    lambda a: a.invoices("c", status="FINALISED"),
    lambda a: a.invoices("c", sort="newest"),
    lambda a: a.invoices("c", month="October"),
    lambda a: a.invoices("c", month="2026-10", starting_on="2026-10-01"),
    lambda a: a.invoices("c", period=("2026-10-02", "2026-10-01")),
    lambda a: a.invoices("c", period="2026-10-02"),
    lambda a: a.costs("c"),
    lambda a: a.dashboard_url("c", "invoicez"),
    lambda a: a.seat_usage("c", "m", "average", **WINDOW),
    lambda a: a.seat_usage("c", "m", "max"),
    lambda a: a.rate_card_schedule("r", starting_at=None),
    lambda a: a.package_contracts("p", starting_at="2026-10-01", covering_date="2026-10-01"),
    lambda a: a.plan_price_adjustments(["c", "d"], customer_plan_id="p"),
    lambda a: a.credit_grant_entries(starting_on="2026-10-02", ending_before="2026-10-01"),
]


@pytest.mark.parametrize("bad", BAD)
def test_bad_input_costs_no_request(bad: Any) -> None:
    """What can be known to be wrong is an ArgumentError before anything is sent."""
    sent: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(500)

    with account_of(handler) as account, pytest.raises(ma.ArgumentError):
        bad(account)
    assert sent == []
