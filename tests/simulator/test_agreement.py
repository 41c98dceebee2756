"""The reads tell of the same books: contracts, rates, usage, seats and previews against invoices and balances."""

from collections import defaultdict
from decimal import Decimal

import pytest

from .reads import Read
from .support import ZERO, Api, Json, check_totals

PLAN, LARGE = 9, 18
ALL_TIME = {"starting_on": "2025-10-01T00:00:00Z", "ending_before": "2026-12-01T00:00:00Z"}
Key = tuple[str, tuple[tuple[str, str], ...]]


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


def test_subscriptions_are_what_invoices_bill(api: Api) -> None:
    """Quantity and price of a subscription's history are those of its line on every invoice."""
    found = 0
    for customer_id in api.customer_ids():
        lines = [line for _, line in usage_lines(api.invoices(customer_id)) if line["type"] == "subscription"]
        for contract in contracts(api, customer_id):
            for subscription in contract["subscriptions"]:
                body = {"customer_id": customer_id, "contract_id": contract["id"]}
                body["subscription_id"] = subscription["id"]
                history = api.post("/v1/contracts/getSubscriptionQuantityHistory", body)["data"]["history"]
                ((entry,),) = [change["data"] for change in history]
                mine = [line for line in lines if line["subscription_id"] == subscription["id"]]
                quantities: dict[str, Decimal] = defaultdict(Decimal)
                for line in mine:  # a line that a commit covers in part is two
                    quantities[line["starting_at"]] += line["quantity"]
                assert {entry["unit_price"]} == {line["unit_price"] for line in mine}
                assert {entry["quantity"]} == set(quantities.values())
                assert entry["total"] == entry["quantity"] * entry["unit_price"]
                found += len(mine)
    assert found


def test_seats_share_the_credit_of_the_list(fresh: Api) -> None:
    """The seats' balances and ledgers add up to the credit they share, also after entries by hand for some seats."""
    customer_id = fresh.customer_ids()[LARGE]
    (contract,) = contracts(fresh, customer_id)
    credit = next(row for row in fresh.balances(customer_id) if "subscription_config" in row)
    entry = {
        "customer_id": customer_id,
        "contract_id": contract["id"],
        "id": credit["id"],
        "segment_id": credit["access_schedule"]["schedule_items"][0]["id"],
        "reason": "seat swap",
    }
    path = "/v1/contracts/addManualBalanceLedgerEntry"
    shared = {**entry, "amount": -100, "per_group_amounts": {"seat-0001": -60, "seat-0007": -40}}
    for body in ({**entry, "amount": 5}, shared):
        assert fresh.send("POST", path, json=body).status_code == 200
    credit = next(row for row in fresh.balances(customer_id) if row["id"] == credit["id"])
    asked = {"customer_id": customer_id, "contract_id": contract["id"], "include_credits_and_commits": True}
    asked["include_ledgers"] = True
    read = Read("POST", "/v1/contracts/seatBalances/list", body=asked, cursor="cursor/pagination")
    seats = read.rows(fresh, 100)
    assert sum(Decimal(str(row["balances"][0]["balance"])) for row in seats) == credit["balance"]
    ledger = [Decimal(str(e["amount"])) for row in seats for part in row["credits"] for e in part["ledger_entries"]]
    assert sum(ledger) == sum(e["amount"] for e in credit["ledger"])
    by_seat = {row["seat_id"]: row["balances"][0]["balance"] for row in seats}
    assert by_seat["seat-0001"] == pytest.approx(by_seat["seat-0002"] - 60)


def test_payments_are_what_stripe_was_sent(api: Api) -> None:
    """A paid invoice has one paid payment of the provider's total; a failed one needs help after an attempt."""
    seen = set()
    for customer_id in api.customer_ids():
        for invoice in api.invoices(customer_id):
            body = {"customer_id": customer_id, "invoice_id": invoice["id"]}
            payments = api.post("/v1/payments/list", body)["data"]
            outside = invoice.get("external_invoice") or {}
            if invoice["status"] != "FINALIZED" or outside.get("billing_provider_type") != "stripe":
                assert payments == []
                continue
            seen.add(outside["external_status"])
            statuses = [payment["status"] for payment in payments]
            assert (
                statuses
                == {
                    "PAID": ["paid"],
                    "SENT": ["pending"],
                    "SKIPPED": [],
                    "PAYMENT_FAILED": ["canceled", "requires_intervention"],
                }[outside["external_status"]]
            )
            assert {payment["amount"] for payment in payments} <= {outside["invoiced_total"]}
    assert seen == {"PAID", "SENT", "SKIPPED", "PAYMENT_FAILED"}


def test_an_alert_follows_the_balance(api: Api) -> None:
    """The low balance alert is on when the net balance is at or below its threshold; archived ones have no status."""
    seen = set()
    for customer_id in api.customer_ids():
        net = api.post("/v1/contracts/customerBalances/getNetBalance", {"customer_id": customer_id})["data"]["balance"]
        body = {"customer_id": customer_id, "alert_statuses": ["ENABLED", "ARCHIVED"]}
        rows = api.post("/v1/customer-alerts/list", body)["data"]
        low = next(row for row in rows if row["alert"]["type"].endswith("contract_credit_and_commit_balance_reached"))
        has_dollars = any(
            row["access_schedule"]["credit_type"]["name"] == "USD (cents)" for row in api.balances(customer_id)
        )
        expected = "in_alarm" if has_dollars and net <= low["alert"]["threshold"] else "ok"
        assert low["customer_status"] == expected
        seen.add(expected)
        assert [row["customer_status"] for row in rows if row["alert"]["status"] == "archived"] == [None]
        assert api.post("/v1/customer-alerts/get", {"customer_id": customer_id, "alert_id": low["alert"]["id"]}) == {
            "data": low
        }
    assert seen == {"ok", "in_alarm"}


def test_a_pdf_is_a_document(api: Api) -> None:
    """The PDF has its own content type, a header, an end, and a table whose offsets lead to its objects."""
    customer_id = api.customer_ids()[0]
    for invoice in api.invoices(customer_id):
        response = api.send("GET", f"/v1/customers/{customer_id}/invoices/{invoice['id']}/pdf")
        assert response.headers["content-type"] == "application/pdf"
        content = response.content
        assert content.startswith(b"%PDF-1.4\n")
        assert content.endswith(b"%%EOF\n")
        assert invoice["id"].encode() in content
        table = content[int(content.rsplit(b"startxref\n", 1)[1].split()[0]) :]
        assert table.startswith(b"xref\n0 6\n")
        for place, row in enumerate(table.splitlines()[3:8], start=1):
            assert content[int(row[:10]) :].startswith(b"%d 0 obj" % place)


def test_plans_are_for_customers_on_plans(api: Api) -> None:
    """Only a customer on Plans has plans, a billing config and grants; it has no contract."""
    for place, customer_id in enumerate(api.customer_ids()[:19]):
        plans = api.get(f"/v1/customers/{customer_id}/plans")["data"]
        config = api.send("GET", f"/v1/customers/{customer_id}/billing-config/stripe").status_code
        grants = api.post("/v1/credits/listGrants", {"customer_ids": [customer_id]})["data"]
        (entries,) = api.post("/v1/credits/listEntries", {"customer_ids": [customer_id]})["data"]
        if place != PLAN:
            assert (plans, config, grants, entries["ledgers"]) == ([], 404, [], [])
            continue
        assert contracts(api, customer_id) == []
        assert (len(plans), config) == (1, 200)
        (ledger,) = entries["ledgers"]
        assert ledger["ending_balance"]["including_pending"] == sum(row["amount"] for row in ledger["entries"])
        assert ledger["ending_balance"]["excluding_pending"] == sum(
            row["balance"]["excluding_pending"] for row in grants
        )
