"""Against the floor: bare httpx fetches the same bytes, then `pl.read_json` with the declared schema reads them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import polars as pl

from benchmarks.payload import standard
from benchmarks.result import Options, Result, best_of
from benchmarks.server import TOKEN, Server, invoices_path, running
from benchmarks.subject import CONCURRENCY, load
from metronome_analytics.api.endpoints import ENDPOINTS

_BAR = 1.3


def run(options: Options) -> list[Result]:
    """Our time as a multiple of the floor's, with and without latency."""
    build, args = standard(options)
    results = []
    for latency in (0.0, 0.02):
        with running(build, *args, latency=latency) as server:
            floor, ours = best_of(5, lambda: _floor(server), lambda: load(server.url, server.customers))
        detail = f"floor {floor:.2f} s, ours {ours:.2f} s: {server.bytes / 1e6:.0f} MB, {latency * 1000:.0f} ms latency"
        results.append(Result("floor", f"<= {_BAR} x", f"{ours / floor:.2f} x", ours / floor <= _BAR, detail))
    return results


def _floor(server: Server) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Amounts are floats and timestamps text here, and nothing is checked: it is the least anyone must do."""
    wire = ENDPOINTS["invoices"].wire
    schema: dict[str, Any] = {"data": pl.List(_physical(wire)), "next_page": pl.String}
    bodies: dict[str, list[bytes]] = {customer_id: [] for customer_id in server.customers}
    asyncio.run(_fetch(server, bodies))
    pages = [pl.read_json(body, schema=schema) for of_customer in bodies.values() for body in of_customer]
    invoices = pl.concat(pages).select(pl.col("data").explode(empty_as_null=False)).unnest("data")
    lines = invoices.select(pl.col("id").alias("invoice_id"), pl.col("line_items").alias("line"))
    return invoices, lines.explode("line", empty_as_null=False, keep_nulls=False).unnest("line")


async def _fetch(server: Server, bodies: dict[str, list[bytes]]) -> None:
    """Every page of every customer into `bodies`, as many at once as we: of what is returned asyncio writes a repr."""
    queue = iter(server.customers)
    limits = httpx.Limits(max_connections=CONCURRENCY, max_keepalive_connections=CONCURRENCY)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(base_url=server.url, headers=headers, limits=limits, timeout=60) as client:

        async def worker() -> None:
            for customer_id in queue:
                query = {"limit": "100"}
                while True:
                    body = (await client.get(invoices_path(customer_id), params=query)).content
                    bodies[customer_id].append(body)
                    # The cursor comes last, so the floor need not read the page to find it.
                    cursor = json.loads(body[body.rindex(b'"next_page":') + len(b'"next_page":') : -1])
                    if cursor is None:
                        break
                    query["next_page"] = cursor

        await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))


def _physical(dtype: Any) -> Any:
    """The dtype that the JSON of `dtype` is read as."""
    match dtype:
        case pl.Decimal():
            return pl.Float64()
        case pl.Datetime():
            return pl.String()
        case pl.Struct():
            return pl.Struct({name: _physical(inner) for name, inner in dtype})
        case pl.List():
            return pl.List(_physical(dtype.inner))
        case _:
            return dtype
