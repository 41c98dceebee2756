from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from metronome_analytics.analysis import Reconciliation, reconcile
from metronome_analytics.analysis.checks.meaning import meaning
from metronome_analytics.analysis.reconciliation import CHECKS
from metronome_analytics.analysis.schemas import Checks, CheckSummary
from metronome_analytics.analysis.verdict import Scope
from metronome_analytics.errors import ArgumentError
from metronome_analytics.tables import Balances, Invoices, NetBalances
from tests.analysis.faults import FAULTS, Fault
from tests.analysis.support import (
    EUR,
    USD,
    Entry,
    Segment,
    amounts,
    applied,
    balance,
    drawn,
    invoice,
    line,
    manual,
    net,
    on,
    start,
)

if TYPE_CHECKING:
    from tests.analysis.conftest import Books

YEAR = Segment("100", "2026-01-01", "2027-01-01")
UNITS = ("c0000000-0000-4000-8000-000000000000", "AI Credits")


def verdicts(found: Reconciliation, check: str) -> list[str]:
    """The verdicts of one check."""
    return found.checks.filter(pl.col("check") == check)["verdict"].to_list()


@pytest.mark.parametrize("told", [False, True])
def test_demo_reconciles(books: Books, told: bool) -> None:  # noqa: FBT001  # a parameter of the test
    """Every check of the demo account's books passes, whether or not as_of is told."""
    found = reconcile(books.invoices, books.balances, books.net_balances, as_of=books.as_of if told else None)
    assert found.exceptions.is_empty()
    assert found.ok
    assert found.checks.height > 2_000
    assert set(CHECKS) - set(found.checks["check"]) <= {"external", "consolidated"}
    unchecked = found.checks.filter(pl.col("verdict") == "not checked")
    assert set(unchecked["detail"]) <= {"the net balance of this credit type is not in the frame"}
    assert found.checks.schema == Checks.create_empty().schema
    assert found.summary.schema == CheckSummary.create_empty().schema
    assert found.summary["rows"].sum() == found.checks.height


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
@pytest.mark.parametrize("told", [False, True])
def test_faults_are_found(books: Books, fault: Fault, told: bool) -> None:  # noqa: FBT001  # a parameter of the test
    """Each seeded fault is found by the right checks, with the right customer, and by no other check."""
    wrong, customer = fault.seed(books)
    found = reconcile(wrong.invoices, wrong.balances, wrong.net_balances, as_of=books.as_of if told else None)
    assert not found.ok
    assert set(found.exceptions["check"]) == fault.checks
    assert set(found.exceptions["customer_id"]) == {customer}
    if fault.cause is not None:
        assert fault.cause in {causes[0] for causes in found.exceptions["causes"].to_list() if causes}


def test_demo_is_its_customers(books: Books) -> None:
    """The reconciliation of all customers is that of each, put together."""
    whole = reconcile(books.invoices, books.balances, books.net_balances, as_of=books.as_of)
    mine = pl.col("customer_id")
    each = [
        reconcile(
            *(frame.filter(mine == customer) for frame in (books.invoices, books.balances, books.net_balances)),
            as_of=books.as_of,
        ).checks
        for customer in books.net_balances["customer_id"]
    ]
    assert_frame_equal(pl.concat(each), whole.checks, check_row_order=False)


def test_lazy_equals_eager(books: Books) -> None:
    """LazyFrames give the same result."""
    frames = (books.invoices, books.balances, books.net_balances)
    lazy = reconcile(*(frame.lazy() for frame in frames), as_of=books.as_of)
    assert_frame_equal(lazy.checks, reconcile(*frames, as_of=books.as_of).checks)


def test_frames_put_together_are_read_as_one(books: Books) -> None:
    """Months or customers loaded one by one and concatenated are in several chunks, which polars 2.1 panics over."""
    frames = (books.invoices, books.balances, books.net_balances)
    ids = books.balances["customer_id"].unique(maintain_order=True)
    pieces = [pl.concat(frame.filter(pl.col("customer_id") == id_) for id_ in ids) for frame in frames]
    assert pieces[0].n_chunks() > 1
    assert reconcile(*pieces, as_of=books.as_of).verdict == reconcile(*frames, as_of=books.as_of).verdict


def test_documented_invoice() -> None:
    """Covered usage, its negative line and uncovered usage make up the total (fact sheet 4.5)."""
    lines = [line("5000", commit_id="b1"), applied("-5000"), line("3000")]
    assert verdicts(reconcile(invoice(lines, "3000")), "invoice_total") == ["pass"]
    assert verdicts(reconcile(invoice(lines, "8000")), "invoice_total") == ["fail"]


def test_postpaid_usage_is_payable() -> None:
    """The applied line of a postpaid commit is not in the total."""
    lines = [line("800", commit_id="b1"), applied("-800", kind="POSTPAID")]
    assert verdicts(reconcile(invoice(lines, "800")), "invoice_total") == ["pass"]
    assert verdicts(reconcile(invoice(lines, "0")), "invoice_total") == ["fail"]


def test_custom_units_are_converted_by_a_line() -> None:
    """Lines in a custom unit are informational: the conversion line is in the total."""
    lines = [line("50", unit=UNITS), line("75", type="cpu_conversion")]
    assert verdicts(reconcile(invoice(lines, "75")), "invoice_total") == ["pass"]


def test_tolerance() -> None:
    """A difference of the tolerance fails, a smaller one passes, and an exact match passes at zero."""
    off = invoice([line("10")], "10.01")
    assert verdicts(reconcile(off), "invoice_total") == ["fail"]
    assert verdicts(reconcile(off, tolerance=Decimal("0.011")), "invoice_total") == ["pass"]
    assert verdicts(reconcile(invoice([line("10")], "10"), tolerance=Decimal(0)), "invoice_total") == ["pass"]
    row = reconcile(off).exceptions
    assert [amounts(row[name]) for name in ("expected", "actual", "difference")] == [["10"], ["10.01"], ["0.01"]]


def test_nothing_given() -> None:
    """Without any frame every check is a row that says why it was not made."""
    found = reconcile()
    assert set(found.checks["verdict"]) == {"not checked"}
    assert set(found.checks["check"]) == set(CHECKS) - {"external"}
    assert found.ok
    assert not found.complete
    assert repr(found) == "Reconciliation(nothing to check; 0 passed, 0 failed, 0 warnings, 12 not checked)"


def test_empty_frames() -> None:
    """Empty frames give no rows and the declared columns."""
    found = reconcile(Invoices.create_empty(), Balances.create_empty(), NetBalances.create_empty())
    assert found.checks.is_empty()
    assert found.checks.schema == Checks.create_empty().schema
    assert found.ok
    assert found.complete


def test_what_is_not_loaded_is_not_checked() -> None:
    """A missing invoice, ledger, balance or line list is not silently passed."""
    drawing = balance([start("2026-01-01", "100"), drawn("2026-02-01", "-5", "elsewhere")], [YEAR])
    bare = balance(None, [YEAR], key="b2")
    found = reconcile(invoice([applied("-7", "b3")], "-7"), pl.concat([drawing, bare]), net("0"), as_of="2026-03-01")
    unchecked = found.checks.filter(pl.col("verdict") == "not checked").select("check", "balance_id", "detail").rows()
    assert ("drawdown", "b1", "the invoice is not in the frame") in unchecked
    assert ("drawdown", "b3", "the balance is not in the frame") in unchecked
    assert ("ledger_balance", "b2", "the balance was loaded without include_balance") in unchecked
    assert ("net_balance", None, "balances were loaded without include_balance") in unchecked
    lineless = reconcile(invoice([], "3").with_columns(line_items=pl.lit(None)).cast(Invoices.create_empty().schema))
    assert verdicts(lineless, "invoice_total") == ["not checked"]


def test_draft_counts() -> None:
    """A draft's deduction, dated ahead, is in the balance and ties out."""
    books = balance([start("2026-01-01", "100"), drawn("2026-03-01", "-5")], [YEAR], balance="95")
    draft = invoice([line("5", commit_id="b1"), applied("-5")], "0", status="DRAFT", issued_at=on("2026-03-02"))
    assert reconcile(draft, books, net("95"), as_of="2026-02-10").ok


def test_overdrawn_ties_out() -> None:
    """The API shows an overdrawn balance as zero, and that is no failure."""
    books = balance([start("2026-01-01", "100"), manual("2026-02-01", "-150")], [YEAR], balance="0")
    found = reconcile(balances=books, net_balances=net("0"), as_of="2026-03-01")
    assert found.ok


def test_a_currency_is_one_row_of_the_summary() -> None:
    """The net balance of a customer without any balance has no name; it counts with those of its credit type."""
    books = balance([start("2026-01-01", "100")], [YEAR], balance="100")
    idle = net("0").with_columns(customer_id=pl.lit("idle"))
    found = reconcile(balances=books, net_balances=pl.concat([net("100"), idle]), as_of="2026-03-01")
    counted = found.summary.filter(pl.col("check") == "net_balance")
    assert counted.select("credit_type_name", "rows", "passed").rows() == [(books["credit_type_name"].item(), 2, 2)]


def test_segment_to_come() -> None:
    """A segment to come counts only once it has started; without as_of it may be either."""
    segments = [Segment("100", "2026-01-01", "2026-04-01", "q1"), Segment("100", "2026-04-01", "2026-07-01", "q2")]
    entries = [
        start("2026-01-01", "100", "q1"),
        drawn("2026-02-01", "-1", "i1", "q1"),
        start("2026-04-01", "100", "q2"),
    ]
    before, after, neither = (balance(entries, segments, balance=value) for value in ("99", "199", "150"))
    assert verdicts(reconcile(balances=before, as_of="2026-03-01"), "ledger_balance") == ["pass"]
    assert verdicts(reconcile(balances=after, as_of="2026-03-01"), "ledger_balance") == ["fail"]
    assert verdicts(reconcile(balances=after, as_of="2026-05-01"), "ledger_balance") == ["pass"]
    for books, verdict in ((before, "pass"), (after, "pass"), (neither, "fail")):
        assert verdicts(reconcile(balances=books), "ledger_balance") == [verdict]


def test_archived_counts_zero() -> None:
    """An archived commit shows no ledger and a balance of zero."""
    books = balance(None, [YEAR], balance="0", archived_at=on("2026-02-01"))
    assert verdicts(reconcile(balances=books, as_of="2026-03-01"), "ledger_balance") == ["pass"]


def test_consolidated() -> None:
    """A consolidated invoice is the sum of its constituents, and its lines draw nothing twice."""
    whole = {
        "id": "all",
        "type": "USAGE_CONSOLIDATED",
        "constituent_invoices": [
            {"invoice_id": each, "contract_id": "k", "customer_id": "c1"} for each in ("i1", "i2")
        ],
    }
    parts = [invoice([line("3")], "3", contract_id="k"), invoice([line("4")], "4", id="i2")]
    assert verdicts(reconcile(pl.concat([*parts, invoice([line("7")], "7", **whole)])), "consolidated") == ["pass"]
    assert verdicts(reconcile(pl.concat([*parts, invoice([line("8")], "8", **whole)])), "consolidated") == ["fail"]
    assert verdicts(reconcile(invoice([line("7")], "7", **whole)), "consolidated") == ["not checked"]


SOLD = {"type": "SCHEDULED", "issued_at": on("2026-01-01")}


def sale(total: str, commit: str = "b1") -> dict[str, object]:
    """The line that bills a commit."""
    return line(total, type="commit_purchase", commit_id=commit)


def bought(*items: tuple[str, str | None], **columns: Any) -> pl.DataFrame:
    """A prepaid commit and its invoice schedule: amounts and invoice ids."""
    schedule = {
        "credit_type": {"id": USD[0], "name": USD[1]},
        "schedule_items": [{"amount": Decimal(amount), "invoice_id": key} for amount, key in items],
    }
    told: dict[str, Any] = {"invoice_schedule": schedule, **columns}
    return balance([start("2026-01-01", "100")], [YEAR], balance="100", **told)


@pytest.mark.parametrize("scheduled", ["void", "middle", "new"])
@pytest.mark.parametrize("told", [False, True])
def test_a_purchase_voided_and_regenerated_is_billed_once(scheduled: str, told: bool) -> None:  # noqa: FBT001  # a parameter of the test
    """Whichever invoice of the chain the schedule names, and whether or not a field says that it is one."""
    link = {"middle": "void", "new": "middle"} if told else {}
    bills = pl.concat(
        invoice([sale("100")], "100", id=key, status="FINALIZED" if key == "new" else "VOID",
                regenerated_from_invoice_id=link.get(key), **SOLD)
        for key in ("void", "middle", "new")
    )  # fmt: skip
    found = reconcile(bills, bought(("100", scheduled)))
    rows = found.checks.filter(pl.col("check") == "prepaid_purchase")
    assert rows.select("verdict", "invoice_id").rows() == [("pass", "new")]
    off = reconcile(bills, bought(("101", scheduled)))
    assert verdicts(off, "prepaid_purchase") == ["fail"]


def test_what_is_not_invoiced_has_nothing_due() -> None:
    """The schedule of a commit that is not invoiced or is postpaid asks for no purchase; a prepaid one's does."""
    bills = invoice([line("1")], "1")
    held = bought(("100", "i1"))
    quiet = held.with_columns(pl.col("invoice_schedule").struct.with_fields(do_not_invoice=pl.lit(True)))
    later = bought(("100", "i1"), type="POSTPAID")
    found = [verdicts(reconcile(bills, each), "prepaid_purchase") for each in (held, quiet, later)]
    assert found == [["fail"], [], []]


def test_a_purchase_billed_twice_in_one_chain_fails() -> None:
    """The void one came back to life beside what was made in its place."""
    bills = pl.concat(
        [
            invoice([sale("100")], "100", id="old", **SOLD),
            invoice([sale("100")], "100", id="new", regenerated_from_invoice_id="old", **SOLD),
        ]
    )
    (row,) = reconcile(bills, bought(("100", "old"))).exceptions.filter(check="prepaid_purchase").rows(named=True)
    assert row["causes"][0] == "counted twice"


def test_a_void_purchase_without_another_leaves_access_unpaid() -> None:
    """A failure, also where the schedule forgot it; not once the commit is archived, as the documented order has it."""
    void = invoice([sale("100")], "100", status="VOID", **SOLD)
    for held in (bought(("100", "i1")), bought()):
        (row,) = reconcile(void, held).exceptions.rows(named=True)
        assert (row["check"], row["causes"][0]) == ("prepaid_purchase", "the invoice is void")
    assert reconcile(void, bought(("100", "i1"), archived_at=on("2026-02-01"), ledger=None)).checks.filter(
        check="prepaid_purchase"
    )["verdict"].to_list() == ["pass"]


@pytest.mark.parametrize(
    ("second", "found"),
    [
        ({}, ["fail"]),
        ({"status": "VOID"}, ["pass"]),
        ({"corrected_invoice_id": "i1"}, ["pass", "pass"]),
        ({"type": "USAGE_CONSOLIDATED"}, ["pass", "pass"]),
        ({"start_timestamp": None}, ["pass", "pass"]),
        ({"contract_id": "k2"}, ["pass", "pass"]),
    ],
)
def test_one_live_invoice_per_contract_and_period(second: dict[str, Any], found: list[str]) -> None:
    """Two are one too many, unless one is void, corrects the other, repeats it, or has no period."""
    period = {"contract_id": "k1", "start_timestamp": on("2026-01-01"), "end_timestamp": on("2026-02-01")}
    books = pl.concat([invoice([], "0", **period), invoice([], "0", **(period | {"id": "i2"} | second))])
    assert verdicts(reconcile(books), "counted_once") == found


def test_a_draft_true_up_is_checked_once_the_ledger_has_it() -> None:
    """A draft bills what is outstanding so far: nothing to compare, until the ledger trues up by it."""
    bill = line("400", type="scheduled", postpaid_commit={"id": "b1"})
    segment = [Segment("1000", "2026-01-01", "2026-02-01")]
    begun = [Entry("INITIAL_BALANCE", "2026-01-01", "1000", None), drawn("2026-02-01", "-600", "i0")]
    trued = [*begun, Entry("TRUE_UP", "2026-02-01", "-400", None, "i1")]
    open_, closed = (balance(entries, segment, kind="POSTPAID") for entries in (begun, trued))
    draft, final = (invoice([bill], "400", status=status) for status in ("DRAFT", "FINALIZED"))
    told = [verdicts(reconcile(bills, books), "true_up") for bills in (draft, final) for books in (open_, closed)]
    assert told == [[], ["pass"], ["fail"], ["pass"]]


def test_checks_stand_in_the_order_of_the_invoices() -> None:
    """However many there are; what is drawn on a balance that is not in the frame comes after those that are."""
    keys = [f"i{number * 37 % 101}" for number in range(101)]
    bills = pl.concat([invoice([applied("-1", "unknown"), applied("-1")], "-2", id=key) for key in keys])
    begun = [start("2026-01-01", "101"), *(drawn("2026-02-01", "-1", key) for key in keys)]
    found = reconcile(bills, balance(begun, [Segment("101", "2026-01-01", "2027-01-01")])).checks
    assert found.filter(check="invoice_total")["invoice_id"].to_list() == keys
    assert found.filter(check="counted_once")["invoice_id"].to_list() == keys
    assert found.filter(check="drawdown")["invoice_id"].to_list() == keys * 2
    assert found.filter(check="drawdown")["verdict"].to_list() == ["pass"] * 101 + ["not checked"] * 101
    sales = [line("1", type="commit_purchase", commit_id=key) for key in ("unknown", "b1")]
    sold = reconcile(invoice(sales, "2", type="SCHEDULED"), balance([start("2026-01-01", "100")], [YEAR])).checks
    assert sold.filter(check="prepaid_purchase")["balance_id"].to_list() == ["b1", "unknown"]


def test_lines_may_be_added_up_before_they_are_checked() -> None:
    """LazyFrames are added up as they come: what each balance paid and bought is still told apart."""
    bought = [line("100", type="commit_purchase", commit_id=key) for key in ("b1", "b2")]
    used = [line("30", commit_id="b1"), line("30"), applied("-20"), applied("-5"), applied("-10", "b2")]
    bills = pl.concat([invoice(bought, "200", id="p1", type="SCHEDULED"), invoice(used, "25")])
    begun = start("2026-01-01", "100")
    books = pl.concat(
        [balance([begun, drawn("2026-02-01", paid)], [YEAR], key=key) for key, paid in (("b1", "-25"), ("b2", "-10"))]
    )
    found = reconcile(bills.lazy(), books.lazy())
    assert_frame_equal(found.checks, reconcile(bills, books).checks)
    assert verdicts(found, "drawdown") == ["pass", "pass"]
    assert found.checks.filter(check="prepaid_purchase")["actual"].to_list() == [Decimal(100)] * 2


def outside(**fields: object) -> dict[str, object]:
    """The billing provider's side of an invoice."""
    return {"billing_provider_type": "stripe", "invoice_id": "in_1", **fields}


def provider(status: str, **fields: object) -> tuple[str, str | None, str | None]:
    """Verdict, detail and likeliest cause of the billing provider's check of one invoice of 100."""
    found = reconcile(invoice([line("100")], "100", status=status, external_invoice=outside(**fields)))
    (row,) = found.checks.filter(check="billing_provider").rows(named=True)
    return row["verdict"], row["detail"], (row["causes"] or [None])[0]


def test_a_provider_that_tells_no_status_is_compared_all_the_same() -> None:
    """The status is optional in the specification, the difference is not; without an amount there is a row too."""
    unknown = "status unknown at the billing provider"
    assert provider("FINALIZED", invoiced_total=Decimal(100)) == ("pass", unknown, None)
    assert provider("FINALIZED", invoiced_total=Decimal(999))[:2] == ("fail", unknown)
    assert provider("FINALIZED") == ("not checked", "the billing provider tells no amount", None)
    assert provider("VOID", invoiced_total=Decimal(100)) == ("warning", f"void here, {unknown}", None)


@pytest.mark.parametrize(
    ("unit", "tolerance", "billed", "verdict"),
    [
        (USD, "0.01", "100.5", "pass"),  # half a cent still rounds to the amount billed
        (USD, "0.01", "100.5000000001", "fail"),
        (USD, "0.01", "99.5", "pass"),
        (USD, "0.01", "99.4999999999", "fail"),
        (EUR, "0", "100.005", "pass"),
        (EUR, "0", "100.0050000001", "fail"),
    ],
)
def test_a_provider_bills_whole_minor_units(unit: tuple[str, str], tolerance: str, billed: str, verdict: str) -> None:
    """Half of a minor unit is rounding, in cents and in whole units; more is a difference."""
    bill = outside(external_status="SENT", invoiced_total=Decimal(billed))
    books = invoice([line("100", unit=unit)], "100", unit=unit, external_invoice=bill)
    assert verdicts(reconcile(books, tolerance=Decimal(tolerance)), "billing_provider") == [verdict]


BILL = "the customer holds a bill for an invoice that is void"


@pytest.mark.parametrize("status", ["SENT", "PAID", "FINALIZED", "PARTIALLY_PAID", "QUEUED", "PAYMENT_FAILED", "NEW"])
@pytest.mark.parametrize("billed", [None, Decimal(100)])
def test_void_here_and_a_bill_there_fails(status: str, billed: Decimal | None) -> None:
    """Whatever amount the provider tells, and also where it tells none."""
    told = provider("VOID", external_status=status, invoiced_total=billed)
    assert told == ("fail", f"void here, {status} at the billing provider", BILL)


@pytest.mark.parametrize(
    ("status", "verdict"),
    [("VOID", "pass"), ("DELETED", "pass"), ("SKIPPED", "pass"), ("INVALID_REQUEST_ERROR", "warning")],
)
def test_void_in_both_places_is_clean(status: str, verdict: str) -> None:
    """What the provider voided, deleted or never sent is no bill."""
    assert provider("VOID", external_status=status, invoiced_total=Decimal(100))[0] == verdict


def test_void_here_and_never_sent_there_is_clean_without_an_amount() -> None:
    """What was skipped was billed nothing, whether or not the provider says so."""
    assert provider("VOID", external_status="SKIPPED")[0] == "pass"


def test_a_bill_for_a_void_invoice_stands_above_all_else() -> None:
    """It is the first of the exceptions, whatever fails before it in the order of checks."""
    wrong = invoice([line("1")], "100", id="wrong")
    void = invoice([line("100")], "100", status="VOID", external_invoice=outside(external_status="SENT"))
    found = reconcile(pl.concat([wrong, void])).exceptions
    assert found["check"].to_list() == ["billing_provider", "invoice_total"]


@pytest.mark.parametrize("as_of", [None, "2027-01-02"])
def test_a_postpaid_commit_over_and_not_yet_trued_up(as_of: str | None) -> None:
    """The API counts it zero and books the true-up after the last usage invoice; as_of must not decide that."""
    held = [start("2026-01-01", "100", None)._replace(type="INITIAL_BALANCE"), drawn("2026-02-01", "-30")]
    for left, verdict in (("0", "pass"), ("70", "pass"), ("40", "fail")):
        books = balance(held, [YEAR], kind="POSTPAID", balance=left)
        assert verdicts(reconcile(balances=books, as_of=as_of), "ledger_balance") == [verdict]


def test_ties_out_is_said_of_what_was_checked_and_closed() -> None:
    """Failure first, then nothing to check, then not closed, then what could not be checked."""
    final, off = invoice([line("5")], "5"), invoice([line("5")], "6", id="i2")
    drafts = [invoice([line("5")], "5", id=key, status="DRAFT") for key in ("d1", "d2")]
    void = invoice([line("5")], "5", id="v", status="VOID")
    empty = reconcile(Invoices.create_empty(), Balances.create_empty(), NetBalances.create_empty())
    assert empty.verdict == "nothing to check"
    assert reconcile(pl.concat([*drafts, void])).verdict == "not closed: 2 drafts"
    assert reconcile(drafts[0], Balances.create_empty(), NetBalances.create_empty()).verdict == "not closed: 1 draft"
    running = reconcile(pl.concat([final, *drafts]), Balances.create_empty(), NetBalances.create_empty())
    assert running.verdict == "ties out"  # a whole account always has drafts of the running month
    assert running.about(pl.concat([final, drafts[0]])).verdict == "not closed: 1 draft"
    assert running.about(final).verdict == "ties out"
    assert running.about(final, runs_until="2026-12-01").verdict == "not closed: it runs until 2026-12-01 00:00 UTC"
    assert running.about(final.clear()).verdict == "nothing to check"
    assert reconcile(final).verdict == "not everything could be checked"
    assert reconcile(pl.concat([off, *drafts])).about(drafts[0]).verdict == "not closed: 1 draft"
    assert reconcile(pl.concat([off, *drafts])).verdict == "does not tie out"
    assert Reconciliation.together([running, reconcile(void)]).verdict == "not everything could be checked"
    assert Reconciliation.together([reconcile(each) for each in drafts]).verdict == "not closed: 2 drafts"


def test_the_scope_of_nothing_adds_nothing() -> None:
    """No books at all are in no scope: no invoice, no draft, no void one."""
    scope = Scope(3, 2, 1)
    assert Scope.together([]) == Scope()
    assert Scope.together([scope, Scope(), scope]) == Scope(6, 4, 2)


def test_every_check_is_described() -> None:
    """In a title and in what it proves; a check of another version is called by its name."""
    assert [check for check in CHECKS if not meaning(check).proves] == []
    assert meaning("some_other_check") == ("Some other check", "")


def test_the_verdict_is_one_everywhere() -> None:
    """In the repr, in its HTML and as a sentence."""
    found = reconcile(invoice([line("5")], "5", status="DRAFT"), Balances.create_empty(), NetBalances.create_empty())
    counts = "2 passed, 0 failed, 0 warnings, 0 not checked"
    assert found.headline == f"Not closed: 1 draft. {counts}."
    assert repr(found) == f"Reconciliation(not closed: 1 draft; {counts})"
    assert found.headline in found._repr_html_()
    assert reconcile(invoice([line("5")], "6")).headline.startswith("Does not tie out: 1 passed, 1 failed, ")
    assert reconcile(invoice([line("5")], "5")).headline.startswith("Nothing failed, but not everything could be ")


def test_rows_behind() -> None:
    """The lines and ledger entries behind a check can be had."""
    books = balance([start("2026-01-01", "100"), drawn("2026-02-01", "-6")], [YEAR], balance="94")
    found = reconcile(invoice([line("5"), applied("-5")], "0"), books)
    row = found.exceptions.filter(pl.col("check") == "drawdown").row(0, named=True)
    behind = found.rows(invoice_id=row["invoice_id"], balance_id=row["balance_id"])
    assert amounts(behind["line_items"]["total"]) == ["-5"]
    assert amounts(behind["ledger"]["amount"]) == ["-6"]
    assert found.rows() == {}


def test_the_rows_behind_a_check_are_of_one_invoice_and_one_balance() -> None:
    """Of several; what is asked for alone comes alone, and whole."""
    books = pl.concat([balance([start("2026-01-01", "100")], [YEAR], key=key) for key in ("b1", "b2")])
    bills = pl.concat([invoice([line("5"), applied("-1")], "4", id=key) for key in ("i1", "i2")])
    found = reconcile(bills, books)
    lines, entries = found.rows(invoice_id="i2"), found.rows(balance_id="b2")
    assert (list(lines), list(entries)) == (["line_items"], ["ledger"])
    assert lines["line_items"].select("invoice_id", "total").rows() == [("i2", Decimal(5)), ("i2", Decimal(-1))]
    assert entries["ledger"]["balance_id"].to_list() == ["b2"]


def test_wrong_arguments() -> None:
    """Frames without the needed columns and a tolerance that is none are refused by name."""
    with pytest.raises(ArgumentError, match="invoices has no column 'line_items'"):
        reconcile(Invoices.create_empty().drop("line_items"))
    with pytest.raises(ArgumentError, match="balances has no column 'balance'"):
        reconcile(balances=Balances.create_empty().drop("balance"))
    with pytest.raises(ArgumentError, match="tolerance"):
        reconcile(tolerance=0.01)  # type: ignore[arg-type]  # the point of the test


MAPPING = {"invoice_id": "ref", "amount": "paid", "currency": "cur", "date": "day"}


def theirs(*rows: tuple[str, float | str | None, str, str]) -> pl.DataFrame:
    """Another system's rows: reference, amount in major units, currency, day."""
    return pl.DataFrame(list(rows), schema=["ref", "paid", "cur", "day"], orient="row", strict=False)


def ours() -> pl.DataFrame:
    """Three final invoices: 12.34 dollars known to Stripe, 50 euros, and 1 dollar."""
    return pl.concat(
        [
            invoice([], "1234", billing_provider_invoice_id="in_1", issued_at=on("2026-10-15")),
            invoice([], "50", id="i2", unit=EUR, issued_at=on("2026-10-15")),
            invoice([], "100", id="i3", issued_at=on("2026-10-31")),
        ]
    )


def compared(*rows: tuple[str, float | str | None, str, str]) -> dict[str, tuple[str, str | None, str | None]]:
    """Verdict, outcome and likeliest cause by reference."""
    found = reconcile(ours(), external=theirs(*rows), external_columns=MAPPING).checks
    told = found.filter(pl.col("check") == "external")
    return {
        row["external_id"]: (row["verdict"], row["detail"], row["causes"][0] if row["causes"] else None)
        for row in told.iter_rows(named=True)
    }


GOOD = (("in_1", 12.34, "usd", "2026-10-15"), ("i2", 50.0, "EUR", "2026-10-16"), ("i3", 1.0, "USD", "2026-10-31"))


def test_external_matches() -> None:
    """Amounts in major units match by either id, in any case of the currency."""
    assert set(compared(*GOOD).values()) == {("pass", "matched", None)}
    as_text = [(ref, f"${amount:,.2f}", cur, day) for ref, amount, cur, day in GOOD]
    assert set(compared(*as_text).values()) == {("pass", "matched", None)}


@pytest.mark.parametrize(
    ("row", "outcome", "cause"),
    [
        (("in_1", 12.35, "usd", "2026-10-15"), "amount differs", "rounding"),
        (("in_1", 1234.0, "usd", "2026-10-15"), "amount differs", "unit 100 times off"),
        (("in_1", -12.34, "usd", "2026-10-15"), "amount differs", "sign"),
        (("in_1", 99.0, "usd", "2026-10-15"), "amount differs", None),
        (("in_1", 12.34, "gbp", "2026-10-15"), "currency differs", "another currency"),
    ],
)
def test_external_differs(row: tuple[str, float, str, str], outcome: str, cause: str | None) -> None:
    """A difference says what it is and what it likely comes from."""
    assert compared(row, *GOOD[1:])["in_1"] == ("fail", outcome, cause)


@pytest.mark.parametrize(
    ("key", "paid", "cause"),
    [
        ("in_1", "12.35", "rounding"),
        ("in_1", "12.3500000001", None),
        ("i2", "49.99", "rounding"),
        ("i2", "49.9899999999", None),
    ],
)
def test_rounding_is_one_minor_unit_at_most(key: str, paid: str, cause: str | None) -> None:
    """A cent, or a hundredth of a whole unit, is likely rounding; more is not."""
    rows = [(ref, paid if ref == key else str(amount), currency, day) for ref, amount, currency, day in GOOD]
    assert compared(*rows)[key][::2] == ("fail", cause)


def test_external_missing() -> None:
    """What only one side has is missing on the other; near the edge of the period a cut-off is likely."""
    found = compared(GOOD[0], GOOD[1], ("other", 3.0, "usd", "2026-10-20"))
    assert found["other"] == ("fail", "missing here", "not expected")
    assert found["i3"] == ("fail", "missing there", "period cut-off")


def test_external_rows_stand_in_the_order_of_our_invoices() -> None:
    """Those that only the other system has come last, whatever order it has."""
    assert list(compared(("a_stranger", 9.0, "USD", "2026-10-20"), *GOOD[::-1])) == ["in_1", "i2", "i3", "a_stranger"]


def test_external_currencies_are_never_added() -> None:
    """Half in dollars and half in euros is not the whole: each currency has a row of its own, in itself."""
    rows = theirs(("in_1", "6.17", "usd", "2026-10-15"), ("in_1", "6.17", "EUR", "2026-10-15"), *GOOD[1:])
    found = reconcile(ours(), external=rows, external_columns=MAPPING).exceptions
    told = found.filter(check="external").select("external_id", "credit_type_name", "expected", "actual", "detail")
    assert told.rows() == [
        ("in_1", "USD (cents)", Decimal(1234), Decimal(617), "amount differs"),
        ("in_1", "EUR", Decimal(0), Decimal("6.17"), "currency differs"),
    ]


def test_external_in_another_currency_is_told_in_both() -> None:
    """What is expected in ours and what is there in theirs: no difference of two currencies."""
    rows = theirs(("in_1", "12.34", "gbp", "2026-10-15"), *GOOD[1:])
    found = reconcile(ours(), external=rows, external_columns=MAPPING).exceptions.filter(check="external")
    told = found.select("credit_type_name", "expected", "actual", "detail").rows()
    assert told == [
        ("USD (cents)", Decimal(1234), Decimal(0), "currency differs"),
        ("GBP", Decimal(0), Decimal("12.34"), "currency differs"),
    ]


@pytest.mark.parametrize(
    ("currency", "units", "told"),
    [
        ("usd", "major", ("USD (cents)", USD[0], Decimal(300))),
        ("EUR", "major", ("EUR", EUR[0], Decimal(3))),
        ("GBP", "major", ("GBP", None, Decimal(3))),
        ("USD", "api", ("USD (cents)", USD[0], Decimal(3))),
    ],
)
def test_external_missing_here_is_in_its_own_currency(
    currency: str, units: Any, told: tuple[str, str | None, Decimal]
) -> None:
    """With the credit type our invoices have for it, and the API's unit."""
    rows = pl.DataFrame({"ref": ["new"], "paid": ["3.00"], "cur": [currency], "day": ["2026-10-20"]})
    found = reconcile(ours(), external=rows, external_columns=MAPPING, external_units=units).exceptions
    row = found.filter(detail="missing here").select("credit_type_name", "credit_type_id", "actual")
    assert row.rows() == [told]


@pytest.mark.parametrize(
    ("issued", "cause"),
    [
        ("2026-10-14T23:59", "period cut-off"),
        ("2026-10-15T00:00", "missing"),
        ("2026-10-16T23:59", "missing"),
        ("2026-10-17T00:00", "period cut-off"),
        ("2026-12-24T00:00", "period cut-off"),
    ],
)
def test_external_cut_off_is_what_dates_show(issued: str, cause: str) -> None:
    """An invoice before the first or after the last day they have; not one that lies near an edge within."""
    books = pl.concat([ours(), invoice([], "700", id="lost", issued_at=on(issued))])
    found = reconcile(books, external=theirs(*GOOD[:2], ("i3", 1.0, "USD", "2026-10-16")), external_columns=MAPPING)
    (row,) = found.exceptions.filter(external_id="lost").rows(named=True)
    assert row["causes"][0] == cause


@pytest.mark.parametrize(
    ("day", "cause"),
    [
        ("2026-10-14", "period cut-off"),
        ("2026-10-15", "not expected"),
        ("2026-10-31", "not expected"),
        ("2026-11-01", "period cut-off"),
        (None, "not expected"),
    ],
)
def test_external_cut_off_on_our_side(day: Any, cause: str) -> None:
    """A row of theirs before the first or after the last day of our invoices."""
    found = compared(*GOOD, ("new", 3.0, "usd", day))
    assert found["new"] == ("fail", "missing here", cause)


@pytest.mark.parametrize("days", [("2026-10-15", "2026-10-31"), ("2026-10-31", "2026-10-15")])
def test_external_cut_off_looks_at_every_row(days: tuple[str, str]) -> None:
    """An invoice in two payments reaches from the one to the other, in whatever order they stand."""
    books = pl.concat([ours().head(1), invoice([], "700", id="lost", issued_at=on("2026-10-20"))])
    rows = theirs(("in_1", 6.17, "usd", days[0]), ("in_1", 6.17, "usd", days[1]))
    found = reconcile(books, external=rows, external_columns=MAPPING)
    (row,) = found.exceptions.filter(external_id="lost").rows(named=True)
    assert row["causes"][0] == "missing"


def test_external_rows_of_one_invoice_have_the_customer_of_the_first() -> None:
    """Where nothing here says whose it is."""
    rows = pl.DataFrame({"ref": ["new", "new"], "paid": ["1", "2"], "whose": ["one", "two"]})
    mapping = {"invoice_id": "ref", "amount": "paid", "customer_id": "whose"}
    found = reconcile(ours(), external=rows, external_columns=mapping).exceptions.filter(external_id="new")
    assert found["customer_id"].to_list() == ["one"]


def test_external_without_a_currency_is_taken_to_be_in_ours() -> None:
    """Unless the same invoice has a row that names one: then they are not added."""
    rows = pl.DataFrame({"ref": ["in_1", "i2"], "paid": ["12.34", "50"]})
    mapping = {"invoice_id": "ref", "amount": "paid"}
    books = ours().head(2)
    assert verdicts(reconcile(books, external=rows, external_columns=mapping), "external") == ["pass", "pass"]
    rows = theirs(("in_1", "12.34", "usd", "2026-10-15"), ("in_1", "12.34", None, "2026-10-15"), GOOD[1])  # type: ignore[arg-type]  # no currency
    found = reconcile(books, external=rows, external_columns=MAPPING)
    assert sorted(verdicts(found, "external")) == ["fail", "pass", "pass"]


@pytest.mark.parametrize(
    ("key", "paid", "verdict"),
    [
        ("in_1", "12.345", "pass"),  # half a cent is rounding
        ("in_1", "12.3450000001", "fail"),
        ("in_1", "12.335", "pass"),
        ("in_1", "12.3349999999", "fail"),
        ("i2", "50.0099999999", "pass"),  # the tolerance itself is a difference
        ("i2", "50.01", "fail"),
    ],
)
def test_external_amounts_are_rounded_to_the_minor_unit(key: str, paid: str, verdict: str) -> None:
    """Half a cent, or less than the tolerance in the unit of the currency."""
    rows = [(ref, paid if ref == key else str(amount), currency, day) for ref, amount, currency, day in GOOD]
    assert compared(*rows)[key][0] == verdict


def test_external_takes_any_frame_that_speaks_arrow() -> None:
    """As `reconcile` is given it."""
    table = theirs(*GOOD).to_arrow()
    found = reconcile(ours(), external=table, external_columns=MAPPING)
    assert verdicts(found, "external") == ["pass"] * 3


def test_external_draft_void_and_double() -> None:
    """A draft or void invoice on the other side, or one that is there twice, is told as such."""
    books = pl.concat([invoice([], "5", id=status, status=status) for status in ("DRAFT", "VOID", "FINALIZED")])
    rows = [("DRAFT", 0.05), ("VOID", 0.05), ("FINALIZED", 0.05), ("FINALIZED", 0.05)]
    external = pl.DataFrame(rows, schema=["invoice_id", "amount"], orient="row")
    found = reconcile(books, external=external).exceptions
    told = dict(zip(found["invoice_id"], (causes[0] for causes in found["causes"].to_list()), strict=True))
    assert told == {
        "DRAFT": "a draft here, final there",
        "VOID": "the invoice is void",
        "FINALIZED": "more than one entry there",
    }


def test_external_zero_invoices_are_not_missed() -> None:
    """An invoice of nothing, a draft and a void one need not be on the other side."""
    books = pl.concat(
        [invoice([], "0"), invoice([], "5", id="d", status="DRAFT"), invoice([], "5", id="v", status="VOID")]
    )
    found = reconcile(books, external=pl.DataFrame(schema={"invoice_id": pl.String, "amount": pl.Float64}))
    assert "external" not in found.checks["check"]


def test_external_in_cents() -> None:
    """A system that keeps cents, as ours does, is compared as it stands."""
    external = pl.DataFrame({"invoice_id": ["i1"], "amount": [1234]})
    found = reconcile(ours().head(1), external=external, external_units="api")
    assert verdicts(found, "external") == ["pass"]


def test_external_unreadable() -> None:
    """An amount that is no number is not checked."""
    assert compared(("in_1", "n/a", "usd", "2026-10-15"))["in_1"][:2] == (
        "not checked",
        "the other system's amount is no number",
    )


def test_external_mapping_is_checked() -> None:
    """A mapping that does not fit is refused by name."""
    with pytest.raises(ArgumentError, match="external has no column 'invoice_id', 'amount'"):
        reconcile(external=theirs(*GOOD))
    with pytest.raises(ArgumentError, match="external_columns names 'total'"):
        reconcile(external=theirs(*GOOD), external_columns={"total": "paid"})
    with pytest.raises(ArgumentError, match="external_units"):
        reconcile(external_units="pounds")  # type: ignore[arg-type]  # the point of the test
    assert USD != EUR


def test_about_is_one_month_and_every_balance(books: Books) -> None:
    """A part of the whole: the checks of the invoices given and of the balances; those of other invoices are gone."""
    found = reconcile(books.invoices, books.balances, books.net_balances, as_of=books.as_of)
    some = books.invoices.filter(pl.col("start_timestamp") == on("2026-10-01"))
    part = found.about(some)
    ids = set(some["id"])
    standing = {"ledger_signs", "access_schedule", "ledger_balance", "net_balance"}
    for check, invoice_id in part.checks.select("check", "invoice_id").iter_rows():
        assert check in standing or invoice_id in ids
    assert part.checks.filter(pl.col("check") == "invoice_total").height == some.height
    kept = pl.col("check").is_in(standing)
    assert_frame_equal(part.checks.filter(kept), found.checks.filter(kept))
    assert part.summary["rows"].sum() == part.checks.height
    assert_frame_equal(found.about(books.invoices).checks, found.checks)


def test_about_keeps_the_other_systems_rows() -> None:
    """What they have of another month is compared; what they have not of another month is not missing there."""
    invoices = pl.concat([invoice([line("5")], "5", id=key) for key in ("october", "september", "august")])
    theirs = pl.DataFrame({"invoice_id": ["october", "september"], "amount": [Decimal("0.05"), Decimal("7.00")]})
    found = reconcile(invoices, external=theirs)
    assert verdicts(found, "external") == ["pass", "fail", "fail"]
    part = found.about(invoices.head(1))
    assert part.checks.filter(pl.col("check") == "external")["invoice_id"].to_list() == ["october", "september"]


def test_the_rows_behind_one_side() -> None:
    """The lines of an invoice alone, and the entries of a balance alone."""
    held = balance([start("2026-01-01", "100"), drawn("2026-02-01", "-5")], [YEAR], balance="95")
    found = reconcile(invoice([line("5", commit_id="b1"), applied("-5")], "0"), held)
    assert found.rows(invoice_id="i1")["line_items"].height == 2
    assert found.rows(balance_id="b1")["ledger"].height == 2
    assert found.rows(invoice_id="i1", balance_id="b1")["ledger"].height == 1


def test_families_told_apart_are_not_checked() -> None:
    """A child's invoice that draws on its parent's commit, and the parent's consolidated one: nothing fails."""
    books = balance([start("2026-01-01", "100"), drawn("2026-02-01", "-5", "i2")], [YEAR], balance="95")
    constituents = [{"invoice_id": "i2", "contract_id": "k", "customer_id": "child"}]
    whole = invoice([line("7")], "7", id="all", type="USAGE_CONSOLIDATED", constituent_invoices=constituents)
    part = invoice([line("12", commit_id="b1"), applied("-5")], "7", id="i2", customer_id="child")
    assert reconcile(pl.concat([whole, part]), books).ok
    apart = Reconciliation.together([reconcile(whole, books), reconcile(part, books.clear())])
    assert apart.ok
    for check, rows in (("consolidated", 1), ("drawdown", 2)):
        assert verdicts(apart, check) == ["not checked"] * rows
