"""What contracts keep as JSON text is read as tables, exactly; by the vendor's own schemas."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

import metronome_analytics as ma
from metronome_analytics import tables
from metronome_analytics.api.decode import kind
from metronome_analytics.api.wire import contracts as wire
from tests.api.test_wire import declared
from tests.spec import response_fields

FLATTENERS = {
    "thresholds": tables.Thresholds,
    "hierarchies": tables.Hierarchies,
    "usage_filters": tables.UsageFilters,
    "discounts": tables.Discounts,
}


def contracts(**texts: str) -> pl.DataFrame:
    """Two contracts, the second of which has the JSON `texts`."""
    frame = tables.Contracts.create_empty()
    row = {"id": "k", "customer_id": "c", **texts}
    return pl.concat([pl.DataFrame([{"id": "j", "customer_id": "c"}, row]), frame], how="diagonal_relaxed")


THRESHOLD = '{"is_enabled": true, "threshold_amount": 0.1234567891, "commit": {"product_id": "p", "priority": 1}}'
RECHARGE = (
    '{"is_enabled": false, "threshold_amount": 10, "recharge_to_amount": 12345678901234567.25, "custom_credit_type_id":'
    ' "u", "commit": {"product_id": "p", "applicable_product_tags": ["t"]}, "payment_gate_config":'
    ' {"payment_gate_type": "STRIPE", "stripe_config": {"payment_type": "INVOICE"}},'
    ' "discount_configuration": {"payment_fraction": 0.5}}'
)


def test_thresholds_are_exact() -> None:
    """Both kinds, each in its row, amounts to the last digit."""
    frame = ma.thresholds(
        contracts(spend_threshold_configuration=THRESHOLD, prepaid_balance_threshold_configuration=RECHARGE)
    )
    spend, balance = frame.iter_rows(named=True)
    assert (spend["kind"], spend["contract_id"], spend["is_enabled"]) == ("SPEND", "k", True)
    assert spend["threshold_amount"] == Decimal("0.1234567891")
    assert spend["recharge_to_amount"] is None
    assert (balance["kind"], balance["recharge_to_amount"]) == ("PREPAID_BALANCE", Decimal("12345678901234567.25"))
    assert (balance["payment_gate_type"], balance["stripe_payment_type"]) == ("STRIPE", "INVOICE")
    assert (balance["commit_applicable_product_tags"], balance["payment_fraction"]) == (["t"], 0.5)


CHILDREN = (
    '{"children": [{"customer_id": "c1", "contract_id": "k1"}, {"customer_id": "c2", "contract_id": "k2"}],'
    ' "parent_behavior": {"invoice_consolidation_type": "CONCATENATE"}}'
)
FILTERS_V2 = (
    '[{"group_key": "region", "group_values": ["a"], "starting_at": "2026-01-01T00:00:00Z"},'
    ' {"group_key": "region", "group_values": ["a", "b"], "starting_at": "2026-02-01T00:00:00Z"}]'
)
FILTERS_V1 = (
    '{"initial": {"group_key": "region", "group_values": ["a"], "starting_at": "2026-01-01T00:00:00Z"},'
    ' "updates": [{"group_key": "region", "group_values": ["a", "b"], "starting_at": "2026-02-01T00:00:00Z"}],'
    ' "current": {"group_key": "region", "group_values": ["a", "b"], "starting_at": "2026-02-01T00:00:00Z"}}'
)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        (
            CHILDREN,
            [("PARENT", "k1", "c1", "k", "c"), ("PARENT", "k2", "c2", "k", "c")],
        ),
        (
            '{"parent": {"customer_id": "p", "contract_id": "kp"}, "payer": "PARENT"}',
            [("CHILD", "k", "c", "kp", "p")],
        ),
        ('{"children": []}', []),
    ],
)
def test_a_hierarchy_is_a_row_per_pair(text: str, rows: list[Any]) -> None:
    """Whichever of the two contracts says it."""
    frame = ma.hierarchies(contracts(hierarchy_configuration=text))
    names = ("role", "child_contract_id", "child_customer_id", "parent_contract_id", "parent_customer_id")
    assert frame.select(names).rows() == rows


@pytest.mark.parametrize(
    "text",
    [
        FILTERS_V2,
        FILTERS_V1,
    ],
    ids=["v2", "v1"],
)
def test_usage_filters_of_both_versions_are_alike(text: str) -> None:
    """What holds from when on."""
    frame = ma.usage_filters(contracts(usage_filter=text))
    assert frame.select("contract_id", "group_key", "group_values", "starting_at").rows() == [
        ("k", "region", ["a"], datetime(2026, 1, 1, tzinfo=UTC)),
        ("k", "region", ["a", "b"], datetime(2026, 2, 1, tzinfo=UTC)),
    ]


def test_discounts_are_a_row_per_scheduled_amount() -> None:
    """One without a schedule keeps its row, without an amount."""
    text = json.dumps(
        [
            {
                "id": "d",
                "name": "Launch",
                "product": {"id": "p", "name": "P"},
                "schedule": {
                    "credit_type": {"id": "usd", "name": "USD (cents)"},
                    "schedule_items": [{"id": str(n), "amount": 0.1 * n, "timestamp": "2026-01-01"} for n in (1, 3)],
                },
            },
            {"id": "e", "product": {"id": "p", "name": "P"}, "schedule": {}},
        ]
    ).replace("2026-01-01", "2026-01-01T00:00:00Z")
    frame = ma.discounts(contracts(discounts=text))
    assert frame.select("id", "schedule_item_id", "amount", "credit_type_name").rows() == [
        ("d", "1", Decimal("0.1"), "USD (cents)"),
        ("d", "3", Decimal("0.3"), "USD (cents)"),
        ("e", None, None, None),
    ]


@pytest.mark.parametrize("name", FLATTENERS)
@pytest.mark.parametrize("lazy", [False, True])
def test_nothing_gives_the_declared_columns(name: str, lazy: bool) -> None:  # noqa: FBT001  # drawn
    """Of no contracts, and of contracts without such terms; the same kind of frame comes back."""
    for given in (tables.Contracts.create_empty(), contracts()):
        found = getattr(ma, name)(given.lazy() if lazy else given)
        assert isinstance(found, pl.LazyFrame) == lazy
        assert found.lazy().collect().schema == FLATTENERS[name].create_empty().schema
        assert found.lazy().collect().is_empty()


def test_a_field_of_another_type_is_named() -> None:
    """As in an answer of the API."""
    with pytest.raises(ma.MalformedResponse, match="threshold_amount"):
        ma.thresholds(contracts(spend_threshold_configuration='{"threshold_amount": "12"}'))
    with pytest.raises(ma.ArgumentError, match="discounts"):
        ma.discounts(tables.Contracts.create_empty().drop("discounts"))


@pytest.mark.parametrize(
    ("path", "row", "under"),
    [
        ("spend_threshold_configuration", wire.THRESHOLD, ""),
        ("prepaid_balance_threshold_configuration", wire.THRESHOLD, ""),
        ("hierarchy_configuration", wire.HIERARCHY, ""),
        ("usage_filter[]", wire.USAGE_FILTER, "filters[]"),
        ("discounts[]", wire.DISCOUNT, "discounts[]"),
    ],
)
def test_what_is_read_is_what_the_vendor_declares(path: str, row: pl.Struct, under: str) -> None:
    """Each field has the type of the OpenAPI file, but for the free maps and the specifiers that stay in the text."""
    fits = {"text": "string", "number": "number", "flag": "boolean", "list": "array", "object": "object"}
    theirs = {
        field.removeprefix(f"{path}.").removeprefix("."): kinds
        for field, kinds in response_fields("/v2/contracts/list", "POST").items()
        if field.startswith(f"{path}.")
    }
    mine = {field.removeprefix(under).removeprefix("."): dtype for field, dtype in declared(row)}
    left_out = ("specifiers", "precalculated_tax_config", "invoice_metadata")
    assert {field for field in set(theirs) - set(mine) if not any(word in field for word in left_out)} == set()
    wrong = {name: kinds for name, kinds in theirs.items() if name in mine and fits[kind(mine[name])] not in kinds}
    assert {name for name in wrong if not name.endswith("custom_fields")} == set()
