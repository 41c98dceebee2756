"""The sheets of checks and exceptions: differences and verdicts as formulas, and links to the rows they are about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.analysis.checks.meaning import meaning
from metronome_analytics.analysis.checks.verdicts import FAIL, NOT_CHECKED, PASS, WARNING
from metronome_analytics.reports.formulas import link
from metronome_analytics.reports.sheets import as_sheet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from metronome_analytics.reports.formulas import Places
    from metronome_analytics.reports.sheets import Sheet

CHECKS = (
    *("check_in_words", "verdict", "customer_name", "unit", "expected", "actual", "difference", "causes", "detail"),
    *("judged_by", "tolerance", "invoice_id", "balance_id", "segment_id", "external_id", "customer_id", "check"),
)
_LINKS = {
    "see_invoice": ("Invoices", "Id", "Invoice id", "invoice"),
    "see_lines": ("Lines", "Invoice id", "Invoice id", "lines"),
    "see_balance": ("Balances", "Id", "Balance id", "balance"),
    "see_ledger": ("Ledger", "Balance id", "Balance id", "ledger"),
}
"""Where a link leads: the sheet, its column of ids, ours, and the words on the link."""
EXCEPTIONS = (*CHECKS[:9], *_LINKS, *CHECKS[9:])

_AMOUNTS, _FACT, _WARNED, _SKIPPED = "amounts", "a fact", "a warning", "not checked"
_DIFFERENCE = '=IF(OR([@Expected]="",[@Actual]=""),"",ROUND([@Actual]-[@Expected],10))'
_FAILS = "AND(N([@Difference])<>0,ABS(N([@Difference]))>=N([@Tolerance]))"
_VERDICT = (
    f'=IF([@Judged by]="{_SKIPPED}","{NOT_CHECKED}",IF(OR([@Judged by]="{_FACT}",{_FAILS}),"{FAIL}",'
    f'IF([@Judged by]="{_WARNED}","{WARNING}","{PASS}")))'
)
_LIVE = {"difference": _DIFFERENCE, "verdict": _VERDICT}


def checks(found: pl.DataFrame) -> Sheet:
    """Everything that was checked. `judged_by` says whether the amounts decide, or a fact whatever they are."""
    return as_sheet("Checks", _judged(found), CHECKS, live=_LIVE)


def exceptions(found: pl.DataFrame, places: Mapping[str, Places], ids: Mapping[str, pl.Series]) -> Sheet:
    """What failed, then what somebody should look at, with links to the rows behind it.

    `ids` are, by sheet, the ids that a link finds there.
    """
    rows = _judged(pl.concat([found.filter(pl.col("verdict") == verdict) for verdict in (FAIL, WARNING)]))
    links = {name: link(places[sheet], key, ours, words) for name, (sheet, key, ours, words) in _LINKS.items()}
    shown = []
    for name, (sheet, _, ours, words) in _LINKS.items():
        own = pl.col(ours.lower().replace(" ", "_"))
        there = own.is_in(ids[sheet].implode())
        shown.append(
            pl.when(own.is_not_null()).then(pl.when(there).then(pl.lit(words)).otherwise(pl.lit("-"))).alias(name)
        )
    return as_sheet("Exceptions", rows.with_columns(shown), EXCEPTIONS, live=_LIVE | links)


def _judged(found: pl.DataFrame) -> pl.DataFrame:
    """`found` with the check in words and with `judged_by`."""
    names = found["check"].unique().to_list()
    size = pl.col("difference").abs()
    close = ((size == 0) | (size < pl.col("tolerance"))).fill_null(value=False)
    told = pl.col("difference").is_null() | close
    verdict = pl.col("verdict")
    return found.with_columns(
        pl.col("check").replace({name: meaning(name).title for name in names}).alias("check_in_words"),
        pl.when(verdict == NOT_CHECKED)
        .then(pl.lit(_SKIPPED))
        .when((verdict == FAIL) & told)
        .then(pl.lit(_FACT))
        .when(verdict == WARNING)
        .then(pl.lit(_WARNED))
        .otherwise(pl.lit(_AMOUNTS))
        .alias("judged_by"),
    )
