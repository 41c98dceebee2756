"""The books tie out: whatever the customer and the day, every view shows the same figures."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metronome_analytics.simulator import Simulator
from metronome_analytics.simulator.world.roles import ROLES

from .support import Api, Json, check_totals, deductions, draws, in_process

INSTANTS = (
    datetime(2026, 11, 18, 9, 30, tzinfo=UTC),
    datetime(2026, 11, 1, 12, 0, tzinfo=UTC),  # inside the grace period of October
    datetime(2026, 11, 2, 0, 0, tzinfo=UTC),  # the moment October is final
    datetime(2026, 5, 1, 0, 0, tzinfo=UTC),  # the day of the renewal
    datetime(2025, 10, 16, 0, 0, tzinfo=UTC),  # a credit just ended within the first period
    datetime(2027, 4, 3, 23, 59, 59, tzinfo=UTC),
)
ZERO = Decimal(0)


class View(NamedTuple):
    """What one customer's account shows."""

    customer_id: str
    now: str
    invoices: list[Json]
    balances: list[Json]


def views(api: Api) -> list[View]:
    """Return what every active customer's account shows now."""
    now = api.sim.clock.now.isoformat()
    return [View(each, now, api.invoices(each), api.balances(each)) for each in api.customer_ids()]


@pytest.fixture(scope="module", params=INSTANTS, ids=lambda when: when.strftime("%Y-%m-%dT%H"))
def at(request: pytest.FixtureRequest) -> Iterator[list[View]]:
    """Yield every account as it stands after the clock was moved."""
    with in_process(Simulator()) as api:
        api.sim.clock.set(request.param)
        yield views(api)


def test_invoice_totals_are_sums_of_lines(at: list[View]) -> None:
    """Every invoice's total follows from its lines."""
    for view in at:
        check_totals(view.invoices)


def test_covered_usage_nets_to_zero_by_commit(at: list[View]) -> None:
    """On a usage invoice, lines with a commit and their applied lines cancel out."""
    for view in at:
        for invoice in (i for i in view.invoices if i["type"] == "USAGE"):
            net: dict[str, Decimal] = defaultdict(Decimal)
            for line in invoice["line_items"]:
                if "commit_id" in line:
                    net[line["commit_id"]] += line["total"]
            assert not any(net.values())


def test_drawdown_on_invoices_is_the_ledgers_deductions(at: list[View]) -> None:
    """What invoices applied is what the ledgers deducted, invoice by invoice and segment by segment."""
    for view in at:
        assert draws(view.invoices) == deductions(view.balances)


def test_segment_starts_are_the_access_schedule(at: list[View]) -> None:
    """A segment starts with the amount its schedule grants, a postpaid commit with its whole amount."""
    for view in at:
        for balance in view.balances:
            if "archived_at" in balance:
                continue
            granted = {item["id"]: item["amount"] for item in balance["access_schedule"]["schedule_items"]}
            starts = {e["segment_id"]: e["amount"] for e in balance["ledger"] if e["type"].endswith("SEGMENT_START")}
            initial = [e["amount"] for e in balance["ledger"] if e["type"] == "POSTPAID_COMMIT_INITIAL_BALANCE"]
            assert starts == granted or (balance["type"] == "POSTPAID" and initial == list(granted.values()))


def test_ended_balances_sum_to_zero(at: list[View]) -> None:
    """When every segment is over, the ledger sums to zero, or to less when it was overdrawn by hand."""
    for view in at:
        for balance in view.balances:
            if "ledger" not in balance or any(
                item["ending_before"] > view.now for item in balance["access_schedule"]["schedule_items"]
            ):
                continue
            rest = sum((entry["amount"] for entry in balance["ledger"]), ZERO)
            overdrawn = any(e["type"].endswith("_MANUAL") and e["amount"] < 0 for e in balance["ledger"])
            assert rest == 0 or (overdrawn and rest < 0)


@pytest.mark.parametrize("instant", INSTANTS)
def test_net_balance_is_the_sum_of_balances(api: Api, instant: datetime) -> None:
    """Per credit type the balances add up to the net balance, with archived ones left out."""
    api.sim.clock.set(instant)
    for customer_id in api.customer_ids():
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for balance in api.balances(customer_id, include_archived=False):
            sums[balance["access_schedule"]["credit_type"]["id"]] += balance["balance"]
        for credit_type_id, total in sums.items():
            body = {"customer_id": customer_id, "credit_type_id": credit_type_id}
            net = api.post("/v1/contracts/customerBalances/getNetBalance", body)["data"]
            assert net == {"balance": total, "credit_type_id": credit_type_id}


def test_single_segment_balance_is_its_ledger(at: list[View]) -> None:
    """An active balance of one segment equals the sum of its ledger, or zero when that is negative."""
    for view in at:
        for balance in view.balances:
            items = balance["access_schedule"]["schedule_items"]
            if (
                "ledger" in balance
                and len(items) == 1
                and items[0]["starting_at"] <= view.now < items[0]["ending_before"]
            ):
                assert balance["balance"] == max(ZERO, sum(entry["amount"] for entry in balance["ledger"]))


@pytest.mark.parametrize("window_size", ["DAY", "HOUR"])
def test_windows_add_up_to_their_invoice(api: Api, window_size: str) -> None:
    """Days or hours of an invoice sum to its total and to its quantities and amounts line by line."""
    api.sim.clock.set(INSTANTS[0])
    first = "2026-10-01T00:00:00Z" if window_size == "DAY" else "2026-11-01T00:00:00Z"
    bounds = {"starting_on": first, "ending_before": "2026-12-01T00:00:00Z"}
    for customer_id in api.customer_ids()[: len(ROLES)]:
        windows: dict[str, list[Json]] = defaultdict(list)
        for row in api.breakdowns(customer_id, window_size=window_size, **bounds):
            windows[row["id"]].append(row)
        for invoice in api.invoices(customer_id, type="USAGE", starting_on=first):
            assert sum((row["total"] for row in windows[invoice["id"]]), ZERO) == invoice["total"]
            assert _lines([invoice]) == _lines(windows[invoice["id"]])
            check_totals(windows[invoice["id"]])


def _lines(invoices: list[Json]) -> dict[tuple[object, ...], tuple[Decimal, Decimal]]:
    sums: dict[tuple[object, ...], list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    for invoice in invoices:
        for line in invoice["line_items"]:
            groups = str(line.get("pricing_group_values")), str(line.get("presentation_group_values"))
            key = (line["type"], line.get("product_id"), *groups, line.get("commit_segment_id"), str(line.get("tier")))
            sums[key][0] += line.get("quantity", ZERO)
            sums[key][1] += line["total"]
    return {key: (quantity, total) for key, (quantity, total) in sums.items() if total}


def test_costs_of_a_month_are_the_plan_invoice(api: Api) -> None:
    """The daily costs of a customer on Plans add up to its invoice; a customer on contracts has none."""
    api.sim.clock.set(INSTANTS[0])
    seen = 0
    for customer_id in api.customer_ids():
        costs = api.rows(
            f"/v1/customers/{customer_id}/costs",
            starting_on="2026-10-01T00:00:00Z",
            ending_before="2026-11-01T00:00:00Z",
        )
        plans = [i for i in api.invoices(customer_id) if i["type"] == "PLAN_ARREARS"]
        assert bool(costs) == bool(plans)
        for invoice in plans:
            if invoice["start_timestamp"].startswith("2026-10"):
                cells = [cell for day in costs for cell in day["credit_types"].values()]
                assert sum(cell["cost"] for cell in cells) == invoice["total"]
                for cell in cells:
                    assert sum(line["cost"] for line in cell["line_item_breakdown"]) == cell["cost"]
                seen += 1
    assert seen


def test_purchases_and_true_ups_link_to_their_invoices(at: list[View]) -> None:
    """An invoice in an invoice schedule exists, names the commit, and bills its amount or the true-up's rest."""
    for view in at:
        invoices = {invoice["id"]: invoice for invoice in view.invoices}
        for balance in view.balances:
            for item in balance.get("invoice_schedule", {}).get("schedule_items", ()):
                if item["invoice_id"] is None:
                    continue
                invoice = invoices[item["invoice_id"]]
                (line,) = invoice["line_items"]
                assert (invoice["type"], line["commit_id"]) == ("SCHEDULED", balance["id"])
                if balance["type"] == "PREPAID":
                    assert (line["type"], line["total"]) == ("commit_purchase", item["amount"])
                else:
                    assert line["postpaid_commit"] == {"id": balance["id"]}
                    drawn = sum(e["amount"] for e in balance["ledger"] if "DEDUCTION" in e["type"])
                    assert invoice["total"] == max(ZERO, item["amount"] + drawn)


def test_amounts_fit_a_float(at: list[View]) -> None:
    """Every amount has at most 15 significant digits and 10 decimals, so no reader can lose a digit."""
    for view in at:
        amounts = [line["total"] for invoice in view.invoices for line in invoice["line_items"]]
        amounts += [invoice["total"] for invoice in view.invoices]
        for balance in view.balances:
            amounts += [balance["balance"], *(entry["amount"] for entry in balance.get("ledger", ()))]
        for amount in amounts:
            _, digits, exponent = amount.normalize().as_tuple()
            assert len(digits) <= 15
            assert isinstance(exponent, int)
            assert exponent >= -10


def test_the_account_shows_every_kind_of_thing(api: Api) -> None:
    """Forty customers are enough to meet every state, type and trap the simulator knows."""
    api.sim.clock.set(INSTANTS[0])
    seen: set[str] = set()
    for customer_id in api.customer_ids():
        for invoice in api.invoices(customer_id):
            seen |= {invoice["type"], invoice["status"], invoice["credit_type"]["name"]}
            seen |= {"correction_record"} & invoice.keys()
            seen |= {"no provider"} if invoice.get("external_invoice", "") is None else set()
            for line in invoice["line_items"]:
                seen |= {line["type"], line["credit_type"]["name"]} | ({"tier"} & line.keys())
                seen |= {"no quantity"} if line.get("quantity") == 0 else set()
                seen |= {"null group"} if None in line.get("presentation_group_values", {}).values() else set()
        for balance in api.balances(customer_id):
            seen |= {balance["type"]} | ({"archived_at", "rolled_over_from", "specifiers"} & balance.keys())
            seen |= {entry["type"] for entry in balance.get("ledger", ())}
    assert seen >= {
        *("USAGE", "SCHEDULED", "PLAN_ARREARS", "DRAFT", "FINALIZED", "VOID", "USD (cents)", "EUR", "AI Credits"),
        *("usage", "subscription", "scheduled", "commit_purchase", "applied_commit_or_credit", "cpu_conversion"),
        *("tier", "no quantity", "null group", "no provider", "correction_record"),
        *("PREPAID", "POSTPAID", "CREDIT", "archived_at", "rolled_over_from", "specifiers"),
        *("PREPAID_COMMIT_SEGMENT_START", "PREPAID_COMMIT_AUTOMATED_INVOICE_DEDUCTION", "PREPAID_COMMIT_EXPIRATION"),
        *("PREPAID_COMMIT_ROLLOVER", "PREPAID_COMMIT_MANUAL", "POSTPAID_COMMIT_INITIAL_BALANCE"),
        *("POSTPAID_COMMIT_AUTOMATED_INVOICE_DEDUCTION", "POSTPAID_COMMIT_TRUEUP", "POSTPAID_COMMIT_EXPIRATION"),
        *("CREDIT_SEGMENT_START", "CREDIT_AUTOMATED_INVOICE_DEDUCTION", "CREDIT_EXPIRATION", "CREDIT_MANUAL"),
    }


def test_a_regenerated_invoice_takes_over_the_draws(fresh: Api) -> None:
    """Before the void the original carries the deduction, after it only its twin does; the rest stays the same."""
    customer_id = fresh.customer_ids()[[role.__name__ for role in ROLES].index("_voided")]
    voided = next(i for i in fresh.invoices(customer_id) if i["status"] == "VOID")
    after = deductions(fresh.balances(customer_id))
    twin = next(
        i
        for i in fresh.invoices(customer_id, type="USAGE")
        if i["start_timestamp"] == voided["start_timestamp"] and i["id"] != voided["id"]
    )
    assert twin["line_items"] == voided["line_items"]
    fresh.sim.clock.set(datetime.fromisoformat(voided["issued_at"]))
    before = deductions(fresh.balances(customer_id))
    assert {key[0] for key in before} - {key[0] for key in after} == {voided["id"]}
    assert twin["id"] not in {key[0] for key in before}


@settings(max_examples=10, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    months=st.integers(1, 30),
    when=st.datetimes(datetime(2024, 1, 1), datetime(2029, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_books_tie_out_for_any_seed_and_instant(seed: int, months: int, when: datetime) -> None:
    """The identities do not depend on the seed, the length of history, or the time."""
    with in_process(Simulator(customers=len(ROLES), seed=seed, months=months, as_of=when)) as api:
        for view in views(api):
            check_totals(view.invoices)
            assert draws(view.invoices) == deductions(view.balances)
