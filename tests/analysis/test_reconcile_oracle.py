from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

import metronome_analytics as ma
from tests.analysis import reconcile_oracle as oracle
from tests.analysis.support import EUR, USD, Entry, Segment, applied, balance, invoice, line, net, on

AS_OF = on("2026-07-15")
QUARTERS = [
    Segment("10", "2026-01-01", "2026-04-01", "q1"),
    Segment("10", "2026-04-01", "2026-07-01", "q2"),
    Segment("10", "2026-07-01", "2026-10-01", "q3"),
    Segment("10", "2026-10-01", "2027-01-01", "q4"),
]
DAYS = [f"2026-{month:02}-01" for month in range(1, 13)]
# Few amounts and few ids, so that what belongs together meets often, and what does not meets too.
some_amount = st.sampled_from(["0", "5", "10", "10.01", "-5", "-10", "9.995"])
some_invoice, some_balance = st.sampled_from(["i1", "i2", "i3", "gone"]), st.sampled_from(["b1", "b2", "gone"])
some_unit = st.sampled_from([USD, USD, EUR])


@st.composite
def entry(draw: st.DrawFn, kind: str) -> Entry:
    """One entry of a ledger; postpaid starts, entries by hand and true-ups have no segment."""
    name = draw(st.sampled_from(["SEGMENT_START", "AUTOMATED_INVOICE_DEDUCTION", "MANUAL", "EXPIRATION", "ROLLOVER"]))
    if kind == "POSTPAID" and name == "SEGMENT_START":
        name = "INITIAL_BALANCE"
    if kind == "POSTPAID" and name == "ROLLOVER":
        name = "TRUEUP"
    loose = name in {"MANUAL", "INITIAL_BALANCE", "TRUEUP"} or (kind == "POSTPAID" and name == "EXPIRATION")
    segment = None if loose else draw(st.sampled_from(["q1", "q2", "q3", "q4", "q9"]))
    of_invoice = draw(some_invoice) if name in {"AUTOMATED_INVOICE_DEDUCTION", "TRUEUP"} else None
    return Entry(name, draw(st.sampled_from(DAYS)), draw(some_amount), segment, of_invoice)


@st.composite
def a_balance(draw: st.DrawFn, key: str) -> pl.DataFrame:
    """A commit or credit: any segments, any ledger, archived or not, billed or not."""
    kind = draw(st.sampled_from(["PREPAID", "POSTPAID", "CREDIT"]))
    segments = draw(st.lists(st.sampled_from(QUARTERS), min_size=1, max_size=3, unique=True))
    if kind == "POSTPAID":
        segments = segments[:1]
    ledger = draw(st.one_of(st.none(), st.lists(entry(kind), max_size=6)))
    more: dict[str, Any] = {}
    if kind == "PREPAID" and draw(st.booleans()):
        named = draw(st.lists(some_invoice, max_size=1))
        items = [{"invoice_id": each, "amount": Decimal(draw(some_amount))} for each in named]
        more["invoice_schedule"] = {"credit_type": {"id": USD[0], "name": USD[1]}, "schedule_items": items}
    if draw(st.integers(0, 4)) == 0:
        more["archived_at"] = on(draw(st.sampled_from(["2026-06-01", "2026-08-01"])))
    customer = draw(st.sampled_from(["c1", "c2"]))
    return balance(ledger, segments, kind=kind, key=key, customer=customer, balance=draw(some_amount), **more)


@st.composite
def a_line(draw: st.DrawFn) -> dict[str, Any]:
    """Usage, a purchase, or what a balance covered."""
    total, commit = draw(some_amount), draw(some_balance)
    match draw(st.integers(0, 3)):
        case 0:
            return applied(total, commit, kind=draw(st.sampled_from(["PREPAID", "POSTPAID", "CREDIT"])))
        case 1:
            return line(total, type="commit_purchase", commit_id=commit)
        case 2:
            return line(total, unit=draw(some_unit))
        case _:
            return line(total, commit_id=commit)


@st.composite
def an_invoice(draw: st.DrawFn, key: str, before: str | None) -> pl.DataFrame:
    """Any status, a period or none, regenerated from the one before or not, billed outside or not."""
    lines = draw(st.lists(a_line(), max_size=4))
    total = draw(st.one_of(some_amount, st.just(str(sum((each["total"] for each in lines), Decimal(0))))))
    more: dict[str, Any] = {}
    if draw(st.booleans()):
        begin = draw(st.integers(0, 3))
        more |= {"start_timestamp": on(DAYS[begin]), "end_timestamp": on(DAYS[begin + 1]), "contract_id": "k"}
    if before is not None and draw(st.booleans()):
        more["regenerated_from_invoice_id"] = before
    if draw(st.booleans()):
        billed = draw(st.one_of(st.none(), some_amount, st.just(total)))
        more["external_invoice"] = {
            "billing_provider_type": "stripe",
            "external_status": draw(st.sampled_from([None, "SENT", "PAID", "VOID", "SKIPPED", "PAYMENT_FAILED"])),
            "invoiced_total": None if billed is None else Decimal(billed),
        }
    status = draw(st.sampled_from(["FINALIZED", "FINALIZED", "VOID", "DRAFT"]))
    kind = draw(st.sampled_from(["USAGE", "USAGE", "SCHEDULED", "USAGE_CONSOLIDATED"]))
    customer = draw(st.sampled_from(["c1", "c2"]))
    return invoice(lines, total, id=key, status=status, type=kind, customer_id=customer, **more)


@st.composite
def books(draw: st.DrawFn) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Three invoices, the last perhaps twice, and two balances."""
    bills = [draw(an_invoice(key, before)) for key, before in (("i1", None), ("i2", "i1"), ("i3", "i2"))]
    if draw(st.integers(0, 4)) == 0:
        bills.append(bills[-1])
    return pl.concat(bills), pl.concat([draw(a_balance("b1")), draw(a_balance("b2"))])


@given(books())
@settings(max_examples=60, deadline=None)
def test_every_check_is_what_it_is_said_to_mean(given_books: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    """On any books, right or wrong: the same rows with the same verdicts as the plain statement of each check."""
    bills, held = given_books
    nets = pl.concat([net("5"), net("10", customer="c2", unit=EUR)])
    found = ma.reconcile(bills, held, nets, as_of=AS_OF).checks
    meant = oracle.checks(bills.to_dicts(), held.to_dicts(), AS_OF)
    for name, rows in meant.items():
        columns = ("invoice_id", "balance_id", "segment_id", "verdict")
        told = found.filter(check=name).select(columns).rows()
        assert Counter(told) == Counter(rows), name
    told = found.filter(check="net_balance").select("customer_id", "credit_type_id", "verdict").rows()
    assert {(customer, unit): verdict for customer, unit, verdict in told} == oracle.net_balance(
        held.to_dicts(), nets.to_dicts()
    )
