"""What a reconciliation statement means, slowly and plainly: dicts and Decimals, no polars, no package code."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

Row = dict[str, Any]

HALF = {"USD": Decimal("0.5"), "EUR": Decimal("0.005")}
"""Half a cent, in the unit that amounts are kept in."""
ITEMS = ("missing here", "missing there", "amount", "timing", "not readable there", "rounding")


def statement(invoices: list[Row], theirs: list[Row], about: set[str] | None) -> dict[str, dict[str, Decimal]]:
    """Each line's amount by currency, in the API's unit: `theirs` have id, currency, amount (None: no number)."""
    lines: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    ours = {each["id"]: each for each in invoices}
    groups: dict[tuple[str, str], list[Decimal | None]] = defaultdict(list)
    for row in theirs:
        groups[row["id"], row["currency"]].append(row["amount"])

    def post(currency: str, item: str, here: Decimal, there: Decimal) -> None:
        lines[currency]["per Metronome"] += here
        lines[currency]["per the other system"] += there
        lines[currency][item] += there - here

    for (key, currency), amounts in groups.items():
        there = sum((each for each in amounts if each is not None), Decimal(0))
        other_month = key in ours and about is not None and key not in about
        here = Decimal(0) if other_month else expected(ours.get(key), currency)
        item = "not readable there" if None in amounts else "timing" if other_month else None
        post(currency, item or differs(ours.get(key), currency, there - here), here, there)
    for invoice in invoices:
        billed = invoice["status"] == "FINALIZED" and invoice["type"] != "USAGE_CONSOLIDATED" and invoice["total"]
        wanted = about is None or invoice["id"] in about
        if billed and wanted and (invoice["id"], invoice["currency"]) not in groups:
            post(invoice["currency"], "missing there", invoice["total"], Decimal(0))
    for found in lines.values():
        found["difference"] = found["per the other system"] - found["per Metronome"]
    return lines


def expected(invoice: Row | None, currency: str) -> Decimal:
    """What a final invoice is over; of any other, and in another currency, nothing is expected there."""
    final = invoice is not None and invoice["currency"] == currency and invoice["status"] == "FINALIZED"
    return invoice["total"] if final and invoice is not None else Decimal(0)


def differs(invoice: Row | None, currency: str, off: Decimal) -> str:
    """What makes their amount another than ours."""
    if invoice is None or invoice["currency"] != currency or invoice["status"] == "VOID":
        return "missing here"
    if invoice["status"] != "FINALIZED":
        return "timing"
    return "rounding" if abs(off) <= HALF[currency] else "amount"
