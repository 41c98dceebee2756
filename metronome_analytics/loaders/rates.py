"""Rate cards, their rates, and the rates of a contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics import arguments as args
from metronome_analytics.errors import ArgumentError
from metronome_analytics.loaders.base import SELECTORS, Loaders, of_contract, request_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import polars as pl

    from metronome_analytics.arguments import Customers, Instant, OnError


class RateLoaders(Loaders):
    """The loaders of rates."""

    def rate_cards(self, *, on_error: OnError = "raise") -> pl.DataFrame:
        """One row per rate card: the columns of `tables.RateCards`, key `id`."""
        return self._just("rate_cards", [request_for("rate_cards")], on_error=on_error, filters={})

    def rates(
        self,
        rate_card_id: str,
        *,
        at: Instant,
        selectors: Iterable[Mapping[str, object]] | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per rate of a rate card at an instant: the columns of `tables.Rates`."""
        labels = {"rate_card_id": args.identifier("rate_card_id", rate_card_id)}
        if at is None:
            raise ArgumentError("at is needed: rates change with time.")
        body = {
            "at": args.optional_rfc3339("at", at),
            "selectors": args.objects("selectors", selectors, *SELECTORS),
        }
        requests = [request_for("rates", labels, body=body)]
        return self._just("rates", requests, on_error=on_error, filters={**labels, **body})

    def rate_schedule(
        self,
        customer: Customers,
        contract_id: str,
        *,
        at: Instant | None = None,
        selectors: Iterable[Mapping[str, object]] | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per entitled rate of a contract: the columns of `tables.RateSchedule`. `at` is now by default."""
        body = {
            "at": args.optional_rfc3339("at", at),
            "selectors": args.objects("selectors", selectors, *SELECTORS),
        }
        requests = [request_for("rate_schedule", of_contract(customer, contract_id), body=body)]
        return self._just("rate_schedule", requests, on_error=on_error, filters={"contract_id": contract_id, **body})
