"""The legacy billing configuration, of one customer or of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

import metronome_analytics as ma
from tests.fakes import account_of, answer

if TYPE_CHECKING:
    import polars as pl


def served(request: httpx.Request) -> httpx.Response:
    """Three customers, the second of whom has no configuration; a fourth whose configuration cannot be read."""
    if request.url.path == "/v1/customers":
        return answer([{"id": id_} for id_ in "abc"])
    if request.url.path.startswith("/v1/customers/b/"):
        return httpx.Response(404, json={"message": "none"})
    if request.url.path.startswith("/v1/customers/d/"):
        return httpx.Response(403, json={"message": "no"})
    return answer({"billing_provider_customer_id": request.url.path.split("/")[3].upper()})


def told(frame: pl.DataFrame) -> list[tuple[str, str, str]]:
    """Whose configuration with whom says what."""
    return frame.select("customer_id", "billing_provider_type", "billing_provider_customer_id").rows()


def test_of_all_customers_those_that_have_one_have_a_row() -> None:
    """Not found is an answer there, and the load is complete."""
    with account_of(served) as account:
        assert told(account.billing_config(provider="stripe")) == [("a", "stripe", "A"), ("c", "stripe", "C")]
        assert told(account.billing_config(["c", "b"], "stripe")) == [("c", "stripe", "C")]
        assert account.receipts["complete"].all()


def test_of_one_customer_not_found_is_an_error() -> None:
    """It may be the id that is wrong."""
    with account_of(served) as account:
        with pytest.raises(ma.NotFoundError):
            account.billing_config("b", "stripe")
        assert told(account.billing_config("a", "stripe")) == [("a", "stripe", "A")]


def test_any_other_failure_is_loud() -> None:
    """Of several customers too; and a provider is needed."""
    with account_of(served) as account:
        with pytest.raises(ma.AuthenticationError):
            account.billing_config(["a", "d"], "stripe")
        with pytest.raises(ma.ArgumentError, match="provider"):
            account.billing_config()
