"""Invoices as the vendor's specification describes them: made up, the same for the same seed."""

from __future__ import annotations

import asyncio
import json
import random
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx

from benchmarks.server import Lists, invoices_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.result import Options

_USD = {"id": "2714e483-4ff1-48e4-9e25-ac732e8f24f2", "name": "USD (cents)"}
_PRODUCTS = ("Input tokens (thousands)", "Output tokens (thousands)", "GPU hours", "Storage (GB-month)", "Egress (GB)")
_MODELS = ("nimbus-small", "nimbus-large", "cirrus-7b", "stratus-vision")
_REGIONS = ("us-east-1", "us-west-2", "eu-central-1", "ap-southeast-2")
_TEAMS = ("search", "support", "research", "platform", "growth")


def standard(options: Options) -> tuple[Callable[..., Lists], tuple[object, ...]]:
    """The builder of some 65 MB of invoices, and its arguments."""
    if options.simulator:
        return from_simulator, (60 if options.quick else 450,)
    return invoices, (9 if options.quick else 48, 24, (20, 100))


def invoices(customers: int, months: int, lines: tuple[int, int], seed: int = 7) -> Lists:
    """The invoices of `customers`, one a month, each with usage lines between the two numbers of `lines`.

    Every tenth customer has five times the months, so that lists of more than one page are among them.
    """
    dice = random.Random(seed)  # noqa: S311  # makes data, not secrets
    return {
        invoices_path(customer): [
            json.dumps(_invoice(dice, customer, month, dice.randint(*lines))).encode()
            for month in range(months * 5 if index % 10 == 9 else months)
        ]
        for index, customer in enumerate(_id(dice) for _ in range(customers))
    }


def from_simulator(customers: int, seed: int = 7) -> Lists:
    """The invoices of the simulator's account."""
    from metronome_analytics.simulator import Simulator  # noqa: PLC0415  # only who asks for it needs it

    simulator = Simulator(customers=customers, seed=seed)

    async def read(client: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        query = {"limit": "100"}
        while True:
            answer = (await client.get(path, params=query)).raise_for_status().json()
            rows += answer["data"]
            if not answer["next_page"]:
                return rows
            query["next_page"] = answer["next_page"]

    async def work() -> Lists:
        headers = {"Authorization": f"Bearer {simulator.token}"}
        transport = httpx.ASGITransport(simulator.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://simulator", headers=headers) as client:
            paths = [invoices_path(row["id"]) for row in await read(client, "/v1/customers")]
            return {path: [json.dumps(row).encode() for row in await read(client, path)] for path in paths}

    return asyncio.run(work())


def _id(dice: random.Random) -> str:
    return str(UUID(int=dice.getrandbits(128), version=4))


def _amount(dice: random.Random) -> float:
    """Cents, most of them fractional."""
    return round(dice.uniform(0, 500_000), dice.choice((0, 2, 2, 4, 6)))


def _invoice(dice: random.Random, customer: str, month: int, lines: int) -> dict[str, Any]:
    period = [f"{2016 + at // 12}-{at % 12 + 1:02}-01T00:00:00+00:00" for at in (month, month + 1)]
    contract, commit, segment = _id(dice), _id(dice), _id(dice)
    items: list[dict[str, Any]] = []
    while len(items) < lines:
        usage = _usage(dice, period)
        if dice.random() < 0.3:
            applied = {
                "commit_id": commit,
                "commit_segment_id": segment,
                "commit_type": "PrepaidCommit",
                "commit_custom_fields": {},
                "applied_commit_or_credit": {"id": commit, "type": "PREPAID"},
            }
            items.append(usage | applied)
            items.append(_applied(usage) | applied)
        else:
            items.append(usage)
    total = round(sum(item["total"] for item in items), 6)
    return {
        "id": _id(dice),
        "customer_id": customer,
        "customer_custom_fields": {"tier": "enterprise", "crm_owner": f"owner-{dice.randint(1, 9)}"},
        "contract_id": contract,
        "contract_custom_fields": {},
        "type": "USAGE",
        "status": "FINALIZED",
        "credit_type": _USD,
        "start_timestamp": period[0],
        "end_timestamp": period[1],
        "issued_at": period[1],
        "net_payment_terms_days": 30,
        "billable_status": "billable",
        "custom_fields": {"po_number": f"PO-{dice.randint(10_000, 99_999)}"},
        "total": total,
        "external_invoice": {
            "billing_provider_type": "stripe",
            "invoice_id": f"in_{dice.getrandbits(64):016x}",
            "issued_at_timestamp": period[1],
            "external_status": "PAID",
            "invoiced_total": round(total),
            "invoiced_sub_total": round(total),
        },
        "line_items": items,
    }


def _usage(dice: random.Random, period: list[str]) -> dict[str, Any]:
    product = dice.choice(_PRODUCTS)
    total = _amount(dice)
    return {
        "name": product,
        "type": "usage",
        "quantity": dice.randint(1, 1_000_000) / dice.choice((1, 1, 10, 1000)),
        "unit_price": round(dice.uniform(0, 50), 4),
        "total": total,
        "credit_type": _USD,
        "product_id": str(UUID(int=len(product))),
        "product_type": "UsageProductListItem",
        "product_tags": ["ai", "metered"],
        "product_custom_fields": {"gl_account": "4000"},
        "starting_at": period[0],
        "ending_before": period[1],
        "pricing_group_values": {"model": dice.choice(_MODELS), "region": dice.choice(_REGIONS)},
        "presentation_group_values": {"team": dice.choice(_TEAMS)},
        "custom_fields": {},
    }


def _applied(usage: dict[str, Any]) -> dict[str, Any]:
    """The negative line that takes from a commit what `usage` cost."""
    kept = ("credit_type", "product_id", "product_type", "starting_at", "ending_before")
    return {
        "name": "Committed spend applied",
        "type": "applied_commit_or_credit",
        "total": -usage["total"],
        **{name: usage[name] for name in kept},
    }
