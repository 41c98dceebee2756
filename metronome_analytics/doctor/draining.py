"""The order in which balances pay, where two tie: whether the contract's own goes first."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from itertools import combinations
from typing import TYPE_CHECKING, Any

from metronome_analytics.doctor.facts import CONTRADICTED, Fact, Finding, judged, unknown
from metronome_analytics.tables import ledger
from metronome_analytics.tables.vocabulary import LEDGER_PREFIXES, BalanceType

if TYPE_CHECKING:
    from datetime import datetime

    import polars as pl

    from metronome_analytics.doctor.examiner import Examiner

_ZERO = Decimal(0)
_NEEDED = (
    *("id", "customer_id", "type", "priority", "contract_id", "credit_type_id", "rolled_over_from_commit_id"),
    *("applicable_product_ids", "applicable_product_tags", "applicable_contract_ids", "specifiers"),
    *("access_schedule", "invoice_schedule"),
)
_DRAWN = tuple(f"{prefix}AUTOMATED_INVOICE_DEDUCTION" for prefix in LEDGER_PREFIXES.values())
Row = dict[str, Any]
Entries = dict[str, list[Row]]
Periods = dict[str, "tuple[datetime, datetime]"]


def _segment(row: Row) -> Row | None:
    """The one access segment of a balance; of several nothing can be told."""
    items = (row["access_schedule"] or {}).get("schedule_items") or []
    return items[0] if len(items) == 1 else None


def _applies_to(row: Row) -> str:
    names = ("applicable_product_ids", "applicable_product_tags", "applicable_contract_ids", "specifiers")
    return repr([row[name] or None for name in names])


def _paid(row: Row) -> bool:
    schedule = row["invoice_schedule"] or {}
    return not schedule.get("do_not_invoice") and any(
        item.get("amount") for item in schedule.get("schedule_items") or []
    )


def _chain(row: Row, segment: Row) -> tuple[Any, ...]:
    """What decides a tie of priority where both apply to the same: unpaid first, then the earlier end and start."""
    return _paid(row), segment["ending_before"], segment["starting_at"]


def _ties(balances: pl.DataFrame) -> list[tuple[Row, Row]]:
    """Pairs of the contract's own and the customer's balance whose order the two readings give differently."""
    groups: dict[tuple[Any, ...], list[tuple[Row, Row]]] = defaultdict(list)
    for row in balances.select(_NEEDED).iter_rows(named=True):
        segment = _segment(row)
        postpaid = row["type"] == BalanceType.POSTPAID
        if segment is not None and not postpaid and row["rolled_over_from_commit_id"] is None:
            key = (row["customer_id"], row["credit_type_id"], row["priority"], _applies_to(row))
            groups[key].append((row, segment))
    ties = []
    for group in groups.values():
        for one, other in combinations(group, 2):
            own, wide = (one, other) if one[0]["contract_id"] else (other, one)
            if own[0]["contract_id"] and not wide[0]["contract_id"] and _chain(*wide) < _chain(*own):
                ties.append((own[0], wide[0]))
    return ties


def _left_after(entries: list[Row], at: datetime) -> Decimal:
    return sum((row["amount"] for row in entries if row["timestamp"] <= at), _ZERO)


def _paid_first(payer: Row, other: Row, entries: Entries, periods: Periods) -> bool:
    """Whether an invoice drew on `payer` although `other`, there all the while, had something left after it.

    Both apply to the same usage: the one that goes first is empty before the other is touched.
    """
    contract_id = payer["contract_id"] or other["contract_id"]
    there = _segment(other)
    for row in entries[payer["id"]]:
        period = periods.get(row["invoice_id"])
        if row["type"] not in _DRAWN or row["contract_id"] != contract_id or period is None or there is None:
            continue
        covers = there["starting_at"] <= period[0] and period[1] <= there["ending_before"]
        if covers and _left_after(entries[other["id"]], row["timestamp"]) > _ZERO:
            return True
    return False


def _contract_first(examiner: Examiner) -> Finding:
    ties = _ties(examiner.balances())
    if not ties:
        return unknown("no balances that were looked at tie")
    entries: Entries = defaultdict(list)
    for row in ledger(examiner.balances()).iter_rows(named=True):
        entries[row["balance_id"]].append(row)
    dated = examiner.invoices().select("id", "start_timestamp", "end_timestamp").drop_nulls()
    periods = {id_: (start, end) for id_, start, end in dated.iter_rows()}
    seen: dict[str, bool] = {}
    for own, wide in ties:
        both = _paid_first(own, wide, entries, periods), _paid_first(wide, own, entries, periods)
        if both.count(True) == 1:
            seen[own["id"]] = both[0]
    if not seen:
        return unknown(f"{len(ties)} ties were found, and no invoice that shows which paid first")
    against = [id_ for id_, first in seen.items() if not first]
    told = f"the contract's own paid first in {len(seen) - len(against)} of {len(seen)} ties"
    return judged(not against, told, against)


FACTS = (
    Fact(
        "contract_before_customer",
        "of two balances of equal priority the contract's own pays before the customer's, whatever else differs",
        f"{CONTRADICTED}: one page has the rule, another the chain without it",
        "ledgers of balances that tie",
        "Pass contract_first='last' to drain_order().",
        _contract_first,
    ),
)
