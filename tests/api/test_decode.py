from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metronome_analytics.api.decode import Undecodable, decode, reading, undeclared_fields
from metronome_analytics.api.endpoints import ENDPOINTS
from metronome_analytics.errors import MalformedResponse
from metronome_analytics.tables import CostLines, Costs, Invoices, LineItems, cost_lines, line_items, select

INVOICES = ENDPOINTS["invoices"]
CONTRACTS = ENDPOINTS["contracts"]


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
        ("0.30000000000000004", "0.3"),
        ("9007199254740993", "9007199254740993"),
        ("10000000.0000000001", "10000000.0000000001"),
        ("12345678901234567890.0123456789", "12345678901234567890.0123456789"),
        ("-9999999999999999999999999999.9999999999", "-9999999999999999999999999999.9999999999"),
        ("3.15e-8", "0.0000000315"),
        ("10.00000000000000", "10"),
        ("33.333333333333336", "33.3333333333"),
        ("0.00012345678901234565", "0.0001234568"),
        ("1E+2", "100"),
        ("0e5", "0"),
        ("0.0000000000000000000000", "0"),
    ],
)
def test_amounts_in_any_notation(text: str, amount: str) -> None:
    """What ten decimals hold is read exactly, in any notation; a quotient is rounded at the tenth, half to even."""
    page = f'{{"data": [{{"total": {text}, "line_items": [{{"total": {text}}}]}}]}}'.encode()
    rows = decode(page, INVOICES).rows
    assert rows["total"][0] == Decimal(amount)
    assert line_items(select(rows, Invoices))["total"][0] == Decimal(amount)


@pytest.mark.parametrize(
    "text",
    [
        "3.15e-12",
        "0.00000000015",
        "0.00000000025",
        "1e-11",
        "3.3333333333333335e-12",
        "1e28",
        "1e999999999",
        "1e99999999999999999999",
        "1e-999999",
    ],
)
def test_an_amount_that_cannot_be_held_is_an_error(text: str) -> None:
    """An amount that is not a multiple of the tenth decimal, or too large, is refused rather than changed."""
    page = f'{{"data": [{{"id": "i", "total": 1}}, {{"id": "j", "total": {text}}}]}}'.encode()
    with pytest.raises(MalformedResponse, match=r"cannot be held at data\[1\].total: expected an amount"):
        decode(page, INVOICES)


LONG = st.builds(lambda digits: Decimal(f"{digits}e-10"), st.integers(-(10**38) + 1, 10**38 - 1))


@given(st.lists(LONG, min_size=1, max_size=5))
def test_amounts_of_38_digits_are_exact(amounts: list[Decimal]) -> None:
    """Whatever Decimal(38, 10) holds arrives as it was written."""
    rows = ",".join(f'{{"id": "i", "total": {a:f}}}' for a in amounts)
    assert decode(f'{{"data": [{rows}]}}'.encode(), INVOICES).rows["total"].to_list() == amounts


@pytest.mark.parametrize(
    "text",
    [
        "0020-10-01T00:00:00Z",
        "+10000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "-0001-01-01T00:00:00Z",
        "1800-01-01T00:00:00Z",
        "1899-12-31T23:59:59Z",
        "232-12-15T05:46:23+00:00",
        "20-12-15T05:46:23Z",
        "20261-12-15T05:46:23Z",
        "\\u0030232-12-15T05:46:23Z",
        "0000-01-01T00:00:00Z",
    ],
)
def test_a_year_that_nobody_means_is_an_error(text: str) -> None:
    """The year 20, or 10000, is a broken timestamp: as a time it would vanish from every window."""
    with pytest.raises(MalformedResponse, match=r"data\[0\].start_timestamp: expected an RFC 3339 timestamp"):
        decode(body(invoice(start_timestamp=text)), INVOICES)
    with pytest.raises(MalformedResponse, match="starting_at: expected an RFC 3339 timestamp"):
        decode(body(invoice(line_items=[{"starting_at": text}])), INVOICES)


@pytest.mark.parametrize(
    "text", [r"232\u002d12\u002d15T05:46:23Z", r"232-12\u002d15T05:46:23Z", r"\u0030232-12-15T05:46:23Z"]
)
def test_a_year_that_nobody_means_is_an_error_however_it_is_written(text: str) -> None:
    """JSON may write any character as an escape."""
    with pytest.raises(MalformedResponse, match=r"data\[0\].start_timestamp: expected an RFC 3339 timestamp"):
        decode(f'{{"data": [{{"id": "i", "start_timestamp": "{text}"}}]}}'.encode(), INVOICES)


def test_a_quantity_named_like_a_time_is_no_reason_to_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a tier starts is a number of units: the page is read once, by polars."""
    monkeypatch.delattr("metronome_analytics.api.decode.explain")
    lines = [
        {"tier": {"starting_at": start, "size": "20000"}, "starting_at": "2026-10-01T00:00:00Z"}
        for start in ("0", "1000", "232", "20000.5")
    ]
    assert line_items(select(decode(body(invoice(line_items=lines)), INVOICES).rows, Invoices)).height == len(lines)


@pytest.mark.parametrize("beside", [1.5, 10_000_000_000_000_000.5])
@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("2026-01-01T00:00:00Z", "2026-01-01 00:00:00.000000"),
        ("2026-01-01t00:00:00z", "2026-01-01 00:00:00.000000"),
        ("2026-01-01 00:00:00Z", "2026-01-01 00:00:00.000000"),
        ("2026-01-01T01:00:00+0100", "2026-01-01 00:00:00.000000"),
        ("2026-01-01T00:00:00.1234567Z", "2026-01-01 00:00:00.123456"),
        ("2026-01-01T00:00:00 +00:00", None),
        ("20260101T000000Z", None),
        ("2026-04-31T00:00:00Z", None),
        ("2026-02-30T00:00:00Z", None),
        ("2100-02-29T00:00:00Z", None),
        ("2026-00-01T00:00:00Z", None),
        ("2026-01-00T00:00:00Z", None),
        ("2024-02-29T00:00:00Z", "2024-02-29 00:00:00.000000"),
        ("2000-02-29T00:00:00Z", "2000-02-29 00:00:00.000000"),
        ("2026-02-29T00:00:00Z", None),
        ("2026-1-1T0:0:0Z", None),
        ("2026-01-01T0:00:00Z", None),
        ("2026-01-01T00:00:0Z", None),
        ("2026-01-01T23:59:60Z", None),
        ("2026-01-01T24:00:00Z", None),
        ("2026-13-01T00:00:00Z", None),
        ("2026-01-01T00:00:00\u221201:00", None),
        ("2026-01-01T00:00:00+25:00", None),
        ("2026-01-01T00:00:00+01:60", None),
        ("2026-01-01T00:00:00+0160", None),
        ("9999-12-31T23:59:59-01:00", None),
        ("9999-12-31t23:00:00.5-0100", None),
        ("9999-12-31T22:59:59-01:00", "9999-12-31 23:59:59.000000"),
        ("9999-12-31T23:59:59+01:00", "9999-12-31 22:59:59.000000"),
        ("2026-01-01T00:00:00.Z", None),
        ("2026-01-01T00:00:00Zz", None),
        ("2026-01-01T00:00:00", None),
        ("2026-01-01", None),
        (" 2026-01-01T00:00:00Z", None),
        ("2026-01-01T00:00:00Z ", None),
    ],
)
def test_a_time_means_the_same_whatever_stands_beside_it(text: str, means: str | None, beside: float) -> None:
    """An amount that only the second reading reads changes nothing about a time."""
    page = body(invoice(start_timestamp=text, total=beside))
    if means is None:
        with pytest.raises(MalformedResponse):
            decode(page, INVOICES)
    else:
        assert decode(page, INVOICES).rows["start_timestamp"].dt.to_string("iso").to_list() == [f"{means}+00:00"]


DIGITS = "0123456789"
ALMOST_TIMES = st.builds(
    lambda text, at, put: text[:at] + put + text[at + 1 :],
    st.from_regex(
        r"\A(19|20|21|99)[0-9]{2}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{0,10})?"
        r"([Zz]|[+-][0-2][0-9]:[0-6][0-9])\Z"
    ),
    st.integers(0, 30),
    st.sampled_from([*DIGITS, *'-:.TZz+ \\"e\u0660\u2212', "", "00"]),
)


@settings(max_examples=400)
@given(st.lists(ALMOST_TIMES, min_size=1, max_size=3))
def test_a_page_that_is_taken_can_be_completed(texts: list[str]) -> None:
    """What is wrong with a time is found while it is known which page it is of, and what is left is that time."""
    page = json.dumps({"data": [{"id": "c", "credits": [{"id": "i", "created_at": text}]} for text in texts]}).encode()
    try:
        taken = decode(page, CONTRACTS)
    except MalformedResponse:
        return
    held = taken.rows["credits"].explode().struct.field("created_at").to_list()
    assert held == [datetime.fromisoformat(text.upper()).astimezone(UTC) for text in texts]


@pytest.mark.parametrize("year", [1900, 2000, 2023, 2024, 2100, 2104])
def test_the_days_there_are(year: int) -> None:
    """Of all days that can be written, those that are none are refused; the second reading is right about leap days."""
    for month, day in product(range(14), range(34)):
        page = f'{{"data": [{{"id": "c", "created_at": "{year}-{month:02}-{day:02}T00:00:00Z"}}]}}'.encode()
        try:
            there = [datetime(year, month, day, tzinfo=UTC)]
        except ValueError:
            with pytest.raises(MalformedResponse, match="expected an RFC 3339 timestamp"):
                decode(page, CONTRACTS)
        else:
            assert decode(page, CONTRACTS).rows["created_at"].to_list() == there


@pytest.mark.parametrize("text", ["1900-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_far_year_is_kept(text: str) -> None:
    """The end of time is a way to say "never"."""
    year = decode(body(invoice(start_timestamp=text)), INVOICES).rows["start_timestamp"].dt.year()[0]
    assert year == int(text[:4])


@pytest.mark.parametrize("groups", ['{"a": true}', '{"a": 1.5, "b{:": 2, "c": false}', '{ "a" : null , "b" : true }'])
def test_true_is_no_number_in_usage_groups(groups: str) -> None:
    """The values of a free-form object of numbers are as strictly numbers as a field."""
    page = f'{{"data": [{{"starting_on": "2026-10-01T00:00:00Z", "groups": {groups}}}]}}'.encode()
    with pytest.raises(MalformedResponse, match=r"data\[0\].groups.*: expected a number, got (true|false)"):
        decode(page, ENDPOINTS["usage"])


@pytest.mark.parametrize(
    ("keys", "where"),
    [
        ('["a"]', "[0]: expected a list"),
        ("[5]", "[0]: expected a list"),
        ('[["a"], null, [], 5]', "[3]: expected a list"),
        ('[["a", null], [ null , 5 ]]', "[1][1]: expected text"),
        ('[["a]", "\\"["], ["b", true]]', "[1][1]: expected text"),
    ],
)
def test_a_list_of_lists_is_as_strict(keys: str, where: str) -> None:
    """What is no list among lists of texts, or no text in one of them, is an error."""
    with pytest.raises(MalformedResponse) as raised:
        decode(f'{{"data": [{{"group_keys": {keys}}}]}}'.encode(), ENDPOINTS["billable_metrics"])
    assert f"data[0].group_keys{where}" in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        '{"data": [], "next_page": null, "next_page": "two"}',
        '{"data": [], "next_page": "two", "next_page": null}',
        '{"data": [], "next_page": null, "next\\u005fpage": "two"}',
        '{"data": [{"id": "a"}], "data": []}',
    ],
)
def test_a_key_that_comes_twice_is_no_end(text: str) -> None:
    """Of two cursors, or two lists of rows, none is taken for the right one."""
    with pytest.raises(MalformedResponse, match=r"(next_page|data): expected one value"):
        decode(text.encode(), INVOICES)


def test_a_cursor_inside_an_object_that_comes_twice_is_no_end() -> None:
    """The same holds where the cursor has an object of its own."""
    for text in ('{"next_page": null, "next_page": "x"}', '{}, "pagination": {"next_page": "x"}'):
        with pytest.raises(MalformedResponse, match=r"(next_page|pagination): expected one value"):
            decode(f'{{"data": [], "pagination": {text}}}'.encode(), ENDPOINTS["seat_balances"])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_only_utf8_is_json(encoding: str) -> None:
    """JSON between systems is UTF-8; anything else is fetched again."""
    with pytest.raises(Undecodable, match="not JSON"):
        decode(body(invoice(status="ü")).decode().encode(encoding), INVOICES)


def test_a_byte_order_mark_is_fine() -> None:
    """UTF-8 with a mark before it is UTF-8."""
    assert decode(b"\xef\xbb\xbf" + body(invoice(id="a")), INVOICES).rows["id"].to_list() == ["a"]


def test_surrogates_in_utf8_are_undecodable() -> None:
    """CESU-8 writes an emoji as two surrogates of three bytes each, which is no UTF-8."""
    page = b'{"data": [{"id": "\xed\xa0\xbd\xed\xb8\x80"}]}'
    with pytest.raises(Undecodable, match="not JSON"):
        decode(page, INVOICES)


@pytest.mark.parametrize("text", ["\\ud800", "\\udc00", "a\\ud83dx", "\\ude80\\ud83d"])
def test_half_a_character_is_an_error(text: str) -> None:
    """Polars takes a lone surrogate for a NUL; no text is changed like that."""
    for row in (
        f'{{"id": "{text}"}}',
        f'{{"custom_fields": {{"a": ["{text}"]}}}}',
        f'{{"custom_fields": {{"{text}": 1}}}}',
    ):
        with pytest.raises(MalformedResponse, match=r"whole characters|half a character") as raised:
            decode(f'{{"data": [{row}]}}'.encode(), INVOICES)
        str(raised.value).encode()


@pytest.mark.parametrize("text", ["\\ud83d\\ude80", "\\uD83D\\uDE80 \\u00fc", "\\\\ud83d", "\\u0041"])
def test_escapes_are_read(text: str) -> None:
    """Whole characters may be written as escapes."""
    page = f'{{"data": [{{"id": "{text}"}}]}}'.encode()
    assert decode(page, INVOICES).rows["id"].to_list() == [json.loads(f'"{text}"')]


def test_an_undeclared_field_with_half_a_character_is_shown_escaped() -> None:
    """What nobody declared breaks no load, and its name can be put into a frame."""
    page = b'{"data": [{"id": "i", "odd": {"x": 1}, "\\ud800": 1}]}'
    assert undeclared_fields(page, INVOICES) == {"odd", "\\ud800"}


@pytest.mark.parametrize("depth", [1_000, 100_000])
def test_deep_nesting_breaks_nothing_or_is_ours(depth: int) -> None:
    """An undeclared field nested 1,000 deep is drift; deeper than polars reads, it is our error."""
    page = b'{"data": [{"id": "i", "deep": ' + b"[" * depth + b"]" * depth + b"}]}"
    if depth == 1_000:
        assert decode(page, INVOICES).rows["id"].to_list() == ["i"]
        assert undeclared_fields(page, INVOICES) == {"deep"}
    else:
        with pytest.raises(MalformedResponse, match="nested too deeply"):
            decode(page, INVOICES)


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
        ({"line_items": [{"product_tags": [None, 5]}]}, "data[0].line_items[0].product_tags[1]", "text"),
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


@pytest.mark.parametrize("number", ["1.10", "1e400", "123456789012345678.12", "-0.0"])
def test_numbers_in_a_json_text_are_as_they_were_written(number: str) -> None:
    """One of them may be an amount, and more than a float holds."""
    text = f'{{"of": [{number}, 7]}}'
    page = f'{{"data": [{{"starting_at": "2026-10-01T00:00:00Z", "value": {text}}}]}}'.encode()
    assert decode(page, ENDPOINTS["rate_card_named_schedule"]).rows["value"].to_list() == [text]


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
        "undeclared": st.integers(-(2**63), 2**63),  # larger ones only `explain` reads
    },
)


@given(st.lists(st.lists(INVOICE_ROWS, max_size=3), min_size=1, max_size=4))
def test_what_was_met_before_changes_nothing(pages: list[list[dict[str, Any]]]) -> None:
    """Whatever pages came earlier, a page gives what reading it with every declared field at once gives."""
    reading.schema_of.cache_clear()
    schema = reading.schema_of(INVOICES)
    whole = reading.Reading(schema, schema.known_keys)
    for rows in pages:
        page = body(*rows)
        assert decode(page, INVOICES).rows.equals(reading.read(page, schema, whole).rows)
