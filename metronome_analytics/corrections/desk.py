"""The part of an account that corrects balances: plan, apply, journal, settle."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl

from metronome_analytics.api.client import Request, Tally
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

    from metronome_analytics.loaders import AllLoaders


class BalanceCorrections:
    """Manual balance entries of one account: planned, applied and read back."""

    def __init__(self, loaders: AllLoaders) -> None:
        self._loaders = loaders
        self._session = loaders.session

    def plan_balance_entries(
        self,
        entries: Entries,
        *,
        max_entry: Limit = MAX_ENTRY,
        max_total: Limit = MAX_TOTAL,
        allow_overdraw: bool = False,
        allow_duplicate: bool = False,
    ) -> BalancePlan:
        """A plan of manual balance entries, as `Account.plan_balance_entries` says."""
        parsed, problems = read_entries(entries)
        if not parsed:
            raise PlanRejected("There are no entries to plan.")
        now = self._session.clock.now()
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
            base_url=self._session.base_url,
            environment=self._session.environment,
            created_at=self._session.clock.wall(),
        )

    def apply(
        self, plan: BalancePlan, confirm: str, *, watch: Callable[[dict[str, Any]], object] = lambda _: None
    ) -> Outcome:
        """Apply `plan`, as `Account.apply` says."""
        if not self._session.allow_writes:
            raise WritesDisabled("This account only reads.")
        return self._writer().apply(plan, confirm, watch)

    def settle(self) -> pl.DataFrame:
        """Decide what is still unknown, as `Account.settle` says."""
        return self._writer().settle()

    def journal(self) -> pl.DataFrame:
        """Every intent and outcome, oldest first."""
        return self._journal().frame()

    # --- what that takes --------------------------------------------------------------------------------------------

    def _read(self, ids: list[str]) -> State:
        return State.read(
            lambda some: self._loaders.customers(customer_ids=list(some)),
            lambda some: self._loaders.balances(list(some), include_archived=True),
            ids,
        )

    def _look(self, ids: list[str]) -> State:
        return State.of(self._loaders.balances(ids, include_archived=True))

    def _journal(self) -> Journal:
        return Journal(self._session.journal_path(), self._session.clock.wall)

    def _known(self) -> set[Same]:
        """The entries that the journal says are applied, or may be."""
        last: dict[tuple[str, int], dict[str, Any]] = {}
        for record in self._journal().records():
            # Whatever the label: the ids say whose entry it is.
            if record.get("base_url") == self._session.base_url:
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
            eye=Eye(lambda id_: self._look([id_]), sleep=self._session.clock.sleep, now=self._session.clock.wall),
            send=self._send,
            journal=self._journal(),
            base_url=self._session.base_url,
            environment=self._session.environment,
            now=self._session.clock.wall,
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
            client = self._session.connection.client(writes=True)
            try:
                await client.fetch(request, nothing, tally=Tally())
            finally:
                await client.aclose()

        self._session.run(once)


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
