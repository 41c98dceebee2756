"""Every analysis of a whole is the analyses of its customers put together."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import given, settings
from polars.testing import assert_frame_equal

from metronome_analytics.analysis import balance_lint, burn_down, drain_order, forecast, utilisation
from tests.analysis.support import balance, on
from tests.analysis.test_burn_down import DAYS, ENTRIES, SEGMENTS

if TYPE_CHECKING:
    from collections.abc import Callable

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
    """Whatever two customers' ledgers hold, neither changes a row of the other's."""
    parts = [balance(first, SEGMENTS), balance(second, SEGMENTS, customer="c2")]
    analyse = partial(ANALYSES[name], as_of=on(today))
    put_together = pl.concat([analyse(part) for part in parts])
    assert_frame_equal(analyse(pl.concat(parts)), put_together, check_row_order=False)
