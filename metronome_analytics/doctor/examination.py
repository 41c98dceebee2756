"""The examination: every fact in turn, as a frame, a receipt and, if wanted, a file that tells nothing private."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics import arguments as args
from metronome_analytics.doctor import access, draining, filters, lists, money, shapes, unasked
from metronome_analytics.doctor.examiner import Examiner, UsedUpError
from metronome_analytics.doctor.facts import Finding, Verdict, unknown
from metronome_analytics.doctor.report import write_report
from metronome_analytics.errors import MalformedResponse
from metronome_analytics.progress import ProgressBar
from metronome_analytics.tables import Diagnosis

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from metronome_analytics.arguments import Customers
    from metronome_analytics.doctor.facts import Fact
    from metronome_analytics.loaders import AllLoaders

# In the order in which they may use up the requests: what the rest depends on first, what was asked anyway last.
FACTS: tuple[Fact, ...] = (
    *access.FACTS,
    *lists.FACTS,
    *filters.FACTS,
    *money.FACTS,
    *draining.FACTS,
    *shapes.FACTS,
    *unasked.FACTS,
    *money.LAST,
    *access.LAST,
)


def examine(
    loaders: AllLoaders,
    *,
    max_requests: int = 60,
    customers: Customers | None = None,
    out: str | os.PathLike[str] | None = None,
    written: Mapping[str, Finding] | None = None,
) -> pl.DataFrame:
    """Look at every fact, as `Account.doctor` says; `written` has what writes have shown, by fact."""
    most = args.whole_number("max_requests", max_requests, least=1)
    ids = args.customer_ids(customers)
    file = None if out is None else args.file_to_write("out", str(out), ".json")
    session = loaders.session
    bar = ProgressBar("doctor", session.progress)
    rows: list[dict[str, object]] = []

    def tick() -> None:
        bar.show(requests=examiner.tally.requests, foreseen=most, rows=len(rows))

    examiner = Examiner(session, max_requests=most, customers=ids, tick=tick)
    told = {"max_requests": most, "customers": None if ids is None else f"{len(ids)} ids"}
    with session.receipts.writing("doctor", examiner.tally, told) as receipt:
        try:
            known = written or {}
            rows.extend(_row(fact, known.get(fact.name) or _found(fact, examiner)) for fact in FACTS)
            receipt.complete = True
        finally:
            bar.close()
    frame = pl.DataFrame(rows, schema=Diagnosis.create_empty().schema)
    if file is not None:
        write_report(frame, examiner, file)
    return frame


def _found(fact: Fact, examiner: Examiner) -> Finding:
    """What is seen of `fact`; what cannot be asked or read is no finding, whoever's fault it is."""
    try:
        return fact.look(examiner)
    except UsedUpError as error:
        return unknown(str(error))
    except (MalformedResponse, pl.exceptions.PolarsError, KeyError, TypeError, ValueError, AttributeError) as error:
        # An answer that is stranger than this fact foresaw: the facts about shapes say how.
        return unknown(f"the answers cannot be read as this needs ({type(error).__name__})")


def _row(fact: Fact, finding: Finding) -> dict[str, object]:
    follows = {Verdict.HOLDS: "", Verdict.UNKNOWN: "", Verdict.DIFFERS: fact.copes}[finding.verdict]
    return {
        "fact": fact.name,
        "relied_on": fact.relied_on,
        "source": fact.source,
        "how": fact.how,
        "seen": finding.seen,
        "verdict": finding.verdict.value,
        "consequence": follows if finding.consequence is None else finding.consequence,
        "examples": list(finding.examples),
    }
