"""Rate cards, their rates, and the rates of a contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics import arguments as args
from metronome_analytics.errors import ArgumentError
from metronome_analytics.loaders.base import Loaders

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import polars as pl

    from metronome_analytics.arguments import Customers, Instant, OnError

# What a selector of rates may name; several selectors mean any of them.
SELECTORS = (
    "product_id",
    "product_tags",
    "pricing_group_values",
    "partial_pricing_group_values",
    "billing_frequency",
)


class RateLoaders(Loaders):
    """The loaders of rates."""

    def rate_cards(self, *, on_error: OnError = "raise") -> pl.DataFrame:
        """One row per rate card: the columns of `tables.RateCards`, key `id`.

        >>> account.rate_cards()["name"].to_list()
        ['Standard 2026 (USD)', 'Standard 2026 (EUR)', 'AI Credits 2026']
        """
        return self._one("rate_cards", on_error=on_error)

    def rate_card(self, id: str, *, on_error: OnError = "raise") -> pl.DataFrame:  # noqa: A002  # the API's name
        """One row: one rate card, archived or not, in the columns of `tables.RateCards`.

        >>> first = account.rate_cards()["id"][0]
        >>> account.rate_card(first)["name"].item()
        'Standard 2026 (USD)'
        """
        return self._one("rate_card", body={"id": args.identifier("id", id)}, on_error=on_error)

    def rates(
        self,
        rate_card_id: str,
        *,
        at: Instant,
        selectors: Iterable[Mapping[str, object]] | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per rate of a rate card at an instant: the columns of `tables.Rates`.

        >>> card = account.rate_cards()["id"][0]
        >>> account.rates(card, at=account.now).select("product_name", "rate_type", "price").row(0)
        ('Input tokens (thousands)', 'FLAT', Decimal('0.0200000000'))
        """
        if at is None:
            raise ArgumentError("at is needed: rates change with time.")
        body = {
            "at": args.optional_rfc3339("at", at),
            "selectors": args.objects("selectors", selectors, *SELECTORS),
        }
        return self._one("rates", _of_card(rate_card_id), body=body, on_error=on_error)

    def rate_card_schedule(
        self,
        rate_card_id: str,
        *,
        starting_at: Instant,
        ending_before: Instant | None = None,
        selectors: Iterable[Mapping[str, object]] | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per rate of a rate card and period, past and future ones too: the columns of `tables.Rates`.

        The rates that hold from `starting_at` on, and before `ending_before` where it is given.

        >>> card = account.rate_cards()["id"][0]
        >>> account.rate_card_schedule(card, starting_at="2026-01-01").height
        18
        """
        start, end = args.window(("starting_at", starting_at), ("ending_before", ending_before))
        if start is None:
            raise ArgumentError("starting_at is needed: where the schedule begins.")
        body = {
            "starting_at": args.rfc3339(start),
            "ending_before": None if end is None else args.rfc3339(end),
            "selectors": args.objects("selectors", selectors, *SELECTORS),
        }
        return self._one("rate_card_schedule", _of_card(rate_card_id), body=body, on_error=on_error)

    def rate_schedule(
        self,
        customer: Customers | None = None,
        contract_id: str | None = None,
        *,
        at: Instant | None = None,
        selectors: Iterable[Mapping[str, object]] | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per entitled rate of a contract: the columns of `tables.RateSchedule`. `at` is now by default.

        Without `contract_id`, of every contract of the customers (one more request a customer to list them).

        >>> rates = account.rate_schedule(account.customers()["id"][0])
        >>> rates.select("product_name", "list_rate_price", "commit_rate_price").row(0)
        ('Input tokens (thousands)', Decimal('0.0200000000'), Decimal('0.0160000000'))
        """
        body = {
            "at": args.optional_rfc3339("at", at),
            "selectors": args.objects("selectors", selectors, *SELECTORS),
        }
        if contract_id is None:
            return self._of_contracts("rate_schedule", customer, body=body, on_error=on_error)
        return self._one("rate_schedule", self._contract(customer, contract_id), body=body, on_error=on_error)


def _of_card(rate_card_id: str) -> dict[str, str]:
    return {"rate_card_id": args.identifier("rate_card_id", rate_card_id)}
