from __future__ import annotations

from dataclasses import dataclass, field
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from unittest import mock

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metronome_analytics.mirror import merge, writer
from metronome_analytics.mirror.delta import LakeTable
from metronome_analytics.mirror.store import Replacement, Store
from tests.mirror.shelf import LAYOUTS, PRODUCTS, bucket, held, invoice, invoices, make, told

if TYPE_CHECKING:
    from collections.abc import Callable

    from metronome_analytics.mirror.store import Snapshot

CUSTOMERS = ("a", "b", "c", "d", "e")


class Killed(BaseException):
    """The process is gone: nothing that comes after happens."""


@dataclass(frozen=True)
class Step:
    """Replace some customers' invoices, and perhaps the products; die at a Delta commit: the n-th, or none (0)."""

    customers: dict[str, list[int]]  # the numbers of their new invoices
    keep_below: int | None
    products: int | None
    total: int
    dies: int


@dataclass
class Model:
    """What the mirror should hold: each customer's invoices and their totals, and the products."""

    invoices: dict[str, dict[str, int]] = field(default_factory=dict)
    products: list[str] = field(default_factory=list)

    def after(self, step: Step) -> Model:
        """The next one."""
        new = Model({id_: dict(own) for id_, own in self.invoices.items()}, list(self.products))
        for customer, numbers in step.customers.items():
            old = new.invoices.get(customer, {})
            kept = {id_: total for id_, total in old.items() if step.keep_below and id_ < f"{step.keep_below}"}
            new.invoices[customer] = kept | {f"{number}{customer}": step.total for number in numbers}
        if step.products is not None:
            new.products = [f"p{n}" for n in range(step.products)]
        return new

    def rows(self) -> list[tuple[str, int]]:
        """Every invoice and its total, by id."""
        return sorted((id_, total) for own in self.invoices.values() for id_, total in own.items())


steps = st.builds(
    Step,
    customers=st.dictionaries(st.sampled_from(CUSTOMERS), st.lists(st.integers(0, 9), unique=True, max_size=4)),
    keep_below=st.none() | st.integers(1, 9),
    products=st.none() | st.integers(0, 3),
    total=st.integers(0, 1_000),
    dies=st.sampled_from((0, 0, 0, 1, 2, 3)),
)


def seen(snapshot: Snapshot) -> tuple[list[tuple[str, int]], list[str]]:
    """What a reader sees, as the model says it."""
    rows = held(snapshot).select("id", pl.col("total").cast(pl.Int64)).rows()
    return rows, sorted(snapshot.scan("products").collect()["id"])


def dying(at: int) -> Callable[..., None]:
    """The commit of a Delta table in a process that dies at the `at`-th of them; at 3 after it has been made."""
    commit, left = LakeTable.commit, at

    def stand_in(table: LakeTable, *what: object, **how: object) -> None:
        nonlocal left
        left -= 1
        if left == 0 and at < 3:
            raise Killed
        commit(table, *what, **how)  # type: ignore[arg-type]  # as it was called
        if left == 0:
            raise Killed

    return stand_in


def take(store: Store, step: Step) -> bool:
    """Do one step in a process of its own; whether it came to its end."""
    try:
        with store.writing() as writer, mock.patch.object(LakeTable, "commit", dying(step.dies)):
            changes: dict[str, dict[int, Replacement]] = {}
            for customer, numbers in step.customers.items():
                where = bucket(store, customer)
                fresh = changes.setdefault("invoices", {}).setdefault(where, Replacement(set()))
                fresh.customers |= {customer}  # type: ignore[operator]  # our set
                if step.keep_below is not None:
                    fresh.keep = pl.col("id") < f"{step.keep_below}"
                for number in numbers:  # a part each
                    rows = invoices(invoice(f"{number}{customer}", customer, str(step.total)))
                    writer.write("invoices", where, rows)
            if step.products is not None:
                ids = [f"p{n}" for n in range(step.products)]
                writer.write("products", 0, pl.DataFrame({"id": ids, "name": ids}, schema=PRODUCTS.schema))
                changes["products"] = {0: Replacement(())}
            writer.commit(changes, told("invoices", step.customers))
    except Killed:
        return False
    return True


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(history=st.lists(steps, max_size=7))
def test_whatever_happens_the_mirror_is_its_last_finished_commit(history: list[Step]) -> None:
    """Dying at any commit changes nothing that is seen; every version stays as it was; no row is lost or doubled."""
    with (
        TemporaryDirectory() as folder,
        mock.patch.object(merge, "_MOST_FILES", 2),
        mock.patch.object(writer, "_PROGRESS_FILES", 2),
    ):
        store = make(folder)
        models = [Model()]
        for step in history:
            before = store.snapshot()
            is_done = take(store, step)
            if is_done or store.snapshot().version == len(models):  # it may have died when all was done
                models.append(models[-1].after(step))
            assert seen(store.snapshot()) == (models[-1].rows(), models[-1].products)
            assert seen(before) == seen(store.snapshot(before.version))
        again = Store.open(folder, LAYOUTS)
        assert again.snapshot().version == len(models) - 1
        for version, model in enumerate(models):
            assert seen(again.snapshot(version)) == (model.rows(), model.products)
