"""What each check of a reconciliation means, slowly and plainly: rows as dicts, Decimals, no polars, no package code.

Every function yields (invoice_id, balance_id, segment_id, verdict). It shares nothing with what it is held against.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

Row = dict[str, Any]
Found = tuple[str | None, str | None, str | None, str]

TOLERANCE = Decimal("0.01")
CENTS = "(cents)"
GONE = {"VOID", "DELETED"}
PREFIXES = ("PREPAID_COMMIT_", "POSTPAID_COMMIT_", "CREDIT_")


def compared(expected: Decimal, actual: Decimal, tolerance: Decimal = TOLERANCE) -> str:
    """A difference of the tolerance or more fails; no difference passes whatever the tolerance."""
    off = abs(actual - expected)
    return "pass" if off == 0 or off < tolerance else "fail"


def kind(entry: Row) -> str:
    """The type of a ledger entry without the kind of its balance."""
    return next(str(entry["type"])[len(each) :] for each in PREFIXES if str(entry["type"]).startswith(each))


def draws(line: Row) -> bool:
    """A line that takes from a balance: an applied one, or a negative one that names a commit."""
    return line["type"] == "applied_commit_or_credit" or (line["total"] < 0 and line["commit_id"] is not None)


def drawn_on(line: Row) -> str | None:
    """The balance a line takes from."""
    applied: Row = line["applied_commit_or_credit"] or {}
    found: str | None = applied.get("id") or line["commit_id"]
    return found


def first_of_each(invoices: list[Row]) -> dict[str, Row]:
    """Each invoice once, as it came first."""
    found: dict[str, Row] = {}
    for invoice in invoices:
        found.setdefault(invoice["id"], invoice)
    return found


def invoice_total(invoices: list[Row]) -> Iterator[Found]:
    """The total is the sum of the lines in the invoice's currency; usage under a postpaid commit is payable."""
    for invoice in invoices:
        expected = Decimal(0)
        for line in invoice["line_items"]:
            postpaid = draws(line) and (line["applied_commit_or_credit"] or {}).get("type") == "POSTPAID"
            if (line["credit_type"] or {}).get("id", invoice["credit_type_id"]) == invoice["credit_type_id"]:
                expected += Decimal(0) if postpaid else line["total"]
        yield invoice["id"], None, None, compared(expected, invoice["total"])


def counted_once(invoices: list[Row]) -> Iterator[Found]:
    """One live usage invoice for a contract and period, and every invoice in the frame once."""
    groups: dict[object, list[str]] = defaultdict(list)
    for invoice in invoices:
        if invoice["status"] == "VOID":
            continue
        period = (invoice["customer_id"], invoice["contract_id"], invoice["type"], invoice["credit_type_id"],
                  invoice["start_timestamp"], invoice["end_timestamp"])  # fmt: skip
        alone = (
            invoice["start_timestamp"] is None
            or invoice["type"] == "USAGE_CONSOLIDATED"
            or invoice["corrected_invoice_id"] is not None
        )
        groups[invoice["id"] if alone else period].append(invoice["id"])
    for ids in groups.values():
        yield ids[-1], None, None, "pass" if len(ids) == 1 else "fail"


def billing_provider(invoices: list[Row]) -> Iterator[Found]:
    """What the provider billed is the total, rounded to its minor unit; what is void here is no bill there."""
    for invoice in first_of_each(invoices).values():
        outside = invoice["external_invoice"]
        if outside is None:
            continue
        status, billed = outside["external_status"], outside["invoiced_total"]
        void = invoice["status"] == "VOID"
        if void and status not in {*GONE, "SKIPPED", "INVALID_REQUEST_ERROR", None}:
            verdict = "fail"
        elif billed is None and status != "SKIPPED":
            verdict = "not checked"
        elif void:
            verdict = "pass" if status in {*GONE, "SKIPPED"} else "warning"
        else:
            half = Decimal("0.5000000001") if CENTS in invoice["credit_type_name"] else TOLERANCE
            verdict = compared(invoice["total"], billed or Decimal(0), half)
            if status in GONE:
                verdict = "fail"
            elif verdict == "pass" and status in {"PAYMENT_FAILED", "UNCOLLECTIBLE", "INVALID_REQUEST_ERROR"}:
                verdict = "warning"
        yield invoice["id"], None, None, verdict


def drawdown(invoices: list[Row], balances: list[Row]) -> Iterator[Found]:
    """What live invoices drew on each balance is what its ledger says they did."""
    expected: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    actual: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    known = first_of_each(invoices)
    for invoice in known.values():
        if invoice["status"] == "VOID" or invoice["type"] == "USAGE_CONSOLIDATED":
            continue
        for line in invoice["line_items"]:
            if draws(line):
                expected[str(drawn_on(line)), invoice["id"]] -= line["total"]
    for balance in balances:
        for entry in balance["ledger"] or ():
            if kind(entry) in {"AUTOMATED_INVOICE_DEDUCTION", "CANCELED", "CREDITED"} and entry["invoice_id"]:
                actual[balance["id"], entry["invoice_id"]] -= entry["amount"]
    ledgers = {balance["id"]: balance["ledger"] for balance in balances}
    for pair in {**expected, **actual}:
        if pair[1] not in known or ledgers.get(pair[0]) is None:
            verdict = "not checked"
        else:
            verdict = compared(expected[pair], actual[pair])
        yield pair[1], pair[0], None, verdict


def ledger_signs(balances: list[Row]) -> Iterator[Found]:
    """Deductions take away and grants add."""
    for balance in balances:
        wrong = [
            entry
            for entry in balance["ledger"] or ()
            if (kind(entry) == "AUTOMATED_INVOICE_DEDUCTION" and entry["amount"] > 0)
            or (kind(entry) in {"SEGMENT_START", "INITIAL_BALANCE"} and entry["amount"] < 0)
        ]
        if balance["ledger"]:
            named = next((each["invoice_id"] for each in wrong if each["invoice_id"]), None)
            yield named, balance["id"], None, "fail" if wrong else "pass"


def segment_of(entry: Row, segments: list[Row]) -> str | None:
    """The segment an entry belongs to; without an id the one its date falls in, of several the latest.

    What closes a segment stands at its end. Before every segment, or after all, it belongs to the last one begun.
    """
    if entry["segment_id"] is not None or not segments:
        return None if entry["segment_id"] is None else str(entry["segment_id"])
    at = entry["timestamp"]
    closes = kind(entry) in {"ROLLOVER", "TRUEUP", "EXPIRATION"}
    within = [
        each
        for each in segments
        if (
            each["starting_at"] < at <= each["ending_before"]
            if closes
            else each["starting_at"] <= at < each["ending_before"]
        )
    ]
    begun = [each for each in segments if each["starting_at"] <= at]
    return str(max(within or begun or segments, key=lambda each: each["starting_at"])["id"])


def access_schedule(balances: list[Row], as_of: datetime) -> Iterator[Found]:
    """Each segment opens with what the schedule grants; one that has not begun need not be there yet."""
    for balance in balances:
        if balance["ledger"] is None:
            continue
        granted = {each["id"]: each for each in balance["access_schedule"]["schedule_items"]}
        opened: dict[str | None, Decimal] = defaultdict(Decimal)
        for entry in balance["ledger"]:
            if kind(entry) in {"SEGMENT_START", "INITIAL_BALANCE"}:
                opened[segment_of(entry, list(granted.values()))] += entry["amount"]
        for segment in {**granted, **opened}:
            if segment not in opened and granted[segment]["starting_at"] > as_of:
                verdict = "not checked"
            else:
                amount = granted[segment]["amount"] if segment in granted else Decimal(0)
                verdict = compared(amount, opened.get(segment, Decimal(0)))
            yield None, balance["id"], segment, verdict


def possible_balances(balance: Row, as_of: datetime) -> list[Decimal]:
    """What the API may show at `as_of`: the rest of every segment that has begun, none of them below zero.

    A postpaid commit whose access is over counts zero there, and its true-up may not be booked yet: both are possible.
    """
    if balance["archived_at"] is not None and balance["archived_at"] <= as_of:
        return [Decimal(0)]
    items = {each["id"]: each for each in balance["access_schedule"]["schedule_items"]}
    rests: dict[str | None, Decimal] = defaultdict(Decimal)
    touched: set[str | None] = set()
    for entry in balance["ledger"]:
        segment = segment_of(entry, list(items.values()))
        rests[segment] += entry["amount"]
        if kind(entry) not in {"SEGMENT_START", "INITIAL_BALANCE", "MANUAL"}:
            touched.add(segment)
    sums = [Decimal(0)]
    for segment, rest in rests.items():
        item = items.get(str(segment))
        if item is not None and item["starting_at"] > as_of and segment not in touched:
            continue
        left = max(rest, Decimal(0))
        if balance["type"] == "POSTPAID" and item is not None and item["ending_before"] <= as_of:
            sums += [each + left for each in sums]
        else:
            sums = [each + left for each in sums]
    return sums


def ledger_balance(balances: list[Row], as_of: datetime) -> Iterator[Found]:
    """The API's balance is one of the possible ones."""
    for balance in balances:
        gone = balance["archived_at"] is not None and balance["archived_at"] <= as_of
        if balance["balance"] is None or (balance["ledger"] is None and not gone):
            verdict = "not checked"
        else:
            verdicts = {compared(each, balance["balance"]) for each in possible_balances(balance, as_of)}
            verdict = "pass" if "pass" in verdicts else "fail"
        yield None, balance["id"], None, verdict


def prepaid_purchase(invoices: list[Row], balances: list[Row]) -> Iterator[Found]:
    """What a commit's schedule bills was billed, by the invoice it names or the one made in its place."""
    known = first_of_each(invoices)

    def origin(invoice_id: str) -> str:
        before = known.get(invoice_id, {}).get("regenerated_from_invoice_id")
        return invoice_id if before is None else origin(before)

    held = {balance["id"]: balance for balance in balances}
    everywhere = {
        str(line["commit_id"]): None
        for invoice in known.values()
        for line in invoice["line_items"]
        if line["type"] == "commit_purchase"
    }
    for key in {**held, **everywhere}:
        schedule = (held.get(key, {}).get("invoice_schedule") or {}).get("schedule_items") or []
        due = {origin(each["invoice_id"]): each for each in schedule}
        sold = sales(list(known.values()), key, origin)
        # Where no field says so: the first void sale that is due was replaced by the first live one that is not.
        holes = [chain for chain, each in sold.items() if chain in due and not live(each)]
        spare = [chain for chain, each in sold.items() if chain not in due and live(each)]
        for hole, other in zip(holes, spare, strict=False):
            sold[hole] = sold.pop(other)
        sold_at_all = due or any(live(each) for each in sold.values())
        for chain in {**due, **sold}:
            made = sold.get(chain, [])
            if not live(made) and chain not in due and sold_at_all:
                continue
            about = str((live(made) or made or [{"id": due[chain]["invoice_id"]}])[0]["id"])
            if about not in known or key not in held:
                verdict = "not checked"
            elif known[about]["status"] == "VOID":
                verdict = "pass" if held[key]["archived_at"] is not None else "fail"
            else:
                expected = due[chain]["amount"] if chain in due else Decimal(0)
                verdict = compared(expected, sum((each["amount"] for each in live(made)), Decimal(0)))
            yield about, key, None, verdict


def sales(invoices: list[Row], commit: str, origin: Callable[[str], str]) -> dict[str, list[Row]]:
    """What each chain of invoices bills for a commit, in the order of the frame."""
    found: dict[str, list[Row]] = defaultdict(list)
    for invoice in invoices:
        bought = [
            each for each in invoice["line_items"] if each["type"] == "commit_purchase" and each["commit_id"] == commit
        ]
        if bought:
            amount = sum((each["total"] for each in bought), Decimal(0))
            found[origin(invoice["id"])].append({"id": invoice["id"], "status": invoice["status"], "amount": amount})
    return found


def live(made: list[Row]) -> list[Row]:
    """The sales that are not void."""
    return [each for each in made if each["status"] != "VOID"]


def checks(invoices: list[Row], balances: list[Row], as_of: datetime) -> dict[str, list[Found]]:
    """Every check stated here, by name."""
    made: dict[str, Callable[[], Iterator[Found]]] = {
        "invoice_total": lambda: invoice_total(invoices),
        "counted_once": lambda: counted_once(invoices),
        "billing_provider": lambda: billing_provider(invoices),
        "drawdown": lambda: drawdown(invoices, balances),
        "prepaid_purchase": lambda: prepaid_purchase(invoices, balances),
        "ledger_signs": lambda: ledger_signs(balances),
        "access_schedule": lambda: access_schedule(balances, as_of),
        "ledger_balance": lambda: ledger_balance(balances, as_of),
    }
    return {name: list(check()) for name, check in made.items()}


def net_balance(balances: list[Row], told: list[Row]) -> dict[tuple[str, str], str]:
    """A customer's net balance in a credit type is the sum of its balances in it."""
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for balance in balances:
        sums[balance["customer_id"], balance["credit_type_id"]] += balance["balance"]
    nets = {(each["customer_id"], each["credit_type_id"]): each["balance"] for each in told}
    return {
        key: compared(sums.get(key, Decimal(0)), nets[key]) if key in nets else "not checked"
        for key in {**sums, **nets}
    }
