from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metronome_analytics.api.decode import Undecodable, decode, reading, undeclared_fields
from metronome_analytics.api.endpoints import ENDPOINTS
from metronome_analytics.errors import MalformedResponse
from metronome_analytics.tables import CostLines, Costs, Invoices, LineItems, cost_lines, line_items, select

INVOICES = ENDPOINTS["invoices"]


def body(*rows: object) -> bytes:
    """One page of rows."""
    return json.dumps({"data": list(rows), "next_page": None}).encode()


def invoice(**fields: object) -> dict[str, object]:
    """A small invoice with `fields`."""
    return {"id": "i", "total": 1, **fields}


# Up to 15 significant digits, at most ten of them after the point: what a double carries exactly.
AMOUNTS = st.builds(
    lambda digits, scale: Decimal(digits).scaleb(-scale),
    st.integers(-(10**15) + 1, 10**15 - 1),
    st.integers(0, 10),
)


@given(st.lists(AMOUNTS, min_size=1, max_size=50))
def test_amounts_equal_the_text_of_the_json_number(amounts: list[Decimal]) -> None:
    """A random decimal of up to 15 digits arrives exactly, on its own and nested."""
    rows = [f'{{"id": "i", "total": {a:f}, "line_items": [{{"name": "l", "total": {a:f}}}]}}' for a in amounts]
    page = decode(f'{{"data": [{",".join(rows)}]}}'.encode(), INVOICES)
    assert page.rows["total"].to_list() == amounts
    assert line_items(select(page.rows, Invoices))["total"].to_list() == amounts


@given(st.lists(AMOUNTS, max_size=50))
def test_sums_are_exact(amounts: list[Decimal]) -> None:
    """A sum in polars is the sum of the JSON numbers, to the last digit."""
    page = decode(body(*[invoice(total=float(a)) for a in amounts]), INVOICES)
    assert (page.rows["total"].sum() or Decimal(0)) == sum(amounts)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1e-7", "0.0000001"),
        ("1.5E3", "1500"),
        ("-0.0", "0"),
        ("0.1", "0.1"),
        ("123456789012345", "123456789012345"),
        ("0.00000000015", "0.0000000002"),
        ("0.00000000025", "0.0000000002"),
        ("0.30000000000000004", "0.3"),
    ],
)
def test_amounts_in_any_notation(text: str, amount: str) -> None:
    """Exponents are read exactly; past the tenth decimal a number is rounded half to even."""
    assert decode(f'{{"data": [{{"total": {text}}}]}}'.encode(), INVOICES).rows["total"][0] == Decimal(amount)


@pytest.mark.parametrize(
    ("fields", "where", "expected"),
    [
        ({"total": "5"}, "data[0].total", "a number"),
        ({"total": True}, "data[0].total", "a number"),
        ({"total": [5]}, "data[0].total", "a number"),
        ({"id": 5}, "data[0].id", "text"),
        ({"status": False}, "data[0].status", "text"),
        ({"credit_type": "USD"}, "data[0].credit_type", "an object"),
        ({"line_items": "none"}, "data[0].line_items", "a list"),
        ({"line_items": {}}, "data[0].line_items", "a list"),
        ({"line_items": [{"total": "1"}]}, "data[0].line_items[0].total", "a number"),
        ({"line_items": [{"name": 7}]}, "data[0].line_items[0].name", "text"),
        ({"line_items": [{"product_tags": "a"}]}, "data[0].line_items[0].product_tags", "a list"),
        ({"line_items": [{"product_tags": ['a, "b', 5]}]}, "data[0].line_items[0].product_tags[1]", "text"),
        ({"start_timestamp": "yesterday"}, "data[0].start_timestamp", "an RFC 3339 timestamp"),
        ({"start_timestamp": "2026-10-01T00:00:00"}, "data[0].start_timestamp", "an RFC 3339 timestamp"),
        ({"start_timestamp": 1790000000}, "data[0].start_timestamp", "text"),
        ({"custom_fields": ["a"]}, "data[0].custom_fields", "an object"),
    ],
)
def test_a_field_of_the_wrong_type_is_named(fields: dict[str, object], where: str, expected: str) -> None:
    """A value of another JSON type is an error with its path, never a conversion and never a null."""
    with pytest.raises(MalformedResponse) as raised:
        decode(body(invoice(**fields)), INVOICES)
    assert f"{where}: expected {expected}" in str(raised.value)


@pytest.mark.parametrize(
    "text", ["", "<html>Bad gateway</html>", '{"data": [{"id"', '{"data": [{"total": NaN}]}', "\xff"]
)
def test_what_is_no_json_is_undecodable(text: str) -> None:
    """A body that is no JSON asks to be fetched again."""
    with pytest.raises(Undecodable, match="not JSON"):
        decode(text.encode("latin-1"), INVOICES)


@pytest.mark.parametrize(
    "text", ["[]", '[{"data": []}]', "{}", '{"data": null}', '{"data": {}}', '{"data": [null]}', "5"]
)
def test_an_answer_without_a_list_of_rows_is_malformed(text: str) -> None:
    """A list endpoint answers an object with a list of objects in `data`, or it is an error."""
    with pytest.raises(MalformedResponse, match="not what the API declares"):
        decode(text.encode(), INVOICES)


def test_a_cursor_that_is_no_text_is_malformed() -> None:
    """A number for a cursor is not guessed at."""
    with pytest.raises(MalformedResponse, match="next_page: expected text"):
        decode(b'{"data": [], "next_page": 5}', INVOICES)


def test_an_amount_too_large_to_hold_is_an_error() -> None:
    """More than 28 digits before the point fit no amount column, and are not cut."""
    with pytest.raises(MalformedResponse, match="cannot be held"):
        decode(body(invoice(total=1e30)), INVOICES)


@pytest.mark.parametrize(
    "text",
    [
        "2026-10-01T00:00:00+00:00",
        "2026-10-01T00:00:00.000Z",
        "2026-10-01T00:00:00Z",
        "2026-10-01T02:00:00+02:00",
        "2026-10-01T00:00:00.000000Z",
    ],
)
def test_every_way_to_write_a_timestamp(text: str) -> None:
    """All serialisations the API has been seen to use mean the same instant in UTC."""
    rows = decode(body(invoice(start_timestamp=text, line_items=[{"starting_at": text}])), INVOICES).rows
    assert rows["start_timestamp"].dt.to_string("iso").to_list() == ["2026-10-01 00:00:00.000000+00:00"]
    assert rows["line_items"][0].struct.field("starting_at")[0] == rows["start_timestamp"][0]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8), JSON_VALUES, max_size=4)
)
def test_custom_fields_of_any_shape(fields: dict[str, Any]) -> None:
    """A free-form object keeps text as it is and everything else as JSON text."""
    rows = decode(body(invoice(custom_fields=fields)), INVOICES).rows
    held = {
        entry["key"]: entry["value"]
        for entry in rows["custom_fields"].cast(pl.List(pl.Struct({"key": pl.String, "value": pl.String})))[0].to_list()
    }
    assert held.keys() == fields.keys()
    for name, value in fields.items():
        if isinstance(value, str) or value is None:
            assert held[name] == value
        else:
            assert json.loads(held[name]) == value


@pytest.mark.parametrize(
    "name", ["two\nlines", "🚀 launch", "\u202eright to left\u202c", 'quo"ted', "back\\slash", '"total": "x"']
)
def test_names_of_any_writing(name: str) -> None:
    """Newlines, emoji, direction marks, quotes and even JSON inside a name stay what they were."""
    assert decode(body(invoice(status=name)), INVOICES).rows["status"].to_list() == [name]


def test_missing_and_null_are_the_same() -> None:
    """An optional field that is absent and one that is null give the same frame."""
    absent = decode(body({"id": "i"}), INVOICES).rows
    null = decode(body({"id": "i"} | {name: None for name, _ in INVOICES.wire or [] if name != "id"}), INVOICES).rows
    assert absent.equals(null)


def test_unknown_enum_values_stay_text() -> None:
    """A status nobody has heard of is data."""
    assert decode(body(invoice(status="PONDERING")), INVOICES).rows["status"].to_list() == ["PONDERING"]


def test_unknown_fields_are_found_with_their_paths() -> None:
    """Drift names every undeclared field, at any depth, and no key of a free-form object."""
    row = invoice(novel=1, custom_fields={"anything": 1}, line_items=[{"name": "l", "shiny": 2, "tier": {"colour": 3}}])
    page = json.dumps({"data": [row], "next_page": None, "hint": "x"}).encode()
    assert undeclared_fields(page, INVOICES) == {"novel", "line_items[].shiny", "line_items[].tier.colour", "hint"}
    assert decode(page, INVOICES).rows["id"].to_list() == ["i"]


@pytest.mark.parametrize("name", [name for name, endpoint in ENDPOINTS.items() if endpoint.wire is not None])
def test_no_rows_have_every_column(name: str) -> None:
    """Zero rows give the same columns and dtypes as one row."""
    endpoint = ENDPOINTS[name]
    none = (
        decode(b'{"data": []}', endpoint).rows if endpoint.is_list else decode(b'{"data": {}}', endpoint).rows.clear()
    )
    one = decode(b'{"data": [{}]}' if endpoint.is_list else b'{"data": {}}', endpoint).rows
    assert one.height == 1
    assert none.schema == one.schema


def test_lines_of_null_empty_and_missing_lists() -> None:
    """Only a list with elements gives lines, numbered from 0 in API order."""
    rows = decode(
        body(
            invoice(id="a", line_items=[{"name": "x"}, {"name": "y"}]),
            invoice(id="b", line_items=[]),
            invoice(id="c", line_items=None),
            invoice(id="d"),
            invoice(id="e", line_items=[{"name": "z"}]),
        ),
        INVOICES,
    ).rows
    lines = line_items(select(rows, Invoices))
    assert lines.select("invoice_id", "line_item_index", "name").rows() == [("a", 0, "x"), ("a", 1, "y"), ("e", 0, "z")]
    assert lines.schema == LineItems.create_empty().schema


def test_costs_by_credit_type_become_rows() -> None:
    """The credit types of a day, keyed by id in the JSON, are entries with exact costs."""
    rows = decode(
        b'{"data": [{"start_timestamp": "2026-10-01T00:00:00Z", "credit_types": {"u": {"name": "USD (cents)", '
        b'"cost": 0.7, "line_item_breakdown": [{"name": "n", "cost": 0.7, "group_value": null}]}}}]}',
        ENDPOINTS["costs"],
    ).rows
    entry = rows["credit_types"][0][0]
    assert entry["key"] == "u"
    assert entry["value"]["cost"] == Decimal("0.7")
    assert cost_lines(Costs.create_empty()).schema == CostLines.create_empty().schema


@given(JSON_VALUES.filter(lambda value: value is not None))
def test_any_json_is_kept_as_its_text(value: Any) -> None:
    """A field of any shape is held as JSON text, a text in it with its quotes."""
    page = body({"starting_at": "2026-10-01T00:00:00Z", "value": value})
    held = decode(page, ENDPOINTS["rate_card_named_schedule"]).rows["value"][0]
    assert json.loads(held) == value


def test_a_cursor_inside_an_object_is_found() -> None:
    """Seat balances give their cursor in `pagination`, and its other fields are no drift."""
    endpoint = ENDPOINTS["seat_balances"]
    page = b'{"data": [{"seat_id": "s"}], "pagination": {"next_page": "two", "seats_included": 1}}'
    assert decode(page, endpoint).next_page == "two"
    assert decode(b'{"data": [], "pagination": {"next_page": null}}', endpoint).next_page is None
    assert decode(b'{"data": []}', endpoint).next_page is None
    assert undeclared_fields(page, endpoint) == set()


LINES = st.fixed_dictionaries(
    {"name": st.text(st.characters(codec="utf-8"), max_size=5)},
    optional={
        "total": st.none() | st.integers(-1000, 1000),
        "tier": st.none() | st.fixed_dictionaries({"level": st.integers(0, 3)}, optional={"size": st.text(max_size=2)}),
        "starting_at": st.just("2026-10-01T00:00:00Z"),
        "pricing_group_values": st.dictionaries(st.sampled_from(["region", "tier", "total"]), st.text(max_size=2)),
        "sub_line_items": st.lists(st.fixed_dictionaries({"price": st.integers(0, 9)}), max_size=2),
    },
)
INVOICE_ROWS = st.fixed_dictionaries(
    {"id": st.text("abc", min_size=1, max_size=3)},
    optional={
        "total": st.integers(-1000, 1000),
        "custom_fields": st.dictionaries(st.sampled_from(["status", "owner"]), st.text(max_size=3), max_size=2),
        "external_invoice": st.none() | st.fixed_dictionaries({"tax": st.none() | st.just({"total_tax_amount": 1.5})}),
        "line_items": st.lists(LINES, max_size=3),
        "undeclared": st.integers(),
    },
)


@given(st.lists(st.lists(INVOICE_ROWS, max_size=3), min_size=1, max_size=4))
def test_what_was_met_before_changes_nothing(pages: list[list[dict[str, Any]]]) -> None:
    """Whatever pages came earlier, a page gives what reading it with every declared field at once gives."""
    reading.schema_of.cache_clear()
    schema = reading.schema_of(INVOICES)
    for rows in pages:
        page = body(*rows)
        assert decode(page, INVOICES).rows.equals(reading.read(page, schema, schema.full).rows)
