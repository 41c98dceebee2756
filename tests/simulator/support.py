"""A small synchronous client that talks to a simulator in process, and figures read from its JSON exactly."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import httpx

from metronome_analytics.simulator import Simulator

Json = dict[str, Any]
ZERO = Decimal(0)

EVERYTHING = {
    "include_contract_balances": True,
    "include_ledgers": True,
    "include_balance": True,
    "include_archived": True,
}


class Api:
    """Requests to one simulator, numbers decoded as Decimal."""

    def __init__(self, sim: Simulator, runner: asyncio.Runner) -> None:
        self.sim = sim
        self._runner = runner
        self._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(sim.app),
            base_url="http://simulator",
            headers={"authorization": f"Bearer {sim.token}"},
        )

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send one request."""
        return self._runner.run(self._client.request(method, path, **options))

    def get(self, path: str, **params: Any) -> Json:
        """GET and decode; fails on anything but 200."""
        return decode(self.send("GET", path, params=params))

    def post(self, path: str, body: Json) -> Json:
        """POST and decode; fails on anything but 200."""
        return decode(self.send("POST", path, json=body))

    def pages(self, path: str, body: Json | None = None, **params: Any) -> Iterator[Json]:
        """Yield every page of a list."""
        cursor: str | None = None
        while True:
            follow = {} if cursor is None else {"next_page": cursor}
            page = self.get(path, **params, **follow) if body is None else self.post(path, {**body, **follow})
            yield page
            cursor = page["next_page"]
            if cursor is None:
                return

    def rows(self, path: str, body: Json | None = None, **params: Any) -> list[Json]:
        """Return every row of a list."""
        return [row for page in self.pages(path, body, **params) for row in page["data"]]

    def customer_ids(self) -> list[str]:
        """Return the ids of all active customers."""
        return [row["id"] for row in self.rows("/v1/customers", limit=100)]

    def invoices(self, customer_id: str, **params: Any) -> list[Json]:
        """Return all invoices of a customer."""
        return self.rows(f"/v1/customers/{customer_id}/invoices", **params)

    def balances(self, customer_id: str, **body: Any) -> list[Json]:
        """Return all balances of a customer with everything in them."""
        return self.rows("/v1/contracts/customerBalances/list", {"customer_id": customer_id, **EVERYTHING, **body})

    def breakdowns(self, customer_id: str, **params: Any) -> list[Json]:
        """Return breakdown windows of a customer."""
        return self.rows(f"/v1/customers/{customer_id}/invoices/breakdowns", **params)

    def close(self) -> None:
        """Close the client."""
        self._runner.run(self._client.aclose())


@contextmanager
def in_process(sim: Simulator) -> Iterator[Api]:
    """Yield a client of a simulator."""
    with asyncio.Runner() as runner:
        api = Api(sim, runner)
        try:
            yield api
        finally:
            api.close()


def decode(response: httpx.Response) -> Json:
    """Return the body of a 200 with exact numbers."""
    assert response.status_code == 200, response.text
    payload: Json = json.loads(response.content, parse_float=Decimal, parse_int=Decimal)
    return payload


def is_postpaid_application(line: Json) -> bool:
    """Whether a line applies a postpaid commit, which is payable all the same."""
    kind: str = line.get("applied_commit_or_credit", {}).get("type", "")
    return line["type"] == "applied_commit_or_credit" and kind == "POSTPAID"


def check_totals(invoices: list[Json]) -> None:
    """The total is the sum of the lines in the invoice's currency, postpaid applications left out."""
    for invoice in invoices:
        lines = [line for line in invoice["line_items"] if line["credit_type"] == invoice["credit_type"]]
        total = sum((line["total"] for line in lines if not is_postpaid_application(line)), ZERO)
        assert invoice["total"] == total, invoice["id"]


def draws(invoices: list[Json]) -> dict[tuple[str, str, str], Decimal]:
    """Return what each invoice that counts drew from each segment, read from its applied lines."""
    found: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for invoice in invoices:
        for line in invoice["line_items"]:
            if invoice["status"] != "VOID" and line["type"] == "applied_commit_or_credit":
                found[invoice["id"], line["commit_id"], line["commit_segment_id"]] += line["total"]
    return dict(found)


def deductions(balances: list[Json]) -> dict[tuple[str, str, str], Decimal]:
    """Return the deductions of the ledgers by invoice, balance and segment."""
    found = {}
    for balance in balances:
        for entry in balance.get("ledger", ()):
            if entry["type"].endswith("AUTOMATED_INVOICE_DEDUCTION"):
                key = entry["invoice_id"], balance["id"], entry["segment_id"]
                assert key not in found, "one deduction per invoice and segment"
                found[key] = entry["amount"]
    return found


def contracts(api: Api, customer_id: str, **body: object) -> list[Json]:
    """Return the v2 contracts of a customer with everything in them."""
    asked = {"customer_id": customer_id, "include_balance": True, "include_ledgers": True, **body}
    rows: list[Json] = api.post("/v2/contracts/list", asked)["data"]
    return rows


def usage_lines(invoices: list[Json]) -> list[tuple[Json, Json]]:
    """Return (invoice, line) of everything metered or subscribed on invoices that count."""
    return [
        (invoice, line)
        for invoice in invoices
        if invoice["status"] != "VOID" and invoice["type"] in {"USAGE", "PLAN_ARREARS"}
        for line in invoice["line_items"]
        if line["type"] in {"usage", "subscription"}
    ]
