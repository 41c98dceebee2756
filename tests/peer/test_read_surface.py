"""Every other read: the vendor's own client and our loader see the same rows, over real HTTP."""

from __future__ import annotations

import inspect
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from metronome import resources

import metronome_analytics as ma
from metronome_analytics import tables
from metronome_analytics.api.endpoints import ENDPOINTS, Effect
from metronome_analytics.tables.registry import TABLES
from tests.peer.conftest import SIMULATOR, exact

if TYPE_CHECKING:
    from pathlib import Path

WINDOW: dict[str, Any] = {
    "starting_on": datetime(2026, 10, 1, tzinfo=UTC),
    "ending_before": datetime(2026, 10, 8, tzinfo=UTC),
}


@pytest.fixture(scope="module")
def contracts(account: ma.Account) -> pl.DataFrame:
    """Every contract, with balances and ledgers."""
    return account.contracts(include_balance=True, include_ledgers=True)


def test_a_customer(account: ma.Account, sdk: Any, customers: list[str]) -> None:
    """One customer is one row of the list's schema."""
    theirs = sdk.v1.customers.retrieve(customer_id=customers[3]).data
    frame = account.customer(customers[3])
    assert frame.select("id", "name", "updated_at").rows() == [(theirs.id, theirs.name, theirs.updated_at)]
    assert frame.equals(account.customers(customer_ids=customers[3]))


def test_billable_metrics(account: ma.Account, sdk: Any, customers: list[str]) -> None:
    """The account's own metrics, and those of each customer."""
    own = [(m.id, m.name, m.aggregation_type) for m in sdk.v1.billable_metrics.list()]
    assert account.billable_metrics().select("id", "name", "aggregation_type").rows() == own
    theirs = [(id_, m.id, m.name) for id_ in customers for m in sdk.v1.customers.list_billable_metrics(customer_id=id_)]
    assert account.billable_metrics(customers).select("customer_id", "id", "name").rows() == theirs


def test_alerts(account: ma.Account, sdk: Any, customers: list[str]) -> None:
    """Every alert of every customer, and one of them alone."""
    theirs = [(id_, a) for id_ in customers for a in sdk.v1.customers.alerts.list(customer_id=id_)]
    frame = account.alerts(None)
    assert frame.select("customer_id", "id", "alert_type", "customer_status", "threshold").rows() == [
        (id_, a.alert.id, a.alert.type, a.customer_status, exact(a.alert.threshold)) for id_, a in theirs
    ]
    one = account.alert(frame["customer_id"][0], frame["id"][0])
    assert one.equals(frame.head(1))


def test_billing_configurations(account: ma.Account, sdk: Any, customers: list[str]) -> None:
    """Billing provider configurations of every customer."""
    theirs = [
        (c.customer_id, c.id, c.billing_provider)
        for id_ in customers
        for c in sdk.v1.customers.retrieve_billing_configurations(customer_id=id_).data
    ]
    assert account.billing_configurations(None).select("customer_id", "id", "billing_provider").rows() == theirs


def test_billing_config_of_plans(account: ma.Account, sdk: Any, customers: list[str]) -> None:
    """The legacy configuration of a Plans customer; a contract customer has none."""
    on_plans = account.plans()["customer_id"]
    paid_by = account.invoices(on_plans).drop_nulls("billing_provider_type")
    owner, provider = paid_by.select("customer_id", "billing_provider_type").row(0)
    theirs = sdk.v1.customers.billing_config.retrieve(customer_id=owner, billing_provider_type=provider).data
    frame = account.billing_config(owner, provider)
    assert frame["billing_provider_customer_id"].to_list() == [theirs.billing_provider_customer_id]
    with pytest.raises(ma.NotFoundError):
        account.billing_config(
            next(id_ for id_ in customers if id_ not in set(account.plans()["customer_id"])), "stripe"
        )


def test_named_schedules(account: ma.Account, sdk: Any, contracts: pl.DataFrame) -> None:
    """Named schedules of a customer, a contract and a rate card: segments with their values as JSON text."""
    customer, contract = contracts.select("customer_id", "id").row(0)
    card = account.rate_cards()["id"][0]
    contracts_schedules, cards_schedules = sdk.v1.contracts.rate_cards.named_schedules, sdk.v1.contracts.named_schedules
    of_contract = {"customer_id": customer, "contract_id": contract, "schedule_name": "reserved-capacity"}
    properties = {"sku": "H100"}
    for theirs, frame in (
        (
            sdk.v1.customers.named_schedules.retrieve(customer_id=customer, schedule_name="account-manager"),
            account.named_schedule("account-manager", customer=customer),
        ),
        (
            contracts_schedules.retrieve(**of_contract, extra_body={"properties": properties}),
            account.named_schedule("reserved-capacity", customer=customer, contract=contract, properties=properties),
        ),
        (
            cards_schedules.retrieve(rate_card_id=card, schedule_name="price-book"),
            account.named_schedule("price-book", rate_card=card),
        ),
    ):
        assert [(at, json.loads(value)) for at, value in frame.select("starting_at", "value").rows()] == [
            (segment.starting_at, segment.value) for segment in theirs.data
        ]
        assert frame.height


def test_preview_events(account: ma.Account, sdk: Any, customers: list[str]) -> None:
    """What events would cost: the same invoices, and nothing changed by asking."""
    before = account.invoices(customers[0])
    events = [{"event_type": "tokens", "timestamp": "2026-11-10T00:00:00Z", "properties": {"tokens": "1000"}}]
    theirs = sdk.v1.customers.preview_events(customer_id=customers[0], events=events, mode="merge").data
    frame = account.preview_events(customers[0], events, mode="merge")
    assert frame.select("customer_id", "total", "status").rows() == [
        (i.customer_id, exact(i.total), i.status) for i in theirs
    ]
    assert account.invoices(customers[0]).equals(before)


def test_one_invoice_and_its_pdf(account: ma.Account, sdk: Any, customers: list[str], tmp_path: Path) -> None:
    """One invoice is the row of the list; its PDF is written whole."""
    invoices = account.invoices(customers[1])
    owner, id_ = invoices.filter(pl.col("status") == "FINALIZED").select("customer_id", "id").row(0)
    assert account.invoice(owner, id_).equals(invoices.filter(pl.col("id") == id_))
    target = tmp_path / "invoice.pdf"
    assert account.invoice_pdf(owner, id_, target) == target
    assert target.read_bytes() == sdk.v1.customers.invoices.retrieve_pdf(customer_id=owner, invoice_id=id_).read()
    assert [path.name for path in tmp_path.iterdir()] == ["invoice.pdf"]
    with pytest.raises(ma.NotFoundError):
        account.invoice_pdf(owner, "00000000-0000-4000-8000-000000000000", tmp_path / "none.pdf")


def test_spend_breakdowns_and_payments(account: ma.Account, customers: list[str]) -> None:
    """The two lists that only the OpenAPI file knows load, and agree with the books."""
    spend = account.spend_breakdowns(customers[:8], **WINDOW)
    tables.InvoiceBreakdowns.validate(spend)
    used = (
        ma.line_items(account.invoice_breakdowns(customers[:8], **WINDOW))
        .filter(pl.col("type") == "usage")
        .group_by("customer_id", "credit_type_id")
        .agg(pl.col("total").sum())
        .sort("customer_id", "credit_type_id")
    )
    spent = (
        ma.line_items(spend)
        .filter(pl.col("type") == "usage")
        .group_by("customer_id", "credit_type_id")
        .agg(pl.col("total").sum())
        .sort("customer_id", "credit_type_id")
    )
    assert spent.height
    assert spent.equals(used)
    invoices = account.invoices(customers).filter(pl.col("status") == "FINALIZED")
    paid = pl.concat(account.payments(*row) for row in invoices.select("customer_id", "id").head(40).rows())
    tables.Payments.validate(paid)
    assert set(paid["invoice_id"]) <= set(invoices["id"])


@pytest.mark.parametrize("version", [1, 2])
def test_contracts(account: ma.Account, sdk: Any, customers: list[str], version: int) -> None:
    """Every contract by either version: ids, dates and the commits and credits inside."""
    if version == 2:
        theirs = [(c, c) for id_ in customers for c in sdk.v2.contracts.list(customer_id=id_, include_balance=True)]
    else:
        theirs = [
            (c, c.current) for id_ in customers for c in sdk.v1.contracts.list(customer_id=id_, include_balance=True)
        ]
    frame = account.contracts(version=version, include_balance=True)
    tables.Contracts.validate(frame)
    assert frame.select("id", "customer_id", "starting_at", "ending_before", "rate_card_id").rows() == [
        (c.id, c.customer_id, terms.starting_at, terms.ending_before, terms.rate_card_id) for c, terms in theirs
    ]
    commits = ma.contract_commits(frame)
    assert commits.select("contract_id", "id", "balance").rows() == [
        (c.id, commit.id, exact(commit.balance)) for c, terms in theirs for commit in terms.commits
    ]
    assert ma.contract_credits(frame)["id"].to_list() == [credit.id for _, t in theirs for credit in t.credits or []]
    assert ma.overrides(frame)["id"].to_list() == [override.id for _, t in theirs for override in t.overrides]
    assert ma.scheduled_charges(frame)["id"].to_list() == [
        charge.id for _, t in theirs for charge in t.scheduled_charges
    ]
    assert ma.subscriptions(frame)["id"].to_list() == [s.id for c, _ in theirs for s in c.subscriptions or []]
    owner, id_ = frame.select("customer_id", "id").row(0)
    assert account.contract(owner, id_, version=version, include_balance=True).equals(frame.head(1))


def test_what_contracts_embed_are_the_balances(account: ma.Account, contracts: pl.DataFrame) -> None:
    """A contract's commits and credits are the rows of the balances list, ledgers included."""
    embedded = pl.concat([ma.contract_commits(contracts), ma.contract_credits(contracts)])
    listed = account.balances().filter(pl.col("contract_id").is_not_null())
    columns = ["id", "contract_id", "type", "balance", "name"]
    assert embedded.select(columns).sort("id").equals(listed.select(columns).sort("id"))
    assert (
        ma.ledger(embedded)
        .drop("contract_id")
        .sort("balance_id", "entry_index")
        .equals(ma.ledger(listed).drop("contract_id").sort("balance_id", "entry_index"))
    )


def test_contract_edits(account: ma.Account, sdk: Any, contracts: pl.DataFrame) -> None:
    """The edit history of every contract."""
    theirs = [
        (contract, edit.id, edit.timestamp)
        for customer, contract in contracts.select("customer_id", "id").rows()
        for edit in sdk.v2.contracts.get_edit_history(customer_id=customer, contract_id=contract).data
    ]
    frame = account.contract_edits(None)
    assert sorted(frame.select("contract_id", "id", "timestamp").rows()) == sorted(theirs)
    assert theirs


def test_an_unknown_contract_is_not_found(account: ma.Account, customers: list[str]) -> None:
    """v2 answers 400 with a code, v1 404: both are NotFoundError."""
    nothing = "00000000-0000-4000-8000-000000000000"
    for version in (1, 2):
        with pytest.raises(ma.NotFoundError):
            account.contract(customers[0], nothing, version=version)
    with pytest.raises(ma.NotFoundError):
        account.contract_edits(customers[0], contract_id=nothing)


def test_rate_schedules(account: ma.Account, sdk: Any, contracts: pl.DataFrame) -> None:
    """The entitled rates of a contract, to the last digit."""
    rates = 0
    for customer, contract in contracts.select("customer_id", "id").head(6).rows():
        theirs = sdk.v1.contracts.retrieve_rate_schedule(customer_id=customer, contract_id=contract, limit=100).data
        frame = account.rate_schedule(customer, contract)
        assert frame.select("product_id", "starting_at", "list_rate_price", "override_rate_price").rows() == [
            (
                r.product_id,
                r.starting_at,
                exact(r.list_rate.price),
                exact(r.override_rate.price if r.override_rate else None),
            )
            for r in theirs
        ]
        rates += len(theirs)
    assert rates


def test_subscriptions_and_seats(account: ma.Account, sdk: Any, contracts: pl.DataFrame) -> None:
    """Quantities, seats and seat balances of every subscription."""
    seats = 0
    for row in ma.subscriptions(contracts).iter_rows(named=True):
        of = {"customer_id": row["customer_id"], "contract_id": row["contract_id"], "subscription_id": row["id"]}
        history = sdk.v1.contracts.retrieve_subscription_quantity_history(**of).data.history
        frame = account.subscription_quantities(*of.values())
        assert frame.select("starting_at", "quantity", "unit_price", "total").rows() == [
            (at.starting_at, line.quantity, exact(line.unit_price), exact(line.total))
            for at in history
            for line in at.data
        ]
        if row["quantity_management_mode"] != "SEAT_BASED":
            continue
        periods = sdk.v1.contracts.get_subscription_seats_history(**of).data
        assert account.subscription_seats(*of.values()).select("starting_at", "total_quantity").head(10).rows() == [
            (p.starting_at, float(p.total_quantity)) for p in periods
        ]
        balances = account.seat_balances(row["customer_id"], row["contract_id"], include_credits_and_commits=True)
        assert balances["seat_id"].is_unique().all()
        seats += balances.height
        with pytest.raises(ma.RequestRejected):
            account.seat_balances(row["customer_id"], row["contract_id"], seat_ids=[balances["seat_id"][0], "nobody"])
        some = account.seat_balances(
            row["customer_id"],
            row["contract_id"],
            seat_ids=[balances["seat_id"][0], "nobody"],
            skip_missing_seat_ids=True,
        )
        assert some["seat_id"].to_list() == [balances["seat_id"][0]]
    assert seats > 25


def test_catalogue_lists(account: ma.Account, sdk: Any) -> None:
    """Products, rate cards, rates, credit types, packages and custom field keys."""
    assert account.products(archive_filter="all").select("id", "name", "type").rows() == [
        (p.id, p.current.name, p.type) for p in sdk.v1.contracts.products.list(archive_filter="ALL")
    ]
    cards = account.rate_cards()
    assert cards.select("id", "name").rows() == [(c.id, c.name) for c in sdk.v1.contracts.rate_cards.list(body={})]
    at = datetime(2026, 10, 1, tzinfo=UTC)
    for card in cards["id"]:
        theirs = list(sdk.v1.contracts.rate_cards.rates.list(rate_card_id=card, at=at))
        assert account.rates(card, at=at).select("product_id", "price", "rate_type").rows() == [
            (r.product_id, exact(r.rate.price), r.rate.rate_type) for r in theirs
        ]
        assert theirs
    assert account.credit_types().rows() == [(t.id, t.name, t.is_currency) for t in sdk.v1.pricing_units.list()]
    assert account.packages()["id"].to_list() == [p.id for p in sdk.v1.packages.list()]
    assert account.custom_field_keys().select("entity", "key").rows() == [
        (k.entity, k.key) for k in sdk.v1.custom_fields.list_keys()
    ]


def test_usage(account: ma.Account, sdk: Any, customers: list[str]) -> None:
    """Daily usage of every customer and metric, in as many requests as there are pages."""
    theirs = [
        (u.customer_id, u.billable_metric_id, u.start_timestamp, u.value)
        for u in sdk.v1.usage.list(window_size="DAY", customer_ids=customers, **WINDOW)
    ]
    columns = ("customer_id", "billable_metric_id", "start_timestamp", "value")
    assert account.usage(customers, **WINDOW).select(columns).rows() == theirs
    assert sorted(account.usage(**WINDOW).select(columns).rows()) == sorted(theirs)
    customer, metric = theirs[0][:2]
    groups = sdk.v1.usage.list_with_groups(customer_id=customer, billable_metric_id=metric, window_size="DAY", **WINDOW)
    frame = account.usage_groups(customer, metric, **WINDOW)
    assert frame.select("starting_on", "value").rows() == [(g.starting_on, g.value) for g in groups]


def test_plans_and_grants(account: ma.Account, sdk: Any, customers: list[str]) -> None:
    """Plans, their price adjustments, credit grants and the ledgers of grants."""
    theirs = [(id_, p.id, p.plan_name) for id_ in customers for p in sdk.v1.customers.plans.list(customer_id=id_)]
    assert account.plans().select("customer_id", "id", "plan_name").rows() == theirs
    adjustments = [
        (plan, a.charge_id, a.start_period)
        for id_, plan, _ in theirs
        for a in sdk.v1.customers.plans.list_price_adjustments(customer_id=id_, customer_plan_id=plan)
    ]
    columns = ("customer_plan_id", "charge_id", "start_period")
    assert account.plan_price_adjustments().select(columns).rows() == adjustments
    grants = [(g.id, exact(g.grant_amount.amount)) for g in sdk.v1.credit_grants.list()]
    assert account.credit_grants().select("id", "grant_amount").rows() == grants
    entries = [
        (of.customer_id, ledger.credit_type.id, [exact(e.amount) for e in ledger.entries])
        for of in sdk.v1.credit_grants.list_entries(sort="asc")
        for ledger in of.ledgers
    ]
    frame = account.credit_grant_entries().with_columns(
        pl.col("entries").list.eval(pl.element().struct.field("amount"))
    )
    assert frame.select("customer_id", "credit_type_id", "entries").rows() == entries
    assert theirs
    assert adjustments
    assert grants


def test_the_audit_log_ends(account: ma.Account, sdk: Any) -> None:
    """The log is read to its end although its cursor has none, and a window may be asked for."""
    frame = account.audit_logs()
    first = sdk.v1.audit_logs.list(limit=20, sort="date_asc").data
    assert frame.select("id", "timestamp").head(20).rows() == [(log.id, log.timestamp) for log in first]
    assert frame["id"].is_unique().all()
    middle = frame["timestamp"].sort()[frame.height // 2]
    assert account.audit_logs(starting_on=middle).equals(frame.filter(pl.col("timestamp") >= middle))
    assert account.audit_logs(ending_before=middle).equals(frame.filter(pl.col("timestamp") < middle))


def test_daily_costs_sum_to_the_finalized_invoices(account: ma.Account) -> None:
    """Over a closed month the days of every customer and credit type add up to its final usage invoices."""
    window: dict[str, Any] = {"starting_on": "2026-09-01", "ending_before": "2026-10-01"}
    daily = account.daily_costs(**window)
    tables.DailyCosts.validate(daily)
    invoices = account.invoices(**window).filter(pl.col("type") == "USAGE", pl.col("status") == "FINALIZED")
    # In the invoice's own credit type: what is left in a custom unit is on it as a conversion line, in fiat.
    total = invoices.group_by("customer_id", "credit_type_id").agg(pl.col("total").sum()).filter(pl.col("total") != 0)
    days = (
        daily.filter(pl.col("source") == "breakdowns")
        .group_by("customer_id", "credit_type_id")
        .agg(pl.col("cost").sum())
        .join(total, on=["customer_id", "credit_type_id"], how="right")
    )
    assert days.height > 5
    assert days.filter(pl.col("cost").ne_missing(pl.col("total"))).rows() == []
    assert set(daily["source"]) == {"breakdowns", "costs"}
    assert (daily["gross"] >= daily["cost"]).all()


def test_the_fewest_requests(account: ma.Account, customers: list[str]) -> None:
    """One request a customer where the API reads by customer, one for all where it takes a list."""
    before = SIMULATOR.requests.total
    account.usage(customers, **WINDOW)
    account.credit_grants(customers)
    account.alerts(customers)
    spent = account.receipts.tail(3)["requests"].to_list()
    assert spent[2] == len(customers)
    assert sum(spent) == SIMULATOR.requests.total - before


# Reads of the official client's resources that have no row, each with its reason.
EXCLUDED: dict[str, str] = {}
WRITES = ("add", "amend", "archive", "create", "delete", "edit", "end", "move", "reset", "schedule_", "set", "update")


def paths_of(resource: type, prefix: str) -> dict[str, str]:
    """SDK method -> source of its path, for every method of a resource that sends something."""
    found: dict[str, str] = {}
    for name, member in inspect.getmembers(resource, inspect.isfunction):
        if not name.startswith(("_", "with_")):
            found[f"{prefix}.{name}"] = inspect.getsource(member)
    return found


def sdk_reads() -> dict[str, str]:
    """Every read of the resources this package promises to cover."""
    methods: dict[str, str] = {}
    for module, prefix in (
        (resources.v1.customers, "v1.customers"),
        (resources.v1.contracts, "v1.contracts"),
        (resources.v1.contracts.rate_cards, "v1.contracts.rate_cards"),
    ):
        for name in module.__all__:
            if name.startswith("Async") or not name.endswith("Resource"):
                continue
            kind = getattr(module, name)
            snake = "".join(f"_{ch.lower()}" if ch.isupper() else ch for ch in name.removesuffix("Resource")).lstrip(
                "_"
            )
            methods |= paths_of(kind, prefix if prefix.endswith(f".{snake}") else f"{prefix}.{snake}")
    methods |= paths_of(resources.v2.contracts.ContractsResource, "v2.contracts")
    return {name: code for name, code in methods.items() if not name.rpartition(".")[2].startswith(WRITES)}


def test_every_read_of_the_official_client_has_a_row() -> None:
    """Each read of v1.customers, v1.contracts and v2.contracts stands in the registry or, with a reason, not."""
    rows = {endpoint.path.replace("{customer_id}", "{}") for endpoint in ENDPOINTS.values()}
    rows = {"/".join("{}" if part.startswith("{") else part for part in path.split("/")) for path in rows}
    missing = []
    for name, code in sdk_reads().items():
        literals = [line.split('"')[1] for line in code.splitlines() if '"/v' in line]
        assert literals, name
        path = "/".join("{}" if part.startswith("{") else part for part in literals[0].split("/"))
        if path not in rows and name not in EXCLUDED:
            missing.append((name, path))
    assert missing == []
    assert set(EXCLUDED) <= set(sdk_reads())


def test_the_catalogue_is_complete_and_true(account: ma.Account) -> None:
    """Every endpoint is on the page, each loader it names is a method, and each read has its table."""
    page = account.catalogue()
    tables.Catalogue.validate(page)
    assert page["endpoint"].to_list() == [str(endpoint) for endpoint in ENDPOINTS.values()]
    for loader in page["loader"].drop_nulls():
        assert callable(getattr(account, loader))
    reads = {e.name for e in ENDPOINTS.values() if e.effect is Effect.READ and e.wire is not None}
    assert set(TABLES) == reads
