"""The HTTP surface: shapes, parameters, pages, errors, determinism."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from metronome import Metronome

from metronome_analytics.simulator import Fault, Simulator, Switches, running
from tests.spec import response_validator

from .support import EVERYTHING, Api, Json, in_process

BOUNDS: Json = {"starting_on": "2026-08-01T00:00:00Z", "ending_before": "2026-12-01T00:00:00Z"}
UNKNOWN = "00000000-0000-4000-8000-000000000000"


def test_every_answer_fits_the_vendors_schema(api: Api) -> None:
    """Customers, invoices and balances of every customer validate against the OpenAPI file."""
    for pattern, method, path, asked in _everything(api):
        check = response_validator(pattern, method)
        for page in _plain(api, method, path, asked):
            check(page)


def _everything(api: Api) -> Iterator[tuple[str, str, str, Json]]:
    """Yield (path template, method, path, parameters) of every read for every customer."""
    for params in ({"limit": 7}, {"only_archived": "true"}):
        yield "/v1/customers", "GET", "/v1/customers", params
    one, many = "/v1/customers/{customer_id}", "/v1/customers/{customer_id}/invoices"
    for customer_id in api.customer_ids():
        path = f"/v1/customers/{customer_id}"
        yield one, "GET", path, {}
        yield many, "GET", f"{path}/invoices", {"limit": 10}
        for invoice in api.invoices(customer_id)[::5]:
            yield many + "/{invoice_id}", "GET", f"{path}/invoices/{invoice['id']}", {}
        yield many + "/breakdowns", "GET", f"{path}/invoices/breakdowns", BOUNDS
        flags = {**EVERYTHING, "include_contract_commits": True, "include_contract_credits": True}
        for name in ("customerCommits/list", "customerCredits/list", "customerBalances/list"):
            body = {"customer_id": customer_id, **flags}
            yield f"/v1/contracts/{name}", "POST", f"/v1/contracts/{name}", body
        net = "/v1/contracts/customerBalances/getNetBalance"
        yield net, "POST", net, {"customer_id": customer_id}


def _plain(api: Api, method: str, path: str, asked: Json) -> list[Json]:
    """Return every page of an answer as ordinary JSON."""
    pages: list[Json] = []
    cursor = None
    while cursor is not None or not pages:
        given = asked | ({"next_page": cursor} if cursor else {})
        where = {"params": given} if method == "GET" else {"json": given}
        response = api.send(method, path, **where)
        assert response.status_code == 200, response.text
        pages.append(response.json())
        cursor = pages[-1].get("next_page")
    return pages


def test_the_same_arguments_give_the_same_bytes() -> None:
    """Two simulators of one seed answer alike byte for byte; another seed answers differently."""

    def answers(seed: int) -> list[bytes]:
        with in_process(Simulator(customers=6, seed=seed)) as api:
            found = [api.send("GET", "/v1/customers").content]
            for customer_id in api.customer_ids():
                found.append(api.send("GET", f"/v1/customers/{customer_id}/invoices?limit=100").content)
                body = {"customer_id": customer_id, **EVERYTHING}
                found.append(api.send("POST", "/v1/contracts/customerBalances/list", json=body).content)
            return found

    assert answers(7) == answers(7)
    assert answers(7) != answers(8)


def test_a_customer_does_not_depend_on_how_many_there_are() -> None:
    """The books of customer 3 are the same in an account of 5 and of 50."""

    def invoices(customers: int) -> list[Json]:
        with in_process(Simulator(customers=customers)) as api:
            return api.invoices(api.customer_ids()[3])

    assert invoices(5) == invoices(50)


def test_moving_the_clock_there_and_back_changes_nothing(fresh: Api) -> None:
    """The books follow the clock in both directions."""
    customer_id = fresh.customer_ids()[0]
    before = fresh.balances(customer_id)
    fresh.sim.clock.advance(timedelta(days=40))
    assert fresh.balances(customer_id) != before
    fresh.sim.clock.advance(timedelta(days=-40))
    assert fresh.balances(customer_id) == before


def test_fifty_thousand_customers_are_listed_without_opening_a_book() -> None:
    """Listing a large account builds no books, every id is distinct, and the last one resolves."""
    with in_process(Simulator(customers=50_000)) as api:
        ids: set[str] = set()
        cursor = None
        while cursor is not None or not ids:
            page = api.send("GET", "/v1/customers", params={"limit": 100} | ({"next_page": cursor} if cursor else {}))
            ids |= {row["id"] for row in page.json()["data"]}
            last, cursor = page.json()["data"][-1], page.json()["next_page"]
        assert len(ids) == 50_000
        assert not api.sim.account._books
        assert api.get(f"/v1/customers/{last['id']}")["data"]["name"] == last["name"]


def test_archived_customers_are_listed_alone(api: Api) -> None:
    """The default list holds exactly the active customers; archived ones come only when asked, all invoices void."""
    active = api.rows("/v1/customers")
    archived = api.rows("/v1/customers", only_archived="true")
    assert len(active) == 40
    assert not any(row["archived_at"] for row in active)
    assert archived
    assert all(row["archived_at"] for row in archived)
    for row in archived:
        statuses = {invoice["status"] for invoice in api.invoices(row["id"])}
        assert statuses == {"VOID"}


def test_customer_filters(api: Api) -> None:
    """Ids may be comma-joined or repeated; alias and Salesforce id find their customer."""
    rows = api.rows("/v1/customers")
    first, second = rows[0]["id"], rows[1]["id"]
    joined = api.rows("/v1/customers", customer_ids=f"{first},{second}")
    repeated = api.rows("/v1/customers", customer_ids=[first, second])
    assert joined == repeated == rows[:2]
    aliased = next(row for row in rows if row["ingest_aliases"])
    assert api.rows("/v1/customers", ingest_alias=aliased["ingest_aliases"][-1]) == [aliased]
    known = [row for row in rows if row["customer_config"]["salesforce_account_id"]][:2]
    wanted = ",".join(row["customer_config"]["salesforce_account_id"] for row in known)
    assert api.rows("/v1/customers", salesforce_account_ids=wanted) == known
    assert api.rows("/v1/customers", customer_ids=UNKNOWN) == []


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_any_page_size_gives_the_same_rows(api: Api, limit: int) -> None:
    """However a list is cut, the rows are the same."""
    customer_id = api.customer_ids()[0]
    path = f"/v1/customers/{customer_id}/invoices"
    assert api.rows(path, limit=limit) == api.rows(path)
    assert api.rows(path, sort="date_desc") == api.rows(path)[::-1]


def test_more_balances_than_a_page(api: Api) -> None:
    """Body lists hold at most 25 and go on with a cursor in the body."""
    pages = [
        list(api.pages("/v1/contracts/customerBalances/list", {"customer_id": each, "include_contract_balances": True}))
        for each in api.customer_ids()
    ]
    sizes = [[len(page["data"]) for page in found] for found in pages]
    assert max(size for found in sizes for size in found) == 25
    assert any(len(found) > 1 for found in sizes)


def test_a_bare_balance_list_shows_little(api: Api) -> None:
    """Without flags there is neither balance nor ledger nor anything of a contract."""
    for customer_id in api.customer_ids():
        for row in api.rows("/v1/contracts/customerBalances/list", {"customer_id": customer_id}):
            assert not {"contract", "ledger", "balance"} & row.keys()


def test_one_invoice_is_as_in_the_list(api: Api) -> None:
    """Retrieving an invoice gives what the list shows of it."""
    customer_id = api.customer_ids()[2]
    for invoice in api.invoices(customer_id):
        assert api.get(f"/v1/customers/{customer_id}/invoices/{invoice['id']}") == {"data": invoice}


def test_zero_lines_can_be_skipped(api: Api) -> None:
    """skip_zero_qty_line_items drops lines of quantity zero, and keeps applied lines, which have none."""
    for customer_id in api.customer_ids():
        full, short = api.invoices(customer_id), api.invoices(customer_id, skip_zero_qty_line_items="true")
        for long, brief in zip(full, short, strict=True):
            assert brief["line_items"] == [line for line in long["line_items"] if line.get("quantity") != 0]


def test_period_filter_goes_by_the_letter(api: Api) -> None:
    """A period must start on or after the one bound and end before the other; what has no period fails both."""
    customer_id = api.customer_ids()[0]
    found = api.invoices(customer_id, starting_on="2026-08-01T00:00:00Z", ending_before="2026-11-01T00:00:00Z")
    starts = [invoice["start_timestamp"][:7] for invoice in found]
    assert starts == ["2026-08", "2026-09"]
    with in_process(Simulator(switches=Switches(scheduled_in_date_filters=True))) as other:
        more = other.invoices(customer_id, starting_on="2026-08-01T00:00:00Z", ending_before="2026-11-01T00:00:00Z")
    assert {invoice["type"] for invoice in more} == {"USAGE", "SCHEDULED"}


def test_one_breakdown_response_covers_35_days_or_24_hours(api: Api) -> None:
    """A response stops at its reach, and at the limit if that comes first."""
    path = f"/v1/customers/{api.customer_ids()[0]}/invoices/breakdowns"
    assert [len(page["data"]) for page in api.pages(path, **BOUNDS)] == [35, 35, 35, 5]
    assert len(api.get(path, **BOUNDS, limit=4)["data"]) == 4
    assert len(api.get(path, **BOUNDS, window_size="hour")["data"]) == 24


def test_balance_filters_test_access(api: Api) -> None:
    """Covering date, start and end look at the access segments."""
    customer_id = api.customer_ids()[0]
    everything = api.balances(customer_id)
    assert [row["id"] for row in api.balances(customer_id, covering_date="2025-12-01T00:00:00Z")] == [
        everything[0]["id"]
    ]
    assert [row["id"] for row in api.balances(customer_id, starting_at="2026-10-01T00:00:00Z")] == [everything[1]["id"]]
    assert api.balances(customer_id, effective_before="2025-10-01T00:00:00Z") == []
    assert [row["id"] for row in api.balances(customer_id, exclude_zero_balances=True)] == [everything[1]["id"]]
    assert api.balances(customer_id, id=everything[1]["id"]) == everything[1:]


def test_net_balance_filters(api: Api) -> None:
    """Filters are OR between objects and AND inside one; FINALIZED leaves out what drafts drew."""
    path = "/v1/contracts/customerBalances/getNetBalance"
    customer_id = api.customer_ids()[0]
    (_, commit) = api.balances(customer_id)
    net = api.post(path, {"customer_id": customer_id})["data"]["balance"]
    assert net == commit["balance"]
    by_id = [{"balance_types": ["PREPAID_COMMIT"], "ids": [commit["id"]]}, {"balance_types": ["CREDIT"]}]
    assert api.post(path, {"customer_id": customer_id, "filters": by_id})["data"]["balance"] == net
    none = [{"balance_types": ["CREDIT"], "ids": [commit["id"]]}]
    assert api.post(path, {"customer_id": customer_id, "filters": none})["data"]["balance"] == 0
    final = api.post(path, {"customer_id": customer_id, "invoice_inclusion_mode": "FINALIZED"})["data"]["balance"]
    assert final > net


@pytest.mark.parametrize(
    ("method", "path", "asked", "status"),
    [
        ("GET", "/v1/customers", {"limit": "0"}, 400),
        ("GET", "/v1/customers", {"limit": "101"}, 400),
        ("GET", "/v1/customers", {"limit": "ten"}, 400),
        ("GET", "/v1/customers", {"next_page": "???"}, 400),
        ("GET", "/v1/customers", {"customer_ids": "not-a-uuid"}, 400),
        ("GET", "/v1/customers/not-a-uuid", {}, 400),
        ("GET", f"/v1/customers/{UNKNOWN}", {}, 404),
        ("GET", f"/v1/customers/{UNKNOWN}/invoices", {}, 404),
        ("GET", "/v1/customers/{id}/invoices/" + UNKNOWN, {}, 404),
        ("GET", "/v1/customers/{id}/invoices", {"starting_on": "yesterday"}, 400),
        ("GET", "/v1/customers/{id}/invoices", {"type": "PLAN"}, 400),
        ("GET", "/v1/customers/{id}/invoices/breakdowns", {}, 400),
        ("GET", "/v1/customers/{id}/costs", {"starting_on": "2026-01-01T00:00:00Z"}, 400),
        ("POST", "/v1/contracts/customerBalances/list", {}, 400),
        ("POST", "/v1/contracts/customerBalances/list", {"customer_id": UNKNOWN}, 404),
        ("POST", "/v1/contracts/customerBalances/list", {"customer_id": "{id}", "limit": 26}, 400),
        ("POST", "/v1/contracts/customerBalances/list", {"customer_id": "{id}", "include_ledgers": "yes"}, 400),
        ("POST", "/v1/contracts/customerBalances/getNetBalance", {"customer_id": "{id}", "filters": {}}, 400),
        ("GET", "/v1/contracts/customerBalances/list", {}, 405),
        ("GET", "/v1/nothing", {}, 404),
    ],
)
def test_bad_requests(api: Api, method: str, path: str, asked: Json, status: int) -> None:
    """What is wrong is answered with the documented status and a message."""
    customer_id = api.customer_ids()[0]
    asked = {key: customer_id if value == "{id}" else value for key, value in asked.items()}
    where = {"params": asked} if method == "GET" else {"json": asked}
    response = api.send(method, path.replace("{id}", customer_id), **where)
    assert (response.status_code, list(response.json())) == (status, ["message"])


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"customer_id": NaN}'])
def test_bodies_that_are_not_objects(api: Api, content: bytes) -> None:
    """A body that is not a JSON object is refused."""
    assert api.send("POST", "/v1/contracts/customerBalances/list", content=content).status_code == 400


def test_a_cursor_belongs_to_its_parameters(api: Api) -> None:
    """A cursor is refused when any other parameter changed."""
    cursor = api.get("/v1/customers", limit=10)["next_page"]
    assert api.send("GET", "/v1/customers", params={"limit": 10, "next_page": cursor}).status_code == 200
    assert api.send("GET", "/v1/customers", params={"limit": 11, "next_page": cursor}).status_code == 400


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_token(status: int) -> None:
    """A bad token gives 401 or 403, and nothing of the token comes back."""
    sim = Simulator(customers=1, switches=Switches(bad_token_status=status))  # type: ignore[arg-type]  # parametrized
    with in_process(sim) as api:
        response = api.send("GET", "/v1/customers", headers={"authorization": "Bearer something-else"})
    assert response.status_code == status
    assert "something-else" not in response.text


def test_unknown_parameters_are_ignored_or_refused(api: Api) -> None:
    """The switch decides what happens to a parameter no one knows."""
    assert api.send("GET", "/v1/customers", params={"colour": "red"}).status_code == 200
    with in_process(Simulator(switches=Switches(reject_unknown_parameters=True))) as strict:
        assert strict.send("GET", "/v1/customers", params={"colour": "red"}).status_code == 400
        assert strict.send("GET", "/v1/customers", params={"limit": 3}).status_code == 200


def test_fields_only_the_sdk_knows() -> None:
    """The switch adds the newer fields, the default shows none of them."""

    def keys(switches: Switches) -> set[str]:
        with in_process(Simulator(switches=switches)) as api:
            found: set[str] = set()
            for customer_id in api.customer_ids():
                for row in [*api.invoices(customer_id), *api.balances(customer_id)]:
                    found |= row.keys()
            return found

    new = {"regenerated_from_invoice_id", "cost_basis", "plan_id", "plan_name"}
    assert not keys(Switches()) & new
    assert keys(Switches(sdk_fields=True)) >= new


def test_newest_first() -> None:
    """The switch turns the unsorted lists round."""
    with (
        in_process(Simulator(customers=5)) as api,
        in_process(Simulator(customers=5, switches=Switches(newest_first=True))) as other,
    ):
        assert other.customer_ids() == api.customer_ids()[::-1]
        customer_id = api.customer_ids()[0]
        assert other.balances(customer_id) == api.balances(customer_id)[::-1]


def test_conversion_and_applied_lines_by_switch(api: Api) -> None:
    """A balancing line in the custom unit may stand against the conversion; applied lines may go with zero lines."""
    switches = Switches(balancing_conversion_line=True, skip_zero_drops_applied_lines=True)
    with in_process(Simulator(switches=switches)) as other:
        for customer_id in api.customer_ids():
            for one, two in zip(api.invoices(customer_id), other.invoices(customer_id), strict=True):
                converted = [line["quantity"] for line in one["line_items"] if line["type"] == "cpu_conversion"]
                extra = [line for line in two["line_items"] if line not in one["line_items"]]
                assert [line["total"] for line in extra] == [-quantity for quantity in converted]
                assert one["total"] == two["total"]
            for invoice in other.invoices(customer_id, skip_zero_qty_line_items="true"):
                assert all(line["type"] != "applied_commit_or_credit" for line in invoice["line_items"])


def test_requests_are_logged_without_bodies(fresh: Api) -> None:
    """The log knows method, path, query and status of each request."""
    fresh.send("GET", "/v1/customers", params={"limit": 5})
    fresh.send("GET", "/v1/nothing")
    assert [(r.method, r.path, r.query, r.status) for r in fresh.sim.requests] == [
        ("GET", "/v1/customers", "limit=5", 200),
        ("GET", "/v1/nothing", "", 404),
    ]
    assert fresh.sim.requests.count("/v1/customers", status=200) == 1
    assert fresh.sim.requests.total == 2


def test_timestamps_come_in_several_serialisations(api: Api) -> None:
    """Readers must parse offsets, a Z, milliseconds and microseconds."""
    customer = api.rows("/v1/customers")[0]
    invoice = api.invoices(customer["id"])[0]
    balance = api.balances(customer["id"])[0]
    assert datetime.fromisoformat(customer["created_at"]).microsecond
    assert invoice["issued_at"].endswith("+00:00")
    assert balance["access_schedule"]["schedule_items"][0]["starting_at"].endswith(".000Z")


def test_the_official_sdk_reads_it() -> None:
    """The vendor's own client pages through everything, over a real connection."""
    sim = Simulator(customers=8)
    with running(sim) as url, Metronome(bearer_token=sim.token, base_url=url, max_retries=0) as client:
        customers = list(client.v1.customers.list(limit=3))
        assert len(customers) == 8
        for customer in customers:
            invoices = list(client.v1.customers.invoices.list(customer_id=customer.id, limit=5))
            assert all(invoice.customer_id == customer.id for invoice in invoices)
            balances = list(
                client.v1.contracts.list_balances(
                    customer_id=customer.id, include_contract_balances=True, include_balance=True, limit=2
                )
            )
            net = client.v1.contracts.get_net_balance(customer_id=customer.id)
            dollars = [
                balance.balance or 0
                for balance in balances
                if balance.access_schedule
                and balance.access_schedule.credit_type
                and balance.access_schedule.credit_type.name == "USD (cents)"
            ]
            assert net.data.balance == pytest.approx(sum(dollars))
            list(client.v1.customers.commits.list(customer_id=customer.id, include_contract_commits=True))
            list(client.v1.customers.credits.list(customer_id=customer.id, include_contract_credits=True))
            windows = client.v1.customers.invoices.list_breakdowns(
                customer_id=customer.id,
                starting_on=datetime(2026, 10, 1, tzinfo=UTC),
                ending_before=datetime(2026, 11, 1, tzinfo=UTC),
            )
            assert {window.customer_id for window in windows} <= {customer.id}


def test_a_mutated_answer_is_what_the_change_returns(fresh: Api) -> None:
    """A mutate fault edits the parsed answer in place or replaces it."""

    def rename(payload: object) -> None:
        assert isinstance(payload, dict)
        payload["surprise"] = 1

    fresh.sim.faults.add(Fault("mutate", "/v1/customers", change=rename))
    assert fresh.get("/v1/customers")["surprise"] == 1
    fresh.sim.faults.add(Fault("mutate", "/v1/customers", change=lambda _: {"data": "gone"}))
    assert json.loads(fresh.send("GET", "/v1/customers").content) == {"data": "gone"}
