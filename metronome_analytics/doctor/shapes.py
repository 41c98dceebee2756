"""Facts about the shape of answers: fields nobody declared, words no enumeration knows, fields that come or do not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.api.decode import decode
from metronome_analytics.doctor.facts import CLIENT, DOCS, FILE, GUESS, Fact, Finding, judged, unknown
from metronome_analytics.errors import MetronomeError
from metronome_analytics.tables import ledger, line_items
from metronome_analytics.tables.vocabulary import (
    LEDGER_EVENTS,
    LEDGER_PREFIXES,
    BalanceType,
    InvoiceStatus,
    InvoiceType,
    LineType,
    ProviderStatus,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from metronome_analytics.doctor.examiner import Examiner

# As the API's own words are: what has a blank or begins with a digit may be a name or an id, and is only counted.
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,60}")
_PATH = re.compile(r"\w+: (?:[A-Za-z][A-Za-z0-9_]*(?:\[\]|\.\*)?\.?)+", re.ASCII)
_EMBEDDED = 25


def _decoded(examiner: Examiner) -> Finding:
    wrong = set(examiner.malformed)
    read = 0
    for request, seen in examiner.exchanges:
        endpoint = request.endpoint
        if seen.status != 200 or endpoint.wire is None:
            continue
        body = b"".join((b'{"data": ', seen.body, b"}")) if endpoint.bare else seen.body
        try:
            decode(body, endpoint)
            read += 1
        except MetronomeError:
            wrong.add(endpoint.name)
    told = f"{read} answers are what their wire schemas say"
    return judged(not wrong, f"{told}; not those of {', '.join(sorted(wrong))}" if wrong else told)


def _undeclared(examiner: Examiner) -> Finding:
    found = sorted(path for path in examiner.undeclared if _PATH.fullmatch(path))
    more = len(examiner.undeclared) - len(found)
    told = ", ".join(found[:20]) + (f" and {more} more" if more else "")
    return judged(not examiner.undeclared, told or f"none in {len(examiner.exchanges)} answers")


def _met(examiner: Examiner) -> Iterator[tuple[str, pl.Series, Iterable[str]]]:
    invoices, balances = examiner.invoices(), examiner.balances()
    entries = [f"{prefix}{event}" for prefix in LEDGER_PREFIXES.values() for event in LEDGER_EVENTS]
    yield "an invoice's status", invoices["status"], InvoiceStatus
    yield "an invoice's type", invoices["type"], InvoiceType
    yield "a provider's status", invoices["billing_provider_invoice_external_status"], ProviderStatus
    yield "a line's type", line_items(invoices)["type"], LineType
    yield "a balance's type", balances["type"], BalanceType
    yield "a ledger entry's type", ledger(balances)["type"], entries


def _words(examiner: Examiner) -> Finding:
    strange: list[str] = []
    number = 0
    for what, column, known in _met(examiner):
        words = column.drop_nulls().unique().sort().to_list()
        number += len(words)
        new = [word if _WORD.fullmatch(word) else "(more than a word)" for word in words if word not in set(known)]
        strange += [f"{what}: {word}" for word in new]
    return judged(not strange, ", ".join(strange[:20]) or f"{number} words, all known")


def _embedded(examiner: Examiner) -> Finding:
    contracts = examiner.contracts()
    sides = [("commits", "has_more_commits"), ("credits", "has_more_credits")]
    cut = [
        (row[embedded] or [], row["id"])
        for row in contracts.select("id", *(name for side in sides for name in side)).iter_rows(named=True)
        for embedded, more in sides
        if row[more]
    ]
    if not cut:
        there = [len(row) for name, _ in sides for row in contracts[name].to_list() if row is not None]
        return unknown(f"none of {contracts.height} contracts has more; the most embedded is {max(there, default=0)}")
    most = max(len(embedded) for embedded, _ in cut)
    return judged(
        most == _EMBEDDED, f"{len(cut)} times there is more than the {most} embedded", [id_ for _, id_ in cut]
    )


def _newer(examiner: Examiner) -> Finding:
    balances, invoices = examiner.balances(), examiner.invoices()
    credit = balances.filter(pl.col("type") == BalanceType.CREDIT.value)
    columns = {
        "created_at of a credit": credit["created_at"],
        "cost_basis of a commit": balances["cost_basis"],
        "regenerated_from_invoice_id": invoices["regenerated_from_invoice_id"],
        "plan_id of an invoice": invoices["plan_id"],
    }
    sent = [name for name, column in columns.items() if column.count()]
    return (
        judged(not sent, f"sent: {', '.join(sent)}" if sent else "none of them is sent")
        if (balances.height or invoices.height)
        else unknown("nothing was read")
    )


def _billable(examiner: Examiner) -> Finding:
    rows = examiner.listed()
    shown = sum("current_billable_status" in row for row in rows)
    return judged(shown > 0, f"{shown} of {len(rows)} customers have it") if rows else unknown("no customers")


def _conversion(examiner: Examiner) -> Finding:
    lines = line_items(examiner.invoices()).filter(pl.col("type") == LineType.CONVERSION.value)
    if lines.is_empty():
        return unknown("no invoice that was looked at converts a custom unit")
    against = lines.filter(pl.col("total") < 0)
    told = f"{lines.height - against.height} lines of conversion, {against.height} in the unit against them"
    return judged(against.is_empty(), told, against["invoice_id"])


FACTS = (
    Fact(
        "answers_decode",
        "every field has the type the wire schemas declare",
        FILE,
        "every answer, decoded as the loaders do",
        "Those loaders raise MalformedResponse, which names the field: please report it.",
        _decoded,
    ),
    Fact(
        "no_new_fields",
        "no answer has a field that no table declares",
        f"{FILE} and {CLIENT}",
        "every answer",
        "They are in account.drift and in no table: nothing else depends on them. Please report them.",
        _undeclared,
    ),
    Fact(
        "words_known",
        "statuses and types are words of our vocabulary",
        FILE,
        "invoices, lines, balances and ledgers",
        "They are kept as they came. Statements count only what they know: filter on them yourself, and report them.",
        _words,
    ),
    Fact(
        "embedded_maximum",
        "a contract embeds up to 25 commits, and 25 credits, and says where there are more",
        GUESS,
        "contracts that say so",
        "Nothing depends on the number: balances() has all, and has_more_commits, has_more_credits say it.",
        _embedded,
    ),
    Fact(
        "newer_fields",
        "fields that only the official client knows do not come",
        f"{CLIENT}, not {FILE}",
        "balances and invoices",
        "Their columns are filled; drain_order() then takes cost_basis rather than the invoice schedule.",
        _newer,
    ),
    Fact(
        "billable_status",
        "customers tell their billable status",
        f"{DOCS}: it depends on the account's configuration",
        "the first customers",
        "The column billable_status is null for all: do not filter on it.",
        _billable,
    ),
    Fact(
        "conversion_lines",
        "a custom unit that is converted has one line, in the currency",
        GUESS,
        "the newest invoices",
        "The second line is in the unit itself: add lines of one credit_type_id only, as everywhere in this package.",
        _conversion,
    ),
)
