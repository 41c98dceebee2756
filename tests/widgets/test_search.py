from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import metronome_analytics as ma
from tests.widgets.support import a_few, many

if TYPE_CHECKING:
    from pathlib import Path


def found(query: str) -> list[str]:
    """The ids that `query` finds, in order."""
    return ma.find_customers(a_few(), query)["id"].to_list()


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("c-3", ["c-3"]),
        ("0015000001", ["c-3"]),
        ("ext-2", ["c-2"]),
        ("lab-five", ["c-5"]),
        ("gold", ["c-4"]),
        ("nothing of the kind", []),
    ],
)
def test_every_known_field_is_searched(query: str, ids: list[str]) -> None:
    """Id, Salesforce id, external id, ingest alias and custom field values find their customer."""
    assert found(query) == ids


def test_the_best_match_comes_first() -> None:
    """A whole alias, a name prefix, a word prefix (archived last), then any place."""
    assert found("acme") == ["c-5", "c-4", "c-3", "c-1", "c-2"]


@pytest.mark.parametrize("query", ["CAFE strasse", "straße café", "  cafe\u0301   ACME ", "\uff23\uff41\uff46\uff45"])
def test_accents_case_and_forms_do_not_matter(query: str) -> None:
    """What people type finds what is written, whatever the Unicode form."""
    assert found(query) == ["c-4"]


def test_letters_without_a_decomposition_are_found_plain() -> None:
    """A stroke through a letter is no different from an accent."""
    assert found("lukasz") == ["c-5"]


def test_every_word_is_required() -> None:
    """Words may stand in different fields, but none may be missing."""
    assert found("acme gold") == ["c-4"]
    assert found("acme silver") == []


@pytest.mark.parametrize("query", ["bacmeister soehne", "Soehne", "bacmesiter", "holdin", "zurihc labs", "companny"])
def test_a_slip_is_forgiven_where_nothing_else_is_found(query: str) -> None:
    """Umlauts spelt out, and one key wrong, missing, too many or exchanged with the next."""
    assert len(found(query)) == 1


@pytest.mark.parametrize("letters", [64, 65, 500, 5_000])
def test_a_text_pasted_whole_is_a_search_like_any_other(letters: int) -> None:
    """However long its words are, it finds what is so and else nobody: as a slip they would be too large a pattern."""
    assert found("a" * letters) == []
    known = pl.DataFrame({"id": ["1"], "name": ["a" * letters]})
    assert ma.find_customers(known, "a" * letters)["id"].to_list() == ["1"]


@pytest.mark.parametrize("query", ["ospray", "groessenwahn", "Grossenwahn", "größenwhn"])
def test_the_names_people_mistype_are_found(query: str) -> None:
    """The two that were missed."""
    customers = pl.DataFrame({"id": ["1", "2", "3"], "name": ["Osprey Biotech", "Größenwahn GmbH", "Acme"]})
    wanted = "1" if query == "ospray" else "2"
    assert ma.find_customers(customers, query)["id"].to_list() == [wanted]


@pytest.mark.parametrize("query", ["acmf", "ext-9", "0015000009", "lab-55"])
def test_ids_and_short_words_are_right_or_wrong(query: str) -> None:
    """What is near an id is another customer."""
    assert found(query) == []


def test_a_blank_query_gives_every_row_as_it_stands() -> None:
    """Nothing asked, nothing left out."""
    assert_frame_equal(ma.find_customers(a_few(), "  "), a_few())


def test_the_first_ones_can_be_asked_for() -> None:
    """A limit keeps the best."""
    assert ma.find_customers(a_few(), "acme", limit=2)["id"].to_list() == ["c-5", "c-4"]


def test_a_frame_read_back_from_a_file_is_searched_too(tmp_path: Path) -> None:
    """Parquet keeps every field; a frame with nothing but id and name will do; lazy frames are collected."""
    a_few().write_parquet(tmp_path / "customers.parquet")
    assert ma.find_customers(pl.scan_parquet(tmp_path / "customers.parquet"), "gold")["id"].to_list() == ["c-4"]
    assert ma.find_customers(a_few().select("id", "name"), "zurich")["id"].to_list() == ["c-5"]
    as_json = a_few().with_columns(custom_fields=pl.lit('{"tier": "gold"}')).head(1)
    assert ma.find_customers(as_json, "gold")["id"].to_list() == ["c-1"]


def test_a_changed_frame_is_searched_as_it_is_now() -> None:
    """The kept index never answers for other values, not even of the same frame."""
    frame = a_few()
    assert ma.find_customers(frame, "renamed").is_empty()
    frame[2, "name"] = "Renamed"
    assert ma.find_customers(frame, "renamed")["id"].to_list() == ["c-3"]
    moved = frame.with_columns(ingest_aliases=pl.lit(["lab-5"]))
    assert ma.find_customers(moved, "lab-5").height == 6


def test_no_customers_are_searched_as_well() -> None:
    """An account without customers gives no rows and every column."""
    assert_frame_equal(ma.find_customers(a_few().clear(), "acme"), a_few().clear())


@given(st.text(max_size=12))
def test_any_text_is_a_query(query: str) -> None:
    """Nothing typed breaks the search, and it finds only what is there."""
    assert set(found(query)) <= set(a_few()["id"])


@given(st.sampled_from(many(60)["name"].to_list()), st.integers(0, 3), st.integers(4, 20))
def test_any_part_of_a_name_finds_it(name: str, start: int, length: int) -> None:
    """The customer is among those found, in any case."""
    part = name[start : start + length].swapcase()
    assert name in ma.find_customers(many(60), part)["name"].to_list()


@pytest.mark.parametrize("wrong", [None, 3, ["acme"]])
def test_a_query_is_text(wrong: object) -> None:
    """Anything else is an ArgumentError that says so."""
    with pytest.raises(ma.ArgumentError, match="query must be text"):
        ma.find_customers(a_few(), wrong)  # type: ignore[arg-type]  # what is tested


def test_a_frame_needs_ids_and_names() -> None:
    """Another frame is refused with the columns it lacks."""
    with pytest.raises(ma.ArgumentError, match="no column 'name'"):
        ma.find_customers(pl.DataFrame({"id": ["c-1"]}), "acme")
    with pytest.raises(ma.ArgumentError, match="not list"):
        ma.find_customers([], "acme")  # type: ignore[arg-type]  # what is tested
    with pytest.raises(ma.ArgumentError, match="limit"):
        ma.find_customers(a_few(), "acme", limit=-1)


def test_fifty_thousand_customers_take_milliseconds() -> None:
    """The index is made once; a query after it only looks (bounded loosely: machines are busy)."""
    frame, times = many(), []
    ma.find_customers(frame, "first")
    for query in ("acme", "company 49", "t3 zurich", "ext-4711", "c"):
        began = time.perf_counter()
        ma.find_customers(frame, query, limit=50)
        times.append(time.perf_counter() - began)
    assert median(times) < 0.25
