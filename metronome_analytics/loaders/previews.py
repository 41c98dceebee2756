"""Loaders of invoices that are not: what events, or usage of the past, would be billed."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from metronome_analytics import arguments as args
from metronome_analytics.loaders.base import Loaders

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import polars as pl

    from metronome_analytics.arguments import Customers, Instant, OnError

_HISTORICAL = (
    *("customer_id", "contract_id", "credit_type_id", "inclusive_start_date", "exclusive_end_date", "issue_date"),
    *("breakdown_granularity", "usage_line_items", "billable_status", "custom_fields"),
)


class PreviewLoaders(Loaders):
    """The loaders of previews: the API computes, and changes nothing."""

    def preview_events(
        self,
        customer: Customers,
        events: Iterable[Mapping[str, object]],
        mode: str = "replace",
        *,
        skip_zero_qty_line_items: bool | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """The invoices that `events` would give: the columns of `tables.Invoices`. Computes, and changes nothing.

        An event is an object with `event_type`, and `timestamp`, `properties`, `transaction_id` as wanted. `mode` is
        replace (only these events) or merge (with those there are). The API takes 8 such requests a second, and no
        metric defined in SQL.

        >>> tokens = {"event_type": "input_tokens", "properties": {"model": "nimbus-mini", "quantity": "1000"}}
        >>> lines = ma.line_items(account.preview_events(account.customers()["id"][0], [tokens]))
        >>> lines.select("name", "quantity", "total").row(0)
        ('Network egress (GB)', 0.0, Decimal('0E-10'))
        """
        labels = {"customer_id": self._customer(customer)}
        sent = args.objects("events", events, "event_type", "timestamp", "properties", "transaction_id") or []
        for event in sent:
            args.identifier("event_type", event.get("event_type"))
            if "timestamp" in event:
                event["timestamp"] = args.optional_rfc3339("timestamp", cast("Instant", event["timestamp"]))
        body = {
            "events": sent,
            "mode": args.choice("mode", mode, "replace", "merge"),
            "skip_zero_qty_line_items": args.flag("skip_zero_qty_line_items", skip_zero_qty_line_items),
        }
        filters = {**body, "events": f"{len(sent)} events"}
        return self._one("preview_events", labels, body=body, on_error=on_error, filters=filters)

    def preview_historical_invoices(
        self, invoices: Iterable[Mapping[str, object]], *, on_error: OnError = "raise"
    ) -> pl.DataFrame:
        """What historical `invoices` would be: the columns of `tables.Invoices`. Computes, and changes nothing.

        An invoice is an object in the API's words: `customer_id`, `contract_id`, `credit_type_id`,
        `inclusive_start_date`, `exclusive_end_date`, `issue_date`, `usage_line_items`, `custom_fields` as wanted.
        `ma.changes.CreateHistoricalInvoices` makes them.

        >>> osprey = account.customers()["id"][0]
        >>> contract = account.contracts(osprey).row(0, named=True)
        >>> invoice = {
        ...     "customer_id": contract["customer_id"],
        ...     "contract_id": contract["id"],
        ...     "credit_type_id": account.credit_types()["id"][0],
        ...     "inclusive_start_date": "2026-09-01T00:00:00Z",
        ...     "exclusive_end_date": "2026-10-01T00:00:00Z",
        ...     "issue_date": "2026-10-01T00:00:00Z",
        ...     "usage_line_items": [],
        ... }
        >>> try:
        ...     account.preview_historical_invoices([invoice])
        ... except ma.RequestRejected as refused:
        ...     print(refused.__cause__.args[0][:80])
        Metronome rejected the request (400 Bad Request: the period is invoiced already)
        """
        sent = args.objects("invoices", invoices, *_HISTORICAL) or []
        # Without `preview` the same call would bill them: it is written here, and no argument reaches it.
        body = {"invoices": sent, "preview": True}
        filters = {"invoices": f"{len(sent)} invoices"}
        return self._one("preview_historical_invoices", body=body, on_error=on_error, filters=filters)
