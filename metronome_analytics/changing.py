"""Planning and applying changes, on top of the loaders: what `Account.plan`, `apply`, `settle` and `journal` are."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from metronome_analytics.leeway import MAX_ENTRY, MAX_TOTAL, Leeway
from metronome_analytics.loaders import AllLoaders

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

    from metronome_analytics.changes.applying import Outcome
    from metronome_analytics.changes.balance_plan import BalancePlan
    from metronome_analytics.changes.fields import Asked
    from metronome_analytics.changes.machine import ChangeMachine
    from metronome_analytics.changes.plan import Plan
    from metronome_analytics.changes.sending import Send
    from metronome_analytics.leeway import Limit
    from metronome_analytics.session import Session


class Changing(AllLoaders):
    """The loaders, and what plans, applies and proves changes of what they load."""

    def __init__(self, session: Session, *, send: Send | None = None) -> None:
        """`send` replaces what sends one write."""
        super().__init__(session)
        self._send = send

    @cached_property
    def _changes(self) -> ChangeMachine:
        self.session.check_process()
        from metronome_analytics.changes.machine import ChangeMachine  # noqa: PLC0415  # as in `connect`

        return ChangeMachine(self, self._send)

    def plan(
        self,
        changes: Asked,
        *,
        operation: str | None = None,
        max_entry: Limit = MAX_ENTRY,
        max_total: Limit = MAX_TOTAL,
        allow_duplicate: bool = False,
    ) -> Plan:
        """A plan of changes; reads only, and works on an account that may not write.

        `changes` is a change of `metronome_analytics.changes`, or several; or, with `operation` (a name of
        `changes.catalogue()`), a dict, several of them, or a frame whose columns are the fields of that class.
        `max_entry` and `max_total` limit the amount of one change and of all, in major units, for every currency or by
        currency. Raises PlanRejected with everything that is wrong, by row, in its message and its `problems`.

        >>> osprey = account.customers()["id"][0]
        >>> contract = account.contracts(osprey).row(0, named=True)
        >>> end = ma.changes.EndContract(
        ...     customer_id=contract["customer_id"], contract_id=contract["id"], ending_before="2027-03-01"
        ... )
        >>> account.plan(end).confirmation
        "end contract 'Order form 00000-main': 2027-03-01 00:00 UTC, for Osprey Biotech Inc. in demo"
        """
        leeway = Leeway(max_entry=max_entry, max_total=max_total, allow_duplicate=allow_duplicate)
        return self._changes.plan(changes, operation, leeway)

    def plan_balance_entries(
        self,
        entries: Asked,
        *,
        max_entry: Limit = MAX_ENTRY,
        max_total: Limit = MAX_TOTAL,
        allow_overdraw: bool = False,
        allow_duplicate: bool = False,
    ) -> BalancePlan:
        """A plan of manual balance entries; reads only, and works on an account that may not write.

        `entries` is a `BalanceEntry`, a dict, several of them, or a frame with those columns (a CSV read with
        `infer_schema=False`, say). Amounts are in the balance's own unit: USD is in cents. `max_entry` and `max_total`
        limit one entry and the sum of all, in major units, for every currency or by currency. Raises PlanRejected
        with everything that is wrong, by row, in its message and its `problems`.

        >>> balance = account.balances().filter(pl.col("balance") > 0).row(0, named=True)
        >>> owner, outage = balance["customer_id"], "Credit for the outage"
        >>> entry = ma.BalanceEntry(customer_id=owner, balance_id=balance["id"], amount_major=25, reason=outage)
        >>> account.plan_balance_entries(entry).confirmation
        'apply 1 entry, 2,500 USD (cents) = $25.00, for Osprey Biotech Inc. in demo'
        """
        leeway = Leeway(
            max_entry=max_entry, max_total=max_total, allow_overdraw=allow_overdraw, allow_duplicate=allow_duplicate
        )
        return self._changes.plan_balance_entries(entries, leeway)

    def apply(
        self, plan: Plan, confirm: str, *, watch: Callable[[dict[str, object]], object] = lambda _: None
    ) -> Outcome:
        """Apply `plan`, change by change; `confirm` is `plan.confirmation`, literally.

        The account is read again and every check of planning made again before anything is sent. Each change is
        written to the journal before it is sent, sent once, and read back: `applied` means seen in the account. After
        one that is `unknown`, `not_sent` or `differs` nothing more is sent. Applying again sends only what is provably
        not applied, and looks for up to 61 seconds where an answer was lost. `watch` is called with each row of the
        outcome as it comes.

        Raises WritesDisabled for an operation that `allow_writes` does not name, ConfirmationError for another phrase,
        StalePlan for a plan that is older than 15 minutes or an account that has changed, PlanRejected for what may not
        be applied any more, JournalError where the journal cannot be used or another process is applying; then nothing
        was sent. OutcomeUnknown: a change was sent and the journal could not say so; `outcome` has what is known.

        >>> account = ma.demo(customers=1, allow_writes="balances.enter")
        >>> balance = account.balances().filter(pl.col("balance") > 0).row(0, named=True)
        >>> owner, outage = balance["customer_id"], "Credit for the outage"
        >>> entry = ma.BalanceEntry(customer_id=owner, balance_id=balance["id"], amount_major=25, reason=outage)
        >>> plan = account.plan_balance_entries(entry)
        >>> phrase = "apply 1 entry, 2,500 USD (cents) = $25.00, for Osprey Biotech Inc. in demo"
        >>> account.apply(plan, confirm=phrase).table.select("status", "verified").rows()
        [('applied', True)]
        """
        return self._changes.apply(plan, confirm, watch=watch)

    def settle(self) -> pl.DataFrame:
        """Decide what is still unknown by reading the account; sends nothing, and needs no right to write.

        One row per open change of the journal: `plan` (its digest) and the columns of an outcome's table. Where an
        answer was lost, silence is proof only after this process has watched for 61 seconds, and it watches no longer.

        >>> account.settle().height
        0
        """
        return self._changes.settle()

    def journal(self) -> pl.DataFrame:
        """Every intent and outcome, oldest first. Raises JournalError where the journal was changed.

        One row per record: `seq`, `at`, `kind` (intent, outcome, ...), `plan` (its digest), `entry`, `operation`,
        `attempt`, `status`, `http_status`, `verified`, whom and what it is about, `amount` in the API's unit, `message`
        and `hash`, which chains the records.

        >>> account.journal().columns[:4]
        ['seq', 'at', 'kind', 'plan']
        """
        return self._changes.journal()
