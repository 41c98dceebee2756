"""The table of operations: one row for each write that can be planned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.api.endpoints import ENDPOINTS
from metronome_analytics.changes.archiving import ARCHIVE_COMMIT, ARCHIVE_CREDIT
from metronome_analytics.changes.balance_entries import ENTER
from metronome_analytics.changes.billing_configs import CREATE_BILLING_CONFIG, DELETE_BILLING_CONFIG
from metronome_analytics.changes.billing_configurations import (
    ARCHIVE_BILLING_CONFIGURATIONS,
    SET_BILLING_CONFIGURATIONS,
)
from metronome_analytics.changes.charges import ADD_CHARGE
from metronome_analytics.changes.contract_amendments import AMEND_CONTRACT
from metronome_analytics.changes.contract_archiving import ARCHIVE_CONTRACT
from metronome_analytics.changes.contract_changes import CREATE_CONTRACT
from metronome_analytics.changes.contract_edits import EDIT_CONTRACT
from metronome_analytics.changes.customer_settings import SET_INGEST_ALIASES, UPDATE_CONFIG
from metronome_analytics.changes.customers import ARCHIVE_CUSTOMER, CREATE_CUSTOMER
from metronome_analytics.changes.ending import ENDS
from metronome_analytics.changes.extending import EXTENSIONS
from metronome_analytics.changes.granting import CREATE_COMMIT, CREATE_CREDIT
from metronome_analytics.changes.historical_invoices import CREATE_HISTORY
from metronome_analytics.changes.invoice_changes import REGENERATE_INVOICE, VOID_INVOICE
from metronome_analytics.changes.other_changes import END_CONTRACT, RESET_ALERT, SET_NAME
from metronome_analytics.changes.plan_changes import ADD_PLAN, END_PLAN
from metronome_analytics.changes.schedules_and_filters import SET_USAGE_FILTER, UPDATE_NAMED_SCHEDULE
from metronome_analytics.changes.service_invoices import SCHEDULE_SERVICES
from metronome_analytics.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from metronome_analytics.changes.operation import Operation

__all__ = ["catalogue"]

_ROWS = (
    ENTER,
    CREATE_CREDIT,
    CREATE_COMMIT,
    *ENDS,
    *EXTENSIONS,
    ARCHIVE_CREDIT,
    ARCHIVE_COMMIT,
    CREATE_CONTRACT,
    AMEND_CONTRACT,
    EDIT_CONTRACT,
    END_CONTRACT,
    ARCHIVE_CONTRACT,
    SCHEDULE_SERVICES,
    CREATE_HISTORY,
    SET_NAME,
    RESET_ALERT,
    CREATE_CUSTOMER,
    ARCHIVE_CUSTOMER,
    SET_INGEST_ALIASES,
    UPDATE_CONFIG,
    SET_BILLING_CONFIGURATIONS,
    ARCHIVE_BILLING_CONFIGURATIONS,
    CREATE_BILLING_CONFIG,
    DELETE_BILLING_CONFIG,
    VOID_INVOICE,
    REGENERATE_INVOICE,
    ADD_PLAN,
    END_PLAN,
    ADD_CHARGE,
    UPDATE_NAMED_SCHEDULE,
    SET_USAGE_FILTER,
)
OPERATIONS: dict[str, Operation] = {operation.name: operation for operation in _ROWS}

EVERYTHING = "all"
_CATALOGUE = pl.Schema(
    dict.fromkeys(
        ("operation", "change", "endpoint", "status", "once_by", "proof", "undo", "weight"),
        pl.String,
    )
)


def operation_of(name: str) -> Operation:
    """The row of that name; ArgumentError where there is none."""
    found = OPERATIONS.get(name)
    if found is None:
        raise ArgumentError(f"{name!r} is no operation.", advice="ma.changes.catalogue() lists them.")
    return found


def operations_allowed(allow_writes: bool | str | Iterable[str]) -> frozenset[str]:  # noqa: FBT001  # connect()'s own
    """The operations that `connect(allow_writes=)` names: True is manual balance entries, "all" is every one."""
    match allow_writes:
        case bool():
            return frozenset({ENTER.name}) if allow_writes else frozenset()
        case str():
            names = {allow_writes}
        case _:
            try:
                names = set(allow_writes)
            except TypeError:
                raise ArgumentError(
                    f"allow_writes cannot be {type(allow_writes).__name__}.",
                    advice='Pass True, a set of operations, or "all".',
                ) from None
    if EVERYTHING in names:
        return frozenset(OPERATIONS)
    return frozenset(operation_of(name).name for name in names)


def catalogue() -> pl.DataFrame:
    """One row per operation: what may be planned, and how it is kept from happening twice.

    `operation` (its name in `allow_writes`), `change` (its class here), `endpoint`, `status` (for whom it answers),
    `once_by` (key, header, absolute), `proof` (mark, key, value, none: what a read shows of it), `undo`, `weight`
    (light, billing, for ever).

    >>> ma.changes.catalogue().filter(change="CreateCredit").select("operation", "undo", "weight").rows()
    [('credits.create', 'credits.archive', 'billing')]
    """
    rows = [
        (o.name, o.change.__name__, str(ENDPOINTS[o.endpoint]), o.status, o.once, o.proof, o.undo, o.weight)
        for o in OPERATIONS.values()
    ]
    return pl.DataFrame([[str(cell) for cell in row] for row in rows], schema=_CATALOGUE, orient="row")
