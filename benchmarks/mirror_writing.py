"""What a mirror adds to the time of loading: the same invoices, loaded to a frame and synced to disk."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from benchmarks.payload import invoices
from benchmarks.result import Options, Result, best_of
from benchmarks.server import ANYBODY, Lists, Repeated, invoices_path, running
from benchmarks.subject import account

_BAR = 1.3
_LATENCY = 0.02


def run(options: Options) -> list[Result]:
    """The time of a first sync over that of the load."""
    customers = 50 if options.quick else 500
    with TemporaryDirectory() as folder, running(with_customers, repeated, customers, 24, latency=_LATENCY) as server:
        place = Path(folder, "mirror")

        def loaded() -> None:
            # A sync reads the customers too.
            with account(server.url) as opened:
                ids = opened.customers()["id"]
                opened.customers(only_archived=True)
                opened.invoices(ids)

        def synced() -> None:
            shutil.rmtree(place, ignore_errors=True)
            with account(server.url) as opened:
                opened.sync(place, tables="invoices")

        plain, mirrored = best_of(3, loaded, synced)
    ratio = mirrored / plain
    detail = f"{mirrored:.2f} s, loading {plain:.2f} s: {server.bytes / 1e6:.0f} MB, {_LATENCY * 1000:.0f} ms latency"
    return [Result("mirror, writing", f"<= {_BAR:g} x", f"{ratio:.2f} x", ratio <= _BAR, detail)]


def with_customers(build: object, *args: object) -> Lists:
    """The lists of `build(*args)`, and the list of the customers they are of."""
    assert callable(build)
    lists: Lists = build(*args)
    ids = [path.split("/")[3] for path in lists]
    made = "2016-01-01T00:00:00+00:00"
    lists["/v1/customers"] = [
        json.dumps({"id": id_, "name": id_, "created_at": made, "updated_at": made}).encode() for id_ in ids
    ]
    return lists


def repeated(customers: int, months: int, lines: tuple[int, int] = (20, 100), seed: int = 7) -> Lists:
    """The same invoices for every customer: what they hold is not looked at, and need not be kept for each."""
    [(path, rows)] = invoices(1, months, lines, seed).items()
    whose = path.split("/")[3].encode()
    everybodys = Repeated(row.replace(whose, ANYBODY.encode()) for row in rows)
    dice = random.Random(seed)  # noqa: S311  # makes data, not secrets
    return {invoices_path(str(UUID(int=dice.getrandbits(128)))): everybodys for _ in range(customers)}
