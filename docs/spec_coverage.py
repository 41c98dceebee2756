"""What of the vendor's OpenAPI file can be called, operation by operation and parameter by parameter."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

# The vendor's file is kept with the tests, which judge by it.
sys.path.insert(0, str(Path(__file__).parents[1]))

import metronome_analytics as ma
from metronome_analytics.api.endpoints import ENDPOINTS, Effect
from metronome_analytics.changes.operations import OPERATIONS
from tests.api.test_wire import READS
from tests.spec import operations
from tests.tables.test_parameters import NOT_SENT, documented

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metronome_analytics.api.endpoints import Endpoint

# Parameters whose argument has another name, of every loader that has no argument of theirs.
_RENAMED = {
    "customer_id": ("customers", "customer", "id"),
    "customer_ids": ("customers",),
    "contract_id": ("contract",),
    "rate_card_id": ("rate_card",),
    "billable_metric_id": ("id",),
    "transactionIds": ("transaction_ids",),
}
_PAGES = {
    "limit": "`connect(page_size=)`; as large as the API allows without it",
    "next_page": "every page is read",
    "cursor": "every page is read",
}


class Row(NamedTuple):
    """An operation (`parameter` is empty) or one of its parameters, and how it is called."""

    operation: str
    parameter: str
    by: str


def rows() -> Iterator[Row]:
    """One row per operation of the vendor's file, and one per parameter of each read."""
    known = {str(endpoint): endpoint for endpoint in ENDPOINTS.values()}
    writes = {str(ENDPOINTS[operation.endpoint]): name for name, operation in OPERATIONS.items()}
    for operation, id_ in sorted(operations().items(), key=lambda item: item[0].split(" ")[::-1]):
        endpoint = known.get(operation)
        if endpoint is not None and endpoint.effect is Effect.READ:
            yield Row(operation, "", f"`account.{endpoint.loader}()`")
            yield from (Row(operation, name, _argument(endpoint, name)) for name in _parameters(endpoint))
        elif operation in writes:
            yield Row(operation, "", f"`{writes[operation]}` of `changes.catalogue()`")
        else:
            yield Row(operation, "", "not read" if id_.startswith(READS) else "a write that is not offered")


def _parameters(endpoint: Endpoint) -> list[str]:
    paged = [endpoint.cursor.asked] if endpoint.cursor.asked else []
    return [*re.findall(r"{(\w+)}", endpoint.path), *sorted(documented(endpoint)), *paged]


def _argument(endpoint: Endpoint, parameter: str) -> str:
    """The argument that sends `parameter`, or why none does."""
    if parameter in _PAGES and (endpoint.name, parameter) not in NOT_SENT:
        return _PAGES[parameter]
    taken = inspect.signature(getattr(ma.Account, str(endpoint.loader))).parameters
    for name in (parameter, *_RENAMED.get(parameter, ())):
        if name in taken:
            reason = NOT_SENT.get((endpoint.name, parameter))
            return f"`{name}=`" + (f" ({reason})" if reason else "")
    return NOT_SENT.get((endpoint.name, parameter), "")


def page() -> str:
    """The table, as a page."""
    found = list(rows())
    reads = {row.operation for row in found if row.by.startswith("`account.")}
    writes = {row.operation for row in found if "catalogue" in row.by}
    text = (
        "# Coverage\n\nEvery operation of the vendor's OpenAPI file, and every parameter of those that read, with what "
        f"calls it. Of {len({row.operation for row in found})} operations {len(reads)} are read by a loader, and "
        f"{len(writes)} are changes that a plan may hold; the others change what this package leaves alone.\n\n"
        "| operation | parameter | by |\n|---|---|---|\n"
    )
    for row in found:
        operation, parameter = ("", f"`{row.parameter}`") if row.parameter else (f"`{row.operation}`", "")
        text += f"| {operation} | {parameter} | {row.by} |\n"
    return text
