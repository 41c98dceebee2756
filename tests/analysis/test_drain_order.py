from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from metronome_analytics.analysis import drain_order
from metronome_analytics.analysis.schemas import DrainOrder
from metronome_analytics.errors import ArgumentError
from metronome_analytics.tables import Balances
from tests.analysis.support import EUR, Entry, Segment, amounts, balance, start

if TYPE_CHECKING:
    from tests.analysis.conftest import Books

PAID: dict[str, Any] = {"cost_basis": 1.0}


def grant(
    key: str, *, kind: str = "PREPAID", ending: str = "2027-01-01", starting: str = "2026-01-01", **columns: Any
) -> pl.DataFrame:
    """A balance of 100 with one segment."""
    opening = Entry("INITIAL_BALANCE", starting, "100", None) if kind == "POSTPAID" else start(starting, "100", key)
    return balance([opening], [Segment("100", starting, ending, key)], key=key, kind=kind, **columns)


def order(*grants: pl.DataFrame, **options: Any) -> list[str]:
    """The ids of balances in the order they pay."""
    told = drain_order(pl.concat(grants), as_of="2026-06-01", **options)
    assert told["place"].to_list() == list(range(1, len(told) + 1))
    return told["balance_id"].to_list()


def test_type_beats_priority() -> None:
    """Rollovers pay first, postpaid last, whatever their priority."""
    assert order(
        grant("postpaid", kind="POSTPAID", priority=0.0),
        grant("plain", priority=2.0),
        grant("rolled", priority=3.0, rolled_over_from_commit_id="old"),
        grant("rolled postpaid", kind="POSTPAID", priority=9.0, rolled_over_from_commit_id="old"),
    ) == ["rolled postpaid", "rolled", "plain", "postpaid"]


def test_priority_with_credits() -> None:
    """Credits and prepaid commits share one order: lower priority first, none last."""
    assert order(grant("none"), grant("credit", kind="CREDIT", priority=10.0), grant("five", priority=5.0, **PAID)) == [
        "five",
        "credit",
        "none",
    ]


def test_chain_on_equal_priority() -> None:
    """Then what cost nothing, fewer products, fewer specifiers, the earlier end, the earlier start, fewer contracts."""
    specifier = {
        "product_id": None,
        "product_tags": None,
        "pricing_group_values": {"region": "eu"},
        "presentation_group_values": None,
        "exclude": None,
    }
    assert order(
        grant("paid", priority=1.0, **PAID),
        grant("two contracts", priority=1.0, applicable_contract_ids=["k1", "k2"]),
        grant("plain", priority=1.0),
        grant("later start", priority=1.0, starting="2026-02-01", ending="2026-12-01"),
        grant("early end", priority=1.0, ending="2026-12-01"),
        grant("specified", priority=1.0, specifiers=[specifier]),
        grant("two products", priority=1.0, applicable_product_ids=["p1"], applicable_product_tags=["t"]),
        grant("one product", priority=1.0, applicable_product_ids=["p1"]),
    ) == ["one product", "two products", "specified", "early end", "later start", "two contracts", "plain", "paid"]


def test_contract_level_first() -> None:
    """Contract level beats customer level right after the priority, or last of all."""
    grants = [grant("customer", priority=1.0, ending="2026-12-01"), grant("contract", priority=1.0, contract_id="k")]
    assert order(*grants) == ["contract", "customer"]
    assert order(*grants, contract_first="last") == ["customer", "contract"]


def test_what_is_left_when() -> None:
    """Each starts where those before it are empty; what is over, to come or empty is no part of it."""
    told = drain_order(
        pl.concat(
            [
                grant("b", priority=2.0),
                grant("a", priority=1.0),
                grant("over", ending="2026-03-01"),
                grant("later", starting="2026-07-01"),
                grant("euro", unit=EUR),
            ]
        ),
        as_of="2026-06-01",
    )
    rows = zip(
        told["balance_id"], told["place"], amounts(told["drained_before"]), amounts(told["drained_after"]), strict=True
    )
    assert sorted(rows) == [("a", 1, "0", "100"), ("b", 2, "100", "200"), ("euro", 1, "0", "100")]


def test_a_segment_without_an_end_has_no_place() -> None:
    """The API says an end of each; where one is missing, nobody can tell when its turn is."""
    endless = balance([start("2026-01-01", "100")], [Segment("100", "2026-01-01", None)], key="endless")
    assert order(endless, grant("a")) == ["a"]


def test_demo(books: Books) -> None:
    """Declared columns, lazy as eager, empty as full, and the whole is its customers put together."""
    whole = drain_order(books.balances, as_of=books.as_of)
    empty = drain_order(Balances.create_empty(), as_of=books.as_of)
    assert whole.schema == DrainOrder.create_empty().schema == empty.schema
    assert whole.height > 20
    assert_frame_equal(drain_order(books.balances.lazy(), as_of=books.as_of).collect(), whole)
    parts = books.balances.partition_by("customer_id", maintain_order=True)
    assert_frame_equal(
        pl.concat([drain_order(part, as_of=books.as_of) for part in parts]), whole, check_row_order=False
    )


def test_wrong_arguments() -> None:
    """A missing as_of and another rule are refused."""
    with pytest.raises(ArgumentError, match="as_of is needed"):
        drain_order(Balances.create_empty(), as_of=None)  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(ArgumentError, match="contract_first"):
        drain_order(Balances.create_empty(), as_of="2026-01-01", contract_first="never")  # type: ignore[arg-type]  # as above


def test_rolled_over_postpaid_has_the_specifier_step() -> None:
    """Of rolled-over postpaid commits the one with fewer specified values pays first; of others the end decides."""

    def specified(key: str, ending: str, *values: str, source: str | None) -> pl.DataFrame:
        specifier = {
            "product_id": None,
            "product_tags": None,
            "pricing_group_values": dict.fromkeys(values, "x"),
            "presentation_group_values": None,
            "exclude": None,
        }
        return grant(
            key, kind="POSTPAID", priority=1.0, ending=ending, specifiers=[specifier], rolled_over_from_commit_id=source
        )

    for source, expected in (("old", ["one", "two"]), (None, ["two", "one"])):
        grants = [
            specified("two", "2026-12-01", "region", "tier", source=source),
            specified("one", "2027-01-01", "region", source=source),
        ]
        assert order(*grants) == expected
