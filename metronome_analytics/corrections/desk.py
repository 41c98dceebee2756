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
    _writing_client: Client | None = None

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
        state = self._read(list(dict.fromkeys(entry.customer_id for entry in parsed if entry is not None)))
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
            if entry is not None:
                checker.check(row, entry)
        if checker.problems:
            raise _rejected(checker.problems, len(parsed))
        involved = dict.fromkeys(entry.balance_id for entry in checker.planned)
        return BalancePlan(
            entries=tuple(checker.planned),
            fingerprints={id_: state.balances[id_].fingerprint(frozenset()) for id_ in involved},
            base_url=self._base_url,
            environment=self.environment,
            created_at=datetime.now(UTC),
        )

    def apply(self, plan: BalancePlan, confirm: str) -> Outcome:
        """Apply `plan`, entry by entry; `confirm` is `plan.confirmation`, literally.

        Each entry is written to the journal before it is sent, sent once, and read back from the ledger: `applied`
        means seen there. Applying again sends only what is provably not applied. Raises WritesDisabled on an account
        that may not write, ConfirmationError for another phrase, StalePlan for a plan that is older than 15 minutes
        or an account that has changed, JournalError where the journal cannot be used; then nothing was sent.
        """
        if not self._allow_writes:
            raise WritesDisabled("This account only reads.")
        return self._writer().apply(plan, confirm)

    def settle(self) -> pl.DataFrame:
        """Decide what is still unknown by reading the ledger; sends nothing. One row per open entry of the journal."""
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

    def _journal(self) -> Journal:
        return Journal(self._journal_path())

    def _known(self) -> set[Same]:
        """The entries that the journal says are applied, or may be."""
        last: dict[tuple[str, int], dict[str, Any]] = {}
        for record in self._journal().records():
            if (record.get("base_url"), record.get("environment")) == (self._base_url, self.environment):
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
            if record["kind"] == "intent" or record.get("status") in {"applied", "already_applied", "unknown"}
        }

    def _writer(self) -> Writer:
        return Writer(
            read=self._read,
            send=self._send,
            journal=self._journal(),
            base_url=self._base_url,
            environment=self.environment,
            sleep=time.sleep,
        )

    def _send(self, body: dict[str, Any], *, idempotency_key: str) -> None:
        # Opened here and nowhere else: the loaders' client refuses every write.
        client = self._writing_client = self._writing_client or self._new_client(writes=True)
        request = Request(
            ENDPOINTS["add_manual_balance_entry"],
            body=body,
            labels={"customer_id": body["customer_id"]},
            headers={"Idempotency-Key": idempotency_key},
        )

        async def nothing(_: bytes) -> None:
            return None

        self._background.run(lambda: client.fetch(request, nothing, tally=Tally()))


def _rejected(problems: list[tuple[int, str, str]], count: int) -> PlanRejected:
    rows = sorted(problems)
    lines = "".join(f"\n  row {row}{f', {name}' if name else ''}: {problem}" for row, name, problem in rows)
    error = PlanRejected(
        f"{len({row for row, _, _ in rows})} of {count} entries cannot be planned; nothing was sent.{lines}\n"
    )
    error.problems = pl.DataFrame(
        rows, schema={"row": pl.Int64, "field": pl.String, "problem": pl.String}, orient="row"
    )
    return error
