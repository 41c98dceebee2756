"""Faults seeded into the demo account's books, each with the checks that must find it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.tables import ledger, line_items
from tests.analysis.support import EUR

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.analysis.conftest import Books

CENT = Decimal("0.01")


@dataclass(frozen=True)
class Fault:
    """A change of the books: returns them with the fault, and the customer it is about."""

    name: str
    seed: Callable[[Books], tuple[Books, str]]
    checks: frozenset[str]
    cause: str | None = None


FAULTS: list[Fault] = []


def fault(*checks: str, cause: str | None = None) -> Callable[[Callable[[Books], tuple[Books, str]]], None]:
    """Register a fault that exactly these checks must find."""

    def register(seed: Callable[[Books], tuple[Books, str]]) -> None:
        FAULTS.append(Fault(seed.__name__, seed, frozenset(checks), cause))

    return register


def amount(value: Decimal) -> pl.Expr:
    """An exact literal."""
    return pl.lit(value, pl.Decimal(38, 10))


def change(frame: pl.DataFrame, key: str, **columns: pl.Expr) -> pl.DataFrame:
    """The frame with columns of the row `id == key` changed."""
    return frame.with_columns(
        pl.when(pl.col("id") == key).then(value).otherwise(pl.col(name)).alias(name) for name, value in columns.items()
    )


def edited(items: pl.Expr, place: int, **fields: pl.Expr) -> pl.Expr:
    """The list with fields of one element changed."""
    element = items.list.slice(place, 1).list.eval(
        pl.element().struct.with_fields(value.alias(name) for name, value in fields.items())
    )
    return pl.concat_list(items.list.head(place), element, items.list.slice(place + 1))


def without(items: pl.Expr, place: int) -> pl.Expr:
    """The list without one element."""
    return pl.concat_list(items.list.head(place), items.list.slice(place + 1))


def twice(items: pl.Expr, place: int) -> pl.Expr:
    """The list with one element repeated."""
    return pl.concat_list(items, items.list.slice(place, 1))


def line(books: Books, condition: pl.Expr) -> dict[str, str | int]:
    """The first line of a final invoice that meets a condition."""
    final = line_items(books.invoices).filter((pl.col("invoice_status") == "FINALIZED") & (pl.col("total") != 0))
    return final.filter(condition).row(0, named=True)


def entry(books: Books, kind: str) -> dict[str, str | int]:
    """The first ledger entry whose type ends so; a deduction is one of an untouched, running commit."""
    found = ledger(books.balances).filter(pl.col("type").str.ends_with(kind) & (pl.col("amount") != 0))
    positive = books.balances.filter(pl.col("balance") > 0).select(balance_id="id")
    running = found.join(positive, on="balance_id", how="semi")
    return (running if running.height else found).row(0, named=True)


APPLIED = pl.col("type") == "applied_commit_or_credit"
PLAIN = (pl.col("type") == "usage") & pl.col("commit_id").is_null()


def on_line(books: Books, where: dict[str, str | int], how: Callable[[pl.Expr, int], pl.Expr]) -> tuple[Books, str]:
    """Change the lines of one invoice."""
    lines = how(pl.col("line_items"), int(where["line_item_index"]))
    invoices = change(books.invoices, str(where["invoice_id"]), line_items=lines)
    return replace(books, invoices=invoices), str(where["customer_id"])


def on_entry(books: Books, kind: str, how: Callable[[pl.Expr, int], pl.Expr]) -> tuple[Books, str]:
    """Change the ledger of one balance."""
    where = entry(books, kind)
    entries = how(pl.col("ledger"), int(where["entry_index"]))
    return replace(books, balances=change(books.balances, str(where["balance_id"]), ledger=entries)), str(
        where["customer_id"]
    )


def invoice_of(books: Books, condition: pl.Expr) -> dict[str, str]:
    """The first final invoice with a total that meets a condition."""
    return books.invoices.filter((pl.col("status") == "FINALIZED") & (pl.col("total") > 100) & condition).row(
        0, named=True
    )


def billed(books: Books) -> dict[str, str]:
    """A final usage invoice the billing provider was sent."""
    return invoice_of(books, pl.col("external_invoice").is_not_null() & (pl.col("type") == "USAGE"))


def on_invoice(books: Books, where: dict[str, str], **columns: pl.Expr) -> tuple[Books, str]:
    """Change columns of one invoice."""
    return replace(books, invoices=change(books.invoices, where["id"], **columns)), where["customer_id"]


def plus(by: Decimal) -> pl.Expr:
    """A field and something more."""
    return pl.field("total") + amount(by)


@fault("invoice_total")
def line_dropped(books: Books) -> tuple[Books, str]:
    """A usage line that was payable is gone."""
    return on_line(books, line(books, PLAIN), without)


@fault("invoice_total", "billing_provider", cause="counted twice")
def total_doubled(books: Books) -> tuple[Books, str]:
    """A total is twice what its lines make."""
    return on_invoice(books, billed(books), total=pl.col("total") * 2)


@fault("invoice_total", cause="rounding")
def line_off_by_a_hundredth(books: Books) -> tuple[Books, str]:
    """A line is off by 0.01."""
    return on_line(books, line(books, PLAIN), lambda items, place: edited(items, place, total=plus(CENT)))


@fault("invoice_total")
def line_in_another_currency(books: Books) -> tuple[Books, str]:
    """A line claims to be in euros."""
    unit = pl.field("credit_type").struct.with_fields(pl.lit(EUR[0]).alias("id"))
    return on_line(books, line(books, PLAIN), lambda items, place: edited(items, place, credit_type=unit))


@fault("invoice_total", cause="rounding")
def total_off_by_a_hundredth(books: Books) -> tuple[Books, str]:
    """A total is off by 0.01."""
    return on_invoice(books, billed(books), total=pl.col("total") + amount(CENT))


@fault("invoice_total", "billing_provider", cause="unit 100 times off")
def total_in_another_unit(books: Books) -> tuple[Books, str]:
    """A total is 100 times off."""
    return on_invoice(books, billed(books), total=pl.col("total") * 100)


@fault("invoice_total", "billing_provider", cause="sign")
def total_negated(books: Books) -> tuple[Books, str]:
    """A total has the wrong sign."""
    return on_invoice(books, billed(books), total=-pl.col("total"))


PREPAID = (
    APPLIED & (pl.col("applied_commit_or_credit_type") != "POSTPAID") & (pl.col("credit_type_name") == "USD (cents)")
)


@fault("invoice_total", "drawdown")
def applied_line_dropped(books: Books) -> tuple[Books, str]:
    """The negative line of covered usage is gone."""
    return on_line(books, line(books, PREPAID), without)


@fault("drawdown")
def applied_postpaid_line_dropped(books: Books) -> tuple[Books, str]:
    """The negative line of a postpaid commit is gone; the total never held it."""
    return on_line(books, line(books, APPLIED & (pl.col("applied_commit_or_credit_type") == "POSTPAID")), without)


@fault("invoice_total", "drawdown")
def applied_line_off(books: Books) -> tuple[Books, str]:
    """A drawdown on an invoice is off by 0.01."""
    return on_line(books, line(books, PREPAID), lambda items, place: edited(items, place, total=plus(-CENT)))


@fault("drawdown")
def applied_to_another_balance(books: Books) -> tuple[Books, str]:
    """A line names a balance that its customer has and that did not pay."""
    several = books.balances.filter(pl.len().over("customer_id") > 1, pl.col("ledger").is_not_null())
    where = line(books, PREPAID & pl.col("commit_id").is_in(several["id"].to_list()))
    mine = several.filter(pl.col("customer_id") == where["customer_id"], pl.col("id") != where["commit_id"])
    other = pl.lit(mine["id"][0])
    applied = pl.field("applied_commit_or_credit").struct.with_fields(other.alias("id"))
    return on_line(
        books,
        where,
        lambda items, place: edited(items, place, commit_id=other, applied_commit_or_credit=applied),
    )


@fault("counted_once", cause="counted twice")
def invoice_repeated(books: Books) -> tuple[Books, str]:
    """An invoice is in the frame twice."""
    where = billed(books)
    again = books.invoices.filter(pl.col("id") == where["id"])
    return replace(books, invoices=pl.concat([books.invoices, again])), where["customer_id"]


@fault("counted_once", "drawdown")
def void_counted(books: Books) -> tuple[Books, str]:
    """A voided invoice is live beside its regenerated twin."""
    void = books.invoices.filter((pl.col("status") == "VOID") & pl.col("contract_id").is_not_null())
    twin = ["customer_id", "contract_id", "start_timestamp"]
    final = books.invoices.filter(pl.col("status") == "FINALIZED")
    where = void.join(final, on=twin, how="semi").row(0, named=True)
    return on_invoice(books, where, status=pl.lit("FINALIZED"))


@fault("drawdown", cause="the invoice is void")
def void_still_drawn(books: Books) -> tuple[Books, str]:
    """An invoice is void and its deduction is still in the ledger."""
    where = line(books, PREPAID)
    gone = change(books.invoices, str(where["invoice_id"]), status=pl.lit("VOID"))
    return replace(books, invoices=gone), str(where["customer_id"])


DEDUCTION = "PREPAID_COMMIT_AUTOMATED_INVOICE_DEDUCTION"


@fault("drawdown", "ledger_balance", cause="missing")
def deduction_lost(books: Books) -> tuple[Books, str]:
    """A deduction is not in the ledger."""
    return on_entry(books, DEDUCTION, without)


@fault("drawdown", "ledger_balance", cause="counted twice")
def deduction_doubled(books: Books) -> tuple[Books, str]:
    """A deduction is in the ledger twice."""
    return on_entry(books, DEDUCTION, twice)


@fault("drawdown", "ledger_balance", cause="rounding")
def deduction_off(books: Books) -> tuple[Books, str]:
    """A deduction is off by 0.01."""
    off = pl.field("amount") - amount(CENT)
    return on_entry(books, DEDUCTION, lambda items, place: edited(items, place, amount=off))


@fault("drawdown", "ledger_balance", "ledger_signs", cause="sign")
def deduction_positive(books: Books) -> tuple[Books, str]:
    """A deduction adds, as in an example of Metronome's reference."""
    return on_entry(books, DEDUCTION, lambda items, place: edited(items, place, amount=-pl.field("amount")))


@fault("drawdown", cause="missing")
def deduction_for_another_invoice(books: Books) -> tuple[Books, str]:
    """A deduction names another invoice of its customer."""
    where = entry(books, DEDUCTION)
    others = books.invoices.filter(pl.col("customer_id") == where["customer_id"], pl.col("type") == "SCHEDULED")
    other = pl.lit(others["id"][0])
    return on_entry(books, DEDUCTION, lambda items, place: edited(items, place, invoice_id=other))


@fault("access_schedule", "ledger_balance", cause="missing")
def segment_start_lost(books: Books) -> tuple[Books, str]:
    """A running segment has no opening entry."""
    return on_entry(books, "PREPAID_COMMIT_SEGMENT_START", without)


@fault("access_schedule", "ledger_balance")
def segment_start_off(books: Books) -> tuple[Books, str]:
    """A segment opens with more than it grants."""
    more = pl.field("amount") + amount(Decimal(1))
    return on_entry(books, "CREDIT_SEGMENT_START", lambda items, place: edited(items, place, amount=more))


@fault("access_schedule")
def access_schedule_off(books: Books) -> tuple[Books, str]:
    """The schedule grants other than the ledger."""
    where = books.balances.filter(pl.col("ledger").is_not_null()).row(0, named=True)
    items = pl.col("access_schedule").struct.field("schedule_items")
    off = edited(items, 0, amount=pl.field("amount") + amount(CENT)).alias("schedule_items")
    schedule = pl.col("access_schedule").struct.with_fields(off)
    return replace(books, balances=change(books.balances, where["id"], access_schedule=schedule)), where["customer_id"]


@fault("ledger_balance")
def expiration_lost(books: Books) -> tuple[Books, str]:
    """A segment that is over has no expiration."""
    return on_entry(books, "PREPAID_COMMIT_EXPIRATION", without)


@fault("ledger_balance")
def manual_entry_lost(books: Books) -> tuple[Books, str]:
    """An entry by hand is not in the ledger."""
    return on_entry(books, "PREPAID_COMMIT_MANUAL", without)


@fault("ledger_balance")
def rollover_lost(books: Books) -> tuple[Books, str]:
    """What rolled over never left the old commit."""
    return on_entry(books, "PREPAID_COMMIT_ROLLOVER", without)


def usd_balance(books: Books) -> dict[str, str]:
    """A balance in dollars with something left."""
    return books.balances.filter((pl.col("balance") > 100) & (pl.col("credit_type_name") == "USD (cents)")).row(
        0, named=True
    )


@fault("ledger_balance", "net_balance", cause="rounding")
def balance_off(books: Books) -> tuple[Books, str]:
    """A balance is off by 0.01."""
    where = usd_balance(books)
    off = pl.col("balance") + amount(CENT)
    return replace(books, balances=change(books.balances, where["id"], balance=off)), where["customer_id"]


@fault("ledger_balance", "net_balance", cause="unit 100 times off")
def balance_in_another_unit(books: Books) -> tuple[Books, str]:
    """A balance is in dollars, not cents."""
    where = usd_balance(books)
    off = pl.col("balance") / 100
    return replace(books, balances=change(books.balances, where["id"], balance=off)), where["customer_id"]


@fault("net_balance")
def net_balance_off(books: Books) -> tuple[Books, str]:
    """A net balance is off by 0.01."""
    where = books.net_balances.row(0, named=True)
    off = (
        pl.when(pl.col("customer_id") == where["customer_id"])
        .then(pl.col("balance") + amount(CENT))
        .otherwise("balance")
    )
    return replace(books, net_balances=books.net_balances.with_columns(off.alias("balance"))), where["customer_id"]


@fault("net_balance")
def balance_not_loaded(books: Books) -> tuple[Books, str]:
    """A balance is missing from the frame."""
    where = usd_balance(books)
    return replace(books, balances=books.balances.filter(pl.col("id") != where["id"])), where["customer_id"]


@fault("prepaid_purchase", "invoice_total", "billing_provider")
def purchase_off(books: Books) -> tuple[Books, str]:
    """A commit was billed for less than agreed, and the total for less still."""
    where = line(books, pl.col("type") == "commit_purchase")
    found, customer = on_line(books, where, lambda items, place: edited(items, place, total=plus(Decimal(-1))))
    total = pl.col("total") - amount(Decimal(2))
    return replace(found, invoices=change(found.invoices, str(where["invoice_id"]), total=total)), customer


@fault("prepaid_purchase")
def invoice_schedule_off(books: Books) -> tuple[Books, str]:
    """The invoice schedule says other than the invoice."""
    where = line(books, pl.col("type") == "commit_purchase")
    items = pl.col("invoice_schedule").struct.field("schedule_items")
    off = edited(items, 0, amount=pl.field("amount") * 2).alias("schedule_items")
    schedule = pl.col("invoice_schedule").struct.with_fields(off)
    balances = change(books.balances, str(where["commit_id"]), invoice_schedule=schedule)
    return replace(books, balances=balances), str(where["customer_id"])


@fault("prepaid_purchase", "billing_provider", cause="the invoice is void")
def purchase_void(books: Books) -> tuple[Books, str]:
    """The invoice of a purchase is void and the commit is there."""
    where = line(books, pl.col("type") == "commit_purchase")
    gone = change(books.invoices, str(where["invoice_id"]), status=pl.lit("VOID"))
    return replace(books, invoices=gone), str(where["customer_id"])


@fault("true_up", cause="missing")
def true_up_lost(books: Books) -> tuple[Books, str]:
    """A true-up was billed and not booked."""
    return on_entry(books, "POSTPAID_COMMIT_TRUEUP", without)


@fault("true_up", "invoice_total")
def true_up_off(books: Books) -> tuple[Books, str]:
    """A true-up bills other than the ledger says."""
    where = line(books, pl.col("postpaid_commit_id").is_not_null())
    return on_line(books, where, lambda items, place: edited(items, place, total=plus(Decimal(5))))


def outside(**fields: pl.Expr) -> pl.Expr:
    """The billing provider's side of an invoice, changed."""
    return pl.col("external_invoice").struct.with_fields(value.alias(name) for name, value in fields.items())


@fault("billing_provider")
def provider_billed_other(books: Books) -> tuple[Books, str]:
    """The billing provider billed one cent more."""
    more = pl.field("invoiced_sub_total") + amount(Decimal(1))
    return on_invoice(books, billed(books), external_invoice=outside(invoiced_sub_total=more))


@fault("billing_provider")
def provider_void(books: Books) -> tuple[Books, str]:
    """The billing provider's invoice is void and ours is not."""
    return on_invoice(books, billed(books), external_invoice=outside(external_status=pl.lit("VOID")))


@fault("corrections", "drawdown")
def correction_of_void(books: Books) -> tuple[Books, str]:
    """A correction amends an invoice that is void, whose drawdown is still booked."""
    where = books.invoices.filter(pl.col("corrected_invoice_id").is_not_null()).row(0, named=True)
    gone = change(books.invoices, where["corrected_invoice_id"], status=pl.lit("VOID"))
    return replace(books, invoices=gone), where["customer_id"]
