"""What each check of a reconciliation is called by people, and what it proves."""

from __future__ import annotations

from typing import NamedTuple


class Meaning(NamedTuple):
    """A check in words: its title, and what holds where it passes."""

    title: str
    proves: str


_MEANINGS = {
    "invoice_total": Meaning(
        "Invoice totals",
        "The total of every invoice is the sum of its lines in its currency, without drawdown of postpaid commits.",
    ),
    "counted_once": Meaning(
        "Counted once", "No contract and period is billed by two live invoices, and no invoice is listed twice."
    ),
    "consolidated": Meaning(
        "Consolidated invoices", "A consolidated invoice equals the invoices that it repeats: one side counts."
    ),
    "corrections": Meaning(
        "Corrections", "Every correction is shown beside what it corrects; how the two net is for a person to decide."
    ),
    "billing_provider": Meaning(
        "Billing provider", "The billing provider billed each invoice's total, and holds no bill for a void invoice."
    ),
    "drawdown": Meaning("Drawdown", "What invoices took from each balance is what its ledger deducted for them."),
    "true_up": Meaning("True-ups", "What was billed for the rest of a postpaid commit is the rest in its ledger."),
    "prepaid_purchase": Meaning(
        "Prepaid purchases", "Each instalment of a prepaid commit was billed, in full, on the invoice of its schedule."
    ),
    "ledger_signs": Meaning("Signs of ledgers", "In every ledger grants add and deductions take away."),
    "access_schedule": Meaning(
        "Access schedules", "The ledger opened each segment with the amount that the access schedule grants."
    ),
    "ledger_balance": Meaning(
        "Ledgers to balances", "The entries of each ledger add up to the balance the API states."
    ),
    "net_balance": Meaning(
        "Net balances", "The balances of each customer and currency add up to the net balance the API states."
    ),
    "external": Meaning(
        "Other system", "The other system has every final invoice at its amount, and no invoice besides."
    ),
}


def meaning(check: str) -> Meaning:
    """What a check is called and proves; of one nobody described, its name."""
    return _MEANINGS.get(check) or Meaning(check.replace("_", " ").capitalize(), "")
