"""A mirror kept up for a year: its files and bytes, and how long it takes to open it and to say what changed.

Invoices, balances and the customers are synced, once and then twelve times, a month apart. Of the customers a tenth
have a new invoice a month and draw on a commit, three in each bucket; the others ended before, and are not read
again: what is read in full and found as it was is not written, so that the turn of everybody, once a week, takes
requests and changes no file. The account is served from a process of its own, by books made up for it.
"""

from __future__ import annotations

import json
import random
import re
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from uuid import UUID

import metronome_analytics as ma
from benchmarks.payload import invoices
from benchmarks.result import Options, Result, best_of
from benchmarks.server import ANYBODY, TOKEN, Books, page, running
from metronome_analytics.session import Clock, open_session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MONTHS = 12
_BEFORE = 6  # months that were over at the first sync
_ENDED = 3  # months that those had who ended
_BUSY = 10  # one customer of so many
_KINDS = 97  # of books: the customers of a bucket have different ones

_OPEN, _FILES = 1.0, 200_000


def run(options: Options) -> list[Result]:
    """Files, bytes and times after the last sync."""
    customers = min(options.customers, 2_000) if options.quick else options.customers
    now = _at(0)
    with TemporaryDirectory() as folder, running(MonthlyBooks, customers) as server:
        session = open_session(
            TOKEN, base_url=server.url, max_requests_per_second=None, progress=False, clock=Clock(now=lambda: now)
        )
        began = time.perf_counter()
        with ma.Account(session) as account:
            for step in range(_MONTHS + 1):
                server.turn_to(step)
                now = _at(step)
                mirror = account.sync(folder, tables=["invoices", "balances"], full_every=timedelta(days=3_650))
                print(f"  sync {step}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
                if step == _MONTHS - 1:
                    before = mirror.version
        took = time.perf_counter() - began
        files, size = _held(Path(folder))
        shown = mirror.receipt.select("files", "bytes").sum().row(0)
        [opened] = best_of(3, lambda: ma.open_mirror(folder).invoices())
        began = time.perf_counter()
        changed = mirror.changes(before)
        seconds = time.perf_counter() - began
        mirror.vacuum(timedelta())
        left, left_size = _held(Path(folder))
    return [
        Result(
            "mirror, a year: files",
            f"<= {_FILES:,}",
            f"{files:,}",
            files <= _FILES,
            f"{size / 1e9:.2f} GB; shown now {shown[0]:,}, {shown[1] / 1e9:.2f} GB; after vacuum() {left:,}, "
            f"{left_size / 1e9:.2f} GB: {customers:,} customers, {_MONTHS + 1} syncs in {took / 60:.0f} minutes",
        ),
        Result("mirror, a year: open", f"<= {_OPEN:g} s", f"{opened:.2f} s", opened <= _OPEN, "and hand out a table"),
        Result("mirror, a year: changes", "", f"{seconds:.1f} s", None, f"of a month: {changed.height:,} lines"),
    ]


def _at(step: int) -> datetime:
    """The third day of the month in which a sync is made."""
    month = _BEFORE + step
    return datetime(2016 + month // 12, month % 12 + 1, 3, tzinfo=UTC)


def _held(folder: Path) -> tuple[int, int]:
    """The files in a folder, and their bytes."""
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return len(sizes), sum(sizes)


class MonthlyBooks(Books):
    """The account of so many customers; a step is a month."""

    def __init__(self, customers: int) -> None:
        dice = random.Random(7)  # noqa: S311  # makes data, not secrets
        self.customers = [str(UUID(int=dice.getrandbits(128), version=4)) for _ in range(customers)]
        self._numbers = {id_: number for number, id_ in enumerate(self.customers)}
        self._listed = [_text(_customer(id_)) for id_ in self.customers]
        months = _BEFORE + _MONTHS + 1
        by_kind = list(invoices(_KINDS, months, (2, 5)).values())
        self._final = [[_text(_final(row, at)) for at, row in enumerate(rows[:months])] for rows in by_kind]
        self._drafts = [[_text(_draft(row, at)) for at, row in enumerate(rows[:months])] for rows in by_kind]

    def body(self, path: str, query: Mapping[str, list[str]], sent: bytes) -> bytes:
        """The answer of the endpoints that a sync reads; the others have no rows."""
        if path == "/v1/customers":
            return page([] if "only_archived" in query else self._listed, int(query.get("next_page", ["0"])[0]))
        found = re.search(rb'"customer_id": ?"([^"]+)"', sent)
        whose = path.split("/")[3] if path.startswith("/v1/customers/") else found[1].decode() if found else None
        if whose is None:
            return page([])
        return self._of(self._numbers[whose], path.rsplit("/", 1)[1]).replace(ANYBODY.encode(), whose.encode())

    def _of(self, number: int, name: str) -> bytes:
        kind, is_busy = number % _KINDS, number % _BUSY == 0
        over = _BEFORE + self.step if is_busy else _ENDED
        if name == "invoices":
            return page([*self._final[kind][:over], *(self._drafts[kind][over : over + 1] if is_busy else [])])
        return page([_text(_balance(kind, over, is_busy=is_busy))])


_USD = {"id": "2714e483-4ff1-48e4-9e25-ac732e8f24f2", "name": "USD (cents)"}
_FIRST, _LAST = "2016-01-01T00:00:00+00:00", "2018-01-01T00:00:00+00:00"


def _text(row: Mapping[str, Any]) -> bytes:
    return json.dumps(row, separators=(",", ":")).encode()


def _ends(*, is_busy: bool) -> str:
    return _LAST if is_busy else f"2016-{_ENDED + 1:02}-01T00:00:00+00:00"


def _customer(id_: str) -> dict[str, Any]:
    named = {"id": id_, "name": f"Customer {id_[:8]}", "external_id": id_, "custom_fields": {"tier": "growth"}}
    return {**named, "ingest_aliases": [f"alias-{id_}"], "created_at": _FIRST, "updated_at": _FIRST}


def _final(row: bytes, month: int) -> dict[str, Any]:
    """The invoice of a month that is over, as anybody's."""
    ours = {"id": f"{ANYBODY}-{month:02}", "customer_id": ANYBODY, "contract_id": f"{ANYBODY}-contract"}
    return {**json.loads(row), **ours}


def _draft(row: bytes, month: int) -> dict[str, Any]:
    """The same invoice while its month was running: half of its lines."""
    whole = _final(row, month)
    lines: Sequence[dict[str, Any]] = whole["line_items"][: len(whole["line_items"]) // 2]
    total = round(sum(line["total"] for line in lines), 6)
    return {**whole, "status": "DRAFT", "line_items": lines, "total": total, "external_invoice": None}


def _balance(kind: int, over: int, *, is_busy: bool) -> dict[str, Any]:
    """A commit, and what the months that are over took of it."""
    segment = f"{ANYBODY}-segment"
    taken = [{"amount": -(1_000 * (month + 1) + kind), "month": month} for month in range(over)]
    granted = 10_000_000
    return {
        "id": f"{ANYBODY}-commit",
        "type": "PREPAID",
        "name": "Annual commit",
        "priority": 100,
        "product": {"id": str(UUID(int=kind)), "name": "Commit"},
        "contract": {"id": f"{ANYBODY}-contract"},
        "rate_type": "COMMIT_RATE",
        "balance": granted + sum(each["amount"] for each in taken),
        "created_at": _FIRST,
        "custom_fields": {},
        "access_schedule": {
            "credit_type": _USD,
            "schedule_items": [
                {"id": segment, "amount": granted, "starting_at": _FIRST, "ending_before": _ends(is_busy=is_busy)}
            ],
        },
        "ledger": [
            {"type": "PREPAID_COMMIT_SEGMENT_START", "timestamp": _FIRST, "amount": granted, "segment_id": segment},
            *(
                {
                    "type": "PREPAID_COMMIT_AUTOMATED_INVOICE_DEDUCTION",
                    "timestamp": f"{2016 + (each['month'] + 1) // 12}-{(each['month'] + 1) % 12 + 1:02}-01T00:00:00Z",
                    "amount": each["amount"],
                    "segment_id": segment,
                    "invoice_id": f"{ANYBODY}-{each['month']:02}",
                }
                for each in taken
            ),
        ],
    }
