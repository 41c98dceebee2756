"""Facts about what filters keep: dates, quantities of zero, archived customers, seats."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.arguments import rfc3339
from metronome_analytics.doctor.facts import DOCS, FILE, GUESS, Fact, Finding, judged, unknown
from metronome_analytics.tables import line_items
from metronome_analytics.tables.vocabulary import InvoiceType, LineType

if TYPE_CHECKING:
    from metronome_analytics.doctor.examiner import Examiner

_NO_SEAT = "metronome-analytics-doctor-no-such-seat"


def _period_end(examiner: Examiner) -> Finding:
    whole = examiner.invoices().filter(pl.col("start_timestamp").is_not_null() & pl.col("end_timestamp").is_not_null())
    if whole.is_empty():
        return unknown("no invoice that was looked at has a period")
    row = whole.row(0, named=True)
    query = {
        "starting_on": rfc3339(row["start_timestamp"]),
        "ending_before": rfc3339(row["end_timestamp"]),
        "limit": 100,
    }
    seen = examiner.ask("invoices", {"customer_id": row["customer_id"]}, query=query)
    kept = any(each.get("id") == row["id"] for each in examiner.data(seen))
    told = f"{seen.status}: the invoice of exactly that period is {'kept' if kept else 'left out'}"
    return unknown(told) if seen.status != 200 else judged(not kept, told, [row["id"]])


def _scheduled(examiner: Examiner) -> Finding:
    there = examiner.invoices().filter(pl.col("type") == InvoiceType.SCHEDULED.value, pl.col("issued_at").is_not_null())
    if there.is_empty():
        return unknown("no customer that was looked at has a SCHEDULED invoice")
    row = there.row(0, named=True)
    query = {"type": InvoiceType.SCHEDULED.value, "starting_on": "2010-01-01T00:00:00Z", "limit": 100}
    seen = examiner.ask("invoices", {"customer_id": row["customer_id"]}, query=query)
    rows = len(examiner.data(seen))
    told = f"{seen.status}: {rows} SCHEDULED invoices since 2010, of at least {there.height}"
    return unknown(told) if seen.status != 200 else judged(not rows, told, [row["id"]])


def _skip_zero(examiner: Examiner) -> Finding:
    applied = line_items(examiner.invoices()).filter(
        pl.col("type") == LineType.APPLIED.value, pl.col("quantity").is_null()
    )
    if applied.is_empty():
        return unknown("no invoice that was looked at has applied lines")
    row = applied.row(0, named=True)
    labels = {"customer_id": row["customer_id"], "invoice_id": row["invoice_id"]}
    seen = examiner.ask("invoice", labels, query={"skip_zero_qty_line_items": True})
    found = examiner.payload(seen).get("data", {})
    lines = [line for line in found.get("line_items", []) if line.get("type") == LineType.APPLIED]
    return judged(bool(lines), f"{len(lines)} applied lines with the flag", [row["invoice_id"]])


def _archived(examiner: Examiner) -> Finding:
    archived = [row for row in examiner.listed() if row.get("archived_at")]
    if archived:
        return judged(False, f"{len(archived)} of the first {len(examiner.listed())} are archived")
    only = examiner.data(examiner.ask("customers", query={"limit": 100, "only_archived": True}))
    if not only:
        return unknown("the account has no archived customers")
    mixed = sum(not row.get("archived_at") for row in only)
    return judged(not mixed, f"none by default; {len(only)} with only_archived, {mixed} of them active")


def _seat(examiner: Examiner) -> Finding:
    contracts = examiner.contracts()
    if contracts.is_empty():
        return unknown("no customer that was looked at has a contract")
    seated = contracts.sort(pl.col("subscriptions").list.len().fill_null(0), descending=True, maintain_order=True)
    row = seated.row(0, named=True)
    labels = {"customer_id": row["customer_id"], "contract_id": row["id"]}
    seen = examiner.ask("seat_balances", labels, body={"seat_ids": [_NO_SEAT], "limit": 1})
    return judged(seen.status == 404, f"{seen.status}", [row["id"]]) if seen.status != 200 else unknown("200, no seats")


FACTS = (
    Fact(
        "period_ending_at_the_end",
        "a date filter of invoices leaves out a period that ends exactly at ending_before",
        f"{DOCS}, by the letter",
        "an invoice's own period as the filter",
        "Nothing: invoices() does not use the API's date filter and applies the window itself.",
        _period_end,
    ),
    Fact(
        "scheduled_in_date_filters",
        "a date filter of invoices leaves out SCHEDULED ones, which have no period",
        f"{GUESS}; by the letter of the documentation",
        "the SCHEDULED invoices of a customer since 2010",
        "Nothing: invoices() does not use the API's date filter and takes a SCHEDULED invoice by its issue date.",
        _scheduled,
    ),
    Fact(
        "skip_zero_keeps_applied",
        "skip_zero_qty_line_items keeps applied lines, which have no quantity",
        GUESS,
        "an invoice with applied lines, with the flag",
        "Leave skip_zero_qty_line_items out: an invoice without applied lines does not add up; reconcile() says so.",
        _skip_zero,
    ),
    Fact(
        "archived_customers",
        "archived customers are listed only when asked for, and then alone",
        FILE,
        "the first customers, and the archived ones",
        "Loads without customers= include archived ones: filter customers() by archived_at and pass the rest.",
        _archived,
    ),
    Fact(
        "unknown_seat",
        "an unknown seat answers 404",
        f"{FILE}; the official client says 400",
        "the balance of a seat that cannot exist",
        "seat_balances(seat_ids=...) raises RequestRejected instead of NotFoundError: catch both.",
        _seat,
    ),
)
