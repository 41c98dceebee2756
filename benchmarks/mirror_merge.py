"""What it costs to bring the same number of customers up to date in a small mirror and in a large one."""

from __future__ import annotations

import random
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import polars as pl

from benchmarks.payload import invoices
from benchmarks.result import Options, Result, best_of
from metronome_analytics.api.decode import decode
from metronome_analytics.api.endpoints import ENDPOINTS
from metronome_analytics.mirror.mirrored import LAYOUTS
from metronome_analytics.mirror.store import Replacement, Store
from metronome_analytics.tables.registry import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_BAR = 2.0
_CHANGED, _PER_BUCKET, _TIMES = 20, 32, 10


def run(options: Options) -> list[Result]:
    """The time of a commit in a mirror of ten times the customers, over that in the small one."""
    customers = 300 if options.quick else 1_500
    with _mirror(customers) as small, _mirror(customers * _TIMES) as large:
        few, many = best_of(5, small, large)
    ratio = many / few
    detail = f"{many:.2f} s among {customers * _TIMES:,}, {few:.2f} s among {customers:,}: {_CHANGED} customers changed"
    return [Result("mirror, merging", f"<= {_BAR:g} x", f"{ratio:.2f} x", ratio <= _BAR, detail)]


@contextmanager
def _mirror(customers: int) -> Iterator[Callable[[], None]]:
    """A mirror of `customers`, and the work of replacing some of them."""
    dice = random.Random(7)  # noqa: S311  # makes data, not secrets
    ids = [f"{dice.getrandbits(128):032x}" for _ in range(customers)]
    [rows] = invoices(1, 12, (5, 5)).values()
    body = b'{"data":[%b]}' % b",".join(rows)
    shaped = TABLES["invoices"].shape(decode(body, ENDPOINTS["invoices"]).rows)

    def of(some: list[str]) -> pl.DataFrame:
        owners = pl.DataFrame({"owner": some})
        every = owners.join(shaped, how="cross")
        named = every.with_columns(pl.col("owner").alias("customer_id"), pl.concat_str("owner", "id").alias("id"))
        return named.select(shaped.columns)

    with TemporaryDirectory() as folder:
        store = Store.create(folder, LAYOUTS, identity={}, buckets=-(-customers // _PER_BUCKET))
        with store.writing() as writer:

            def replace(some: list[str]) -> None:
                changes: dict[int, Replacement] = {}
                buckets = store.bucket_of(pl.Series(some))
                for bucket in buckets.unique():
                    here = [id_ for id_, at in zip(some, buckets, strict=True) if at == bucket]
                    writer.write("invoices", bucket, of(here))
                    changes[bucket] = Replacement(set(here))
                told = pl.DataFrame({"table": "invoices", "customer_id": some, "status": "complete"})
                writer.commit({"invoices": changes}, told)

            for first in range(0, customers, 1_000):
                replace(ids[first : first + 1_000])
            yield lambda: replace(dice.sample(ids, _CHANGED))
