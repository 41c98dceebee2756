"""The routing table: one row per endpoint."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from . import balances, customers, invoices, manual
from .account import Account
from .http import Answer, ApiError, Request

Handler = Callable[[Account, Request], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint; `parameters` says where it reads them, and with them its cursor."""

    method: str
    pattern: str
    handler: Handler
    parameters: Literal["query", "body"] = "query"
    writes: bool = False
    compiled: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "compiled", re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.pattern)))


ROUTES = (
    Route("GET", "/v1/customers", customers.list_customers),
    Route("GET", "/v1/customers/{customer_id}", customers.get_customer),
    Route("GET", "/v1/customers/{customer_id}/costs", invoices.list_costs),
    Route("GET", "/v1/customers/{customer_id}/invoices", invoices.list_invoices),
    Route("GET", "/v1/customers/{customer_id}/invoices/breakdowns", invoices.list_breakdowns),
    Route("GET", "/v1/customers/{customer_id}/invoices/{invoice_id}", invoices.get_invoice),
    Route("POST", "/v1/contracts/customerCommits/list", balances.list_commits, "body"),
    Route("POST", "/v1/contracts/customerCredits/list", balances.list_credits, "body"),
    Route("POST", "/v1/contracts/customerBalances/list", balances.list_balances, "body"),
    Route("POST", "/v1/contracts/customerBalances/getNetBalance", balances.net_balance, "body"),
    Route("POST", "/v1/contracts/addManualBalanceLedgerEntry", manual.add_entry, "body", writes=True),
)
"""The first row that fits wins."""


def find(request: Request) -> Route:
    """Return the route of a request and file its path parameters. Raises ApiError 404 or 405."""
    known = False
    for route in ROUTES:
        match = route.compiled.fullmatch(request.path)
        if match is None:
            continue
        known = True
        if route.method == request.method:
            request.path_parameters = match.groupdict()
            request.cursor_in = route.parameters
            return route
    raise ApiError(405, "Method not allowed") if known else ApiError(404, "Not found")
