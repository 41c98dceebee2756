"""What is written down of a change and what became of it: one type for a record, one list of statuses."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import polars as pl
from pydantic import JsonValue

Json = JsonValue
JsonObject = Mapping[str, Json]
Key = tuple[str, int]
"""Which change: the digest of its plan, and its number there."""


class Status(StrEnum):
    """What became of a change."""

    APPLIED = "applied"
    """Sent now, and seen in the account."""
    ALREADY_APPLIED = "already_applied"
    """Seen in the account; nothing was sent."""
    REFUSED = "refused"
    """The API said no."""
    NOT_SENT = "not_sent"
    """It did not take effect."""
    UNKNOWN = "unknown"
    """It may have taken effect; `settle()` decides by reading."""
    SENT = "sent"
    """The API said yes, and no read can show it."""
    DIFFERS = "differs"
    """What the account holds is not what was sent: another amount, or more than once."""


_OF_BALANCES = ("balances.", "commits.", "credits.")

DONE = frozenset({Status.APPLIED, Status.ALREADY_APPLIED, Status.SENT})
"""It is as it was asked for, as far as anybody can tell."""
STOPPING = frozenset({Status.UNKNOWN, Status.NOT_SENT, Status.DIFFERS})
"""After one of these nothing more of a plan is sent."""


class Kind(StrEnum):
    """What a record is of."""

    INTENT = "intent"
    OUTCOME = "outcome"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class Facts:
    """What the journal keeps of a change: enough to find it in the account, and to explain it to an auditor."""

    base_url: str
    environment: str | None
    operation: str
    customer_id: str
    subject_id: str
    what: str
    same: str
    """A digest of what makes another change the same as this one."""
    token: str
    """The mark of this change of this plan, where the operation leaves one."""
    uniqueness_key: str
    body: JsonObject
    segment_id: str | None = None
    credit_type_name: str | None = None
    amount: Decimal | None = None
    reason: str | None = None
    timestamp: str | None = None
    path: JsonObject = field(default_factory=dict)
    """What of it stood in the path of the request."""
    seen: Sequence[str] = ()
    """Ids that were there before, where what it makes is told by an id that was not."""
    twins: int = 0
    """How many same ones of somebody else there were before it was sent."""

    @property
    def given(self) -> dict[str, Json]:
        """All that was sent, wherever it stood."""
        return {"customer_id": self.customer_id, **self.path, **self.body}


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one change of a plan: a row of the outcome."""

    entry: int
    status: Status
    message: str
    http_status: int | None = None
    verified: bool = False

    def row(self) -> dict[str, object]:
        """The row as users hold it."""
        return {
            "entry": self.entry,
            "status": str(self.status),
            "http_status": self.http_status,
            "verified": self.verified,
            "message": self.message,
        }


@dataclass(frozen=True, slots=True)
class Record:
    """One line of the journal. What the journal itself gives it (`seq`, `at`, `hash`) is there once it is written."""

    kind: Kind
    plan: str
    entry: int
    facts: Facts
    attempt: int | None = None
    idempotency_key: str | None = None
    result: Result | None = None
    seq: int = 0
    at: datetime | None = None
    hash: str = ""

    @property
    def key(self) -> Key:
        """Which change it is of."""
        return self.plan, self.entry

    @property
    def status(self) -> Status | None:
        """What became of it, where that is said."""
        return None if self.result is None else self.result.status

    @property
    def http_status(self) -> int | None:
        """What the API answered."""
        return None if self.result is None else self.result.http_status

    @property
    def open(self) -> bool:
        """Whether it leaves the change undecided: announced and no more, or sent and not seen."""
        return self.kind is Kind.INTENT or self.status is Status.UNKNOWN

    def data(self) -> dict[str, Json]:
        """What is hashed, as JSON: the facts, and what became of them."""
        data: dict[str, Json] = {name: _json(value) for name, value in asdict(self.facts).items()}
        # What users look for under its own name: a manual entry is about a balance.
        if self.facts.operation.startswith(_OF_BALANCES) and not self.facts.operation.endswith(".create"):
            data["balance_id"] = data["subject_id"]
        if self.attempt is not None:
            data["attempt"] = self.attempt
        if self.idempotency_key is not None:
            data["idempotency_key"] = self.idempotency_key
        if self.result is not None:
            data |= {name: _json(value) for name, value in self.result.row().items() if name != "entry"}
        return data

    @classmethod
    def read(cls, head: tuple[int, str, str, str, int], data: Mapping[str, Any], stamp: str) -> Record:
        """A record as it was written, by this version or by one that knew manual entries only."""
        seq, at, kind, plan, entry = head
        given = {each.name: data[each.name] for each in fields(Facts) if each.name in data}
        # Before there were other operations, these made a manual entry the same as another.
        entry_is = [str(data.get(name)) for name in ("customer_id", "balance_id", "segment_id", "amount", "reason")]
        facts = Facts(
            **{
                "environment": None,
                "operation": "balances.enter",
                "subject_id": data.get("balance_id", ""),
                "what": "",
                "same": sameness("balances.enter", *entry_is),
                "body": {},
                **given,
                "amount": None if data.get("amount") is None else Decimal(data["amount"]),
            }
        )
        status = data.get("status")
        result = status and Result(
            entry, Status(status), data.get("message", ""), data.get("http_status"), bool(data.get("verified"))
        )
        return cls(
            kind=Kind(kind),
            plan=plan,
            entry=entry,
            facts=facts,
            attempt=data.get("attempt"),
            idempotency_key=data.get("idempotency_key"),
            result=result or None,
            seq=seq,
            at=datetime.fromisoformat(at),
            hash=stamp,
        )


@dataclass(frozen=True, slots=True)
class Past:
    """What the journal has of one change."""

    records: tuple[Record, ...] = field(default=())

    @property
    def attempts(self) -> int:
        """How often it was announced."""
        return sum(record.kind is Kind.INTENT for record in self.records)

    @property
    def intent(self) -> Record | None:
        """The last announcement."""
        return next((record for record in reversed(self.records) if record.kind is Kind.INTENT), None)

    @property
    def last(self) -> Record | None:
        """The last record."""
        return self.records[-1] if self.records else None

    @property
    def open(self) -> bool:
        """Whether it is undecided."""
        return self.last is not None and self.last.open

    @property
    def answered_yes(self) -> bool:
        """Whether even a long silence of the account proves nothing: the API said 200, so it did something."""
        return self.last is not None and self.last.http_status == 200


def sameness(operation: str, *identity: str) -> str:
    """A digest of what makes two changes the same: that of two plans, of two people, on two machines."""
    return hashlib.sha256(json.dumps([operation, *identity], ensure_ascii=False).encode()).hexdigest()


def plain(amount: Decimal) -> str:
    """One text per amount, whatever its exponent: a digest must not depend on how a Decimal was made."""
    return f"{amount.normalize():f}"


def latest(records: Sequence[Record]) -> dict[Key, Past]:
    """What there is of each change, in the order in which they were first announced."""
    found: dict[Key, list[Record]] = {}
    for record in records:
        found.setdefault(record.key, []).append(record)
    return {key: Past(tuple(own)) for key, own in found.items()}


OUTCOME_SCHEMA = pl.Schema(
    {
        "entry": pl.Int64,
        "status": pl.String,
        "http_status": pl.Int64,
        "verified": pl.Boolean,
        "message": pl.String,
    }
)

JOURNAL_SCHEMA = pl.Schema(
    {
        "seq": pl.Int64(),
        "at": pl.Datetime("us", "UTC"),
        "kind": pl.String(),
        "plan": pl.String(),
        "entry": pl.Int64(),
        "operation": pl.String(),
        "attempt": pl.Int64(),
        "status": pl.String(),
        "http_status": pl.Int64(),
        "verified": pl.Boolean(),
        "customer_id": pl.String(),
        "subject_id": pl.String(),
        "balance_id": pl.String(),
        "segment_id": pl.String(),
        "credit_type_name": pl.String(),
        "amount": pl.String(),
        "reason": pl.String(),
        "timestamp": pl.String(),
        "what": pl.String(),
        "environment": pl.String(),
        "base_url": pl.String(),
        "message": pl.String(),
        "hash": pl.String(),
    }
)


def journal_frame(records: Sequence[Record]) -> pl.DataFrame:
    """Every record as users hold it."""
    rows = []
    for record in records:
        data = record.data() | {
            "seq": record.seq,
            "kind": str(record.kind),
            "plan": record.plan,
            "entry": record.entry,
            "hash": record.hash,
        }
        rows.append([record.at if name == "at" else data.get(name) for name in JOURNAL_SCHEMA])
    return pl.DataFrame(rows, schema=JOURNAL_SCHEMA, orient="row")


def _json(value: Any) -> Json:
    """`value` as JSON."""
    if isinstance(value, tuple):
        return list(value)
    return plain(value) if isinstance(value, Decimal) else value


# The short token by which an entry of ours is found again: a ledger entry has no id of its own.
_TOKEN = re.compile(r" \[ma:([0-9a-f]{12})\]$")


def with_token(reason: str, token: str) -> str:
    """`reason` as it is sent."""
    return f"{reason} [ma:{token}]"


def token_of(reason: str | None) -> str | None:
    """The token in a reason that was sent by us."""
    found = _TOKEN.search(reason or "")
    return found[1] if found else None


def without_token(reason: str | None) -> str:
    """A reason as the user wrote it."""
    return _TOKEN.sub("", reason or "").strip()
