"""Single things, seats, notifications, events and addresses: the vendor's own client and our loader see the same."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

import metronome_analytics as ma
from metronome_analytics import tables
from metronome_analytics.simulator.endpoints.events import transaction_id_of
from metronome_analytics.simulator.world.seats import SEAT_METRIC
from tests.peer.conftest import exact

NOTHING = "00000000-0000-4000-8000-000000000000"


def test_single_things_are_rows_of_their_lists(account: ma.Account, sdk: Any) -> None:
    """A product, a rate card, a package and a metric by id are what the lists hold, and the client's ids."""
    products, packages = account.products(archive_filter="all"), account.packages(archive_filter="all")
    metrics = account.billable_metrics(include_archived=True)
    for frame, one, theirs in (
        (products, account.product, sdk.v1.contracts.products.retrieve),
        (account.rate_cards(), account.rate_card, sdk.v1.contracts.rate_cards.retrieve),
    ):
        for number, id_ in enumerate(frame["id"]):
            assert one(id_).equals(frame[number])
            assert theirs(id=id_).data.id == id_
    for number, id_ in enumerate(packages["id"]):
        assert account.package(id_).equals(packages[number])
        assert sdk.v1.packages.retrieve(package_id=id_).data.id == id_
    for number, id_ in enumerate(metrics["id"]):
        assert account.billable_metric(id_).equals(metrics[number])
        assert sdk.v1.billable_metrics.retrieve(billable_metric_id=id_).data.id == id_
    assert products["archived_at"].drop_nulls().len()


@pytest.mark.parametrize("loader", ["product", "rate_card", "package", "billable_metric", "notification"])
def test_an_unknown_single_thing_is_not_found(account: ma.Account, loader: str) -> None:
    """Whatever way the API says that it is not there."""
    with pytest.raises(ma.NotFoundError):
        getattr(account, loader)(NOTHING)


def test_the_schedule_of_a_rate_card(account: ma.Account, sdk: Any) -> None:
    """Every rate from a moment on, to the last digit."""
    at = datetime(2026, 10, 1, tzinfo=UTC)
    for card in account.rate_cards()["id"]:
        theirs = list(sdk.v1.contracts.rate_cards.retrieve_rate_schedule(rate_card_id=card, starting_at=at).data)
        frame = account.rate_card_schedule(card, starting_at=at)
        tables.Rates.validate(frame)
        assert frame.select("product_id", "starting_at", "price").rows()[: len(theirs)] == [
            (rate.product_id, rate.starting_at, exact(rate.rate.price)) for rate in theirs
        ]
        assert theirs


def test_rates_of_every_contract(account: ma.Account) -> None:
    """Without a contract the rate schedules of all of them come, archived ones too."""
    contracts = account.contracts(include_archived=True)
    every = account.rate_schedule()
    tables.RateSchedule.validate(every)
    assert set(every["contract_id"]) <= set(contracts["id"])
    owner, id_ = every.select("customer_id", "contract_id").row(0)
    assert every.filter(pl.col("contract_id") == id_).equals(account.rate_schedule(owner, id_))


def test_quantities_of_every_subscription(account: ma.Account) -> None:
    """Without a subscription the quantities of all of them come, on archived contracts too."""
    subscriptions = ma.subscriptions(account.contracts(include_archived=True))
    every = account.subscription_quantities()
    tables.SubscriptionQuantities.validate(every)
    assert set(every["subscription_id"]) == set(subscriptions["id"])
    of = every.select("customer_id", "contract_id", "subscription_id").row(0)
    assert every.filter(pl.col("subscription_id") == of[2]).equals(account.subscription_quantities(*of))
    assert account.subscription_quantities([]).schema == every.schema
    with pytest.raises(ma.ArgumentError, match="go together"):
        account.subscription_quantities(of[0], of[1])


def test_recurring_balances(account: ma.Account, sdk: Any, customers: list[str]) -> None:
    """Recurring commits and credits of every contract, by the client's own reading."""
    frame = ma.recurring_balances(account.contracts())
    tables.RecurringBalances.validate(frame)
    contracts = [c for id_ in customers for c in sdk.v2.contracts.list(customer_id=id_)]
    for kind, theirs in (
        ("COMMIT", [(c.id, r) for c in contracts for r in c.recurring_commits or []]),
        ("CREDIT", [(c.id, r) for c in contracts for r in c.recurring_credits or []]),
    ):
        ours = frame.filter(pl.col("type") == kind)
        assert ours.select("contract_id", "id", "access_unit_price").rows() == [
            (contract, r.id, exact(r.access_amount.unit_price)) for contract, r in theirs
        ]
    assert frame.height


def test_contracts_on_a_package(account: ma.Account, sdk: Any) -> None:
    """Every contract made from a package, of every customer."""
    for package in account.packages()["id"]:
        theirs = [
            (c.contract_id, c.customer_id, c.starting_at)
            for c in sdk.v1.packages.list_contracts_on_package(package_id=package)
        ]
        frame = account.package_contracts(package)
        assert frame.select("contract_id", "customer_id", "starting_at").rows() == theirs
        assert set(frame["package_id"]) == {package}
        held = account.contracts().filter(pl.col("package_id") == package)
        assert set(held["id"]) == set(frame["contract_id"])
    with pytest.raises(ma.NotFoundError):
        account.package_contracts(NOTHING)


def test_every_named_schedule(account: ma.Account, sdk: Any, customers: list[str]) -> None:
    """The schedules on contracts of customers, a row a segment; one of them read by name is the same."""
    frame = account.named_schedules(customers[:8])
    theirs = [
        (schedule.contract_id, schedule.schedule_name, segment.starting_at, segment.value)
        for id_ in customers[:8]
        for schedule in sdk.v1.contracts.rate_cards.named_schedules.list(customer_id=id_)
        for segment in schedule.segments
    ]
    rows = frame.select("contract_id", "schedule_name", "starting_at", "value").rows()
    assert [(*row[:3], json.loads(row[3])) for row in rows] == theirs
    assert theirs
    first = frame.row(0, named=True)
    one = account.named_schedule(
        first["schedule_name"],
        customer=first["customer_id"],
        contract=first["contract_id"],
        properties=dict(first["properties"] or {}),
    )
    assert one["value"][0] == first["value"]


def test_notifications(account: ma.Account, sdk: Any) -> None:
    """Those of the account by archive filter, each alone, and the system's."""
    frame = account.notifications(archive_filter="all")
    tables.Notifications.validate(frame)
    theirs = list(sdk.v2.notifications.offset.list(archive_filter="ALL"))
    assert frame.select("id", "policy_type", "policy_offset").rows() == [
        (n.id, n.policy.type, n.policy.offset) for n in theirs
    ]
    assert account.notification(frame["id"][0]).equals(frame.head(1))
    assert account.notifications(archive_filter="archived").height < frame.height
    events = [n.policy.type for n in sdk.v2.notifications.system.list().data]
    assert account.system_notifications()["policy_type"].to_list() == events


def test_providers_services_and_revenue_systems(account: ma.Account, sdk: Any, customers: list[str]) -> None:
    """What the account is set up with; revenue systems are in the OpenAPI file alone."""
    providers = list(sdk.v1.settings.billing_providers.list().data)
    assert account.configured_billing_providers()["delivery_method_id"].to_list() == [
        p.delivery_method_id for p in providers
    ]
    services = [(s.name, s.usage, s.ips) for s in sdk.v1.services.list().services]
    assert account.services().rows() == services
    configured = account.revenue_system_configurations(include_archived=True)
    tables.RevenueSystemConfigurations.validate(configured)
    assert set(configured["customer_id"]) < set(customers)
    assert 0 < account.revenue_system_configurations().height < configured.height


def test_seats(account: ma.Account) -> None:
    """Seats by day agree with those of the subscriptions; seats were bought by customers on Plans only."""
    seated = ma.subscriptions(account.contracts()).filter(pl.col("quantity_management_mode") == "SEAT_BASED")
    customer, contract, subscription = seated.select("customer_id", "contract_id", "id").row(0)
    days = account.seat_usage(customer, SEAT_METRIC, "latest", month="2026-10")
    tables.SeatUsage.validate(days)
    at = datetime(2026, 10, 15, tzinfo=UTC)
    period = account.subscription_seats(customer, contract, subscription, covering_date=at)
    assert days.filter(pl.col("starting_on") == at)["value"].to_list() == [len(period["assigned_seat_ids"][0])]
    most = account.seat_usage(customer, SEAT_METRIC, "max", month="2026-10", window_size="none")
    assert most["value"].to_list() == [days["value"].max()]
    assert set(account.purchased_seats()["customer_id"]) == set(account.plans()["customer_id"])


def test_events(account: ma.Account, sdk: Any, customers: list[str]) -> None:
    """An event by its transaction id, with whom and what it was counted for; more ids than one request takes."""
    day = date(2026, 10, 5).toordinal()
    ids = [transaction_id_of(id_, day, number) for id_ in customers for number in range(4)]
    frame = account.events(ids)
    tables.Events.validate(frame)
    theirs = [
        event
        for first in range(0, len(ids), 100)
        for event in sdk.v1.usage.search(transaction_ids=ids[first : first + 100])
    ]
    assert frame.select("id", "transaction_id", "customer_id").rows() == [
        (e.id, e.transaction_id, e.customer_id) for e in theirs
    ]
    assert frame.height
    assert account.events([]).schema == frame.schema


def test_the_address_of_a_dashboard_is_shown_once(account: ma.Account, sdk: Any, customers: list[str]) -> None:
    """It is masked in every repr and in no receipt; asking for it gives what the client gets."""
    address = account.dashboard_url(customers[0], "usage")
    theirs = sdk.v1.dashboards.get_embeddable_url(customer_id=customers[0], dashboard="usage").data.url
    assert address.get_secret_value() == theirs
    token = theirs.partition("token=")[2]
    receipt = account.receipts.tail(1)
    assert receipt["endpoint"].to_list() == ["dashboard_url"]
    assert token not in f"{address} {address!r} {receipt.to_dicts()} {account!r}"
