"""The agreements of each customer: a cycle of roles, so a few dozen customers show everything an account can hold.

Everything is drawn from the seed and the customer's index; nothing here knows what time it is, except that the
account's first month and its number of months are given.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from metronome_analytics.simulator.world import price_list
from metronome_analytics.simulator.world.agreements import (
    Agreements,
    Charge,
    ManualEntry,
    Mishap,
    Override,
    Specifier,
    subscription_id,
)
from metronome_analytics.simulator.world.amounts import scaled
from metronome_analytics.simulator.world.days import instant
from metronome_analytics.simulator.world.deals import Deals, round_amount
from metronome_analytics.simulator.world.price_list import AI_CARD, EUR_CARD

if TYPE_CHECKING:
    from collections.abc import Callable


def agree(seed: int, index: int, customer_id: str, *, opened: int, months: int) -> Agreements:
    """The agreements of customer `index` of an account whose first of `months` months begins on day `opened`."""
    deals = Deals(seed, index, customer_id, opened, months)
    ROLES[index % len(ROLES)](deals)
    return Agreements(customer_id, tuple(deals.contracts), tuple(deals.balances))


def agree_archived(seed: int, index: int, customer_id: str, *, opened: int, months: int, at: datetime) -> Agreements:
    """The agreements of an archived customer: pay as you go until then, every invoice void."""
    deals = Deals(seed, index, customer_id, opened, months)
    deals.contract(end=at.toordinal() + 1)
    return Agreements(customer_id, tuple(deals.contracts), (), archived_at=at)


def agree_joined(seed: int, index: int, customer_id: str, *, at: datetime) -> Agreements:
    """The agreements of a customer that joins at an instant, on contracts that start the same day."""
    deals = Deals(seed, index, customer_id, at.toordinal(), 1)
    JOINING[index % len(JOINING)](deals)
    # Agreed to the week before is what agreements say; of a customer that was not there it is agreed to now.
    contracts = tuple(replace(item, created_at=max(item.created_at, at)) for item in deals.contracts)
    balances = tuple(replace(item, created_at=max(item.created_at, at)) for item in deals.balances)
    return Agreements(customer_id, contracts, balances)


def _prepaid_annual(deals: Deals) -> None:
    """One annual commit that lasts about the year, seats, an onboarding charge."""
    charge = Charge(
        deals.id("charge"), price_list.ONBOARDING, scaled(250_000), deals.month(0) + 14, deals.id("onboarding invoice")
    )
    contract = deals.contract(seats=deals.random.randint(3, 40), charges=(charge,))
    amount = round_amount(deals.monthly(contract) * 11)
    deals.prepaid("annual", contract, amount, deals.month(0), deals.month(12), rollover_percent=10)
    deals.prepaid("second year", contract, amount, deals.month(12), deals.month(24), description="Second contract year")


def _prepaid_quarterly(deals: Deals) -> None:
    """One commit of quarterly segments, past, present and future, at commit rates."""
    contract = deals.contract()
    quarters = [deals.month(offset) for offset in range(0, deals.months + 6, 3)]
    amount = round_amount(deals.monthly(contract) * 2)
    deals.prepaid("quarterly", contract, amount, *quarters, rate_type="COMMIT_RATE", name="Quarterly commitment")


def _postpaid_ended(deals: Deals) -> None:
    """A postpaid commit that ended short and was trued up, and its successor."""
    contract = deals.contract()
    half = max(1, deals.months // 2)
    monthly = deals.monthly(contract)
    deals.postpaid("first", contract, round_amount(monthly * half * 3), deals.month(0), deals.month(half))
    deals.postpaid(
        "second",
        contract,
        round_amount(monthly * 12),
        deals.month(half),
        deals.month(half + 12),
        created_at=instant(deals.month(half)) - timedelta(days=3),
    )


def _mixed(deals: Deals) -> None:
    """Prepaid, credit and postpaid on one contract."""
    contract = deals.contract(count=3, overrides=_audit_discount(deals))
    monthly = deals.monthly(contract)
    deals.prepaid(
        "tokens", contract, round_amount(monthly * 3), deals.month(0), deals.month(12),
        applicable_product_tags=("ai", "compute"), priority=10, name="Compute commitment",
    )  # fmt: skip
    deals.credit("welcome", round_amount(monthly // 2), deals.month(0), deals.month(2) + 15, contract_id=contract.id)
    deals.postpaid("overall", contract, round_amount(monthly * 24), deals.month(0), deals.month(24), priority=1)


def _audit_discount(deals: Deals) -> tuple[Override, ...]:
    """Half the price for audit events."""
    return (Override(deals.id("override", "audit"), price_list.AUDIT_EVENTS, percent=50),)


def _credits_only(deals: Deals) -> None:
    """Free credits that end within a month, and one without priority."""
    contract = deals.contract()
    monthly = deals.monthly(contract)
    deals.credit(
        "trial", scaled(50_000), deals.month(0), deals.month(0) + 15, custom_fields=(("campaign", "free-trial"),)
    )
    deals.credit(
        "goodwill", round_amount(monthly * 2), deals.month(max(0, deals.months - 2)), deals.month(deals.months + 4),
        name="Goodwill credit", priority=None, applicable_contract_ids=(contract.id,),
    )  # fmt: skip


def _euro(deals: Deals) -> None:
    """A prepaid commit in euros, in whole units."""
    contract = deals.contract(card=EUR_CARD, seats=5)
    amount = round_amount(deals.monthly(contract) * 9)
    deals.prepaid("annual", contract, amount, deals.month(0), deals.month(12), name="Jahreskontingent")
    deals.prepaid("top up", contract, amount, deals.month(11), deals.month(23), do_not_invoice=True, purchases=())


def _ai_credits(deals: Deals) -> None:
    """Usage priced in a custom unit, with a commit in that unit and the rest converted to dollars."""
    contract = deals.contract(card=AI_CARD)
    amount = round_amount(deals.monthly(contract) * 8)
    deals.prepaid("pool", contract, amount, deals.month(0), deals.month(12), name="AI Credits pool")
    deals.prepaid("second pool", contract, amount, deals.month(12), deals.month(24), name="AI Credits pool, year two")
    deals.credit(
        "fiat", scaled(100_000), deals.month(0), deals.month(18), name="Credit in dollars that nothing may draw"
    )


def _renewal(deals: Deals) -> None:
    """A contract renewed half way and its commit rolled over in part."""
    turn = max(1, deals.months // 2)
    first = deals.contract(end=deals.month(turn))
    monthly = deals.monthly(first)
    old = deals.prepaid(
        "first", first, round_amount(monthly * turn * 3 // 2), deals.month(0), deals.month(turn), rollover_percent=25
    )
    renewed = deals.contract("renewed", start=turn, renews=first.id, streams=first.streams, end=deals.month(turn + 12))
    deals.prepaid(
        "rolled", renewed, 0, deals.month(turn), deals.month(turn + 6), rolled_over_from=old.id, purchases=(),
        created_at=instant(renewed.start), name="Prepaid commitment (rollover)",
    )  # fmt: skip
    deals.prepaid("renewed", renewed, round_amount(monthly * 11), deals.month(turn), deals.month(turn + 12))


def _pay_as_you_go(deals: Deals) -> None:
    """A contract without any balance."""
    deals.contract(count=4, size=deals.random.uniform(0.1, 1), package_id=price_list.STARTER_PACKAGE)


def _nothing(_: Deals) -> None:
    """Nothing: no contract, no balance."""


def _idle(deals: Deals) -> None:
    """A contract and a commit, and not a single event."""
    contract = deals.contract(size=0)
    deals.prepaid("annual", contract, scaled(1_200_000), deals.month(0), deals.month(24))


def _plan(deals: Deals) -> None:
    """A customer on the deprecated Plans: daily costs, no contract."""
    deals.contract("plan", plan="Legacy scale plan", count=3)


def _corrected_by_hand(deals: Deals) -> None:
    """Manual entries in history: a top-up, a write-off, and one that overdrew a credit."""
    contract = deals.contract()
    monthly = deals.monthly(contract)
    commit = deals.id("segment", "annual", deals.month(0))
    gift = deals.id("segment", "gift", deals.month(0))
    up, down, over = (deals.month(0) + days for days in (40, 75, 20))
    deals.prepaid(
        "annual", contract, round_amount(monthly * 16), deals.month(0), deals.month(18),
        manual=(
            ManualEntry(commit, scaled("12345.67"), "Late migration bonus", instant(up), instant(up)),
            ManualEntry(commit, scaled("-98.5"), "SLA credit was paid twice", instant(down), instant(down)),
        ),
    )  # fmt: skip
    deals.credit(
        "gift", scaled(5000), deals.month(0), deals.month(30), applicable_product_ids=(price_list.AUDIT_EVENTS.id,),
        manual=(ManualEntry(gift, scaled(-7500), "Revoked after fraud review", instant(over), instant(over)),),
    )  # fmt: skip


def _many_credits(deals: Deals) -> None:
    """Monthly credits on customer and contract level: more balances than one page holds."""
    contract = deals.contract(count=3)
    monthly = deals.monthly(contract)
    recurring = deals.id("recurring", "monthly")
    for offset in range(deals.months + 1):
        start, end = deals.month(offset), deals.month(offset + 1)
        deals.credit(
            f"monthly {offset}", round_amount(monthly // 2), start, end, contract_id=contract.id,
            recurring_id=recurring, name="Monthly allowance", priority=50,
        )  # fmt: skip
        deals.credit(
            f"regional {offset}", round_amount(monthly * 2 // 3), start, end + 14, priority=50,
            specifiers=(Specifier(group=(("region", "eu-west"),)), Specifier(product_tags=("tokens",))),
            name="Regional allowance", uniqueness_key=f"regional-{deals.index}-{offset}",
        )  # fmt: skip


def _voided(deals: Deals) -> None:
    """An invoice that was voided and regenerated while a commit was being drawn."""
    mishap = Mishap("void", deals.month(max(0, deals.months - 4)))
    contract = deals.contract(mishaps=(mishap,))
    amount = round_amount(deals.monthly(contract) * 16)
    deals.prepaid("annual", contract, amount, deals.month(0), deals.month(18))


def _corrected(deals: Deals) -> None:
    """An invoice that a correction refers to, and a customer-level commit billed to the contract."""
    mishap = Mishap(
        "correction",
        deals.month(max(0, deals.months - 3)),
        scaled("-1234.5"),
        "Metering error",
        "Double counted egress",
    )
    contract = deals.contract(mishaps=(mishap,))
    amount = round_amount(deals.monthly(contract) * 15)
    deals.prepaid(
        "account", contract, amount, deals.month(0), deals.month(12), contract_id=None, invoice_contract_id=contract.id,
        applicable_contract_ids=(contract.id,), name="Account-wide commitment",
    )  # fmt: skip


def _archived_commit(deals: Deals) -> None:
    """A commit entered by mistake and archived the same day, the right one, and one without true-up."""
    contract = deals.contract()
    amount = round_amount(deals.monthly(contract) * 9)
    deals.prepaid(
        "mistake", contract, amount * 10, deals.month(0), deals.month(12), purchases=(), do_not_invoice=True,
        archived_at=contract.created_at + timedelta(hours=2), name="Entered with one zero too many",
    )  # fmt: skip
    deals.prepaid("right", contract, amount, deals.month(0), deals.month(12))
    half = max(1, deals.months // 2)
    deals.postpaid("waived", contract, amount, deals.month(0), deals.month(half), true_up=False)


def _two_currencies(deals: Deals) -> None:
    """One contract in dollars and one in euros, each with its balance."""
    dollars = deals.contract("us")
    euros = deals.contract("eu", start=min(2, deals.months - 1), card=EUR_CARD)
    deals.prepaid("us", dollars, round_amount(deals.monthly(dollars) * 16), deals.month(0), deals.month(20))
    start = min(2, deals.months - 1)
    deals.prepaid("eu", euros, round_amount(deals.monthly(euros) * 14), deals.month(start), deals.month(start + 12))


def _large(deals: Deals) -> None:
    """Every product in every group, on several balances, and seats with an allowance each."""
    contract = deals.contract(count=6, size=8, seats=250, overrides=_audit_discount(deals))
    monthly = deals.monthly(contract)
    deals.prepaid("base", contract, round_amount(monthly * 15), deals.month(0), deals.month(18), priority=20)
    deals.prepaid(
        "gpu", contract, round_amount(monthly), deals.month(0), deals.month(15), priority=20,
        applicable_product_ids=(price_list.GPU_HOURS.id,), name="GPU commitment",
    )  # fmt: skip
    deals.credit("partner", round_amount(monthly // 3), deals.month(1), deals.month(13), priority=20)
    # The only balance that is allocated to seats; no one has audit events, so every seat keeps its share.
    deals.credit(
        "seats", scaled(250 * 400), deals.month(0), deals.month(24), contract_id=contract.id, priority=90,
        applicable_product_ids=(price_list.AUDIT_EVENTS.id,), name="Seat allowance",
        recurring_id=deals.id("recurring", "seats"), allocated_to=subscription_id(contract),
    )  # fmt: skip


ROLES: tuple[Callable[[Deals], None], ...] = (
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
    """Whether customer `index`, if active, is on the deprecated Plans; known without writing any agreements."""
    return ROLES[index % len(ROLES)] is _plan
