"""The one write: validation, effect on the books, and both kinds of idempotency."""

from datetime import timedelta
from decimal import Decimal

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metronome_analytics.simulator import Fault, Simulator, Switches

from .support import Api, Json, check_totals, deductions, draws, in_process

PATH = "/v1/contracts/addManualBalanceLedgerEntry"
UNKNOWN = "00000000-0000-4000-8000-000000000000"


def target(api: Api) -> Json:
    """Return a request against an active contract-level commit."""
    customer_id = api.customer_ids()[0]
    commit = api.balances(customer_id)[1]
    return {
        "customer_id": customer_id,
        "contract_id": commit["contract"]["id"],
        "id": commit["id"],
        "segment_id": commit["access_schedule"]["schedule_items"][0]["id"],
        "amount": -1000,
        "reason": "Goodwill",
    }


def post(api: Api, body: Json, **headers: str) -> httpx.Response:
    """Send a manual entry."""
    return api.send("POST", PATH, json=body, headers={k.replace("_", "-"): v for k, v in headers.items()})


def manual(api: Api, body: Json) -> list[Json]:
    """Return the manual entries in the ledger of the balance."""
    (row,) = api.balances(body["customer_id"], id=body["id"])
    return [entry for entry in row["ledger"] if entry["type"].endswith("_MANUAL")]


def balance(api: Api, body: Json) -> Decimal:
    """Return the balance."""
    (row,) = api.balances(body["customer_id"], id=body["id"])
    found: Decimal = row["balance"]
    return found


@pytest.mark.parametrize("amount", [-1000, 2500.25, -0.0000000001])
def test_an_entry_moves_the_balance_by_its_amount(fresh: Api, amount: float) -> None:
    """An empty 200; the ledger gains one entry at the start of the segment, the balance moves by exactly the amount."""
    body = target(fresh) | {"amount": amount}
    before = balance(fresh, body)
    response = post(fresh, body)
    assert (response.status_code, response.content) == (200, b"")
    (entry,) = manual(fresh, body)
    assert entry == {
        "type": "PREPAID_COMMIT_MANUAL",
        "timestamp": "2026-10-01T00:00:00.000Z",
        "amount": Decimal(str(amount)),
        "reason": "Goodwill",
    }
    assert abs(balance(fresh, body) - before - Decimal(str(amount))) < Decimal("1e-9")


def test_an_overdraw_is_accepted(fresh: Api) -> None:
    """Drawing more than is left gives balance 0 and a negative ledger."""
    body = target(fresh) | {"amount": -10_000_000_000}
    assert post(fresh, body).status_code == 200
    assert balance(fresh, body) == 0
    (row,) = fresh.balances(body["customer_id"], id=body["id"])
    assert sum(entry["amount"] for entry in row["ledger"]) < 0


def test_later_usage_feels_the_entry(fresh: Api) -> None:
    """What is written off today cannot be drawn tomorrow; invoices and ledger still agree."""
    body = target(fresh)
    left = balance(fresh, body)
    post(fresh, body | {"amount": -int(left)})
    before = fresh.invoices(body["customer_id"], status="FINALIZED")
    fresh.sim.clock.advance(timedelta(days=60))
    (row,) = fresh.balances(body["customer_id"], id=body["id"])
    drawn = -sum(entry["amount"] for entry in row["ledger"] if "DEDUCTION" in entry["type"])
    granted = row["access_schedule"]["schedule_items"][0]["amount"]
    assert granted - int(left) - drawn == row["balance"] == 0
    assert fresh.invoices(body["customer_id"], status="FINALIZED")[: len(before)] == before


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"customer_id": UNKNOWN}, 404),
        ({"customer_id": "x"}, 400),
        ({"id": UNKNOWN}, 404),
        ({"segment_id": UNKNOWN}, 400),
        ({"contract_id": UNKNOWN}, 400),
        ({"contract_id": None}, 400),
        ({"amount": "12"}, 400),
        ({"amount": True}, 400),
        ({"amount": None}, 400),
        ({"reason": None}, 400),
        ({"timestamp": "noon"}, 400),
        ({"per_group_amounts": {"seat": 3}}, 400),
        ({"uniqueness_key": ""}, 400),
        ({"uniqueness_key": "x" * 129}, 400),
    ],
)
def test_validation(fresh: Api, change: Json, status: int) -> None:
    """A wrong entry is refused with a message and leaves no trace."""
    good = target(fresh)
    response = post(fresh, good | change)
    assert response.status_code == status
    assert response.json()["message"]
    assert manual(fresh, good) == []


def test_wrong_ids_by_switch() -> None:
    """An older server answers 404 where this one answers 400."""
    with in_process(Simulator(switches=Switches(wrong_segment_status=404, wrong_contract_status=404))) as api:
        assert post(api, target(api) | {"segment_id": UNKNOWN}).status_code == 404
        assert post(api, target(api) | {"contract_id": UNKNOWN}).status_code == 404


def test_idempotency_key_replays_the_first_result(fresh: Api) -> None:
    """The same key and parameters give the stored result and one entry; other parameters give 409."""
    body = target(fresh)
    assert [post(fresh, body, idempotency_key="k").status_code for _ in range(3)] == [200] * 3
    assert len(manual(fresh, body)) == 1
    assert post(fresh, body | {"amount": 1}, idempotency_key="k").status_code == 409
    assert len(manual(fresh, body)) == 1


def test_idempotency_key_also_replays_a_500(fresh: Api) -> None:
    """A stored 500 comes back although the entry was made; a new key makes a second one."""
    body = target(fresh)
    fresh.sim.faults.add(Fault("status_after_effect", PATH))
    assert [post(fresh, body, idempotency_key="k").status_code for _ in range(2)] == [500, 500]
    assert len(manual(fresh, body)) == 1
    assert post(fresh, body, idempotency_key="new").status_code == 200
    assert len(manual(fresh, body)) == 2


def test_an_error_before_the_effect_is_not_stored(fresh: Api) -> None:
    """Neither a 500 before execution nor a 400 of validation uses up the key."""
    body = target(fresh)
    fresh.sim.faults.add(Fault("status", PATH, status=503))
    assert post(fresh, body, idempotency_key="k").status_code == 503
    assert post(fresh, body | {"amount": "x"}, idempotency_key="k").status_code == 400
    assert post(fresh, body, idempotency_key="k").status_code == 200
    assert len(manual(fresh, body)) == 1


def test_uniqueness_key_is_used_once(fresh: Api) -> None:
    """A key that was used gives 409, whatever the other parameters."""
    body = target(fresh) | {"uniqueness_key": "u"}
    assert post(fresh, body).status_code == 200
    for again in (body, body | {"amount": 5}):
        response = post(fresh, again)
        assert (response.status_code, response.json()) == (
            409,
            {"message": "This uniqueness key has already been used."},
        )
    assert len(manual(fresh, body)) == 1


def test_a_refused_entry_leaves_its_uniqueness_key_free(fresh: Api) -> None:
    """The key is recorded when the entry is made, not before."""
    body = target(fresh) | {"uniqueness_key": "u"}
    assert post(fresh, body | {"segment_id": UNKNOWN}).status_code == 400
    assert post(fresh, body).status_code == 200


def test_both_keys_at_once(fresh: Api) -> None:
    """The idempotency key answers first: the stored 200, not the clash of the uniqueness key."""
    body = target(fresh) | {"uniqueness_key": "u"}
    assert [post(fresh, body, idempotency_key="k").status_code for _ in range(2)] == [200, 200]
    assert post(fresh, body, idempotency_key="other").status_code == 409


def test_older_servers_ignore_the_keys() -> None:
    """With the switches off the same request is carried out again."""
    with in_process(Simulator(switches=Switches(uniqueness_key_honoured=False, idempotency_key_honoured=False))) as api:
        body = target(api) | {"uniqueness_key": "u"}
        assert [post(api, body, idempotency_key="k").status_code for _ in range(2)] == [200, 200]
        assert len(manual(api, body)) == 2


@pytest.mark.parametrize("kind", ["status_after_effect", "lost_after_effect"])
def test_without_a_key_a_retry_applies_twice(fresh: Api, kind: str) -> None:
    """This is the danger: the answer was lost, the entry was not."""
    body = target(fresh)
    fresh.sim.faults.add(Fault(kind, PATH))  # type: ignore[arg-type]  # parametrized literal
    if kind == "lost_after_effect":
        with pytest.raises(ConnectionResetError):
            post(fresh, body)
    else:
        assert post(fresh, body).status_code == 500
    assert post(fresh, body).status_code == 200
    assert len(manual(fresh, body)) == 2


@settings(max_examples=10, deadline=None)
@given(steps=st.lists(st.tuples(st.integers(0, 400), st.integers(-900_000, 900_000)), min_size=1, max_size=5))
def test_entries_at_any_time_keep_the_books_in_agreement(steps: list[tuple[int, int]]) -> None:
    """Whatever is posted and whenever: an entry moves the balance by its amount, ledger, invoices and hours agree."""
    with in_process(Simulator(customers=1)) as api:
        body = target(api)
        for hours, cents in steps:
            api.sim.clock.advance(timedelta(hours=hours))
            before = ledger_sum(api, body)
            assert post(api, body | {"amount": cents}).status_code == 200
            assert ledger_sum(api, body) == before + cents
            assert balance(api, body) == max(0, before + cents)
        api.sim.clock.advance(timedelta(hours=30))
        customer_id = body["customer_id"]
        assert draws(api.invoices(customer_id)) == deductions(api.balances(customer_id))
        for invoice in api.invoices(customer_id, type="USAGE", status="DRAFT"):
            check_totals([invoice])
            bounds = {"starting_on": invoice["start_timestamp"], "ending_before": invoice["end_timestamp"]}
            hourly = api.breakdowns(customer_id, window_size="HOUR", **bounds)
            assert sum(row["total"] for row in hourly) == invoice["total"]


def ledger_sum(api: Api, body: Json) -> Decimal:
    """Return the sum of the balance's ledger, which its one active segment makes its balance."""
    (row,) = api.balances(body["customer_id"], id=body["id"])
    return Decimal(sum(entry["amount"] for entry in row["ledger"]))
