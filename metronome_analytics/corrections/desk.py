"""The part of an account that corrects balances: plan, apply, journal, settle."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl

from metronome_analytics.api.client import Client, Request, Tally
from metronome_analytics.api.endpoints import ENDPOINTS
from metronome_analytics.corrections.apply import Outcome, Writer
from metronome_analytics.corrections.checks import MAX_ENTRY, MAX_TOTAL, Checker, Limit, Same
from metronome_analytics.corrections.entries import Entries, read_entries
from metronome_analytics.corrections.evidence import Eye, is_open
from metronome_analytics.corrections.journal import Journal
from metronome_analytics.corrections.plan import BalancePlan
from metronome_analytics.corrections.state import State
from metronome_analytics.errors import PlanRejected, WritesDisabled

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from metronome_analytics.background import Background


class CorrectionDesk:
    """What an account offers for manual balance entries."""

    environment: str | None
    customers: Callable[..., pl.DataFrame]
    balances: Callable[..., pl.DataFrame]
    _base_url: str
    _allow_writes: bool
    _background: Background
    _new_client: Callable[..., Client]
    _journal_path: Callable[[], Path]
    _now: Callable[[], datetime]
    # Real time, also on a simulated account: how old a plan is, and how long ago something was sent.
    _clock: Callable[[], datetime] = staticmethod(lambda: datetime.now(UTC))
    _sleep: Callable[[float], None] = staticmethod(time.sleep)

    def plan_balance_entries(
        self,
        entries: Entries,
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
        """
        parsed, problems = read_entries(entries)
        if not parsed:
            raise PlanRejected("There are no entries to plan.")
        now = self._now()
        state = self._read(list(dict.fromkeys(entry.customer_id for entry in parsed)))
        checker = Checker(
            state,
            now,
            max_entry=max_entry,
            max_total=max_total,
            allow_overdraw=allow_overdraw,
            allow_duplicate=allow_duplicate,
            known=self._known().__contains__,
            problems=problems,
        )
        for row, entry in enumerate(parsed):
            checker.check(row, entry)
        if checker.problems:
            raise _rejected(checker.problems, len(parsed))
        involved = dict.fromkeys(entry.balance_id for entry in checker.planned)
        return BalancePlan(
            entries=tuple(checker.planned),
            fingerprints={id_: state.balances[id_].fingerprint(frozenset()) for id_ in involved},
            base_url=self._base_url,
            environment=self.environment,
            created_at=self._clock(),
        )

    def apply(
        self, plan: BalancePlan, confirm: str, *, watch: Callable[[dict[str, Any]], object] = lambda _: None
    ) -> Outcome:
        """Apply `plan`, entry by entry; `confirm` is `plan.confirmation`, literally.

        Each entry is written to the journal before it is sent, sent once, and read back from the ledger: `applied`
        means seen there. After an entry that is `unknown` or `not_sent` nothing more is sent. Applying again sends only
        what is provably not applied, and looks up to half a minute where an answer was lost. `watch` is called with
        each row of the outcome as it comes.

        Raises WritesDisabled on an account that may not write, ConfirmationError for another phrase, StalePlan for a
        plan that is older than 15 minutes or an account that has changed, JournalError where the journal cannot be used
        or another process is applying; then nothing was sent. OutcomeUnknown: an entry was sent and the journal could
        not say so; `outcome` has what is known.
        """
        if not self._allow_writes:
            raise WritesDisabled("This account only reads.")
        return self._writer().apply(plan, confirm, watch)

    def settle(self) -> pl.DataFrame:
        """Decide what is still unknown by reading the ledger; sends nothing, and needs no right to write.

        One row per open entry of the journal: `plan` (its digest) and the columns of an outcome's table. Looks up to
        half a minute where an answer was lost a moment ago.
        """
        return self._writer().settle()

    def journal(self) -> pl.DataFrame:
        """Every intent and outcome, oldest first. Raises JournalError where the journal was changed."""
        return self._journal().frame()

    # --- what that takes --------------------------------------------------------------------------------------------

    def _read(self, ids: list[str]) -> State:
        return State.read(
            lambda some: self.customers(customer_ids=list(some)),
            lambda some: self.balances(list(some), include_archived=True),
            ids,
        )

    def _look(self, ids: list[str]) -> State:
        return State.of(self.balances(ids, include_archived=True))

    def _journal(self) -> Journal:
        return Journal(self._journal_path(), self._clock)

    def _known(self) -> set[Same]:
        """The entries that the journal says are applied, or may be."""
        last: dict[tuple[str, int], dict[str, Any]] = {}
        for record in self._journal().records():
            # Whatever the label: the ids say whose entry it is.
            if record.get("base_url") == self._base_url:
                last[record["plan"], record["entry"]] = record
        return {
            (
                record["customer_id"],
                record["balance_id"],
                record["segment_id"],
                Decimal(record["amount"]).normalize(),
                record["reason"],
            )
            for record in last.values()
            if is_open(record) or record.get("status") in {"applied", "already_applied"}
        }

    def _writer(self) -> Writer:
        return Writer(
            read=self._look,
            eye=Eye(lambda id_: self._look([id_]), sleep=self._sleep, now=self._clock),
            send=self._send,
            journal=self._journal(),
            base_url=self._base_url,
            environment=self.environment,
            now=self._clock,
        )

    def _send(self, body: dict[str, Any], *, idempotency_key: str) -> None:
        request = Request(
            ENDPOINTS["add_manual_balance_entry"],
            body=body,
            labels={"customer_id": body["customer_id"]},
            headers={"Idempotency-Key": idempotency_key},
        )

        async def nothing(_: bytes) -> None:
            return None

        async def once() -> None:
            # Opened here and nowhere else, for one entry: the loaders' client refuses every write, and a connection
            # that was idle may be gone, which nobody can tell from an entry that was lost.
            client = self._new_client(writes=True)
            try:
                await client.fetch(request, nothing, tally=Tally())
            finally:
                await client.aclose()

        self._background.run(once)


def _rejected(problems: list[tuple[int, str, str]], count: int) -> PlanRejected:
    rows = sorted(problems)
    lines = "".join(f"\n  row {row}{f', {name}' if name else ''}: {problem}" for row, name, problem in rows)
    error = PlanRejected(
        f"{len({row for row, _, _ in rows})} of {count} entries cannot be planned; nothing was sent.{lines}"
    )
    error.problems = pl.DataFrame(
        rows, schema={"row": pl.Int64, "field": pl.String, "problem": pl.String}, orient="row"
    )
    return error
