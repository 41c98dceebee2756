from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from metronome_analytics.mirror import rules
from metronome_analytics.mirror.layout import PROGRESS

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
READ = NOW - timedelta(hours=1)
MADE = datetime(2025, 1, 1, tzinfo=UTC)
ANCHOR = rules.anchor_of(NOW)
TABLES = ("invoices", "balances", "contracts")
MONEY = ("invoices", "balances")
ID = "e"  # whose turn to be read in full is days away


def listing(**moved: datetime) -> pl.DataFrame:
    """One active customer."""
    row = {"id": ID, "created_at": MADE, "updated_at": MADE, "archived_at": None, **moved}
    instant = pl.Datetime("us", "UTC")
    return pl.DataFrame(
        [row], schema={"id": pl.String, **dict.fromkeys(("created_at", "updated_at", "archived_at"), instant)}
    )


def progress(**facts: Any) -> pl.DataFrame:
    """What was read of it an hour ago; `facts` are those of its invoices."""
    common = {
        "customer_id": ID,
        "status": "complete",
        "read_at": READ,
        "updated_at": MADE,
        "usage_anchor": ANCHOR,
        "usage_digest": "",
        "open": False,
    }
    rows = [{**common, "table": table, **(facts if table == "invoices" else {})} for table in TABLES]
    return pl.DataFrame(rows, schema=PROGRESS)


def usage(digest: str) -> pl.DataFrame:
    """What its usage comes to."""
    return pl.DataFrame([(ID, ANCHOR, digest)], schema=rules.USAGE, orient="row")


def reasons(signals: rules.Signals | None = None, held: pl.DataFrame | None = None, **how: Any) -> dict[str, str]:
    """The tables that are due, and why."""
    due = rules.due(
        signals or quiet(),
        progress() if held is None else held,
        TABLES,
        **{"now": NOW, "open_every": timedelta(days=1), "full_every": timedelta(days=7), **how},
    )
    return dict(due.select("table", "reason").rows())


def quiet(**told: Any) -> rules.Signals:
    """Signals of an account in which nothing happened."""
    given = {"listing": listing(), "anchors": (ANCHOR,), "usage": pl.DataFrame(schema=rules.USAGE), **told}
    return rules.Signals(**given)


def test_a_customer_of_whom_nothing_is_heard_is_not_read() -> None:
    """No signal, no date, nothing open."""
    assert reasons() == {}


def test_a_customer_never_read_is_new() -> None:
    """Every table of it."""
    assert reasons(held=pl.DataFrame(schema=PROGRESS)) == dict.fromkeys(TABLES, "new")


def test_what_failed_is_tried_again() -> None:
    """Only that table."""
    assert reasons(held=progress(status="failed", read_at=None)) == {"invoices": "failed"}


def test_a_customer_that_moved_in_the_listing_is_read_whole() -> None:
    """`updated_at` and `archived_at` alike."""
    assert reasons(quiet(listing=listing(updated_at=READ))) == dict.fromkeys(TABLES, "customer")
    assert reasons(quiet(listing=listing(archived_at=READ))) == dict.fromkeys(TABLES, "customer")


def test_a_customer_named_in_the_audit_log_since_is_read_whole() -> None:
    """And not for what it was named for long before."""
    for at, expected in ((READ + timedelta(minutes=1), dict.fromkeys(TABLES, "audit")), (READ - rules.SKEW * 2, {})):
        named = pl.DataFrame([(ID, at)], schema=rules.NAMED, orient="row")
        assert reasons(quiet(named=named)) == expected


def test_moved_usage_makes_the_money_due() -> None:
    """Contracts do not move with usage."""
    assert reasons(quiet(usage=usage("1"))) == dict.fromkeys(MONEY, "usage")


def test_usage_that_vanished_counts_as_moved() -> None:
    """A customer without a row in a window that was asked for has none in it."""
    assert reasons(held=progress(usage_digest="1")) == {"invoices": "usage"}


def test_a_window_nobody_asked_for_says_nothing() -> None:
    """Readings from long ago are compared by the other rules."""
    assert reasons(held=progress(usage_digest="1", usage_anchor=ANCHOR - timedelta(days=280))) == {}


def test_a_date_that_passed_makes_the_money_due() -> None:
    """A period that ended, a segment that started."""
    assert reasons(held=progress(next_date=NOW)) == dict.fromkeys(MONEY, "date")
    assert reasons(held=progress(next_date=NOW + timedelta(seconds=1))) == {}


@pytest.mark.parametrize(("hours", "due"), [(23, {}), (25, dict.fromkeys(MONEY, "open"))])
def test_what_is_open_is_read_every_day(hours: int, due: dict[str, str]) -> None:
    """Whatever the signals say."""
    old = progress(open=True).with_columns(read_at=pl.lit(NOW - timedelta(hours=hours)))
    assert reasons(held=old) == due


@pytest.mark.parametrize(("missing", "tables"), [("usage", MONEY), ("named", TABLES)])
def test_without_a_signal_everything_open_is_read_every_time(missing: str, tables: tuple[str, ...]) -> None:
    """An account whose token may not read the audit log is kept up all the same: contracts too, which only it tells."""
    assert reasons(quiet(**{missing: None}), progress(open=True)) == dict.fromkeys(tables, "open")


def test_everything_is_read_in_full_after_a_week() -> None:
    """No filter is trusted with money for ever."""
    old = progress().with_columns(read_at=pl.lit(NOW - timedelta(days=8)))
    assert reasons(held=old) == dict.fromkeys(TABLES, "full")


def test_what_the_log_names_and_nobody_owns_may_be_anybodys() -> None:
    """Then one table is looked through, of whoever has nothing open too, but only once it is asked for."""
    assert reasons(quiet(), progress(), search={"contracts": NOW}) == {"contracts": "unknown"}
    assert reasons(quiet(unknown={"contracts": NOW}), progress()) == {}
    assert reasons(quiet(), progress(), search={"contracts": READ - rules.SKEW * 2}) == {}


@pytest.mark.parametrize("days", [1, 3, 7])
def test_full_re_readings_roll(days: int) -> None:
    """Of many customers as large a share is due as of the week has passed; after a week everyone was."""
    ids = [f"customer-{number}" for number in range(2_000)]
    many = pl.concat([listing().with_columns(id=pl.lit(id_)) for id_ in ids])
    held = pl.concat([progress(read_at=READ).with_columns(customer_id=pl.lit(id_)) for id_ in ids])
    held = held.with_columns(read_at=pl.lit(NOW - timedelta(days=days)))
    due = rules.due(
        quiet(listing=many), held, TABLES, now=NOW, open_every=timedelta(days=1), full_every=timedelta(days=7)
    )
    assert set(due["reason"]) == {"full"}
    assert due["customer_id"].n_unique() / len(ids) == pytest.approx(days / 7, abs=0.03)


def test_the_customers_vouched_for_are_sampled() -> None:
    """Costs of who never had any, and net balances that followed from the balances, at one turn in thirteen."""
    tables = ("balances", "net_balances", "costs")
    common = {"status": "complete", "read_at": NOW - timedelta(days=8), "updated_at": MADE, "usage_anchor": ANCHOR}
    rows = [
        {**common, "customer_id": f"c{n}", "table": table, "rows": 0, "follows": True, "open": False}
        for n in range(650)
        for table in tables
    ]
    many = pl.concat([listing().with_columns(id=pl.lit(f"c{n}")) for n in range(650)])
    due = rules.due(
        quiet(listing=many),
        pl.DataFrame(rows, schema=PROGRESS),
        tables,
        now=NOW,
        open_every=timedelta(days=1),
        full_every=timedelta(days=7),
    )
    asked = dict(due.filter(way="whole").group_by("table").len().rows())
    assert asked["balances"] == 650
    assert 20 <= asked["costs"] <= 90
    assert asked["costs"] == asked["net_balances"]
    assert due.filter(table="net_balances", way="derived").height == 650 - asked["net_balances"]


def test_usage_is_compared_over_the_same_window_for_weeks() -> None:
    """And the window always reaches as far back as usage may come."""
    anchors = {rules.anchor_of(NOW + timedelta(days=day)) for day in range(28)}
    assert len(anchors) <= 2
    assert all(rules.anchor_of(NOW + timedelta(days=day)) <= NOW + timedelta(days=day - 34) for day in range(60))


def test_the_digest_of_usage_does_not_depend_on_the_order_of_its_rows() -> None:
    """Pages may come in any order; a value that moved tells."""
    rows = pl.DataFrame(
        {
            "customer_id": ["a", "a", "b"],
            "billable_metric_id": ["m", "n", "m"],
            "start_timestamp": [ANCHOR] * 3,
            "value": [1.0, None, 2.5],
        }
    )
    told = rules.usage_digests(rows, ANCHOR)
    assert rules.usage_digests(rows.reverse(), ANCHOR).equals(told)
    moved = rules.usage_digests(rows.with_columns(value=pl.col("value") + 1), ANCHOR)
    assert (moved["usage_digest"] != told["usage_digest"]).all()
