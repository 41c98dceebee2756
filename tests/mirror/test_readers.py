from __future__ import annotations

from typing import TYPE_CHECKING

import daft
import duckdb
import polars as pl
import pytest

import metronome_analytics as ma

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

# In order of the credit type's name, which is part of what is compared.
Totals = list[tuple[str, "Decimal", int]]


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ma.Mirror]:
    """The demo's, with cents and their fractions, euros and custom units."""
    with ma.demo(customers=12) as account:
        yield account.sync(tmp_path_factory.mktemp("lake"))


def totals(frame: pl.LazyFrame, amount: str) -> Totals:
    """The sum of `amount` and the rows for each credit type, by polars."""
    grouped = frame.group_by("credit_type_name").agg(pl.col(amount).sum(), pl.len().cast(pl.Int64))
    return grouped.sort("credit_type_name").collect().rows()


def folder(mirror: ma.Mirror, table: str) -> str:
    """Where the Delta table is."""
    return mirror.files(table)[0].split("/bucket=")[0]


def test_duckdb_gives_the_same_totals(mirror: ma.Mirror) -> None:
    """Of invoices, and of the lines and ledgers nested in the tables: to the last digit."""
    invoices, balances = mirror.files("invoices"), mirror.files("balances")
    with duckdb.connect() as duck:
        by_invoice = duck.execute(
            "select credit_type_name, sum(total), count(*) from read_parquet(?) group by 1 order by 1", [invoices]
        ).fetchall()
        by_line = duck.execute(
            "select line.credit_type.name, sum(line.total), count(*) "
            "from (select unnest(line_items) as line from read_parquet(?)) group by 1 order by 1",
            [invoices],
        ).fetchall()
        by_entry = duck.execute(
            "select credit_type_name, sum(entry.amount), count(*) "
            "from (select credit_type_name, unnest(ledger) as entry from read_parquet(?)) group by 1 order by 1",
            [balances],
        ).fetchall()
    assert by_invoice == totals(mirror.invoices(), "total")
    assert by_line == totals(mirror.line_items(), "total")
    assert by_entry == totals(mirror.ledger(), "amount")


def test_duckdb_reads_maps_as_maps(mirror: ma.Mirror) -> None:
    """A custom field is looked up by its key."""
    (wanted,) = (
        mirror.customers().select(pl.col("custom_fields").map.entries().explode().drop_nulls()).head(1).collect().rows()
    )
    with duckdb.connect() as duck:
        found = duck.execute(
            "select count(*) from read_parquet(?) where custom_fields[?] = ?",
            [mirror.files("customers"), wanted[0]["key"], wanted[0]["value"]],
        ).fetchone()
    assert found is not None
    assert found[0] >= 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning:daft")
def test_daft_reads_the_delta_tables_with_the_same_totals(mirror: ma.Mirror) -> None:
    """From the Delta log itself, not from a list of files; maps, lists and decimals included."""
    invoices = daft.read_deltalake(folder(mirror, "invoices"))
    by_invoice = (
        invoices.groupby("credit_type_name")
        .agg(daft.col("total").sum(), daft.col("id").count().alias("len"))
        .sort("credit_type_name")
        .to_pydict()
    )
    assert list(zip(*by_invoice.values(), strict=True)) == totals(mirror.invoices(), "total")
    line = daft.col("line_items")
    by_line = (
        invoices.explode(line)
        .where(line.not_null())
        .select(line["credit_type"]["name"].alias("credit_type_name"), line["total"].alias("total"))
        .groupby("credit_type_name")
        .agg(daft.col("total").sum(), daft.col("total").count().alias("len"))
        .sort("credit_type_name")
        .to_pydict()
    )
    assert list(zip(*by_line.values(), strict=True)) == totals(mirror.line_items(), "total")


def test_polars_reads_the_delta_tables_by_itself(mirror: ma.Mirror) -> None:
    """`pl.scan_delta` gives the loaders' schema and the bucket."""
    held = pl.scan_delta(folder(mirror, "balances"))
    assert held.drop("bucket").collect_schema() == mirror.balances().collect_schema()
    assert totals(held, "balance") == totals(mirror.balances(), "balance")
