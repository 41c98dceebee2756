"""What a day cost: each invoice once, and postpaid usage payable whoever says that it is."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from metronome_analytics.tables import Costs, InvoiceBreakdowns
from metronome_analytics.tables.costs import daily_costs
from tests.analysis.support import frame as table_of
from tests.analysis.support import line, on, window

POSTPAID: dict[str, Any] = {"commit_id": "b1", "commit_type": "PostpaidCommit", "product_id": "p1"}
PREPAID = POSTPAID | {"commit_type": "PrepaidCommit"}


def costs(*windows: pl.DataFrame) -> list[tuple[Decimal, Decimal]]:
    """Cost and gross of each day and product."""
    return daily_costs(pl.concat(windows), Costs.create_empty()).select("cost", "gross").rows()


def test_postpaid_by_commit_type() -> None:
    """Postpaid usage is payable where only commit_type says that it is postpaid; prepaid usage is not."""
    for fields, cost in ((POSTPAID, 80), (PREPAID, 0), ({"product_id": "p1"}, 0)):
        lines = [line("80", product_id="p1"), line("-80", type="applied_commit_or_credit", **fields)]
        assert costs(window("2026-01-02", lines)) == [(Decimal(cost), Decimal(80))]


def test_what_was_applied_beats_commit_type() -> None:
    """Where both are given, what was applied decides: a credit shows as a prepaid commit."""
    credit = {"id": "b1", "type": "CREDIT", "access_type": None}
    lines = [line("-80", type="applied_commit_or_credit", applied_commit_or_credit=credit, **POSTPAID)]
    assert costs(window("2026-01-02", lines)) == [(Decimal(-80), Decimal(0))]


def test_consolidated_twin_counts_once() -> None:
    """The consolidated invoice repeats its constituents' lines and adds nothing."""
    lines = [line("80", product_id="p1")]
    twin = window("2026-01-02", lines, id="twin", type="USAGE_CONSOLIDATED")
    assert costs(window("2026-01-02", lines), twin) == [(Decimal(80), Decimal(80))]
    assert costs(window("2026-01-02", lines, type=None)) == [(Decimal(80), Decimal(80))]


def test_a_void_invoice_costs_nothing() -> None:
    """A void invoice keeps its windows; what replaced it says the same once more, and only that counts."""
    lines = [line("80", product_id="p1")]
    void = window("2026-01-02", lines, id="void", status="VOID")
    assert costs(void, window("2026-01-02", lines)) == [(Decimal(80), Decimal(80))]
    assert costs(void) == []


def test_a_product_has_the_name_of_its_first_line() -> None:
    """A product is named by the first line that has used it, on days too on which commits only paid; order is kept."""
    paid = line("-5", name="Commit", type="applied_commit_or_credit", product_id="p0", **_but_product(PREPAID))
    used = [line(str(n), name=f"{name} {n}", product_id=f"p{n}") for n in range(60) for name in ("first", "second")]
    frame = daily_costs(pl.concat([window("2026-01-01", [paid]), window("2026-01-02", used)]), Costs.create_empty())
    rows = frame.select(pl.col("date").cast(pl.String), "product_name").rows()
    assert rows == [("2026-01-01", "first 0"), *(("2026-01-02", f"first {n}") for n in range(60))]


def test_costs_of_plans_are_pending_and_stand_in_their_order() -> None:
    """A product is a line's name; as the API gives the days, they stay."""
    names = [f"line {n}" for n in range(600)]
    lines = [{"name": name, "cost": Decimal(n), "group_key": None, "group_value": None} for n, name in enumerate(names)]
    day: dict[str, list[Any]] = {
        "customer_id": ["c"],
        "start_timestamp": [on("2026-10-01")],
        "line_item_breakdown": [lines],
    }
    frame = daily_costs(InvoiceBreakdowns.create_empty(), table_of(Costs, day))
    assert frame["product_name"].to_list() == names
    assert frame.select("source", "pending").unique().rows() == [("costs", True)]
    assert frame["cost"].to_list() == frame["gross"].to_list() == [Decimal(n) for n in range(600)]


def _but_product(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name != "product_id"}


KINDS = st.sampled_from([None, "PREPAID", "POSTPAID", "CREDIT"])
LINES = st.lists(
    st.tuples(
        st.sampled_from(["2026-01-02", "2026-01-03"]),
        st.sampled_from(["USAGE", "USAGE_CONSOLIDATED", "SCHEDULED"]),
        st.sampled_from(["DRAFT", "FINALIZED", "VOID"]),
        st.sampled_from(["p1", "p2"]),
        st.decimals(1, 1000, places=2),
        st.booleans(),
        KINDS,
        st.sampled_from([None, "PrepaidCommit", "PostpaidCommit"]),
    ),
    max_size=12,
)


@settings(max_examples=40)
@given(LINES)
def test_daily_costs_by_definition(lines: list[tuple[Any, ...]]) -> None:
    """Gross is what was used, cost that less what prepaid commits and credits paid; void and twins count nothing."""
    windows: list[pl.DataFrame] = []
    expected: dict[tuple[Any, ...], tuple[Decimal, Decimal]] = {}
    for number, (day, kind, status, product, amount, applies, balance, commit) in enumerate(lines):
        fields: dict[str, Any] = {"product_id": product, "commit_type": commit}
        if balance is not None and applies:
            fields["applied_commit_or_credit"] = {"id": "b1", "type": balance, "access_type": None}
        told = line(
            str(-amount if applies else amount), type="applied_commit_or_credit" if applies else "usage", **fields
        )
        windows.append(window(day, [told], id=f"i{number}", type=kind, status=status))
        if kind == "USAGE_CONSOLIDATED" or status == "VOID":
            continue
        postpaid = balance == "POSTPAID" or (balance is None and commit == "PostpaidCommit")
        cost, gross = expected.get((day, product, status == "DRAFT"), (Decimal(0), Decimal(0)))
        paid = (Decimal(0) if postpaid else -amount) if applies else amount
        expected[day, product, status == "DRAFT"] = (cost + paid, gross + (0 if applies else amount))
    if windows:
        frame = daily_costs(pl.concat(windows), Costs.create_empty())
        rows = frame.select(pl.col("date").cast(pl.String), "product_id", "pending", "cost", "gross").rows()
        assert {row[:3]: row[3:] for row in rows} == expected
        assert len(rows) == len(expected)
