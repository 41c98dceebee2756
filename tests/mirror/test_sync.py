from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import polars as pl
import pytest
from deltalake import DeltaTable
from polars.testing import assert_frame_equal

import metronome_analytics as ma
from metronome_analytics.mirror.mirrored import LAYOUTS
from metronome_analytics.mirror.store import Store
from metronome_analytics.simulator import Fault, Simulator
from tests.mirror.support import account_of, assert_mirrors, fresh, spent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.mirror.conftest import Lake


@pytest.fixture
def simulator() -> Simulator:
    """Eight customers and an archived one, three months old."""
    return Simulator(customers=8, months=3)


@pytest.fixture
def account(simulator: Simulator) -> Iterator[ma.Account]:
    """Its account, by its clock."""
    with account_of(simulator) as opened:
        yield opened


def test_the_first_sync_holds_what_a_full_load_does(account: ma.Account, tmp_path: Path) -> None:
    """Every table, to the last row and digit, in the very schemas of the loaders."""
    mirror = account.sync(tmp_path / "mirror")
    assert mirror.is_complete
    assert_mirrors(mirror, fresh(account))


def test_tables_that_were_asked_for_are_there_for_every_engine(account: ma.Account, tmp_path: Path) -> None:
    """Whether they have rows or not, and no others."""
    account.sync(tmp_path, tables=("invoices", "rate_cards"), max_requests=0)
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {
        "_progress",
        "customers",
        "invoices",
        "rate_cards",
    }
    assert DeltaTable(str(tmp_path / "invoices")).count() == 0


def test_an_unchanged_account_is_not_read_again(account: ma.Account, tmp_path: Path) -> None:
    """Only the lists and signals are."""
    account.sync(tmp_path)
    assert set(spent(account.sync(tmp_path))) == {"list", "signal"}


def test_what_is_not_read_says_what_it_saved(account: ma.Account, tmp_path: Path) -> None:
    """As many requests as the first sync took for it."""
    first = account.sync(tmp_path).receipt
    second = account.sync(tmp_path).receipt
    assert second["saved"].sum() == first.filter(reason="new")["requests"].sum()


def test_the_flat_tables_are_those_of_the_flatteners(account: ma.Account, tmp_path: Path) -> None:
    """Lines, ledger, segments and cost lines of the mirror."""
    mirror = account.sync(tmp_path)
    for flat, nested in (("line_items", "invoices"), ("ledger", "balances"), ("segments", "balances")):
        expected = getattr(ma, flat)(getattr(mirror, nested)().collect())
        assert_frame_equal(getattr(mirror, flat)().collect(), expected)
    both = pl.concat([mirror.commits().collect(), mirror.credits().collect()])
    assert both.sort("id").equals(mirror.balances().collect().sort("id"))


def test_a_new_customer_is_read_and_nobody_else(simulator: Simulator, account: ma.Account, tmp_path: Path) -> None:
    """Its contract in the audit log is known as its own once it was read."""
    account.sync(tmp_path)
    new = simulator.add_customer()
    mirror = account.sync(tmp_path)
    assert mirror.receipt.filter(table="invoices", reason="new")["customers"].to_list() == [1]
    assert "unknown" not in spent(mirror)
    assert new in mirror.customers().collect()["id"]
    assert_mirrors(mirror, fresh(account))


def test_late_usage_makes_its_customer_due(simulator: Simulator, account: ma.Account, tmp_path: Path) -> None:
    """Although the customer itself did not move."""
    account.sync(tmp_path)
    customer, when = _metered(simulator, account)
    simulator.late_usage(customer, when=when)
    mirror = account.sync(tmp_path)
    assert mirror.receipt.filter(table="invoices", reason="usage")["customers"].to_list() == [1]
    assert_mirrors(mirror, fresh(account))


def _metered(simulator: Simulator, account: ma.Account) -> tuple[str, datetime]:
    """A customer that usage may come late for, and when it was used."""
    when = simulator.clock.now - timedelta(days=2)
    return next(id_ for id_ in account.customers()["id"] if simulator.streams(id_, when)), when


def test_a_voided_invoice_makes_its_customer_due(simulator: Simulator, account: ma.Account, tmp_path: Path) -> None:
    """The audit log names the invoice, and the mirror knows whose it is."""
    account.sync(tmp_path)
    customer, invoice = next((id_, found[0]) for id_ in account.customers()["id"] if (found := simulator.voidable(id_)))
    simulator.void(customer, invoice)
    mirror = account.sync(tmp_path)
    assert mirror.receipt.filter(table="invoices", reason="audit")["customers"].to_list() == [1]
    assert mirror.invoices().filter(pl.col("id") == invoice).collect()["status"].to_list() == ["VOID"]
    assert_mirrors(mirror, fresh(account))


def test_periods_that_end_are_read_again(simulator: Simulator, account: ma.Account, tmp_path: Path) -> None:
    """A month later everything that had a draft is final, and in the mirror."""
    account.sync(tmp_path)
    simulator.clock.advance(timedelta(days=30))
    assert_mirrors(account.sync(tmp_path), fresh(account))


def test_a_sync_goes_on_where_its_requests_ended(account: ma.Account, tmp_path: Path) -> None:
    """However few requests each may take: nobody twice, nothing missing, and the mirror says how much is there."""
    expected = fresh(account)
    needed, syncs = 0, 0
    while True:
        mirror = account.sync(tmp_path, max_requests=30)
        needed += spent(mirror).get("new", 0)
        syncs += 1
        assert sum(spent(mirror).values()) <= 30
        if mirror.is_complete:
            break
        with pytest.warns(ma.IncompleteLoadWarning, match="of 9 customers"):
            mirror.invoices()
    assert syncs > 2
    assert needed == mirror.receipt["saved"].sum() + spent(mirror).get("new", 0)
    assert_mirrors(mirror, expected)


@pytest.mark.parametrize("deadline", [0, timedelta(0), datetime(2020, 1, 1, tzinfo=UTC)])
def test_a_deadline_that_has_passed_begins_nobody(
    account: ma.Account, tmp_path: Path, deadline: float | timedelta | datetime
) -> None:
    """The mirror is there, and says that it is not complete."""
    mirror = account.sync(tmp_path, deadline=deadline)
    assert not mirror.is_complete
    assert mirror.completeness.filter(table="invoices").select("complete", "missing").row(0) == (0, 9)


def test_a_dry_run_says_what_it_would_take_and_writes_nothing(account: ma.Account, tmp_path: Path) -> None:
    """At least the requests that the sync then takes."""
    told = account.sync(tmp_path / "mirror", dry_run=True)
    assert not (tmp_path / "mirror").exists()
    taken = account.sync(tmp_path / "mirror").receipt.filter(pl.col("reason").is_in(["new", "list"]))
    assert told.requests <= taken["requests"].sum()
    assert dict(told.table.filter(reason="new").select("table", "customers").rows()) == dict(
        taken.filter(reason="new").select("table", "customers").rows()
    )


def test_an_estimate_knows_the_pace(simulator: Simulator) -> None:
    """A request for each customer, at the account's pace; without sending one where the customers are given."""
    with account_of(simulator, max_requests_per_second=5) as account:
        told = account.estimate("invoices", [f"c{number}" for number in range(50)])
    assert (told.requests, told.duration) == (50, timedelta(seconds=10))
    assert not len(simulator.requests)


def test_an_estimate_counts_the_windows_of_breakdowns(account: ma.Account) -> None:
    """35 days each."""
    told = account.estimate("invoice_breakdowns", "c", starting_on="2026-01-01", ending_before="2026-04-01")
    assert told.requests == 3


def test_a_customer_that_cannot_be_read_keeps_what_was_there(
    simulator: Simulator, account: ma.Account, tmp_path: Path
) -> None:
    """The others are brought up to date, the error names it, and the next sync tries again."""
    account.sync(tmp_path)
    before = fresh(account)
    unlucky = account.customers()["id"][2]
    simulator.faults.add(Fault("status", match=f"{unlucky}/invoices", status=404, times=None))
    simulator.clock.advance(timedelta(days=9))
    with pytest.raises(ma.LoadError) as raised:
        account.sync(tmp_path)
    assert raised.value.failures["customer_id"].to_list() == [unlucky]
    mirror = ma.open_mirror(tmp_path)
    assert mirror.completeness.filter(table="invoices")["failed"].item() == 1
    with pytest.warns(ma.IncompleteLoadWarning):
        held = mirror.invoices().filter(pl.col("customer_id") == unlucky).collect()
    assert held.sort("id").equals(before["invoices"].filter(pl.col("customer_id") == unlucky).sort("id"))
    simulator.faults.clear()
    assert_mirrors(account.sync(tmp_path), fresh(account))


def test_a_network_that_is_gone_keeps_whoever_was_whole(
    simulator: Simulator, account: ma.Account, tmp_path: Path
) -> None:
    """The sync fails with the reason, and the next one goes on."""
    simulator.faults.add(Fault("status", match="/invoices", status=503, times=None, after=4))
    with pytest.raises(ma.ServerError):
        account.sync(tmp_path)
    held = ma.open_mirror(tmp_path).completeness
    assert 0 < held.filter(table="invoices")["complete"].item() < 9
    simulator.faults.clear()
    mirror = account.sync(tmp_path)
    assert mirror.is_complete
    assert_mirrors(mirror, fresh(account))


def test_a_full_pass_says_what_no_signal_told(simulator: Simulator, account: ma.Account, tmp_path: Path) -> None:
    """Here the API changes a name behind everyone's back."""
    account.sync(tmp_path)

    def renamed(answer: object) -> object:
        assert isinstance(answer, dict)
        for row in answer["data"]:
            row["name"] = "renamed"
        return answer

    simulator.faults.add(Fault("mutate", match="customerBalances/list", times=None, change=renamed))
    assert set(spent(account.sync(tmp_path))) == {"list", "signal"}
    told = account.sync(tmp_path, full=True).receipt.filter(table="balances", reason="full")
    held = ma.open_mirror(tmp_path).balances().collect()
    assert told["changed"].to_list() == [held["customer_id"].n_unique()]
    assert held["name"].unique().to_list() == ["renamed"]


def test_rows_that_did_not_change_are_not_written_again(account: ma.Account, tmp_path: Path) -> None:
    """A full pass over an unchanged account leaves every file as it was."""
    before = account.sync(tmp_path).files("invoices")
    assert account.sync(tmp_path, full=True).files("invoices") == before


def test_breakdowns_are_mirrored_when_asked_for(simulator: Simulator, account: ma.Account, tmp_path: Path) -> None:
    """All of their windows the first time, those that may have moved later."""
    tables = ["invoice_breakdowns"]
    first = account.sync(tmp_path, tables=tables)
    customer, when = _metered(simulator, account)
    simulator.late_usage(customer, when=when)
    second = account.sync(tmp_path, tables=tables)
    [asked] = second.receipt.filter(table="invoice_breakdowns", reason="usage")["requests"]
    [of_all] = first.receipt.filter(table="invoice_breakdowns", reason="new")["requests"]
    assert asked * 9 < of_all
    ids = account.sync(tmp_path, tables=tables).customers().collect()["id"]
    start = simulator.clock.now - timedelta(days=365)
    expected = account.invoice_breakdowns(ids, starting_on=start, ending_before=simulator.clock.now + timedelta(days=1))
    key = ["id", "breakdown_start_timestamp"]
    assert_frame_equal(second.invoice_breakdowns().collect().sort(key), expected.sort(key))


def test_a_mirror_keeps_its_tables(account: ma.Account, tmp_path: Path) -> None:
    """Those of the first sync, until others are named."""
    account.sync(tmp_path, tables=["line_items", "products"])
    assert account.sync(tmp_path).completeness["table"].to_list() == ["customers", "invoices", "products"]
    mirror = account.sync(tmp_path, tables="net_balances")
    assert mirror.is_complete
    assert "net_balances" in mirror.completeness["table"]


def test_only_the_customers_asked_for_are_read(account: ma.Account, tmp_path: Path) -> None:
    """The mirror says that the others are missing."""
    some = account.customers()["id"].head(3)
    mirror = account.sync(tmp_path, customers=some)
    told = mirror.completeness.filter(table="invoices")
    assert told.select("complete", "missing").row(0) == (3, 6)
    assert account.sync(tmp_path).is_complete


def test_a_table_that_was_not_synced_is_an_error(account: ma.Account, tmp_path: Path) -> None:
    """Rather than an empty frame."""
    mirror = account.sync(tmp_path, tables="customers")
    with pytest.raises(ma.MirrorError, match=r"holds no invoices.*Sync it"):
        mirror.invoices()


def test_another_account_or_environment_is_refused(account: ma.Account, simulator: Simulator, tmp_path: Path) -> None:
    """Before anything is written."""
    account.sync(tmp_path)
    before = ma.open_mirror(tmp_path).version
    with account_of(Simulator(customers=3, seed=8)) as other, pytest.raises(ma.MirrorMismatch, match="none of them"):
        other.sync(tmp_path)
    with account_of(simulator, environment="production") as other, pytest.raises(ma.MirrorMismatch, match="production"):
        other.sync(tmp_path)
    assert ma.open_mirror(tmp_path).version == before


def test_two_syncs_at_once_one_is_refused(account: ma.Account, simulator: Simulator, tmp_path: Path) -> None:
    """It says who is at work, and the other goes on undisturbed."""
    account.sync(tmp_path, deadline=0)
    store = Store.open(tmp_path, LAYOUTS)
    with store.writing(), account_of(simulator) as other, pytest.raises(ma.MirrorLocked, match="being written"):
        other.sync(tmp_path)
    assert account.sync(tmp_path).is_complete


def test_the_mirror_as_it_was(simulator: Simulator, account: ma.Account, tmp_path: Path) -> None:
    """By version and by time; what happened since is in `changes`."""
    first, then = account.sync(tmp_path), fresh(account)
    friday = datetime.now(UTC)
    simulator.clock.advance(timedelta(days=30))
    simulator.add_customer()
    mirror = account.sync(tmp_path)
    for when in (first.version, friday):
        assert_mirrors(mirror.as_of(when), then)
    moved = mirror.changes(friday)
    new = moved.filter(table="customers", change="added")
    assert new.height == 1
    finalised = moved.filter(table="invoices", column="status", before="DRAFT", after="FINALIZED")
    now, was = (frame.select("id", "status") for frame in (mirror.invoices().collect(), then["invoices"]))
    expected = now.join(was, on="id").filter(status="FINALIZED", status_right="DRAFT")
    assert sorted(finalised["key"]) == sorted(expected["id"])


def test_a_mirror_can_be_sent_to_another_process(account: ma.Account, tmp_path: Path) -> None:
    """It arrives at the same version, with the same rows."""
    mirror = account.sync(tmp_path)
    part = mirror.part(0)
    assert _sent(part).invoices().collect().equals(part.invoices().collect())


def _sent(part: ma.Mirror) -> ma.Mirror:
    arrived: ma.Mirror = pickle.loads(pickle.dumps(part))  # noqa: S301  # our own bytes
    return arrived


def test_where_there_is_no_mirror_the_error_says_how_to_make_one(tmp_path: Path) -> None:
    """account.sync(uri)."""
    with pytest.raises(ma.MirrorError, match=r"account\.sync"):
        ma.open_mirror(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("how", "named"),
    [
        ({"tables": "invoice"}, "tables"),
        ({"max_requests": -1}, "max_requests"),
        ({"max_requests": 1.5}, "max_requests"),
        ({"deadline": "soon"}, "deadline"),
        ({"full_every": 7}, "full_every"),
        ({"customers": 7}, "customers"),
    ],
)
def test_bad_arguments_are_named_before_anything_is_sent(
    simulator: Simulator, account: ma.Account, tmp_path: Path, how: Any, named: str
) -> None:
    """And nothing is made."""
    with pytest.raises(ma.ArgumentError, match=named):
        account.sync(tmp_path / "mirror", **how)
    assert not len(simulator.requests)
    assert not (tmp_path / "mirror").exists()


def test_a_mirror_in_object_storage_is_kept_up_as_on_a_disk(
    simulator: Simulator, account: ma.Account, lake: Lake, uri: str
) -> None:
    """The first sync, a stop in the middle, the next one, and a reader with nothing but the address."""
    account.sync(uri, max_requests=25, storage_options=lake.options)
    simulator.clock.advance(timedelta(days=30))
    mirror = account.sync(uri, storage_options=lake.options)
    assert mirror.is_complete
    assert_mirrors(ma.open_mirror(uri, storage_options=lake.options), fresh(account))
    assert_frame_equal(mirror.part(0).balances().collect(), mirror.balances().collect())


def test_a_mirror_in_object_storage_is_verified_mended_and_cleared(
    simulator: Simulator, account: ma.Account, lake: Lake, uri: str
) -> None:
    """As on a disk: a lost object is told and read again; vacuum removes what nothing shows."""
    tables = ["customers", "balances"]
    mirror = account.sync(uri, tables=tables, storage_options=lake.options)
    gone = mirror.files("balances")[0].removeprefix("s3://")
    httpx.delete(f"{lake.url}/{gone}").raise_for_status()
    assert mirror.verify().select("table", "problem").rows() == [("balances", "missing")]
    for damaged in (mirror, mirror.part(0)):
        with pytest.raises(ma.MirrorError, match=r"gone or damaged.*full=True"):
            damaged.balances()
    mended = account.sync(uri, storage_options=lake.options)
    assert mended.verify().is_empty()
    assert_mirrors(mended, {"balances": fresh(account)["balances"]})
    cut = mended.files("balances")[0].removeprefix("s3://")
    httpx.put(f"{lake.url}/{cut}", content=b"PAR1").raise_for_status()
    with pytest.raises(ma.MirrorError, match=r"gone or damaged.*full=True"):
        mended.balances()
    account.sync(uri, storage_options=lake.options)
    simulator.clock.advance(timedelta(days=30))
    mirror = account.sync(uri, storage_options=lake.options)
    assert mirror.vacuum(keep=timedelta())["files"].sum() > 0
    mirror = ma.open_mirror(uri, storage_options=lake.options)
    assert_mirrors(mirror, {"balances": fresh(account)["balances"]})
    assert mirror.verify().is_empty()
