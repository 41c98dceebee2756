"""What hangs on invoices and contracts: subscriptions, seats, payments, alerts, schedules, documents, plans."""

from collections import defaultdict
from decimal import Decimal

import pytest
from metronome import Metronome

from metronome_analytics.simulator import Simulator, running

from .reads import Read
from .support import Api, Json, contracts, usage_lines

PLAN, LARGE = 9, 18


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


def test_schedules_are_read_by_name_date_and_properties(api: Api) -> None:
    """A date picks at most one segment, properties one of several schedules of a name; an unknown name is empty."""
    customer_id = api.customer_ids()[3]
    listed = api.post("/v1/contracts/listNamedSchedules", {"customer_id": customer_id})["data"]
    assert len({(row["contract_id"], row["schedule_name"], str(row.get("properties"))) for row in listed}) == len(
        listed
    )
    for row in listed:
        body: Json = {key: row[key] for key in ("contract_id", "schedule_name")} | {"customer_id": customer_id}
        body["properties"] = row.get("properties", {})
        assert api.post("/v1/contracts/getNamedSchedule", body)["data"] == row["segments"]
        for segment in row["segments"]:
            at = {"covering_date": segment["starting_at"]}
            assert api.post("/v1/contracts/getNamedSchedule", body | at)["data"] == [segment]
        unknown = body | {"schedule_name": "unknown"}
        assert api.post("/v1/contracts/getNamedSchedule", unknown)["data"] == []
    (value, later) = api.post(
        "/v1/customers/getNamedSchedule", {"customer_id": customer_id, "schedule_name": "account-manager"}
    )["data"]
    assert isinstance(value["value"], dict)
    assert value["ending_before"] == later["starting_at"]
    (contract, *_) = contracts(api, customer_id)
    body = {"rate_card_id": contract["rate_card_id"], "schedule_name": "price-book"}
    (book,) = api.post("/v1/contract-pricing/rate-cards/getNamedSchedule", body)["data"]
    assert isinstance(book["value"], str)


def test_the_official_sdk_pages_through_the_new_lists() -> None:
    """The vendor's own client reads every paging style over a real connection and finds what we find."""
    sim = Simulator(customers=19)
    with running(sim) as url, Metronome(bearer_token=sim.token, base_url=url, max_retries=0) as client:
        v1 = client.v1
        assert len(list(v1.billable_metrics.list(limit=2))) == 7
        assert len(list(v1.pricing_units.list(limit=1))) == 3
        assert len(list(v1.contracts.products.list(limit=3))) == 13
        assert len(list(v1.contracts.rate_cards.list(limit=1))) == 3
        assert len(list(v1.custom_fields.list_keys())) == 5
        ids = [customer.id for customer in v1.customers.list()]
        for customer_id in (ids[3], ids[PLAN], ids[LARGE]):
            whole = [row.id for row in client.v2.contracts.list(customer_id=customer_id)]
            assert [row.id for row in client.v2.contracts.list(customer_id=customer_id, limit=1)] == whole
            assert [row.id for row in v1.contracts.list(customer_id=customer_id, limit=1)] == whole
            assert len(list(v1.customers.alerts.list(customer_id=customer_id))) == 3
            for contract in client.v2.contracts.list(customer_id=customer_id):
                assert {row.type for row in contract.commits} <= {"PREPAID", "POSTPAID"}
                v1.contracts.retrieve_rate_schedule(customer_id=customer_id, contract_id=contract.id, limit=5)
        seats = v1.contracts.list_seat_balances(
            customer_id=ids[LARGE], contract_id=next(iter(client.v2.contracts.list(customer_id=ids[LARGE]))).id, limit=2
        )
        assert (seats.pagination.seats_included, seats.pagination.seats_available_for_next_page) == (2, 248)
        assert len(list(v1.customers.plans.list(customer_id=ids[PLAN]))) == 1
        assert len(list(v1.credit_grants.list(limit=1))) == 2
        logs = v1.audit_logs.list(limit=100)
        assert logs.has_next_page()
        assert logs.get_next_page().get_next_page().has_next_page()


def test_what_a_contract_names_is_there(api: Api) -> None:
    """Rate card, package, provider, recurring credits and the invoices of charges are found where they are listed."""
    cards = {row["id"] for row in Read("POST", "/v1/contract-pricing/rate-cards/list", body={}).rows(api)}
    packages = {row["id"] for row in Read("POST", "/v1/packages/list", body={}).rows(api)}
    seen: dict[str, int] = defaultdict(int)
    for customer_id in api.customer_ids():
        invoices = {row["id"]: row for row in api.invoices(customer_id)}
        providers = api.post("/v1/getCustomerBillingProviderConfigurations", {"customer_id": customer_id})["data"]
        for contract in contracts(api, customer_id):
            assert contract["rate_card_id"] in cards
            if "package_id" in contract:
                assert contract["package_id"] in packages
                seen["package"] += 1
            if "customer_billing_provider_configuration" in contract:
                known = {row["id"]: row["billing_provider"] for row in providers}
                provider = contract["customer_billing_provider_configuration"]
                assert known[provider["id"]] == provider["billing_provider"]
                seen["provider"] += 1
            recurring = {row["id"] for row in contract["recurring_credits"]}
            assert {
                row["recurring_credit_id"] for row in contract["credits"] if "recurring_credit_id" in row
            } == recurring
            seen["recurring"] += len(recurring)
            for charge in contract["scheduled_charges"]:
                for item in charge["schedule"]["schedule_items"]:
                    (line,) = invoices[item["invoice_id"]]["line_items"]
                    assert (line["scheduled_charge_id"], line["total"]) == (charge["id"], item["amount"])
                    seen["charge"] += 1
    assert seen.keys() == {"package", "provider", "recurring", "charge"}
