"""A mirror kept up for a year: its files and bytes, and how long it takes to open it and to say what changed.

Invoices and the customers are synced, once and then twelve times, a month apart; the other tables are laid out alike.
Of the customers a tenth have a new invoice a month, three in each bucket, so that every bucket is written anew; the
others ended before, and are not read again: what is read in full and found as it was is not written, so that the turn
of everybody, once a week, takes requests and changes no file. The account is served from a process of its own, by
books made up for it.
"""

from __future__ import annotations

import json
import random
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

_OPEN, _FILES = 1.0, 100_000


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
                mirror = account.sync(folder, tables="invoices", full_every=timedelta(days=3_650))
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

    def body(self, path: str, query: Mapping[str, list[str]]) -> bytes:
        """The customers and their invoices; nothing else has rows."""
        if path == "/v1/customers":
            return page([] if "only_archived" in query else self._listed, int(query.get("next_page", ["0"])[0]))
        if not path.endswith("/invoices"):
            return page([])
        whose = path.split("/")[3]
        number = self._numbers[whose]
        kind, over = number % _KINDS, _ENDED if number % _BUSY else _BEFORE + self.step
        drafts = [] if number % _BUSY else [self._drafts[kind][over]]
        return page([*self._final[kind][:over], *drafts]).replace(ANYBODY.encode(), whose.encode())


_FIRST = "2016-01-01T00:00:00+00:00"


def _text(row: Mapping[str, Any]) -> bytes:
    return json.dumps(row, separators=(",", ":")).encode()


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
