"""What no source settles, and how old the simulated server is: one table of choices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """Choices a test may flip; the defaults follow the shape of the vendor's OpenAPI file."""

    default_page_size: int = 50
    """Page size of query-style lists when no limit is given. Unspecified; the docs suggest 50."""

    newest_first: bool = False
    """Order of the lists of customers, commits, credits and balances. Unspecified."""

    reject_unknown_parameters: bool = False
    """400 for a query parameter or body field the endpoint does not know, instead of ignoring it. Unspecified."""

    bad_token_status: Literal[401, 403] = 401
    """Status of a missing or wrong token. The docs allow both."""

    clamp: Literal["segment", "balance"] = "segment"
    """Whether each overdrawn segment counts 0 in `balance`, or only their sum. Unspecified; net: by segment."""

    contract_before_customer: Literal["after_priority", "last"] = "after_priority"
    """Where in the drawdown order contract-level balances beat customer-level ones. The position is unspecified."""

    limit_too_large_refused: bool = True
    """400 for a limit above the largest, rather than the largest page. Unspecified."""

    cursors_last: bool = True
    """A cursor may be asked again; else it answers 400 the second time. Unspecified."""

    unknown_customer_status: Literal[400, 404] = 404
    """Status of v1 endpoints for a customer that does not exist. The OpenAPI file has 404 for some of them."""

    sort_honoured: bool = True
    """Invoices come in the order asked for, else newest first. The docs contradict themselves."""

    archived_customers_listed: bool = False
    """Archived customers are among the others. The OpenAPI file says they are not."""

    clock_skew: float | None = None
    """How many seconds the Date header is ahead of this machine's clock; None leaves it to whatever serves."""

    rate_limit_headers: bool = False
    """Every answer tells of limits in headers. The docs know none but that of a 429."""

    wrong_segment_status: Literal[400, 404] = 400
    """Status of a manual entry whose segment is not part of the balance. Unspecified."""

    wrong_contract_status: Literal[400, 404] = 400
    """Status of a manual entry whose contract does not fit the balance. Unspecified."""

    uniqueness_key_honoured: bool = True
    """Manual entries know `uniqueness_key`. Newer than the OpenAPI file: older servers ignore it."""

    off_hour_times_refused: bool = True
    """400 for a time of access, of a manual entry too, that is not on the hour. Seen live, and not in the file."""

    idempotency_key_honoured: bool = True
    """The `Idempotency-Key` header of a write is honoured. Docs."""

    unknown_seat_status: Literal[400, 404] = 404
    """Status of a batch of seat ids one of which is unknown. The OpenAPI file has 404, the Python SDK's text 400."""

    embedded_maximum: int = 25
    """How many commits, and how many credits, a v2 contract embeds before `has_more` says so. Unspecified."""

    period_end_inclusive: bool = False
    """A date filter keeps a period that ends exactly at its end. By the letter of the docs it does not."""

    scheduled_in_date_filters: bool = False
    """SCHEDULED invoices, which have no period, pass date filters. Unspecified; by the letter they do not."""

    skip_zero_drops_applied_lines: bool = False
    """`skip_zero_qty_line_items` also drops applied lines, which have no quantity. Unspecified."""

    totals_rounded: bool = False
    """Invoice totals are rounded to whole cents, or whole units. Unspecified."""

    draft_deductions_dated: Literal["period_end", "now"] = "period_end"
    """When the deduction of a draft is dated. The docs say at the end of its period."""

    net_includes_postpaid: bool = True
    """Net balances count postpaid commits unless filters leave them out. The OpenAPI file."""

    balancing_conversion_line: bool = False
    """A negative line in the custom unit stands against each `cpu_conversion` line. Unspecified."""

    sdk_fields: bool = False
    """Fields only the Python SDK knows: regenerated_from_invoice_id, created_at of a credit, cost_basis, plan_id."""

    billable_status: bool = True
    """Billable status of customers and invoices is shown. Depends on the client's configuration."""
