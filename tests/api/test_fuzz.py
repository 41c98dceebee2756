"""Mutated answers of every endpoint for a minute where CI asks for it, for seconds elsewhere; see `fuzz`."""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING

import polars as pl
import pytest

from metronome_analytics.api.decode import decode
from metronome_analytics.errors import MetronomeError
from metronome_analytics.loaders import load
from tests.api.fuzz import READ, cases, judge, run

if TYPE_CHECKING:
    from metronome_analytics.api.decode import Page
    from metronome_analytics.api.endpoints import Endpoint


def test_every_answer_is_read_rightly_or_refused() -> None:
    """Whatever bytes come, every reader gives the frame of the slow reader or an error of ours."""
    seed = int(os.environ["METRONOME_FUZZ_SEED"])
    judged, read = run(seed, 65.0 if os.environ.get("CI") else 5.0)
    assert judged > read > 0, f"seed {seed}"


def test_what_stands_beside_a_page_changes_nothing_about_its_rows() -> None:
    """Pages of any readings, converted together, have the rows of each alone."""
    taken: dict[Endpoint, list[Page]] = {}
    for case in islice(cases(5), 400):
        with suppress(MetronomeError):
            page = decode(case.body, case.endpoint)
            taken.setdefault(case.endpoint, []).append(page)
    for pages in taken.values():
        alone = pl.concat([page.rows for page in pages])
        together = load.whole([load.Chunk(page.completion, page.met) for page in pages])
        assert together.schema == alone.schema
        assert together.equals(alone)
    assert any(len({page.completion for page in pages}) > 1 for pages in taken.values())


def test_a_seed_gives_the_same_cases() -> None:
    """What a seed found, it finds again; and it reaches every endpoint."""
    assert list(islice(cases(5), 50)) == list(islice(cases(5), 50))
    assert {case.endpoint.name for case in islice(cases(5), 1_000)} == {endpoint.name for endpoint in READ}


def test_the_slow_reader_judges(monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder that loses a row, or lets an error of a library out, is found."""
    whole = next(case for case in cases(5) if case.whole and case.endpoint.is_list and b"{" in case.body[10:])
    assert judge(whole)

    def short(body: bytes, endpoint: object) -> object:
        page = decode(body, whole.endpoint)
        return type(page)(page.met.head(0), page.completion, page.next_page, body)

    def failing(body: bytes, endpoint: object) -> object:
        raise KeyError

    for broken, words in ((short, "slow reader"), (failing, "KeyError came out")):
        monkeypatch.setattr("tests.api.fuzz.decode", broken)
        with pytest.raises(AssertionError, match=words):
            judge(whole)
