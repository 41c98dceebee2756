"""Against the official client: its auto pager, customer by customer, into the same two frames."""

from __future__ import annotations

from typing import cast

import polars as pl
from metronome import Metronome

from benchmarks.payload import standard
from benchmarks.result import Options, Result, best_of
from benchmarks.server import TOKEN, Server, running
from benchmarks.subject import load

_BAR = 30
_LATENCY = 0.02


def run(options: Options) -> list[Result]:
    """How many times faster, end to end."""
    build, args = standard(options)
    with running(build, *args, latency=_LATENCY) as server:
        frames: dict[str, tuple[pl.DataFrame, pl.DataFrame]] = {}
        # Theirs takes as long as thirty of ours, so ours come in between, often enough to meet a quiet moment too.
        theirs, *each = best_of(
            2,
            lambda: frames.update(theirs=_load(server)),
            *5 * [lambda: frames.update(ours=load(server.url, server.customers))],
        )
        ours = min(each)
    assert [frame.height for frame in frames["ours"]] == [frame.height for frame in frames["theirs"]]
    ratio = theirs / ours
    size = f"{server.bytes / 1e6:.0f} MB, {_LATENCY * 1000:.0f} ms latency"
    detail = f"sdk {theirs:.1f} s, ours {ours:.2f} s: {size}"
    return [Result("sdk", f">= {_BAR} x", f"{ratio:.1f} x", ratio >= _BAR, detail)]


def _load(server: Server) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Invoices and their lines the way the client's reference suggests."""
    with Metronome(bearer_token=TOKEN, base_url=server.url) as client:
        invoices = [
            invoice.to_dict()
            for customer_id in server.customers
            for invoice in client.v1.customers.invoices.list(customer_id=customer_id, limit=100)
        ]
    lines = [
        {"invoice_id": invoice["id"], "line_item_index": index, **line}
        for invoice in invoices
        for index, line in enumerate(cast("list[dict[str, object]]", invoice.pop("line_items")))
    ]
    return pl.DataFrame(invoices, infer_schema_length=None), pl.DataFrame(lines, infer_schema_length=None)
