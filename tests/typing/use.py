# pyright: strict
"""The public API as a user's typed code uses it: mypy and pyright pass it as strictly as they can, and it runs.

`.ci/package` has both look at it beside the wheel as it is installed, where only `py.typed` makes them read our types.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, assert_type

import polars as pl

import metronome_analytics as ma

if TYPE_CHECKING:
    from pathlib import Path

    from metronome_analytics.mirror.estimate import Estimate


def opened(token: str) -> ma.Account:
    """Every option of `connect`."""
    return ma.connect(
        token,
        base_url="https://api.metronome.com",
        environment="sandbox",
        allow_writes={"credits.create", "balances.enter"},
        max_requests_per_second=None,
        max_concurrency=4,
        timeout=30,
        progress=False,
    )


def loaded(account: ma.Account) -> pl.DataFrame:
    """Customers in every form, windows in every form."""
    customers = assert_type(account.customers(), pl.DataFrame)
    ids: list[str] = customers["id"].to_list()
    picker = ma.widgets.CustomerPicker(customers, value=ids[:2])
    chosen: tuple[str, ...] = picker.value
    for which in (None, ids[0], ids[:2], chosen, customers["id"], customers.head(2), customers.lazy(), picker):
        assert_type(account.balances(which), pl.DataFrame)
    month = "2026-10"
    assert_type(account.invoices(ids, month=month, status="FINALIZED", on_error="collect"), pl.DataFrame)
    assert_type(account.costs(ids[0], starting_on="2026-10-01", ending_before=datetime(2026, 11, 1)), pl.DataFrame)  # noqa: DTZ001  # what users write
    assert_type(account.credits(ids), pl.DataFrame)
    assert_type(account.commits(ids), pl.DataFrame)
    assert_type(account.net_balances(ids), pl.DataFrame)
    assert_type(account.receipts, pl.DataFrame)
    assert_type(account.now, datetime)
    return assert_type(picker.selected, pl.DataFrame)


def analysed(account: ma.Account) -> ma.Reconciliation:
    """A frame gives a frame, a lazy one a lazy one."""
    invoices, balances = account.invoices(), account.balances()
    lines = assert_type(ma.line_items(ma.invoiced(invoices)), pl.DataFrame)
    assert_type(ma.major_units(lines.lazy()), pl.LazyFrame)
    assert_type(ma.segments(balances.lazy()), pl.LazyFrame)
    assert_type(ma.ledger(balances), pl.DataFrame)
    burn = assert_type(ma.burn_down(balances, as_of=account.now), pl.DataFrame)
    assert_type(ma.forecast(burn, as_of=account.now, window="30d"), pl.DataFrame)
    assert_type(ma.utilisation(balances.lazy(), as_of=account.now), pl.LazyFrame)
    assert_type(ma.aging(invoices, as_of=account.now), pl.DataFrame)
    assert_type(ma.find_customers(account.customers(), "acme"), pl.DataFrame)
    found = assert_type(ma.reconcile(invoices, balances, tolerance=Decimal("0.01")), ma.Reconciliation)
    assert_type(found.ok, bool)
    assert_type(found.exceptions, pl.DataFrame)
    return found


def drawn(account: ma.Account, folder: Path) -> Path:
    """Every chart is one, and can be saved."""
    balances = account.balances()
    burn = ma.burn_down(balances, as_of=account.now)
    chart = assert_type(ma.charts.burn_down(burn, as_of=account.now), ma.charts.Chart)
    assert_type(ma.charts.utilisation(ma.utilisation(balances, as_of=account.now)), ma.charts.Chart)
    assert_type(ma.charts.invoices(account.invoices()), ma.charts.Chart)
    ma.reports.workbook(folder / "book.xlsx", invoices=account.invoices(), balances=balances, as_of=account.now)
    return ma.charts.save(chart, folder / "burn.html")


def planned(account: ma.Account, folder: Path) -> pl.DataFrame:
    """A plan, from entries to what became of them."""
    segments = ma.segments(account.balances().filter(pl.col("balance") > 1))
    row = segments.filter(pl.col("ending_before") > account.now).row(0, named=True)
    entry = ma.BalanceEntry(
        customer_id=row["customer_id"],
        balance_id=row["balance_id"],
        segment_id=row["segment_id"],
        amount=Decimal(-1),
        reason="A typed correction",
    )
    in_dollars = ma.BalanceEntry(
        customer_id=row["customer_id"],
        balance_id=row["balance_id"],
        amount_major=Decimal("0.01"),
        reason="A typed correction in major units",
    )
    assert_type(in_dollars, ma.BalanceEntry)
    plan = assert_type(account.plan_balance_entries([entry]), ma.BalancePlan)
    assert_type(plan.table, pl.DataFrame)
    plan.save(folder / "plan.json")
    assert_type(ma.BalancePlan.load(folder / "plan.json"), ma.BalancePlan)
    outcome = account.apply(plan, confirm=plan.confirmation)
    assert_type(outcome.ok, bool)
    assert_type(account.settle(), pl.DataFrame)
    assert_type(account.plan(plan.undo()), ma.Plan)
    assert_type(ma.changes.catalogue(), pl.DataFrame)
    return assert_type(outcome.table, pl.DataFrame)


def mirrored(account: ma.Account, folder: Path) -> pl.LazyFrame:
    """What `sync` gives follows from `dry_run`."""
    estimate: Estimate = account.sync(folder / "mirror", dry_run=True)
    assert estimate
    mirror = assert_type(account.sync(folder / "mirror", tables="customers"), ma.Mirror)
    return assert_type(mirror.customers(), pl.LazyFrame)


def failed(account: ma.Account) -> str | None:
    """Errors are of one root, and carry what had arrived."""
    try:
        account.invoices("nobody")
    except ma.RequestRejected as error:
        return error.customer_id
    except ma.LoadError as error:
        assert_type(error.partial, pl.DataFrame)
    except ma.MetronomeError as error:
        assert_type(error.status, int | None)
    return None
