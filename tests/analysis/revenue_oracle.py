"""What revenue and flux are, said once more in plain Python: Decimal and datetime only, one line at a time."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

ZERO = Decimal(0)
PARTS = ("gross", "covered_prepaid", "covered_credit", "covered_postpaid", "fixed", "purchases")
CHANGES = ("volume", "price", "new", "gone", "coverage", "fixed", "one_off")


@dataclass(frozen=True)
class Line:
    """One invoice line. `applied` is the type of balance an applied line draws on; `unit` a custom pricing unit."""

    type: str
    total: Decimal
    product: str | None = "p1"
    applied: str | None = None
    balance: str | None = None
    unit: str | None = None
    quantity: int | None = None
    price: Decimal | None = None
    true_up: bool = False


@dataclass(frozen=True)
class Bill:
    """One invoice, whose total is what its lines make it."""

    id: str
    customer: str
    start: datetime | None
    issued: datetime
    status: str
    type: str
    unit: str
    lines: tuple[Line, ...]

    @property
    def total(self) -> Decimal:
        """Lines in the invoice's currency, without applied lines of postpaid commits."""
        return sum((line.total for line in self.lines if not line.unit and line.applied != "POSTPAID"), ZERO)

    @property
    def month(self) -> str:
        """The month of the period's start, else of issue."""
        return f"{self.start or self.issued:%Y-%m}"

    @property
    def counts(self) -> bool:
        """Final and draft, each once."""
        return self.status in {"FINALIZED", "DRAFT"} and self.type != "USAGE_CONSOLIDATED"


def part(line: Line) -> str:
    """The column of a line."""
    if line.applied:
        return {"PREPAID": "covered_prepaid", "CREDIT": "covered_credit", "POSTPAID": "covered_postpaid"}[line.applied]
    return {"usage": "gross", "cpu_conversion": "gross", "commit_purchase": "purchases"}.get(line.type, "fixed")


def key_of(bill: Bill, line: Line, by: tuple[str, ...]) -> tuple[str | None, ...]:
    """The keys of a line, and its currency."""
    known = {"customer_id": bill.customer, "product_id": line.product, "status": bill.status}
    return (*(known[name] for name in by), bill.unit)


def revenue(bills: list[Bill], by: tuple[str, ...]) -> dict[tuple[str | None, ...], dict[str, Decimal]]:
    """Month, keys and currency to the parts and the net of what was billed."""
    rows: dict[tuple[str | None, ...], dict[str, Decimal]] = defaultdict(lambda: dict.fromkeys(PARTS, ZERO))
    for bill in bills:
        for line in bill.lines:
            if bill.counts and not line.unit:
                rows[(bill.month, *key_of(bill, line, by))][part(line)] += line.total
    for row in rows.values():
        row["net"] = sum((row[name] for name in PARTS if name != "covered_postpaid"), ZERO)
    return dict(rows)


def flux(
    bills: list[Bill], months: tuple[str, str], by: tuple[str, ...]
) -> dict[tuple[str | None, ...], list[Decimal]]:
    """Keys and currency to before, after, and everything but the split of usage into volume and price."""
    rows = revenue(bills, by)
    found = {}
    for key in {key[1:] for key in rows if key[0] in months}:
        was, now = (rows.get((month, *key)) for month in months)
        before, after = was["net"] if was else ZERO, now["net"] if now else ZERO
        change = after - before
        stays = was and now
        moved = {name: now[name] - was[name] if was and now else ZERO for name in PARTS}
        found[key] = [
            *(before, after, change, moved["gross"]),
            change if not was else ZERO,
            change if was and not now else ZERO,
            moved["covered_prepaid"] + moved["covered_credit"] if stays else ZERO,
            moved["fixed"],
            moved["purchases"],
        ]
    return found
