"""An analysis run on a mirror bucket by bucket: here, one after the other, or on the workers of a Dask cluster."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar, cast, overload

import polars as pl

from metronome_analytics.analysis.reconciliation import Reconciliation
from metronome_analytics.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from distributed import Client

Part = TypeVar("Part")
Frames = pl.DataFrame | pl.LazyFrame


@overload
def map_buckets(
    read: Callable[[int], Part],
    buckets: Sequence[int],
    analysis: Callable[[Part], Frames],
    *,
    client: Client | None = ...,
) -> pl.DataFrame: ...


@overload
def map_buckets(
    read: Callable[[int], Part],
    buckets: Sequence[int],
    analysis: Callable[[Part], Reconciliation],
    *,
    client: Client | None = ...,
) -> Reconciliation: ...


def map_buckets(
    read: Callable[[int], Part],
    buckets: Sequence[int],
    analysis: Callable[[Part], Frames | Reconciliation],
    *,
    client: Client | None = None,
) -> pl.DataFrame | Reconciliation:
    """What `analysis` finds in the part `read(bucket)` of each of `buckets`, put together in the order of `buckets`.

    `analysis` returns a DataFrame, a LazyFrame (collected by the streaming engine) or a Reconciliation, the same kind
    for every part; each part is let go before the next one is read, so only what it returns adds up in memory. The
    rows of a part keep the analysis' order. Parts of a Reconciliation are put together by check.

    With `client` the parts are tasks of its cluster: a worker gets `read`, `analysis` and the number of a bucket,
    reads for itself, and sends back what it found. Dask runs the tasks of a worker that died on another one, up to
    its `distributed.scheduler.allowed-failures`, and the rows and their order are those of a run without a client.

    What `analysis` raises is raised. Raises ArgumentError when it returns something else.
    """
    work = partial(_found, read, analysis)
    if client is None:
        return _together([work(bucket) for bucket in buckets])
    # Not pure: a result of an analysis of the same name is no result of this one.
    tasks = client.map(work, list(buckets), pure=False)
    try:
        return _together(client.gather(tasks))  # type: ignore[no-untyped-call]  # distributed tells mypy of a part only
    finally:
        # After an error or an interrupt nobody waits for the others; else there are none.
        client.cancel(tasks)  # type: ignore[no-untyped-call]  # as above


def _found(
    read: Callable[[int], Part], analysis: Callable[[Part], Frames | Reconciliation], bucket: int
) -> pl.DataFrame | Reconciliation:
    found = analysis(read(bucket))
    if isinstance(found, pl.LazyFrame):
        return found.collect(engine="streaming")
    if not isinstance(found, pl.DataFrame | Reconciliation):
        raise ArgumentError(
            f"The analysis returned {type(found).__name__}.",
            advice="Return a DataFrame, a LazyFrame or a Reconciliation.",
        )
    return found


def _together(found: list[pl.DataFrame | Reconciliation]) -> pl.DataFrame | Reconciliation:
    kinds = {isinstance(part, Reconciliation) for part in found}
    if len(kinds) > 1:
        raise ArgumentError("The analysis returned a frame of one bucket and a Reconciliation of another.")
    if kinds == {True}:
        return Reconciliation.together(cast("list[Reconciliation]", found))
    return pl.concat(cast("list[pl.DataFrame]", found))
