"""Writes the script of each customer: a cycle of roles, so a few dozen customers show everything an account can hold.

Everything is drawn from the seed and the customer's index; nothing here knows what time it is, except that the
account's first month and its number of months are given.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from metronome_analytics.simulator.world import price_list
from metronome_analytics.simulator.world.agreements import (
    Charge,
    ManualEntry,
    Mishap,
    Override,
    Script,
    Specifier,
    subscription_id,
)
from metronome_analytics.simulator.world.amounts import scaled
from metronome_analytics.simulator.world.days import instant
from metronome_analytics.simulator.world.deals import Desk, round_amount
from metronome_analytics.simulator.world.price_list import AI_CARD, EUR_CARD

if TYPE_CHECKING:
    from collections.abc import Callable


def write_script(seed: int, index: int, customer_id: str, *, opened: int, months: int) -> Script:
    """The script of customer `index` of an account whose first of `months` months begins on day `opened`."""
    desk = Desk(seed, index, customer_id, opened, months)
    ROLES[index % len(ROLES)](desk)
    return Script(customer_id, tuple(desk.contracts), tuple(desk.balances))


def write_archived(seed: int, index: int, customer_id: str, *, opened: int, months: int, at: datetime) -> Script:
    """The script of an archived customer: pay as you go until then, every invoice void."""
    desk = Desk(seed, index, customer_id, opened, months)
    desk.contract(end=at.toordinal() + 1)
    return Script(customer_id, tuple(desk.contracts), (), archived_at=at)


def write_joined(seed: int, index: int, customer_id: str, *, at: datetime) -> Script:
    """The script of a customer that joins at an instant, on contracts that start the same day."""
    desk = Desk(seed, index, customer_id, at.toordinal(), 1)
    JOINING[index % len(JOINING)](desk)
    # Agreed to the week before is what a script says; of a customer that was not there it is agreed to now.
    contracts = tuple(replace(item, created_at=max(item.created_at, at)) for item in desk.contracts)
    balances = tuple(replace(item, created_at=max(item.created_at, at)) for item in desk.balances)
    return Script(customer_id, contracts, balances)


def _prepaid_annual(desk: Desk) -> None:
    """Write one annual commit that lasts about the year, seats, an onboarding charge."""
    charge = Charge(
        desk.id("charge"), price_list.ONBOARDING, scaled(250_000), desk.month(0) + 14, desk.id("onboarding invoice")
    )
    contract = desk.contract(seats=desk.random.randint(3, 40), charges=(charge,))
    amount = round_amount(desk.monthly(contract) * 11)
    desk.prepaid("annual", contract, amount, desk.month(0), desk.month(12), rollover_percent=10)
    desk.prepaid("second year", contract, amount, desk.month(12), desk.month(24), description="Second contract year")


def _prepaid_quarterly(desk: Desk) -> None:
    """Write one commit of quarterly segments, past, present and future, at commit rates."""
    contract = desk.contract()
    quarters = [desk.month(offset) for offset in range(0, desk.months + 6, 3)]
    amount = round_amount(desk.monthly(contract) * 2)
    desk.prepaid("quarterly", contract, amount, *quarters, rate_type="COMMIT_RATE", name="Quarterly commitment")


def _postpaid_ended(desk: Desk) -> None:
    """Write a postpaid commit that ended short and was trued up, and its successor."""
    contract = desk.contract()
    half = max(1, desk.months // 2)
    monthly = desk.monthly(contract)
    desk.postpaid("first", contract, round_amount(monthly * half * 3), desk.month(0), desk.month(half))
    desk.postpaid(
        "second",
        contract,
        round_amount(monthly * 12),
        desk.month(half),
        desk.month(half + 12),
        created_at=instant(desk.month(half)) - timedelta(days=3),
    )


def _mixed(desk: Desk) -> None:
    """Write prepaid, credit and postpaid on one contract."""
    contract = desk.contract(count=3, overrides=_audit_discount(desk))
    monthly = desk.monthly(contract)
    desk.prepaid(
        "tokens", contract, round_amount(monthly * 3), desk.month(0), desk.month(12),
        applicable_product_tags=("ai", "compute"), priority=10, name="Compute commitment",
    )  # fmt: skip
    desk.credit("welcome", round_amount(monthly // 2), desk.month(0), desk.month(2) + 15, contract_id=contract.id)
    desk.postpaid("overall", contract, round_amount(monthly * 24), desk.month(0), desk.month(24), priority=1)


def _audit_discount(desk: Desk) -> tuple[Override, ...]:
    """Half the price for audit events."""
    return (Override(desk.id("override", "audit"), price_list.AUDIT_EVENTS, percent=50),)


def _credits_only(desk: Desk) -> None:
    """Write free credits that end within a month, and one without priority."""
    contract = desk.contract()
    monthly = desk.monthly(contract)
    desk.credit("trial", scaled(50_000), desk.month(0), desk.month(0) + 15, custom_fields=(("campaign", "free-trial"),))
    desk.credit(
        "goodwill", round_amount(monthly * 2), desk.month(max(0, desk.months - 2)), desk.month(desk.months + 4),
        name="Goodwill credit", priority=None, applicable_contract_ids=(contract.id,),
    )  # fmt: skip


def _euro(desk: Desk) -> None:
    """Write a prepaid commit in euros, in whole units."""
    contract = desk.contract(card=EUR_CARD, seats=5)
    amount = round_amount(desk.monthly(contract) * 9)
    desk.prepaid("annual", contract, amount, desk.month(0), desk.month(12), name="Jahreskontingent")
    desk.prepaid("top up", contract, amount, desk.month(11), desk.month(23), do_not_invoice=True, purchases=())


def _ai_credits(desk: Desk) -> None:
    """Write usage priced in a custom unit, with a commit in that unit and the rest converted to dollars."""
    contract = desk.contract(card=AI_CARD)
    amount = round_amount(desk.monthly(contract) * 8)
    desk.prepaid("pool", contract, amount, desk.month(0), desk.month(12), name="AI Credits pool")
    desk.prepaid("second pool", contract, amount, desk.month(12), desk.month(24), name="AI Credits pool, year two")
    desk.credit("fiat", scaled(100_000), desk.month(0), desk.month(18), name="Credit in dollars that nothing may draw")


def _renewal(desk: Desk) -> None:
    """Write a contract renewed half way and its commit rolled over in part."""
    turn = max(1, desk.months // 2)
    first = desk.contract(end=desk.month(turn))
    monthly = desk.monthly(first)
    old = desk.prepaid(
        "first", first, round_amount(monthly * turn * 3 // 2), desk.month(0), desk.month(turn), rollover_percent=25
    )
    renewed = desk.contract("renewed", start=turn, renews=first.id, streams=first.streams, end=desk.month(turn + 12))
    desk.prepaid(
        "rolled", renewed, 0, desk.month(turn), desk.month(turn + 6), rolled_over_from=old.id, purchases=(),
        created_at=instant(renewed.start), name="Prepaid commitment (rollover)",
    )  # fmt: skip
    desk.prepaid("renewed", renewed, round_amount(monthly * 11), desk.month(turn), desk.month(turn + 12))


def _pay_as_you_go(desk: Desk) -> None:
    """Write a contract without any balance."""
    desk.contract(count=4, size=desk.random.uniform(0.1, 1), package_id=price_list.STARTER_PACKAGE)


def _nothing(_: Desk) -> None:
    """Write nothing: no contract, no balance."""


def _idle(desk: Desk) -> None:
    """Write a contract and a commit, and not a single event."""
    contract = desk.contract(size=0)
    desk.prepaid("annual", contract, scaled(1_200_000), desk.month(0), desk.month(24))


def _plan(desk: Desk) -> None:
    """Write a customer on the deprecated Plans: daily costs, no contract."""
    desk.contract("plan", plan="Legacy scale plan", count=3)


def _corrected_by_hand(desk: Desk) -> None:
    """Write manual entries in history: a top-up, a write-off, and one that overdrew a credit."""
    contract = desk.contract()
    monthly = desk.monthly(contract)
    commit = desk.id("segment", "annual", desk.month(0))
    gift = desk.id("segment", "gift", desk.month(0))
    up, down, over = (desk.month(0) + days for days in (40, 75, 20))
    desk.prepaid(
        "annual", contract, round_amount(monthly * 16), desk.month(0), desk.month(18),
        manual=(
            ManualEntry(commit, scaled("12345.67"), "Late migration bonus", instant(up), instant(up)),
            ManualEntry(commit, scaled("-98.5"), "SLA credit was paid twice", instant(down), instant(down)),
        ),
    )  # fmt: skip
    desk.credit(
        "gift", scaled(5000), desk.month(0), desk.month(30), applicable_product_ids=(price_list.AUDIT_EVENTS.id,),
        manual=(ManualEntry(gift, scaled(-7500), "Revoked after fraud review", instant(over), instant(over)),),
    )  # fmt: skip


def _many_credits(desk: Desk) -> None:
    """Write monthly credits on customer and contract level: more balances than one page holds."""
    contract = desk.contract(count=3)
    monthly = desk.monthly(contract)
    recurring = desk.id("recurring", "monthly")
    for offset in range(desk.months + 1):
        start, end = desk.month(offset), desk.month(offset + 1)
        desk.credit(
            f"monthly {offset}", round_amount(monthly // 2), start, end, contract_id=contract.id,
            recurring_id=recurring, name="Monthly allowance", priority=50,
        )  # fmt: skip
        desk.credit(
            f"regional {offset}", round_amount(monthly * 2 // 3), start, end + 14, priority=50,
            specifiers=(Specifier(group=(("region", "eu-west"),)), Specifier(product_tags=("tokens",))),
            name="Regional allowance", uniqueness_key=f"regional-{desk.index}-{offset}",
        )  # fmt: skip


def _voided(desk: Desk) -> None:
    """Write an invoice that was voided and regenerated while a commit was being drawn."""
    mishap = Mishap("void", desk.month(max(0, desk.months - 4)))
    contract = desk.contract(mishaps=(mishap,))
    amount = round_amount(desk.monthly(contract) * 16)
    desk.prepaid("annual", contract, amount, desk.month(0), desk.month(18))


def _corrected(desk: Desk) -> None:
    """Write an invoice that a correction refers to, and a customer-level commit billed to the contract."""
    mishap = Mishap(
        "correction", desk.month(max(0, desk.months - 3)), scaled("-1234.5"), "Metering error", "Double counted egress"
    )
    contract = desk.contract(mishaps=(mishap,))
    amount = round_amount(desk.monthly(contract) * 15)
    desk.prepaid(
        "account", contract, amount, desk.month(0), desk.month(12), contract_id=None, invoice_contract_id=contract.id,
        applicable_contract_ids=(contract.id,), name="Account-wide commitment",
    )  # fmt: skip


def _archived_commit(desk: Desk) -> None:
    """Write a commit entered by mistake and archived the same day, the right one, and one without true-up."""
    contract = desk.contract()
    amount = round_amount(desk.monthly(contract) * 9)
    desk.prepaid(
        "mistake", contract, amount * 10, desk.month(0), desk.month(12), purchases=(), do_not_invoice=True,
        archived_at=contract.created_at + timedelta(hours=2), name="Entered with one zero too many",
    )  # fmt: skip
    desk.prepaid("right", contract, amount, desk.month(0), desk.month(12))
    half = max(1, desk.months // 2)
    desk.postpaid("waived", contract, amount, desk.month(0), desk.month(half), true_up=False)


def _two_currencies(desk: Desk) -> None:
    """Write one contract in dollars and one in euros, each with its balance."""
    dollars = desk.contract("us")
    euros = desk.contract("eu", start=min(2, desk.months - 1), card=EUR_CARD)
    desk.prepaid("us", dollars, round_amount(desk.monthly(dollars) * 16), desk.month(0), desk.month(20))
    start = min(2, desk.months - 1)
    desk.prepaid("eu", euros, round_amount(desk.monthly(euros) * 14), desk.month(start), desk.month(start + 12))


def _large(desk: Desk) -> None:
    """Write every product in every group, on several balances, and seats with an allowance each."""
    contract = desk.contract(count=6, size=8, seats=250, overrides=_audit_discount(desk))
    monthly = desk.monthly(contract)
    desk.prepaid("base", contract, round_amount(monthly * 15), desk.month(0), desk.month(18), priority=20)
    desk.prepaid(
        "gpu", contract, round_amount(monthly), desk.month(0), desk.month(15), priority=20,
        applicable_product_ids=(price_list.GPU_HOURS.id,), name="GPU commitment",
    )  # fmt: skip
    desk.credit("partner", round_amount(monthly // 3), desk.month(1), desk.month(13), priority=20)
    # The only balance that is allocated to seats; no one has audit events, so every seat keeps its share.
    desk.credit(
        "seats", scaled(250 * 400), desk.month(0), desk.month(24), contract_id=contract.id, priority=90,
        applicable_product_ids=(price_list.AUDIT_EVENTS.id,), name="Seat allowance",
        recurring_id=desk.id("recurring", "seats"), allocated_to=subscription_id(contract),
    )  # fmt: skip


ROLES: tuple[Callable[[Desk], None], ...] = (
    _prepaid_annual,
    _prepaid_quarterly,
    _mixed,
    _renewal,
    _ai_credits,
    _euro,
    _many_credits,
    _postpaid_ended,
    _corrected_by_hand,
    _plan,
    _voided,
    _nothing,
    _credits_only,
    _pay_as_you_go,
    _two_currencies,
    _corrected,
    _idle,
    _archived_commit,
    _large,
)
"""The roles, dealt out in this order again and again."""


JOINING = (_prepaid_annual, _mixed, _prepaid_quarterly, _pay_as_you_go, _renewal, _ai_credits, _euro, _many_credits)
"""The roles of customers that join later."""


def on_plan(index: int) -> bool:
    """Whether customer `index`, if active, is on the deprecated Plans; known without writing any script."""
    return ROLES[index % len(ROLES)] is _plan
