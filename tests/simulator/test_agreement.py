"""The reads tell of the same books: contracts, rates, usage, spend and previews against invoices and balances."""

from collections import defaultdict
from decimal import Decimal

import pytest

from .reads import Read
from .support import ZERO, Api, Json, check_totals, contracts, usage_lines

LARGE = 18
ALL_TIME = {"starting_on": "2025-10-01T00:00:00Z", "ending_before": "2026-12-01T00:00:00Z"}
Key = tuple[str, tuple[tuple[str, str], ...]]


def price_key(row: Json) -> Key:
    """Return what a price is looked up by."""
    return row["product_id"], tuple(sorted(row.get("pricing_group_values", {}).items()))


def test_a_contract_holds_the_balances_of_the_list(api: Api) -> None:
    """Embedded commits and credits are the contract-level ones of the balances list, field for field."""
    for customer_id in api.customer_ids():
        listed = api.balances(customer_id, include_archived=False)
        for contract in contracts(api, customer_id):
            mine = [row for row in listed if row.get("contract") == {"id": contract["id"]}]
            assert [row["id"] for row in contract["commits"]] == [r["id"] for r in mine if r["type"] != "CREDIT"]
            assert [row["id"] for row in contract["credits"]] == [r["id"] for r in mine if r["type"] == "CREDIT"]
            by_id = {row["id"]: row for row in mine}
            for row in (*contract["commits"], *contract["credits"]):
                assert {key: by_id[row["id"]][key] for key in row.keys() - {"created_at"}} == {
                    key: value for key, value in row.items() if key != "created_at"
                }
            body = {"customer_id": customer_id, "contract_id": contract["id"]}
            first = api.post("/v1/contracts/get", {**body, "include_balance": True, "include_ledgers": True})["data"]
            assert first["current"]["commits"] == [r for r in mine if r["type"] != "CREDIT"]
            assert first["current"]["credits"] == [r for r in mine if r["type"] == "CREDIT"]


def test_edits_are_what_the_signed_contract_lacks(api: Api) -> None:
    """The commits of `initial` and those of the edits are together, without overlap, those of `current`."""
    edited = 0
    for customer_id in api.customer_ids():
        for contract in api.post("/v1/contracts/list", {"customer_id": customer_id})["data"]:
            body = {"customer_id": customer_id, "contract_id": contract["id"]}
            history = api.post("/v2/contracts/getEditHistory", body)["data"]
            for kind in ("commits", "credits"):
                added = [row["id"] for edit in history for row in edit.get(f"add_{kind}", ())]
                signed = [row["id"] for row in contract["initial"][kind]]
                assert sorted(signed + added) == sorted(row["id"] for row in contract["current"][kind])
            edited += len(history)
    assert edited


def test_versions_of_a_contract_agree(api: Api) -> None:
    """v1 `current` and v2 tell the same terms, and getting a contract gives what the list shows."""
    for customer_id in api.customer_ids():
        for new, old in zip(
            contracts(api, customer_id),
            api.post("/v1/contracts/list", {"customer_id": customer_id})["data"],
            strict=True,
        ):
            for key in old["current"].keys() - {"commits", "credits", "overrides"}:
                assert new[key] == old["current"][key], key
            assert new["subscriptions"] == old["subscriptions"]
            body = {"customer_id": customer_id, "contract_id": new["id"]}
            whole = {**body, "include_balance": True, "include_ledgers": True}
            assert api.post("/v2/contracts/get", whole)["data"] == new
            assert api.post("/v1/contracts/get", body)["data"] == old


def test_contract_dates_choose_contracts(api: Api) -> None:
    """A covering date finds the contract in force, a start those that begin then or later; a renewal shows at both."""
    customer_id = api.customer_ids()[3]
    old, new = contracts(api, customer_id)
    turn = new["starting_at"]
    assert [row["id"] for row in contracts(api, customer_id, covering_date=turn)] == [new["id"]]
    assert [row["id"] for row in contracts(api, customer_id, starting_at=turn)] == [new["id"]]
    renewal = {"type": "RENEWAL", "from_contract_id": old["id"], "to_contract_id": new["id"]}
    assert old["transitions"] == new["transitions"] == [renewal]
    assert old["ending_before"] == turn


def test_rates_are_the_prices_on_the_lines(api: Api) -> None:
    """Every unit price is the contract's rate: override or list, the commit rate where a commit has it, the tier's."""
    overridden = 0
    for customer_id in api.customer_ids():
        with_commit_rate = {row["id"] for row in api.balances(customer_id) if row["rate_type"] == "COMMIT_RATE"}
        rates: dict[str, dict[Key, Json]] = {}
        for contract in contracts(api, customer_id):
            body = {"customer_id": customer_id, "contract_id": contract["id"], "at": contract["starting_at"]}
            asked = Read("POST", "/v1/contracts/getContractRateSchedule", body=body, cursor="query")
            rates[contract["id"]] = {price_key(row): row for row in asked.rows(api)}
        for invoice, line in usage_lines(api.invoices(customer_id)):
            if invoice["type"] != "USAGE":
                continue
            row = rates[invoice["contract_id"]][price_key(line)]
            rate: Json = row.get("override_rate") or row["list_rate"]
            overridden += "override_rate" in row
            price = rate["tiers"][int(line["tier"]["level"]) - 1]["price"] if "tier" in line else rate["price"]
            if line.get("commit_id") in with_commit_rate:
                price = row["commit_rate"]["price"]
            assert line["unit_price"] == Decimal(str(price)), line
            assert line["credit_type"]["id"] == rate["credit_type"]["id"]
    assert overridden


def test_selectors_choose_rates(api: Api) -> None:
    """Selectors are OR between and AND inside; a contract's list rates are its rate card's, as is their schedule."""
    customer_id = api.customer_ids()[LARGE]
    (contract,) = contracts(api, customer_id)
    body = {"customer_id": customer_id, "contract_id": contract["id"]}
    schedule = Read("POST", "/v1/contracts/getContractRateSchedule", body=body, cursor="query").rows(api)
    listed = {price_key(row): row["list_rate"] for row in schedule}
    card = {"rate_card_id": contract["rate_card_id"]}
    for name, date in (("getRates", "at"), ("getRateSchedule", "starting_at")):
        path = f"/v1/contract-pricing/rate-cards/{name}"
        rates = Read("POST", path, body={**card, date: contract["starting_at"]}, cursor="query").rows(api)
        assert {price_key(row): row["rate"] for row in rates} == listed
    europe = {"product_tags": ["compute", "network"], "partial_pricing_group_values": {"region": "eu-west"}}
    selectors = [europe, {"billing_frequency": "MONTHLY"}]
    chosen = api.post("/v1/contracts/getContractRateSchedule", {**body, "selectors": selectors})["data"]
    assert [row["product_name"] for row in chosen] == ["GPU hours", "Network egress (GB)", "Platform seats"]


def test_quantity_times_price_is_the_line(api: Api) -> None:
    """Untiered or tiered, each line's total is its quantity times its unit price."""
    for customer_id in api.customer_ids():
        for _, line in usage_lines(api.invoices(customer_id)):
            assert line["total"] == line["quantity"] * line["unit_price"]


@pytest.mark.parametrize("size", ["DAY", "HOUR", "NONE"])
def test_usage_adds_up_to_the_lines(api: Api, size: str) -> None:
    """The windows of a metric sum to the quantities billed for it, whatever their size."""
    metrics = {
        row["id"]: row["current"]["billable_metric_id"]
        for row in Read("POST", "/v1/contract-pricing/products/list", body={}).rows(api)
        if "billable_metric_id" in row["current"]
    }
    bounds = ALL_TIME if size != "HOUR" else {**ALL_TIME, "starting_on": "2026-11-01T00:00:00Z"}
    for customer_id in api.customer_ids()[:11]:
        billed: dict[str, Decimal] = defaultdict(Decimal)
        for invoice, line in usage_lines(api.invoices(customer_id)):
            if line["type"] == "usage" and invoice["start_timestamp"] >= bounds["starting_on"][:10]:
                billed[metrics[line["product_id"]]] += line["quantity"]
        body = {**bounds, "customer_ids": [customer_id], "window_size": size}
        used: dict[str, Decimal] = defaultdict(Decimal)
        for row in Read("POST", "/v1/usage", body=body, cursor="query").rows(api):
            used[row["billable_metric_id"]] += Decimal(str(row["value"] or 0))
        assert {key: value for key, value in used.items() if value} == {k: v for k, v in billed.items() if v}


def test_usage_groups_are_the_groups_of_the_lines(api: Api) -> None:
    """Grouped by the pricing key usage sums to the lines of each group; the batch endpoint has the same groups."""
    customer_id = api.customer_ids()[LARGE]
    metric = next(row for row in Read("GET", "/v1/billable-metrics").rows(api) if row["name"] == "GPU hours")
    billed: dict[str, Decimal] = defaultdict(Decimal)
    for _, line in usage_lines(api.invoices(customer_id)):
        if line["name"] == metric["name"]:
            billed[line["pricing_group_values"]["region"]] += line["quantity"]
    asked: Json = {**ALL_TIME, "customer_id": customer_id, "billable_metric_id": metric["id"], "window_size": "NONE"}
    groups = Read("POST", "/v1/usage/groups", body={**asked, "group_key": ["region"]}, cursor="query").rows(api)
    assert {row["group"]["region"]: Decimal(str(row["value"])) for row in groups} == billed
    assert [(row["group_key"], row["group_value"]) for row in groups] == [("region", key) for key in sorted(billed)]
    first = min(billed)
    batch: Json = {**ALL_TIME, "customer_ids": [customer_id], "window_size": "NONE"}
    batch["billable_metrics"] = [{"id": metric["id"], "group_by": {"key": "region", "values": [first]}}]
    (row,) = api.post("/v1/usage", batch)["data"]
    assert row["groups"] == {first: billed[first]}
    assert row["value"] == sum(billed.values())
    refused = api.send("POST", "/v1/usage/groups", json={**asked, "group_key": ["colour"]})
    assert refused.status_code == 400


def test_spend_breakdowns_are_usage_before_commits(api: Api) -> None:
    """Windows of gross spend sum to the usage lines of the invoice, have no total, and list prices only on request."""
    for customer_id in api.customer_ids()[1:8:2]:
        path = f"/v1/customers/{customer_id}/invoices/spend-breakdowns"
        windows = Read("POST", path, body=ALL_TIME, cursor="body").rows(api)
        spent: dict[str, Decimal] = defaultdict(Decimal)
        for window in windows:
            assert "total" not in window
            for line in window["line_items"]:
                assert not line.keys() & {"commit_id", "applied_commit_or_credit", "list_price"}
                spent[window["id"]] += Decimal(str(line["total"]))
        gross: dict[str, Decimal] = defaultdict(Decimal)
        for invoice, line in usage_lines(api.invoices(customer_id)):
            if invoice["type"] == "USAGE":
                gross[invoice["id"]] += line["total"]
        assert {key: value for key, value in spent.items() if value} == {k: v for k, v in gross.items() if v}
        listed = Read("POST", path, query={"include_list_prices": "true"}, body=ALL_TIME, cursor="body").rows(api)
        assert all("list_price" in line for window in listed for line in window["line_items"])


def draft(api: Api, customer_id: str) -> list[Json]:
    """Return the invoices of the running period as the list shows them."""
    return [row for row in api.invoices(customer_id) if row.get("end_timestamp", "")[:7] == "2026-12"]


def preview(api: Api, customer_id: str, *events: Json, mode: str = "merge") -> list[Json]:
    """Return what a preview answers."""
    body = {"events": list(events), "mode": mode}
    rows: list[Json] = api.post(f"/v1/customers/{customer_id}/previewEvents", body)["data"]
    return rows


def test_a_preview_without_usage_is_the_draft(api: Api) -> None:
    """Merging an event that no metric counts gives the current drafts as the list shows them."""
    for customer_id in api.customer_ids():
        assert preview(api, customer_id, {"event_type": "nothing"}) == draft(api, customer_id)


def test_a_preview_adds_or_replaces(api: Api) -> None:
    """Merge adds the event to what was used, at its rate; replace leaves the event and the seats alone."""

    def count(invoices: list[Json]) -> Decimal:
        return sum((line["quantity"] for _, line in usage_lines(invoices) if line["name"] == "API calls"), ZERO)

    def others(invoices: list[Json]) -> set[str]:
        return {line["name"] for _, line in usage_lines(invoices) if line["quantity"]} - {"API calls"}

    events = [{"event_type": "api_calls", "transaction_id": str(n)} for n in range(7)]
    customer_id = api.customer_ids()[LARGE]
    for place in (0, 13, LARGE):
        customer_id = api.customer_ids()[place]
        before = draft(api, customer_id)
        merged = preview(api, customer_id, *events)
        replaced = preview(api, customer_id, *events, mode="replace")
        assert count(merged) == count(before) + 7
        assert count(replaced) == 7
        assert others(merged) == others(before)
        assert others(replaced) <= {"Platform seats"}
        check_totals([*merged, *replaced])
        assert [row["id"] for row in merged] == [row["id"] for row in before]


def test_a_preview_prices_what_was_never_used(api: Api) -> None:
    """An event for a product without usage so far gets a line at the contract's overridden rate."""
    customer_id = api.customer_ids()[LARGE]
    invoices = preview(api, customer_id, *[{"event_type": "audit_events"}] * 10, mode="replace")
    lines = [line for _, line in usage_lines(invoices) if line["name"] == "Audit log events"]
    assert [(line["quantity"], line["unit_price"]) for line in lines] == [(10, Decimal("0.005"))]
    assert lines[0]["commit_id"]
