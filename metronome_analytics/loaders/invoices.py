"""Invoices, their breakdowns, PDFs and payments, and what events would come to."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics import arguments as args
from metronome_analytics.errors import MalformedResponse
from metronome_analytics.loaders.base import Loaders, bounds, request_for, within_window

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from metronome_analytics.api.decode import Page
    from metronome_analytics.arguments import Customers, Instant, OnError, Period

# What one response of invoices/breakdowns may cover; the API would answer the rest behind a cursor.
BREAKDOWN_SPAN = {"DAY": timedelta(days=35), "HOUR": timedelta(hours=24)}
_SORTS = ("date_asc", "date_desc")


class InvoiceLoaders(Loaders):
    """The loaders of invoices."""

    def invoices(
        self,
        customers: Customers | None = None,
        *,
        starting_on: Instant | None = None,
        ending_before: Instant | None = None,
        month: str | None = None,
        period: Period | None = None,
        status: str | None = None,
        type: str | None = None,  # noqa: A002  # the API's name
        contract_id: str | None = None,
        credit_type_id: str | None = None,
        skip_zero_qty_line_items: bool | None = None,
        include_historical_commit_invoices: bool | None = None,
        webhook_notification_id: str | None = None,
        sort: str | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per invoice, lines nested: the columns of `tables.Invoices`, key `id`; see `line_items`.

        The window [starting_on, ending_before) holds an invoice whose service period starts in it, or, where it has
        no period (SCHEDULED), that is issued in it: consecutive windows share no invoice and miss none. The API's own
        date filter drops a period that ends exactly at `ending_before` and says nothing of SCHEDULED invoices, so the
        window is applied here; pages are read newest first, and no more of them once what follows was issued before
        the window.

        `status` is DRAFT, FINALIZED or VOID, `type` USAGE, SCHEDULED or USAGE_CONSOLIDATED (a newer one is sent, with
        a warning), `credit_type_id` the invoice's own. `sort` is date_asc (as without it) or date_desc, by issue date.
        `include_historical_commit_invoices` and `webhook_notification_id` are known to the official client, not to
        the OpenAPI file.

        >>> october = ma.major_units(ma.invoiced(account.invoices(month="2026-10")))
        >>> october.filter(currency="USD")["total"].sum()
        Decimal('152212.597675000000')
        """
        from metronome_analytics.tables.vocabulary import InvoiceStatus, InvoiceType  # noqa: PLC0415  # as in `receipts`

        start, end = args.asked_window(starting_on, ending_before, month, period)
        query = {
            "status": args.choice("status", args.text("status", status), *InvoiceStatus),
            "type": args.growing("type", type, *InvoiceType),
            "contract_id": args.text("contract_id", contract_id),
            "credit_type_id": args.text("credit_type_id", credit_type_id),
            "skip_zero_qty_line_items": args.flag("skip_zero_qty_line_items", skip_zero_qty_line_items),
            "include_historical_commit_invoices": args.flag(
                "include_historical_commit_invoices", include_historical_commit_invoices
            ),
            "webhook_notification_id": args.text("webhook_notification_id", webhook_notification_id),
            # The two descriptions of the default order contradict each other, so it is always asked for.
            "sort": args.choice("sort", sort, *_SORTS) or "date_asc",
        }
        filters = {**query, "sort": sort, "starting_on": start, "ending_before": end}
        within = within_window(pl.coalesce("start_timestamp", "issued_at", "created_at"), start, end)
        if start is None:
            return self._each("invoices", customers, query=query, on_error=on_error, filters=filters, within=within)
        newest_first = {**query, "sort": "date_desc"}
        size = _page_size(start, self.session.clock.now())
        frame = self._fan_out(
            "invoices",
            customers,
            lambda id_: [
                request_for(
                    "invoices",
                    {"customer_id": id_},
                    query=newest_first,
                    page_size=size,
                    enough=lambda page: _before(page, start),
                )
            ],
            on_error=on_error,
            filters=filters,
            within=within,
        )
        return frame if query["sort"] == "date_desc" else _oldest_first(frame)

    def invoice(
        self,
        customer: Customers,
        invoice_id: str,
        *,
        skip_zero_qty_line_items: bool | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row: one invoice of one customer, in the columns of `tables.Invoices`.

        >>> first = account.invoices(month="2026-10").row(0, named=True)
        >>> account.invoice(first["customer_id"], first["id"]).select("type", "status").rows()
        [('SCHEDULED', 'FINALIZED')]
        """
        labels = self._invoice(customer, invoice_id)
        query = {"skip_zero_qty_line_items": args.flag("skip_zero_qty_line_items", skip_zero_qty_line_items)}
        return self._one("invoice", labels, query=query, on_error=on_error)

    def invoice_pdf(self, customer: Customers, invoice_id: str, path: str | os.PathLike[str]) -> Path:
        """Write the PDF of one invoice to `path` and return it; a file that is there is replaced whole or not at all.

        Raises NotFoundError for an invoice that has none, MalformedResponse where the answer is no PDF.

        >>> final = account.invoices(status="FINALIZED").row(0, named=True)
        >>> account.invoice_pdf(final["customer_id"], final["id"], "invoice.pdf").name
        'invoice.pdf'
        """
        target = Path(path)
        labels = self._invoice(customer, invoice_id)
        pdf = self._bytes(request_for("invoice_pdf", labels), filters={"invoice_id": invoice_id})
        if not pdf.startswith(b"%PDF-"):
            raise MalformedResponse(
                f"The answer is no PDF: {len(pdf)} bytes that begin {pdf[:20]!r}.",
                endpoint="GET /v1/customers/{customer_id}/invoices/{invoice_id}/pdf",
                customer_id=labels["customer_id"],
            )
        with tempfile.NamedTemporaryFile(dir=target.parent, suffix=".part", delete=False) as part:
            part.write(pdf)
        return Path(part.name).replace(target)

    def invoice_breakdowns(
        self,
        customers: Customers | None = None,
        *,
        starting_on: Instant | None = None,
        ending_before: Instant | None = None,
        month: str | None = None,
        period: Period | None = None,
        window_size: str = "day",
        status: str | None = None,
        credit_type_id: str | None = None,
        skip_zero_qty_line_items: bool | None = None,
        sort: str | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per invoice and day or hour: the columns of `tables.InvoiceBreakdowns`.

        Key `id`, `breakdown_start_timestamp`. Any window is split into what one response may cover (35 days of
        days, 24 hours of hours). Holds DRAFT and FINALIZED invoices; usage that came after finalisation is in the
        breakdown and not on the invoice.

        >>> days = account.invoice_breakdowns(starting_on="2026-10-01", ending_before="2026-10-08")
        >>> days["breakdown_start_timestamp"].n_unique()
        7
        """
        from metronome_analytics.tables.vocabulary import InvoiceStatus  # noqa: PLC0415  # as in `receipts`

        start, end = args.required_window(starting_on, ending_before, month, period)
        size = args.choice("window_size", window_size, "DAY", "HOUR") or "DAY"
        query = {
            "window_size": size,
            "status": args.choice("status", status, InvoiceStatus.DRAFT, InvoiceStatus.FINALIZED),
            "credit_type_id": args.text("credit_type_id", credit_type_id),
            "skip_zero_qty_line_items": args.flag("skip_zero_qty_line_items", skip_zero_qty_line_items),
            "sort": args.choice("sort", sort, *_SORTS) or "date_asc",
        }
        spans = [{**query, **bounds(*span)} for span in args.chunks(*args.whole_days(start, end), BREAKDOWN_SPAN[size])]
        if query["sort"] == "date_desc":
            spans.reverse()
        return self._fan_out(
            "invoice_breakdowns",
            customers,
            lambda id_: [request_for("invoice_breakdowns", {"customer_id": id_}, query=span) for span in spans],
            on_error=on_error,
            filters={**query, "sort": sort, "starting_on": start, "ending_before": end},
            within=within_window(pl.col("breakdown_start_timestamp"), start, end),
        )

    def spend_breakdowns(
        self,
        customers: Customers | None = None,
        *,
        starting_on: Instant | None = None,
        ending_before: Instant | None = None,
        month: str | None = None,
        period: Period | None = None,
        window_size: str = "day",
        group_keys: str | Iterable[str] | None = None,
        group_filters: Mapping[str, object] | None = None,
        credit_type_id: str | None = None,
        skip_zero_qty_line_items: bool | None = None,
        include_list_prices: bool | None = None,
        sort: str | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per invoice and window of spend, before commits and credits: the columns of `InvoiceBreakdowns`.

        `total` and `subtotal` are always null and there are no applied lines: sum `line_items`. The only endpoint with
        list prices (`include_list_prices`). `window_size` is day, or none for the whole window at once.

        >>> spend = ma.line_items(account.spend_breakdowns(month="2026-10"))
        >>> spend.filter(credit_type_name="USD (cents)")["total"].sum()
        Decimal('15786374.3055000000')
        """
        start, end = args.required_window(starting_on, ending_before, month, period)
        first, last = args.whole_days(start, end)
        size = args.choice("window_size", window_size, "day", "none")
        body = {
            "window_size": size,
            "group_keys": args.texts("group_keys", group_keys),
            "group_filters": args.an_object("group_filters", group_filters),
            "credit_type_id": args.text("credit_type_id", credit_type_id),
            "skip_zero_qty_line_items": args.flag("skip_zero_qty_line_items", skip_zero_qty_line_items),
            "sort": args.choice("sort", sort, *_SORTS),
        }
        query = {"include_list_prices": args.flag("include_list_prices", include_list_prices)}
        sent = {**body, **bounds(first, last)}
        name = "spend_breakdowns"
        return self._fan_out(
            name,
            customers,
            lambda id_: [request_for(name, {"customer_id": id_}, query=query, body=sent)] if start < end else [],
            on_error=on_error,
            filters={**body, **query, "starting_on": start, "ending_before": end},
            within=within_window(pl.col("breakdown_start_timestamp"), start, end) if size == "day" else None,
        )

    def payments(
        self,
        customer: Customers,
        invoice_id: str,
        *,
        statuses: str | Iterable[str] | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per payment of one invoice: the columns of `tables.Payments`, key `id`.

        `statuses` are pending, requires_intervention, paid, canceled.

        >>> paid = account.invoices().filter(billing_provider_invoice_external_status="PAID", type="SCHEDULED")
        >>> billed = paid.filter(billing_provider_type="stripe").row(0, named=True)
        >>> account.payments(billed["customer_id"], billed["id"]).select("status", "amount").rows()
        [('paid', Decimal('120000.0000000000'))]
        """
        labels = self._invoice(customer, invoice_id)
        known = ("pending", "requires_intervention", "paid", "canceled")
        body = {"statuses": args.choices("statuses", statuses, *known)}
        return self._one("payments", labels, body=body, on_error=on_error)

    def _invoice(self, customer: Customers, invoice_id: str) -> dict[str, str]:
        return {"customer_id": self._customer(customer), "invoice_id": args.identifier("invoice_id", invoice_id)}


def _page_size(start: datetime, now: datetime) -> int:
    """How many invoices to ask for at once, newest first, to reach back to `start`: a few for each month since."""
    months = max((now - start).days // 30, 0) + 1
    return 10 * months


def _before(page: Page, start: datetime) -> bool:
    """Whether nothing after a page, newest first, belongs to a window from `start` on.

    An invoice is issued after its period starts, so one that was issued before `start` starts before it too. That the
    order is the one asked for is not believed but seen: a page out of order, or with an invoice that tells no date,
    ends nothing.
    """
    issued = page.completion.column(page.met, "issued_at")
    if issued is None or not issued.len() or issued.null_count():
        return False
    return issued.is_sorted(descending=True) and bool(issued[-1] < start)


def _oldest_first(frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` with the invoices of each customer oldest first, the customers as they are.

    Those of a customer are turned round if they came newest first, as asked; what came otherwise is left as it came.
    """
    at = pl.col("issued_at").drop_nulls()
    customer = pl.col("customer_id").rle_id()
    row = pl.int_range(pl.len())
    turned = (at.first() > at.last()).over(customer).fill_null(value=False)
    return frame.sort(customer, pl.when(turned).then(-row).otherwise(row))
