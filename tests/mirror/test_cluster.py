from __future__ import annotations

import os
import pickle
import signal
from functools import partial
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from distributed import Client, LocalCluster
from polars.testing import assert_frame_equal

import metronome_analytics as ma
from metronome_analytics.analysis.reconciliation import CHECKS
from metronome_analytics.analysis.statements.explain import InvoiceSteps
from metronome_analytics.mirror.cluster import map_buckets
from metronome_analytics.simulator import Simulator
from tests.mirror.support import account_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from metronome_analytics.analysis.reconciliation import Reconciliation
    from metronome_analytics.mirror.mirror import Mirror

AS_OF = "2026-11-18"
ANALYSES: dict[str, Callable[[Mirror], pl.LazyFrame]] = {
    "burn_down": lambda part: ma.burn_down(part.balances(), invoices=part.invoices(), as_of=AS_OF),
    "utilisation": lambda part: ma.utilisation(part.balances(), as_of=AS_OF, by="product"),
    "daily costs": lambda part: part.daily_costs(),
    "lines": lambda part: part.line_items(),
}
MONTHS = ["2026-09", "2026-10", "2026-11"]
STATEMENTS: dict[str, Callable[[Mirror], pl.LazyFrame]] = {
    "roll_forward": lambda part: ma.roll_forward(
        part.balances(), part.invoices(), months=MONTHS, by="customer_id", as_of=AS_OF
    ),
    "deferred_revenue": lambda part: ma.deferred_revenue(
        part.balances(), part.invoices(), months=MONTHS, by="customer_id", as_of=AS_OF
    ),
    "revenue": lambda part: ma.revenue(
        part.invoices(), breakdowns=part.invoice_breakdowns(), months=MONTHS, by=("customer_id", "product_id")
    ),
    "flux": lambda part: ma.flux(part.invoices(), months=MONTHS[:2]),
    "accrual": lambda part: ma.accrual(
        part.invoices(), breakdowns=part.invoice_breakdowns(), month="2026-10", as_of=AS_OF
    ),
    "aging": lambda part: ma.aging(part.invoices(), as_of=AS_OF),
    "corrections_register": lambda part: ma.corrections_register(part.invoices()),
    "journal_entries": lambda part: ma.journal_entries(
        ma.deferred_revenue(part.balances(), part.invoices(), months=MONTHS, by="customer_id", as_of=AS_OF),
        accounts={"billed": ("1", "2"), "recognised_use": ("2", "3")},
    ).drop("entry"),  # entries are numbered part by part
    "explain_invoice": lambda part: _explained(part),  # noqa: PLW0108  # it is defined below
}


def _explained(part: Mirror) -> pl.LazyFrame:
    """The first invoice of a part, explained; a part may have none."""
    first = part.invoices().sort("id").head(1)
    ids = first.select("id").collect()["id"].to_list()
    return ma.explain_invoice(first, ids[0]) if ids else InvoiceSteps.create_empty().lazy()


def reconciled(part: Mirror) -> Reconciliation:
    """Everything of a part against everything else."""
    return ma.reconcile(part.invoices(), part.balances(), part.net_balances(), as_of=AS_OF)


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Mirror:
    """Twelve customers in six buckets."""
    simulator = Simulator(customers=12, months=3)
    tables = ["invoices", "invoice_breakdowns", "costs", "balances", "net_balances"]
    with pytest.MonkeyPatch.context() as patch, account_of(simulator) as account:
        patch.setattr("metronome_analytics.mirror.syncing.CUSTOMERS_PER_BUCKET", 2)
        mirror = account.sync(tmp_path_factory.mktemp("mirror"), tables=tables)
    assert len(mirror.buckets) > 4
    return mirror


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """Two workers, each a process."""
    # Both have no types.
    cluster: Any = LocalCluster
    connect: Any = Client
    how = {"processes": True, "threads_per_worker": 1, "host": "127.0.0.1", "dashboard_address": None}
    with cluster(n_workers=2, **how) as workers, connect(workers) as opened:
        yield opened


@pytest.mark.parametrize("name", ANALYSES)
def test_bucket_by_bucket_is_the_whole(mirror: Mirror, name: str) -> None:
    """The same rows to the last digit, bucket after bucket; an analysis that keeps the order given keeps it."""
    found = map_buckets(mirror.part, mirror.buckets, ANALYSES[name])
    keeps_order = name != "daily costs"  # contracts come first, then Plans
    assert_frame_equal(found, ANALYSES[name](mirror).collect(), check_exact=True, check_row_order=keeps_order)
    assert found.height


def test_statements_bucket_by_bucket_and_on_a_cluster_are_the_whole(mirror: Mirror, client: Client) -> None:
    """Each of them by customer: the rows of the buckets are those of the whole, with and without workers, exactly."""
    for name, statement in STATEMENTS.items():
        alone = mirror.map(statement)
        assert alone.height, name
        assert_frame_equal(mirror.map(statement, client=client), alone, check_exact=True)
        if name != "explain_invoice":  # one of each part
            whole = statement(mirror).collect()
            assert_frame_equal(alone, whole, check_exact=True, check_row_order=False)


def test_reconciliations_add_up(mirror: Mirror) -> None:
    """Checks and summary of the buckets are those of the whole."""
    whole, parts = reconciled(mirror), map_buckets(mirror.part, mirror.buckets, reconciled)
    assert_same(parts, whole)


@pytest.mark.parametrize("name", ANALYSES)
def test_a_cluster_finds_the_same(mirror: Mirror, client: Client, name: str) -> None:
    """Rows, order and digits are those of a run without it."""
    alone = map_buckets(mirror.part, mirror.buckets, ANALYSES[name])
    assert_frame_equal(map_buckets(mirror.part, mirror.buckets, ANALYSES[name], client=client), alone, check_exact=True)


def test_a_cluster_reconciles_the_same(mirror: Mirror, client: Client) -> None:
    """A reconciliation comes back whole: what stands behind a check can still be looked up, and a month taken."""
    parts = map_buckets(mirror.part, mirror.buckets, reconciled, client=client)
    assert_same(parts, reconciled(mirror))
    invoices = mirror.invoices().collect()
    row = invoices.row(0, named=True)
    assert parts.rows(invoice_id=row["id"])["line_items"].height == len(row["line_items"])
    assert set(parts.about(invoices.head(1)).checks.filter(check="invoice_total")["invoice_id"]) == {row["id"]}


def test_a_worker_that_is_killed_loses_nothing(mirror: Mirror, client: Client, tmp_path: Path) -> None:
    """Dask runs on another worker what the dead one had taken and what it had found: the same frame comes out."""
    alone = map_buckets(mirror.part, mirror.buckets, ANALYSES["burn_down"])
    before = set(client.run(os.getpid).values())
    fatal = partial(_kill_once, tmp_path / "killed", mirror.buckets[3])
    found = map_buckets(fatal_part(mirror, fatal), mirror.buckets, ANALYSES["burn_down"], client=client)
    killed = int((tmp_path / "killed").read_text())
    assert killed in before
    assert_frame_equal(found, alone, check_exact=True)


def fatal_part(mirror: Mirror, fatal: Callable[[int], None]) -> Callable[[int], Mirror]:
    """`mirror.part` of a worker that may not live to read it."""
    return partial(_read, mirror, fatal)


def _read(mirror: Mirror, fatal: Callable[[int], None], bucket: int) -> Mirror:
    fatal(bucket)
    return mirror.part(bucket)


def _kill_once(mark: Path, fatal: int, bucket: int) -> None:
    if bucket == fatal and not mark.exists():
        mark.write_text(str(os.getpid()))
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_worker_gets_no_rows(mirror: Mirror) -> None:
    """What is sent says where the mirror is and which version, in less than a kilobyte."""
    assert len(pickle.dumps(mirror.part)) < 1_000


@pytest.mark.parametrize("far", [False, True])
def test_what_the_analysis_raises_is_raised(mirror: Mirror, client: Client, far: bool) -> None:  # noqa: FBT001
    """With and without a cluster."""
    with pytest.raises(ma.MetronomeError, match="by must be one of"):
        map_buckets(
            mirror.part,
            mirror.buckets,
            lambda part: ma.utilisation(part.balances(), by="moon"),  # type: ignore[arg-type]  # the point of the test
            client=client if far else None,
        )


def test_an_analysis_returns_frames(mirror: Mirror) -> None:
    """Anything else is refused by name, and so are frames of some buckets beside a Reconciliation of others."""
    nothing: Any = lambda part: len(part.buckets)  # noqa: E731  # what a user may write
    with pytest.raises(ma.MetronomeError, match="returned int"):
        map_buckets(mirror.part, mirror.buckets, nothing)
    kinds: Iterator[Callable[[Mirror], Any]] = iter([reconciled, ANALYSES["lines"]])
    with pytest.raises(ma.MetronomeError, match="of one bucket"):
        map_buckets(mirror.part, mirror.buckets[:2], lambda part: next(kinds)(part))  # noqa: PLW0108  # another each time


def test_what_cannot_be_checked_at_all_is_said_once(mirror: Mirror) -> None:
    """Not once for every bucket."""
    whole = ma.reconcile(mirror.invoices())
    parts = map_buckets(mirror.part, mirror.buckets, lambda part: ma.reconcile(part.invoices()))
    assert_same(parts, whole)
    assert parts.checks.filter(check="net_balance").height == 1


def assert_same(parts: Reconciliation, whole: Reconciliation) -> None:
    """The same checks, in the order of the checks, and the same counts."""
    assert parts.checks.height
    order = [CHECKS.index(name) for name in parts.checks["check"]]
    assert order == sorted(order)
    for name in ("checks", "exceptions"):
        mine, theirs = getattr(parts, name), getattr(whole, name)
        assert_frame_equal(mine.sort(pl.exclude("causes")), theirs.sort(pl.exclude("causes")), check_exact=True)
    assert_frame_equal(parts.summary.sort(pl.all()), whole.summary.sort(pl.all()), check_exact=True)
