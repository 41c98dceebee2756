"""Answers are rendered once: what is kept is what would be answered, and nothing outlives a change."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from metronome_analytics.simulator import Fault, Simulator
from metronome_analytics.simulator.server.answer_cache import AnswerCache

from .reads import account_reads, customer_reads, found_reads, nested_reads
from .support import Api, Json, in_process

ENTRY = "/v1/contracts/addManualBalanceLedgerEntry"


def everything(api: Api, places: tuple[int, ...]) -> list[bytes]:
    """Return the first page of every read of the account and of some customers, as it came."""
    ids = [api.customer_ids()[place] for place in places]
    reads = [*account_reads(), *found_reads(api)]
    for customer_id in ids:
        reads += [*customer_reads(customer_id), *nested_reads(api, customer_id)]
    pages = [read.first(api).content for read in reads]
    return pages + [api.send("GET", f"/v1/customers/{each}/invoices").content for each in ids]


def without_cache(sim: Simulator) -> Simulator:
    """Return a simulator whose answers are never kept."""
    sim.app.answers = AnswerCache(sim.account, most_bytes=0)
    return sim


def test_kept_answers_are_those_that_would_be_given() -> None:
    """Asked twice, every read answers alike, byte for byte as a simulator that keeps nothing."""
    places = (0, 6, 9, 18)
    with in_process(Simulator(19)) as api:
        first = everything(api, places)
        rendered = len(api.sim.app.answers)
        assert everything(api, places) == first
        assert len(api.sim.app.answers) == rendered
        assert api.sim.app.answers.hits >= len(first)
    with in_process(without_cache(Simulator(19))) as plain:
        assert everything(plain, places) == first
        assert (plain.sim.app.answers.hits, plain.sim.app.answers.size) == (0, 0)


def enter(api: Api, customer_id: str) -> None:
    """Post a manual entry through the API."""
    balance = api.balances(customer_id)[0]
    body = {
        "customer_id": customer_id,
        "contract_id": balance["contract"]["id"],
        "id": balance["id"],
        "segment_id": balance["access_schedule"]["schedule_items"][0]["id"],
        "amount": -1,
        "reason": "test",
    }
    assert api.send("POST", ENTRY, json=body).status_code == 200


def other_switches(api: Api, _: str) -> None:
    """Turn a switch that shows in every invoice and every customer."""
    api.sim.account.switches = replace(api.sim.account.switches, billable_status=False, sdk_fields=True)


def void_last(api: Api, customer_id: str) -> None:
    """Void the last final invoice."""
    api.sim.void(customer_id, api.sim.voidable(customer_id)[-1])


CHANGES: dict[str, Callable[[Api, str], None]] = {
    "an entry by hand": enter,
    "a void": void_last,
    "late usage": lambda api, id_: api.sim.late_usage(id_, when=api.sim.clock.now - timedelta(hours=5)),
    "other fields": lambda api, id_: api.sim.touch(id_, custom_fields={"tier": "other"}),
    "the archive": lambda api, id_: api.sim.archive(id_),
    "the clock": lambda api, _: api.sim.clock.advance(timedelta(days=20)),
    "the clock turned back": lambda api, _: api.sim.clock.advance(timedelta(days=-20)),
    "switches": other_switches,
}


def shown(api: Api, customer_id: str) -> list[list[Json]]:
    """Return what a customer's account shows, and the list it is on."""
    return [api.rows("/v1/customers"), api.invoices(customer_id), api.balances(customer_id)]


@pytest.mark.parametrize("change", CHANGES)
def test_the_next_answer_shows_a_change(change: str) -> None:
    """After anything that changes the books the answers are those of a simulator that keeps nothing."""
    with in_process(Simulator(4, months=4)) as api, in_process(without_cache(Simulator(4, months=4))) as plain:
        customer_id = api.customer_ids()[0]
        before = shown(api, customer_id)
        for each in (api, plain):
            CHANGES[change](each, customer_id)
        after = shown(api, customer_id)
        assert after != before
        assert after == shown(plain, customer_id)


def test_what_happens_to_one_customer_renders_no_other_again(fresh: Api) -> None:
    """An entry by hand leaves the kept answers about everybody else as they are."""
    first, second = fresh.customer_ids()[:2]
    before = fresh.invoices(second)
    enter(fresh, first)
    hits = fresh.sim.app.answers.hits
    assert fresh.invoices(second) == before
    assert fresh.sim.app.answers.hits > hits


def test_another_account_has_none_of_the_answers(fresh: Api) -> None:
    """An application that is given another account forgets what the last one answered."""
    customer_id = fresh.customer_ids()[0]
    before = fresh.balances(customer_id)
    enter(fresh, customer_id)
    fresh.balances(customer_id)
    fresh.sim.app.account = Simulator().account
    assert fresh.balances(customer_id) == before


def test_no_more_bytes_are_held_than_allowed() -> None:
    """The answers asked for last stay, the others go; what goes is rendered again, the same."""
    with in_process(Simulator(6)) as api:
        whole = [api.invoices(each) for each in api.customer_ids()]
        cache = api.sim.app.answers = AnswerCache(api.sim.account, most_bytes=20_000)
        for _ in range(2):
            assert [api.invoices(each) for each in api.customer_ids()] == whole
            assert 0 < cache.size <= cache.most_bytes
        assert len(cache) < len(whole)


def test_faults_spoil_answers_and_not_what_is_kept(fresh: Api) -> None:
    """A page that a fault empties is whole again the next time; an error is kept nowhere."""
    whole = fresh.get("/v1/customers")
    fresh.sim.faults.add(Fault("empty_page", match="/v1/customers"))
    assert fresh.get("/v1/customers")["data"] == []
    assert fresh.get("/v1/customers") == whole
    kept = len(fresh.sim.app.answers)
    assert fresh.send("GET", "/v1/customers", params={"limit": 0}).status_code == 400
    assert fresh.send("GET", "/v1/nothing").status_code == 404
    assert len(fresh.sim.app.answers) == kept
