"""Every fact that no source decides is a switch of the simulator: the doctor sees each that a read can show, alone."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import polars as pl
import pytest

from metronome_analytics.simulator import Switches
from tests.doctor.support import SHOWN, account_of, simulated, verdicts

# A switch, flipped; the fact that then differs, and others that say something else than before because of it.
FLIPS: dict[str, tuple[Any, str, set[str]]] = {
    "default_page_size": (20, "default_page_size", set()),
    "newest_first": (True, "list_order", set()),
    "reject_unknown_parameters": (True, "unknown_parameter", set()),
    "bad_token_status": (403, "wrong_token", set()),
    "limit_too_large_refused": (False, "limit_too_large", set()),
    "cursors_last": (False, "cursors_last", set()),
    "unknown_customer_status": (400, "unknown_id", set()),
    "sort_honoured": (False, "invoice_sort", set()),
    "archived_customers_listed": (True, "archived_customers", set()),
    "clock_skew": (3600.0, "clock", set()),
    "rate_limit_headers": (True, "rate_limit_headers", set()),
    "clamp": ("balance", "clamp_by_segment", {"net_balances_agree"}),
    "contract_before_customer": ("last", "contract_before_customer", set()),
    "unknown_seat_status": (400, "unknown_seat", set()),
    "embedded_maximum": (1, "embedded_maximum", set()),
    "period_end_inclusive": (True, "period_ending_at_the_end", set()),
    "scheduled_in_date_filters": (True, "scheduled_in_date_filters", set()),
    "skip_zero_drops_applied_lines": (True, "skip_zero_keeps_applied", set()),
    "totals_rounded": (True, "lines_add_up", set()),
    "draft_deductions_dated": ("now", "draft_deductions", set()),
    "net_includes_postpaid": (False, "net_balances_agree", set()),
    "balancing_conversion_line": (True, "conversion_lines", set()),
    "sdk_fields": (True, "newer_fields", set()),
    "billable_status": (False, "billable_status", set()),
}
# Switches that only a write shows: flipped or not, nothing may be said of them.
UNSEEN: dict[str, tuple[Any, str]] = {
    "wrong_segment_status": (404, "wrong_segment"),
    "wrong_contract_status": (404, "wrong_contract"),
    "uniqueness_key_honoured": (False, "uniqueness_key"),
    "off_hour_times_refused": (False, "off_hour_times"),
    "idempotency_key_honoured": (False, "idempotency_key"),
}


def examined(**switches: Any) -> pl.DataFrame:
    """What the doctor says of the account with `switches`; its pace is no matter of the simulator's."""
    with account_of(simulated(**switches)) as account:
        return account.doctor(SHOWN, max_requests=200).filter(pl.col("fact") != "pace")


@pytest.fixture(scope="module")
def usual() -> pl.DataFrame:
    """What it says of the account as it is usually."""
    return examined()


def test_every_switch_is_flipped() -> None:
    """A new switch of the simulator needs a fact, or a reason why none can be seen."""
    assert {field.name for field in fields(Switches)} == {*FLIPS, *UNSEEN}


def test_the_usual_account_is_as_we_believe(usual: pl.DataFrame) -> None:
    """Nothing differs, and what cannot be told is what this account does not show or only a write would."""
    assert usual.filter(pl.col("verdict") == "differs").is_empty()
    untold = set(usual.filter(pl.col("verdict") == "cannot tell here")["fact"])
    assert untold == {
        *("clock", "default_page_size", "embedded_maximum"),
        *(fact for _, fact in UNSEEN.values()),
    }


@pytest.mark.parametrize("switch", FLIPS)
def test_a_flipped_switch_is_seen(switch: str, usual: pl.DataFrame) -> None:
    """Its fact differs, with what follows from it; of the other facts nothing else is said than before."""
    value, fact, others = FLIPS[switch]
    flipped = examined(**{switch: value})
    row = flipped.row(by_predicate=pl.col("fact") == fact, named=True)
    assert row["verdict"] == "differs"
    assert row["consequence"]
    before, after = verdicts(usual), verdicts(flipped)
    assert {name for name in before if before[name] != after[name]} - {fact} == others


@pytest.mark.parametrize("switch", UNSEEN)
def test_what_no_read_shows_is_not_claimed(switch: str) -> None:
    """A switch of writes changes nothing of what is said."""
    value, fact = UNSEEN[switch]
    flipped = examined(**{switch: value})
    row = flipped.row(by_predicate=pl.col("fact") == fact, named=True)
    assert (row["verdict"], row["consequence"]) == ("cannot tell here", "")
