from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import dataframely as dy
import httpx
import polars as pl
import pytest

import metronome_analytics as ma
from metronome_analytics import tables
from metronome_analytics.tables.columns import key_of
from tests.fakes import account_of
from tests.spec import examples

WINDOW = {"starting_on": "2020-01-01", "ending_before": "2020-01-08"}
PER_CUSTOMER = "/v1/customers/{customer_id}"
LOADERS: dict[str, tuple[str, str, type[dy.Schema], dict[str, Any]]] = {
    "customers": ("/v1/customers", "get", tables.Customers, {}),
    "invoices": (f"{PER_CUSTOMER}/invoices", "get", tables.Invoices, {"customers": "c"}),
    "invoice_breakdowns": (
        f"{PER_CUSTOMER}/invoices/breakdowns",
        "get",
        tables.InvoiceBreakdowns,
        {"customers": "c", **WINDOW},
    ),
    "costs": (f"{PER_CUSTOMER}/costs", "get", tables.Costs, {"customers": "c", **WINDOW}),
    "commits": ("/v1/contracts/customerCommits/list", "post", tables.Balances, {"customers": "c"}),
    "credits": ("/v1/contracts/customerCredits/list", "post", tables.Balances, {"customers": "c"}),
    "balances": ("/v1/contracts/customerBalances/list", "post", tables.Balances, {"customers": "c"}),
    "net_balances": ("/v1/contracts/customerBalances/getNetBalance", "post", tables.NetBalances, {"customers": "c"}),
}


def load(loader: str, payload: object) -> pl.DataFrame:
    """What `loader` makes of one answer."""
    arguments = LOADERS[loader][3]
    with account_of(lambda _: httpx.Response(200, json=payload)) as account:
        frame: pl.DataFrame = getattr(account, loader)(**arguments)
        return frame


@pytest.mark.parametrize("loader", [name for name in LOADERS if name not in {"costs", "invoice_breakdowns"}])
def test_the_vendors_own_examples_load(loader: str) -> None:
    """Every row of the vendor's example answers becomes a row, amounts equal to the JSON text."""
    path, method, table, _ = LOADERS[loader]
    for payload in examples(path, method).values():
        frame = load(loader, payload)
        rows = payload["data"] if isinstance(payload["data"], list) else [payload["data"]]
        assert frame.height == len(rows) > 0
        table.validate(frame)
        for amount in {"total", "balance"} & set(frame.columns):
            assert frame[amount].to_list() == [None if r.get(amount) is None else Decimal(str(r[amount])) for r in rows]


def test_the_vendors_breakdowns_load() -> None:
    """The vendor's two days of one invoice become two rows, and their lines keep the day apart."""
    path, method, table, _ = LOADERS["invoice_breakdowns"]
    (payload,) = examples(path, method).values()
    days = [row["breakdown_start_timestamp"] for row in payload["data"]]
    with account_of(lambda _: httpx.Response(200, json=payload)) as account:
        frame = account.invoice_breakdowns("c", starting_on=min(days), ending_before=max(d[:8] + "28" for d in days))
    assert frame.height == 2
    table.validate(frame)
    lines = ma.line_items(frame)
    assert lines.height == sum(len(row["line_items"]) for row in payload["data"])
    tables.BreakdownLineItems.validate(lines)


@pytest.mark.parametrize("loader", ["balances", "commits", "credits"])
def test_the_vendors_ledgers_flatten(loader: str) -> None:
    """Ledger entries and access segments of the vendor's examples become rows with exact, signed amounts."""
    path, method, _, _ = LOADERS[loader]
    (payload,) = examples(path, method).values()
    frame = load(loader, payload)
    entries = [entry for row in payload["data"] for entry in row.get("ledger", [])]
    items = [item for row in payload["data"] for item in row["access_schedule"]["schedule_items"]]
    ledger, segments = ma.ledger(frame), ma.segments(frame)
    assert ledger["amount"].to_list() == [Decimal(str(entry["amount"])) for entry in entries]
    assert ledger["type"].to_list() == [entry["type"] for entry in entries]
    assert segments["segment_id"].to_list() == [item["id"] for item in items]
    assert set(ledger["credit_type_name"]) == set(frame["credit_type_name"])
    tables.Ledger.validate(ledger)
    tables.Segments.validate(segments)


@pytest.mark.parametrize("loader", LOADERS)
def test_no_rows_give_the_declared_columns(loader: str) -> None:
    """A load without rows has every column with its dtype, the same as one with rows."""
    table = LOADERS[loader][2]
    payload = {"data": {"balance": 1, "credit_type_id": "u"} if loader == "net_balances" else []}
    assert load(loader, payload).schema == table.create_empty().schema


FLATTENERS = [
    (ma.line_items, tables.Invoices, tables.LineItems),
    (ma.line_items, tables.InvoiceBreakdowns, tables.BreakdownLineItems),
    (ma.ledger, tables.Balances, tables.Ledger),
    (ma.segments, tables.Balances, tables.Segments),
    (ma.cost_lines, tables.Costs, tables.CostLines),
    (ma.recurring_balances, tables.Contracts, tables.RecurringBalances),
    (ma.contract_commits, tables.Contracts, tables.ContractBalances),
    (ma.contract_credits, tables.Contracts, tables.ContractBalances),
    (ma.overrides, tables.Contracts, tables.Overrides),
    (ma.scheduled_charges, tables.Contracts, tables.ScheduledCharges),
    (ma.subscriptions, tables.Contracts, tables.Subscriptions),
]


@pytest.mark.parametrize(("flatten", "source", "table"), FLATTENERS)
def test_flatteners_keep_their_columns_when_empty(
    flatten: Any, source: type[dy.Schema], table: type[dy.Schema]
) -> None:
    """An empty frame flattens to the declared columns, lazily too."""
    empty = source.create_empty()
    assert flatten(empty).schema == table.create_empty().schema
    assert flatten(empty.lazy()).collect().schema == table.create_empty().schema


@pytest.mark.parametrize(("flatten", "source", "table"), FLATTENERS)
def test_null_and_empty_lists_are_no_rows(flatten: Any, source: type[dy.Schema], table: type[dy.Schema]) -> None:
    """A row that nests nothing gives none, whether its list is null or empty, and the same kind of frame comes back."""
    null = source.create_empty().clear(1)
    empty = null.with_columns(
        pl.lit([], dtype=dtype).alias(name) for name, dtype in null.schema.items() if dtype == pl.List
    )
    for frame in (null, empty):
        assert flatten(frame).equals(table.create_empty())
        assert flatten(frame.lazy()).collect().equals(table.create_empty())


@pytest.mark.parametrize(("flatten", "source", "table"), FLATTENERS)
def test_flatteners_refuse_other_frames(flatten: Any, source: type[dy.Schema], table: type[dy.Schema]) -> None:
    """A frame without the nested column, or no frame at all, is an error that names the argument."""
    with pytest.raises(ma.ArgumentError, match="has no column"):
        flatten(pl.DataFrame({"a": [1]}))
    with pytest.raises(ma.ArgumentError, match="must be a polars"):
        flatten([1])


def test_lazy_and_eager_flattening_agree() -> None:
    """A LazyFrame gives what the DataFrame gives."""
    (payload,) = examples(*LOADERS["balances"][:2]).values()
    frame = load("balances", payload)
    assert ma.ledger(frame.lazy()).collect().equals(ma.ledger(frame))
    assert ma.segments(frame.lazy()).collect().equals(ma.segments(frame))


def test_costs_have_a_row_per_day_and_credit_type() -> None:
    """A day with two credit types is two rows, its lines stay with theirs, a day without any is none."""
    day = {"start_timestamp": "2020-01-01T00:00:00Z", "end_timestamp": "2020-01-02T00:00:00Z"}
    usd = {
        "name": "USD (cents)",
        "cost": 0.8,
        "line_item_breakdown": [{"name": "api", "cost": 0.8, "group_key": "k", "group_value": None}],
    }
    cpu = {"name": "AI Credits", "cost": 3}
    frame = load("costs", {"data": [{**day, "credit_types": {"u": usd, "v": cpu}}, {**day, "credit_types": {}}]})
    assert frame.select("customer_id", "credit_type_id", "cost").rows() == [
        ("c", "u", Decimal("0.8")),
        ("c", "v", Decimal(3)),
    ]
    lines = ma.cost_lines(frame)
    assert lines.select("credit_type_id", "line_index", "name", "cost").rows() == [("u", 0, "api", Decimal("0.8"))]
    tables.CostLines.validate(lines)


def test_a_credit_shows_its_origin_as_a_commit_does() -> None:
    """rolled_over_from and the recurring id of a credit stand in the columns of the Data Export."""
    row = {
        "id": "b",
        "type": "CREDIT",
        "rolled_over_from": {"credit_id": "old", "contract_id": "k"},
        "recurring_credit_id": "r",
    }
    frame = load("balances", {"data": [row]})
    assert frame.select("rolled_over_from_commit_id", "rolled_over_from_contract_id", "recurring_commit_id").row(0) == (
        "old",
        "k",
        "r",
    )


def test_free_form_fields_of_an_invoice_stay_text() -> None:
    """Invoice.custom_fields is a free object: numbers and nested values come as their JSON text."""
    row = {"id": "i", "custom_fields": {"n": 1.5, "deep": {"a": [1]}, "t": "text", "none": None}}
    held = load("invoices", {"data": [row]})["custom_fields"].cast(
        pl.List(pl.Struct({"key": pl.String, "value": pl.String}))
    )
    values = {entry["key"]: entry["value"] for entry in held[0]}
    assert values == {"n": "1.5", "deep": json.dumps({"a": [1]}), "t": "text", "none": None}


def test_recurring_commits_come_before_recurring_credits() -> None:
    """Each says which it is."""
    contracts = tables.Contracts.create_empty().clear(1)
    lists = {"recurring_credits": "rcr", "recurring_commits": "rco"}
    filled = [pl.Series(name, [[{"id": id_}]], dtype=contracts.schema[name]) for name, id_ in lists.items()]
    rows = ma.recurring_balances(contracts.with_columns(filled)).select("type", "id").rows()
    assert rows == [("COMMIT", "rco"), ("CREDIT", "rcr")]


def test_what_is_exported_is_schemas_and_functions() -> None:
    """No module and nothing of ours alone."""
    assert {"Invoices", "line_items", "major_units", "select"} <= set(tables.__all__)
    for name in tables.__all__:
        value = getattr(tables, name)
        assert callable(value), name
        assert not name.startswith("_")


SCHEMAS = sorted(name for name in tables.__all__ if issubclass(type(getattr(tables, name)), type(dy.Schema)))


def test_every_table_documents_its_key() -> None:
    """Each schema's docstring names the columns of its key and no others, those that may be null among them."""
    assert key_of(tables.DailyCosts) == [
        *("customer_id", "date", "credit_type_id", "product_id", "product_name", "source", "pending")
    ]
    assert len(SCHEMAS) > 50
    for name in SCHEMAS:
        table = getattr(tables, name)
        said = re.search(r"Key: (.+?)(?:\.\s|\.$)", str(vars(table)["__doc__"]), re.DOTALL)
        assert said, name
        assert set(re.findall(r"`(\w+)`", said[1])) == set(key_of(table)), name


def test_what_is_no_primary_key_may_be_null() -> None:
    """The API leaves out what it likes; only a receipt's counts are always there."""
    counts = {name for name, column in tables.Receipts.columns().items() if column.dtype.is_integer()}
    for name in SCHEMAS:
        for column, declared in getattr(tables, name).columns().items():
            always = declared.primary_key or (name == "Receipts" and column in counts)
            assert declared.nullable is not always, (name, column)
