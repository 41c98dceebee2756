"""How a loader runs: the requests it plans, the table they fill, the receipt it leaves."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics import arguments as args
from metronome_analytics.api.endpoints import ENDPOINTS
from metronome_analytics.api.request import Request, Tally
from metronome_analytics.background import StoppedError
from metronome_analytics.errors import IncompleteLoadWarning, RequestRejected, load_error
from metronome_analytics.progress import ProgressBar
from metronome_analytics.receipts import Partial
from metronome_analytics.tracebacks import caller_depth

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from metronome_analytics.api.decode import Page
    from metronome_analytics.arguments import Customers, OnError
    from metronome_analytics.loaders.load import Load
    from metronome_analytics.receipts import Receipt
    from metronome_analytics.session import Session

    Plan = Callable[[Load], Awaitable[Sequence[Request]]]

# Lists of ids in a request are documented to take at most this many, or not documented at all.
IDS_PER_REQUEST = 100
# What lists with an `archive_filter` may show.
ARCHIVE_FILTERS = ("NOT_ARCHIVED", "ARCHIVED", "ALL")


class Loaders:
    """Loaders of one resource, made with a session: it is all that they hold."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def _fan_out(
        self,
        name: str,
        customers: Customers | None,
        requests_of: Callable[[str], Iterable[Request]],
        *,
        on_error: OnError,
        filters: Mapping[str, object],
        within: pl.Expr | None = None,
    ) -> pl.DataFrame:
        """A load of the requests that `requests_of` makes for each customer."""
        ids = self._meant(customers)

        async def plan(load: Load) -> Sequence[Request]:
            return [request for id_ in await self._ids(load, ids) for request in requests_of(id_)]

        return self._load(name, plan, on_error=on_error, filters=filters, within=within)

    @staticmethod
    async def _ids(load: Load, ids: list[str] | None) -> list[str]:
        """`ids`, or those of every customer that the API lists."""
        return (
            ids
            if ids is not None
            else (await load.look_up("customers", [request_for("customers")], "id"))["id"].to_list()
        )

    def _each(
        self,
        name: str,
        customers: Customers | None,
        *,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
        on_error: OnError,
        filters: Mapping[str, object] | None = None,
        within: pl.Expr | None = None,
    ) -> pl.DataFrame:
        """A load of one request a customer; `filters` are its parameters, unless told otherwise."""
        return self._fan_out(
            name,
            customers,
            lambda id_: [request_for(name, {"customer_id": id_}, query=query, body=body)],
            on_error=on_error,
            filters={**(query or {}), **(body or {})} if filters is None else filters,
            within=within,
        )

    def _one(
        self,
        name: str,
        labels: Mapping[str, str] | None = None,
        *,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
        on_error: OnError,
        filters: Mapping[str, object] | None = None,
        within: pl.Expr | None = None,
    ) -> pl.DataFrame:
        """A load of one request about `labels`; `filters` are they and its parameters, unless told otherwise."""
        return self._just(
            name,
            [request_for(name, labels, query=query, body=body)],
            on_error=on_error,
            filters={**(labels or {}), **(query or {}), **(body or {})} if filters is None else filters,
            within=within,
        )

    def _of_contracts(
        self,
        name: str,
        customers: Customers | None,
        *,
        body: Mapping[str, object] | None = None,
        on_error: OnError,
        **parts: pl.Expr,
    ) -> pl.DataFrame:
        """A load of one request for each contract of each customer, archived ones too; lists them first.

        With one of `parts` (by its label, a list of ids in each contract), of one request for each of those.
        """
        ids = self._meant(customers)

        async def plan(load: Load) -> Sequence[Request]:
            found = await self._ids(load, ids)
            lists = [request_for("contracts", {"customer_id": id_}, body={"include_archived": True}) for id_ in found]
            contracts = await load.look_up(
                "contracts", lists, "customer_id", pl.col("id").alias("contract_id"), **parts
            )
            for part in parts:
                contracts = contracts.explode(part, empty_as_null=False, keep_nulls=False)
            return [request_for(name, labels, body=body) for labels in contracts.iter_rows(named=True)]

        return self._load(name, plan, on_error=on_error, filters=body or {})

    def _meant(self, customers: Customers | None) -> list[str] | None:
        """The ids of the customers meant; a customer's name is refused with the id it may stand for."""
        ids = args.customer_ids(customers)
        for id_ in ids or ():
            self.session.names.refuse(id_)
        return ids

    def _customer(self, customer: Customers | None) -> str:
        """The id of the one customer meant."""
        id_ = args.one_customer(customer)
        self.session.names.refuse(id_)
        return id_

    def _contract(self, customer: Customers | None, contract_id: str | None) -> dict[str, str]:
        """The labels of a request about one contract of one customer."""
        return {
            "customer_id": self._customer(customer),
            "contract_id": args.identifier("contract_id", contract_id),
        }

    def _just(
        self,
        name: str,
        requests: Sequence[Request],
        *,
        on_error: OnError,
        filters: Mapping[str, object],
        within: pl.Expr | None = None,
    ) -> pl.DataFrame:
        """A load of `requests`, known beforehand."""

        async def plan(_: Load) -> Sequence[Request]:
            return requests

        return self._load(name, plan, on_error=on_error, filters=filters, within=within)

    def _load(
        self,
        name: str,
        plan: Plan,
        *,
        on_error: OnError,
        filters: Mapping[str, object],
        within: pl.Expr | None = None,
    ) -> pl.DataFrame:
        """Run the requests of `plan`, shape their rows as the table of `name`, and leave a receipt whatever happens."""
        from metronome_analytics.loaders.load import Load  # noqa: PLC0415  # as in `Connection.client`

        collect = args.choice("on_error", on_error, "raise", "collect") == "collect"
        session = self.session
        load = Load(session, collect, session.connection.max_concurrency)
        bar = ProgressBar(name, session.progress)
        receipt: Receipt | None = None

        async def work() -> None:
            requests = await plan(load)
            if collect or not load.failures:
                await load.gather(requests)

        try:
            with self._receipt(name, load.tally, filters) as receipt:
                try:
                    session.run(
                        work,
                        tick=lambda: bar.show(
                            requests=load.tally.requests, foreseen=load.foreseen, rows=load.tally.rows
                        ),
                    )
                    frame = _shaped(name, load, within)
                    receipt.complete = not load.failures
                finally:
                    bar.close()
                    receipt.customers, receipt.unknown_fields = load.customers, len(load.unknown_fields)
        except (KeyboardInterrupt, StoppedError):
            if receipt is not None:
                session.partial = Partial(_shaped(name, load, within), receipt)
            raise
        if load.failures:
            self._tell_of_failures(name, load, frame)
        return frame

    def _tell_of_failures(self, name: str, load: Load, frame: pl.DataFrame) -> None:
        """Warn of the failures of a load that collects them; raise the error of one that does not."""
        first = load.failures[0]
        if isinstance(first, RequestRejected) and (hint := self.session.names.hint(first.customer_id)):
            first.advice = f"{hint} {first.advice}"
        if not load.collect:
            raise load_error(first, partial=frame, failures=load.failure_frame())
        warnings.warn(
            f"{name}: {len(load.failures)} of {load.planned} requests failed, the frame is incomplete. "
            f"The first: {first}",
            IncompleteLoadWarning,
            stacklevel=caller_depth(),
        )

    def _bytes(self, request: Request, *, filters: Mapping[str, object]) -> bytes:
        """The body of an answer that is no JSON."""
        tally = Tally()

        async def as_it_is(body: bytes) -> bytes:
            return body

        with self._receipt(request.endpoint.name, tally, filters) as receipt:
            receipt.customers = 1
            body = self.session.run(lambda: self.session.client.fetch(request, as_it_is, tally=tally))
            receipt.complete = True
        return body

    def _receipt(self, name: str, tally: Tally, filters: Mapping[str, object]) -> AbstractContextManager[Receipt]:
        return self.session.receipts.writing(name, tally, {"environment": self.session.environment, **filters})


def _shaped(name: str, load: Load, within: pl.Expr | None) -> pl.DataFrame:
    """What has arrived, as the table of `name`."""
    from metronome_analytics.tables.registry import TABLES  # noqa: PLC0415  # as in `receipts`: slow to import

    frame = TABLES[name].shape(load.frame(ENDPOINTS[name]))
    return frame if within is None else frame.filter(within)


def request_for(
    name: str,
    labels: Mapping[str, str] | None = None,
    *,
    query: Mapping[str, object] | None = None,
    body: Mapping[str, object] | None = None,
    page_size: int | None = None,
    enough: Callable[[Page], bool] | None = None,
    may_be_absent: bool = False,
) -> Request:
    """A call of the endpoint `name` about `labels`, which fill its path and, for a POST, its body.

    Pages have at most `page_size` rows, and end where one of them is `enough`. What `may_be_absent` has no rows where
    the API says that it is not found.
    """
    endpoint = ENDPOINTS[name]
    labels = labels or {}
    in_path = {label: text for label, text in labels.items() if f"{{{label}}}" in endpoint.path}
    in_body = {label: text for label, text in labels.items() if label not in in_path}
    return Request(
        endpoint,
        path=in_path,
        query=query or {},
        body=({**in_body, **given(body or {})}) if endpoint.method == "POST" else {},
        labels=labels,
        page_size=page_size,
        enough=enough,
        may_be_absent=may_be_absent,
    )


def within_window(at: pl.Expr, start: datetime | None, end: datetime | None) -> pl.Expr:
    """Whether `at` lies in [start, end); a row without any time is kept rather than lost."""
    inside = pl.lit(value=True)
    if start is not None:
        inside &= at >= start
    if end is not None:
        inside &= at < end
    return inside | at.is_null()


def bounds(start: datetime, end: datetime) -> dict[str, object]:
    """Both ends of a window as the API reads them."""
    return {"starting_on": args.rfc3339(start), "ending_before": args.rfc3339(end)}


def given(parameters: Mapping[str, object]) -> dict[str, object]:
    """Only what was given: the API tells an absent parameter from a null one."""
    return {name: value for name, value in parameters.items() if value is not None}


def batches(ids: list[str] | None) -> list[list[str] | None]:
    """`ids` in lists as long as one request takes; None stays one batch without ids."""
    if ids is None:
        return [None]
    return [ids[first : first + IDS_PER_REQUEST] for first in range(0, len(ids), IDS_PER_REQUEST)]


def how_many(ids: list[str] | None) -> str | None:
    """How a receipt tells of ids: 50,000 of them do not belong into it."""
    return None if ids is None else f"{len(ids)} ids"
