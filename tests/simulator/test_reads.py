"""Every read: its shape, its pages, its errors."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from metronome_analytics.simulator import Simulator, Switches
from metronome_analytics.simulator.endpoints.routes import ROUTES
from tests.spec import response_validator

from .reads import BOUNDS, Read, account_reads, customer_reads, found_reads, judge, nested_reads
from .support import Api, Json, in_process

UNKNOWN = "00000000-0000-4000-8000-000000000000"
ROLES = range(19)
"""The places of the customers that between them show everything an account can hold."""
COVERED_ELSEWHERE = {
    "/v1/customers",
    "/v1/customers/{customer_id}",
    "/v1/customers/{customer_id}/invoices",
    "/v1/customers/{customer_id}/invoices/breakdowns",
    "/v1/customers/{customer_id}/invoices/{invoice_id}",
    "/v1/customers/{customer_id}/invoices/{invoice_id}/pdf",
    "/v1/contracts/customerCommits/list",
    "/v1/contracts/customerCredits/list",
    "/v1/contracts/customerBalances/list",
    "/v1/contracts/customerBalances/getNetBalance",
    "/v1/auditLogs",
}
SEATED, PLAN, LARGE = 0, 9, 18


def of_customer(api: Api, customer_id: str) -> Iterator[Read]:
    """Yield every read of one customer."""
    yield from customer_reads(customer_id)
    yield from nested_reads(api, customer_id)


def agree(found: list[Read], api: Api) -> None:
    """Hold every answer against what declares it."""
    for read in found:
        for page in read.pages(api):
            judge(read.template, read.method)(page)


def test_every_route_is_read_by_some_test(api: Api) -> None:
    """The reads here and the tests of invoices and balances name every route there is."""
    named = {read.template for read in (*account_reads(), *found_reads(api))}
    for place in (SEATED, PLAN):
        named |= {read.template for read in of_customer(api, api.customer_ids()[place])}
    writes = {route.pattern for route in ROUTES if route.writes}
    assert named | COVERED_ELSEWHERE | writes == {route.pattern for route in ROUTES}
    assert not named & COVERED_ELSEWHERE


def test_reads_of_the_account_fit_what_declares_them(api: Api) -> None:
    """Metrics, products, rate cards, packages, units, keys and grants are shaped as declared."""
    agree([*account_reads(), *found_reads(api)], api)


@pytest.mark.parametrize("place", ROLES)
def test_reads_of_a_customer_fit_what_declares_them(api: Api, place: int) -> None:
    """Every read of each kind of customer is shaped as the vendor's file, or else the vendor's client, declares."""
    agree(list(of_customer(api, api.customer_ids()[place])), api)


def test_reads_of_an_archived_customer_fit_what_declares_them(api: Api) -> None:
    """An archived customer can be read too; its contract comes only when archived ones are asked for."""
    customer_id = api.rows("/v1/customers", only_archived="true")[0]["id"]
    agree(list(of_customer(api, customer_id)), api)
    for version in ("v1", "v2"):
        path = f"/{version}/contracts/list"
        assert api.post(path, {"customer_id": customer_id})["data"] == []
        (contract,) = api.post(path, {"customer_id": customer_id, "include_archived": True})["data"]
        assert contract["archived_at"]


@pytest.mark.parametrize("place", [SEATED, 6, 14, PLAN, LARGE])
def test_pages_of_any_size_hold_the_same_rows(api: Api, place: int) -> None:
    """Asking for two rows at a time gives what one page gives, in every paging style."""
    reads = [read for read in of_customer(api, api.customer_ids()[place]) if read.cursor and read.limited]
    for read in [read for read in (*reads, *account_reads()) if len(read.rows(api)) < 60 and read.limited]:
        pages = list(read.pages(api, limit=2))
        assert [row for page in pages for row in page["data"]] == read.rows(api), read
        assert all(len(page["data"]) <= 2 for page in pages), read


def test_pages_without_a_limit_hold_the_same_rows() -> None:
    """Endpoints that take no limit page as the server likes, with the cursor in the query."""
    with in_process(Simulator(customers=19)) as api:
        customer_id = api.customer_ids()[PLAN]
        found = [*account_reads(), *customer_reads(customer_id)]
        whole = [(read, read.rows(api)) for read in found if read.cursor and not read.limited]
    with in_process(Simulator(customers=19, switches=Switches(default_page_size=1))) as api:
        assert {len(list(read.pages(api))) > 1 for read, rows in whole if len(rows) > 1} == {True}
        for read, rows in whole:
            assert read.rows(api) == rows


def test_contracts_page_only_for_those_who_ask(api: Api) -> None:
    """Without limit and cursor all contracts come at once, without a cursor; a limit is at most 20."""
    customer_id = api.customer_ids()[14]
    for path in ("/v1/contracts/list", "/v2/contracts/list"):
        whole = api.post(path, {"customer_id": customer_id})
        first = api.post(path, {"customer_id": customer_id, "limit": 1})
        assert (list(whole), len(whole["data"])) == (["data"], 2)
        assert (list(first), first["data"]) == (["data", "cursor"], whole["data"][:1])
        second = api.post(path, {"customer_id": customer_id, "limit": 1, "cursor": first["cursor"]})
        assert second == {"data": whole["data"][1:], "cursor": None}
        refused = api.send("POST", path, json={"customer_id": customer_id, "limit": 21})
        assert refused.status_code == 400


def test_the_audit_log_never_ends(fresh: Api) -> None:
    """Behind the last entry pages are empty and have a cursor; what happens later shows up there."""
    page = fresh.get("/v1/auditLogs", limit=100, starting_on="2021-01-01T00:00:00Z")
    seen = page["data"]
    while page["data"]:
        page = fresh.get("/v1/auditLogs", limit=100, next_page=page["next_page"])
        seen += page["data"]
    assert [row["timestamp"] for row in seen] == sorted(row["timestamp"] for row in seen)
    assert min(row["timestamp"] for row in seen) >= "2021"
    for _ in range(3):
        page = fresh.get("/v1/auditLogs", limit=100, next_page=page["next_page"])
        assert page["data"] == []
        assert page["next_page"]
    judge("/v1/auditLogs", "GET")(fresh.send("GET", "/v1/auditLogs").json())
    (commit, *_) = fresh.balances(fresh.customer_ids()[0])
    entry = {
        "customer_id": fresh.customer_ids()[0],
        "contract_id": commit["contract"]["id"],
        "id": commit["id"],
        "segment_id": commit["access_schedule"]["schedule_items"][0]["id"],
        "amount": -1,
        "reason": "test",
    }
    assert fresh.send("POST", "/v1/contracts/addManualBalanceLedgerEntry", json=entry).status_code == 200
    (late,) = fresh.get("/v1/auditLogs", limit=100, next_page=page["next_page"])["data"]
    assert (late["action"], late["resource_id"]) == ("add_manual_balance_entry", commit["id"])


def whole_log(api: Api, **asked: str) -> list[Json]:
    """Return the entries up to the first empty page."""
    page = api.get("/v1/auditLogs", limit=100, **asked)
    rows: list[Json] = []
    while page["data"]:
        rows += page["data"]
        page = api.get("/v1/auditLogs", limit=100, next_page=page["next_page"], **asked)
    return rows


def test_audit_log_filters(api: Api) -> None:
    """A resource is named by type and id together; dates are half-open; the order can be turned."""
    customer_id = api.customer_ids()[3]
    (created,) = api.get("/v1/auditLogs", resource_type="customer", resource_id=customer_id)["data"]
    at = created["timestamp"]
    known = {"resource_type": "customer", "resource_id": customer_id}
    assert api.get("/v1/auditLogs", starting_on=at, **known)["data"] == [created]
    assert api.get("/v1/auditLogs", ending_before=at, **known)["data"] == []
    assert whole_log(api, sort="date_desc") == whole_log(api)[::-1]


V2 = ("/v2/contracts/get", "/v2/contracts/getEditHistory")
HISTORIES = ("/v1/contracts/getSubscriptionQuantityHistory", "/v1/contracts/getSubscriptionSeatsHistory")


@pytest.mark.parametrize("path", [*V2, *HISTORIES])
def test_not_found_is_400_with_a_code_where_codes_are_documented(api: Api, path: str) -> None:
    """Version 2 and the histories of subscriptions say what is missing by a code, and their file declares it."""
    customer_id = api.customer_ids()[SEATED]
    (contract,) = api.post("/v2/contracts/list", {"customer_id": customer_id})["data"]
    good = {"customer_id": customer_id, "contract_id": contract["id"], "subscription_id": UNKNOWN}
    for change, code in (
        ({"customer_id": UNKNOWN}, "CustomerNotFound"),
        ({"contract_id": UNKNOWN}, "ContractNotFound"),
        ({}, "SubscriptionNotFound"),
    ):
        if change or path in HISTORIES:
            answer = api.send("POST", path, json=good | change)
            assert (answer.status_code, answer.json()["code"]) == (400, code)
            judge_error(path, "400", answer.json())
    assert api.send("POST", "/v1/contracts/get", json=good | {"contract_id": UNKNOWN}).status_code == 404


def judge_error(path: str, status: str, payload: Json) -> None:
    """Hold an error against the vendor's file."""
    response_validator(path, "POST", status)(payload)


DAY = "2026-10-01T00:00:00Z"
GOOD: Json = {"customer_id": "{id}"}
ANY_CONTRACT: Json = {**GOOD, "contract_id": UNKNOWN}
RATES = "/v1/contract-pricing/rate-cards/getRates"


@pytest.mark.parametrize(
    ("method", "path", "asked", "status"),
    [
        ("POST", "/v1/contracts/list", {"customer_id": UNKNOWN}, 404),
        ("POST", "/v1/contracts/list", {}, 400),
        ("POST", "/v1/contracts/list", {**GOOD, "covering_date": DAY, "starting_at": DAY}, 400),
        ("POST", "/v2/contracts/get", {**GOOD, "contract_id": "x"}, 400),
        ("POST", "/v2/contracts/get", {**ANY_CONTRACT, "as_of_date": DAY, "include_ledgers": True}, 400),
        ("POST", "/v1/contracts/getContractRateSchedule", ANY_CONTRACT, 404),
        ("POST", "/v1/contracts/seatBalances/list", ANY_CONTRACT, 404),
        ("POST", "/v1/contracts/getNamedSchedule", {**ANY_CONTRACT, "schedule_name": "x"}, 404),
        ("POST", "/v1/contract-pricing/products/get", {"id": UNKNOWN}, 404),
        ("POST", "/v1/contract-pricing/products/list", {"archive_filter": "SOME"}, 400),
        ("POST", "/v1/contract-pricing/rate-cards/get", {"id": UNKNOWN}, 404),
        ("POST", RATES, {"rate_card_id": UNKNOWN, "at": DAY}, 404),
        ("POST", RATES, {"rate_card_id": UNKNOWN}, 400),
        ("POST", "/v1/packages/get", {"package_id": UNKNOWN}, 404),
        ("POST", "/v1/customer-alerts/get", {**GOOD, "alert_id": UNKNOWN}, 404),
        ("POST", "/v1/customer-alerts/list", {**GOOD, "alert_statuses": ["LOUD"]}, 400),
        ("POST", "/v1/customer-alerts/list", {**GOOD, "alert_statuses": []}, 400),
        ("POST", "/v1/getCustomerBillingProviderConfigurations", {"customer_id": UNKNOWN}, 400),
        ("POST", "/v1/payments/list", {**GOOD, "invoice_id": UNKNOWN}, 404),
        ("POST", "/v1/payments/list", {**GOOD, "invoice_id": UNKNOWN, "limit": 26}, 400),
        ("POST", "/v1/usage", {**BOUNDS}, 400),
        ("POST", "/v1/usage", {**BOUNDS, "window_size": "DAY", "starting_on": "2026-10-01T05:00:00Z"}, 400),
        ("POST", "/v1/usage", {**BOUNDS, "window_size": "DAY", "billable_metrics": [{"id": UNKNOWN}]}, 404),
        ("POST", "/v1/usage/groups", {**GOOD, "billable_metric_id": UNKNOWN, "window_size": "DAY"}, 404),
        ("POST", "/v1/customers/{id}/previewEvents", {}, 400),
        ("POST", "/v1/customers/{id}/previewEvents", {"events": [], "mode": "merge"}, 400),
        ("POST", "/v1/customers/{id}/previewEvents", {"events": [{}]}, 400),
        ("POST", "/v1/customers/{id}/previewEvents", {"events": [{"event_type": "a", "transaction_id": "1"}] * 2}, 400),
        ("POST", f"/v1/customers/{UNKNOWN}/previewEvents", {"events": [{"event_type": "a"}]}, 404),
        ("POST", "/v1/customers/{id}/invoices/spend-breakdowns", {"starting_on": DAY}, 400),
        ("POST", "/v1/credits/listGrants", {"customer_ids": [UNKNOWN]}, 404),
        ("POST", "/v1/credits/listGrants", {"customer_ids": [], "credit_grant_ids": []}, 400),
        ("POST", "/v1/credits/listEntries", {"ending_before": "2030-01-01T00:00:00Z"}, 400),
        ("GET", f"/v1/billable-metrics/{UNKNOWN}", {}, 404),
        ("GET", "/v1/billable-metrics", {"limit": "101"}, 400),
        ("GET", "/v1/credit-types/list", {"next_page": "???"}, 400),
        ("GET", f"/v1/customers/{{id}}/plans/{UNKNOWN}/priceAdjustments", {}, 404),
        ("GET", "/v1/customers/{id}/billing-config/stripe", {}, 404),
        ("GET", "/v1/customers/{id}/billing-config/barter", {}, 400),
        ("GET", f"/v1/customers/{{id}}/invoices/{UNKNOWN}/pdf", {}, 404),
        ("GET", "/v1/auditLogs", {"resource_type": "customer"}, 400),
        ("GET", "/v1/auditLogs", {"next_page": "x", "starting_on": DAY}, 400),
    ],
)  # fmt: skip
def test_bad_reads(api: Api, method: str, path: str, asked: Json, status: int) -> None:
    """What is wrong is answered with the documented status and a message."""
    customer_id = api.customer_ids()[SEATED]
    asked = {key: customer_id if value == "{id}" else value for key, value in asked.items()}
    where: Json = {"params": asked} if method == "GET" else {"json": asked}
    response = api.send(method, path.replace("{id}", customer_id), **where)
    assert (response.status_code, list(response.json())) == (status, ["message"])


def test_no_read_answers_without_a_token(api: Api) -> None:
    """Every route refuses a request without the bearer token before looking at anything else."""
    for route in ROUTES:
        response = api.send(route.method, route.pattern, headers={"authorization": "Bearer other"})
        assert response.status_code == 401, route.pattern


def test_an_unknown_seat_spoils_its_batch(api: Api) -> None:
    """One unknown seat id is 404 for all, unless missing ones are to be skipped; the switch makes it 400."""
    path = "/v1/contracts/seatBalances/list"

    def ask(client: Api, **asked: Any) -> tuple[int, list[str]]:
        customer_id = client.customer_ids()[LARGE]
        (contract,) = client.post("/v2/contracts/list", {"customer_id": customer_id})["data"]
        body = {"customer_id": customer_id, "contract_id": contract["id"], **asked}
        response = client.send("POST", path, json=body)
        return response.status_code, [row["seat_id"] for row in response.json().get("data", ())]

    both = ["seat-0002", "nobody"]
    assert ask(api, seat_ids=both) == (404, [])
    assert ask(api, seat_ids=both, skip_missing_seat_ids=True) == (200, ["seat-0002"])
    assert ask(api, limit=101)[0] == 400
    assert len(ask(api)[1]) == 25
    assert ask(api, subscription_ids=[UNKNOWN])[0] == 404
    with in_process(Simulator(customers=19, switches=Switches(unknown_seat_status=400))) as other:
        assert ask(other, seat_ids=both) == (400, [])


def test_an_embedded_list_may_be_cut(api: Api) -> None:
    """A v2 contract says when it holds more commits or credits than it shows; v1 shows them all."""
    switches = Switches(embedded_maximum=3)
    with in_process(Simulator(customers=19, switches=switches)) as other:
        body = {"customer_id": other.customer_ids()[6]}
        (cut,) = other.post("/v2/contracts/list", body)["data"]
        (whole,) = other.post("/v1/contracts/list", body)["data"]
    (full,) = api.post("/v2/contracts/list", body)["data"]
    assert cut["has_more"] == {"commits": False, "credits": True}
    assert full["has_more"] == {"commits": False, "credits": False}
    assert [row["id"] for row in cut["credits"]] == [row["id"] for row in full["credits"]][:3]
    assert len(whole["current"]["credits"]) == len(full["credits"]) > 3


def test_reads_change_nothing(fresh: Api) -> None:
    """After every read, previews included, invoices and balances are what they were."""
    ids = [fresh.customer_ids()[place] for place in (SEATED, 2, LARGE)]
    before = [(fresh.invoices(each), fresh.balances(each)) for each in ids]
    for each in ids:
        for read in of_customer(fresh, each):
            read.first(fresh)
    fresh.sim.clock.advance(timedelta(0))
    assert [(fresh.invoices(each), fresh.balances(each)) for each in ids] == before
