"""Every field that the vendor's own client declares has a place in our wire schemas."""

from __future__ import annotations

import inspect
import typing
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from metronome.types import shared, v1, v2
from metronome.types.v1 import contracts, customers
from pydantic import BaseModel

from metronome_analytics.api.endpoints import ENDPOINTS
from metronome_analytics.api.wire.kinds import JsonText

if TYPE_CHECKING:
    from collections.abc import Iterator


def rows_of(answer: type[BaseModel]) -> Any:
    """The model of a row, where the client has one for the whole answer."""
    return answer.model_fields["data"].annotation.__args__[0]  # type: ignore[union-attr]  # a list of rows


MODELS: dict[str, Any] = {
    "customers": v1.CustomerDetail,
    "invoices": customers.Invoice,
    "invoice_breakdowns": customers.InvoiceListBreakdownsResponse,
    "balances": shared.Commit,
    "commits": shared.Commit,
    "credits": shared.Credit,
    "contracts": shared.ContractV2,
    "contracts_v1": shared.Contract,
    "contract_edits": rows_of(v2.ContractGetEditHistoryResponse),
    "rate_schedule": rows_of(v1.ContractRetrieveRateScheduleResponse),
    "seat_balances": rows_of(v1.ContractListSeatBalancesResponse),
    "alerts": customers.CustomerAlert,
    "products": contracts.ProductListResponse,
    "rate_cards": contracts.RateCardListResponse,
    "packages": v1.PackageListResponse,
    "usage": v1.UsageListResponse,
    "usage_groups": v1.UsageListWithGroupsResponse,
    "audit_logs": v1.AuditLogListResponse,
    "billable_metrics": v1.BillableMetricListResponse,
    "credit_types": v1.PricingUnitListResponse,
    "credit_grants": v1.CreditGrantListResponse,
}


def models(annotation: Any, suffix: str = "") -> Iterator[tuple[type[BaseModel], str]]:
    """The models inside an annotation, `[]` after a list; what a free-form object holds has no fields."""
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        yield annotation, suffix
    elif typing.get_origin(annotation) is not dict:
        suffix += "[]" * (typing.get_origin(annotation) is list)
        for inner in typing.get_args(annotation):
            yield from models(inner, suffix)


def theirs(model: type[BaseModel], path: str = "") -> Iterator[str]:
    """Every field path of a model, by the name it has in JSON."""
    for name, field in model.model_fields.items():
        here = f"{path}{field.alias or name}"
        yield here
        for inner, suffix in models(field.annotation):
            yield from theirs(inner, f"{here}{suffix}.")


def ours(dtype: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every field path of a wire schema."""
    match dtype:
        case pl.Struct():
            for name, inner in dtype:
                yield f"{path}{name}", inner
                yield from ours(inner, f"{path}{name}.")
        case pl.List():
            yield from ours(dtype.inner, f"{path[:-1]}[].")
        case _:
            return


@pytest.mark.parametrize("name", MODELS)
def test_every_field_of_the_official_client_is_declared(name: str) -> None:
    """Also what the OpenAPI file does not know: else it would be drift, and in no column."""
    declared = dict(ours(ENDPOINTS[name].wire))
    whole = tuple(f"{path}{end}" for path, dtype in declared.items() if isinstance(dtype, JsonText) for end in ".[")
    assert {path for path in theirs(MODELS[name]) if path not in declared and not path.startswith(whole)} == set()
