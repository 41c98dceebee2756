"""Every analysis of a whole is the analyses of its customers put together."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import given, settings
from polars.testing import assert_frame_equal

from metronome_analytics.analysis import balance_lint, burn_down, drain_order, forecast, utilisation
from metronome_analytics.errors import ArgumentError
from tests.analysis.support import balance, on
from tests.analysis.test_burn_down import DAYS, ENTRIES, SEGMENTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tests.analysis.support import Entry

LEVELS: tuple[Any, ...] = ("balance", "segment", "customer", "product", "contract")
ANALYSES: dict[str, Callable[..., pl.DataFrame]] = {
    **{f"utilisation by {level}": partial(utilisation, by=level) for level in LEVELS},
    "drain_order": drain_order,
    "balance_lint": balance_lint,
    "forecast": lambda frame, as_of: forecast(burn_down(frame, as_of=as_of), as_of=as_of),
}


@pytest.mark.parametrize("name", ANALYSES)
@settings(max_examples=25)
@given(first=ENTRIES, second=ENTRIES, today=DAYS)
def test_customers_do_not_touch(name: str, first: list[Entry], second: list[Entry], today: Any) -> None:
    """Whatever two customers' ledgers hold, neither changes a row of the other's; what refuses one refuses both."""
    parts = [balance(first, SEGMENTS), balance(second, SEGMENTS, customer="c2")]
    *apart, whole = (analysed(name, part, on(today)) for part in (*parts, pl.concat(parts)))
    answered = [part for part in apart if part is not None]
    assert (whole is None) == (len(answered) < len(parts))
    if whole is not None:
        assert_frame_equal(whole, pl.concat(answered), check_row_order=False)


def analysed(name: str, frame: pl.DataFrame, at: datetime) -> pl.DataFrame | None:
    """The analysis at a moment; None where the books are of a later one and do not say."""
    try:
        return ANALYSES[name](frame, as_of=at)
    except ArgumentError as refused:
        if "lies before these books were read" not in str(refused):
            raise
        return None
