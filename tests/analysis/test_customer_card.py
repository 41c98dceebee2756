"""A customer on one page: every figure is that of the analysis it comes from."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

import metronome_analytics as ma
from metronome_analytics.analysis.customer_card import CustomerCard

AS_OF = datetime(2026, 11, 18, tzinfo=UTC)


def test_a_card_says_what_the_analyses_say() -> None:
    """One row per credit type, its columns declared, from the account as from frames; another number is refused."""
    with ma.demo(customers=3, as_of=AS_OF) as account:
        one = account.customers()["id"][0]
        card = account.customer_card(one)
        held = account.balances([one], include_archived=True)
        assert card.schema == CustomerCard.create_empty().schema
        used = ma.utilisation(held, as_of=account.now, by="customer")
        assert card.select("granted", "used", "remaining").equals(used.select("granted", "used", "remaining"))
        ahead = ma.forecast(
            ma.burn_down(held, as_of=account.now), as_of=account.now, by="customer", balances=held
        ).select("customer_id", "credit_type_id", "runs_out_at", "verdict")
        assert card.join(ahead, on=["customer_id", "credit_type_id", "runs_out_at", "verdict"], nulls_equal=True).height
        assert card["customer_name"].unique().to_list() == account.customers(customer_ids=one)["name"].to_list()
        assert card["contract"].null_count() == 0
        for wrong in ([], [one, account.customers()["id"][1]]):
            with pytest.raises(ma.ArgumentError, match="one customer"):
                account.customer_card(wrong)
