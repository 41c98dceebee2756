"""The statements of finance as sheets: a named table each, a difference in every row, and totals that foot."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.analysis.frames import ZERO
from metronome_analytics.analysis.statements.flux import FLUX_PARTS
from metronome_analytics.analysis.statements.movements import MOVEMENTS
from metronome_analytics.reports.formulas import CENTS, Formula, rounding, total
from metronome_analytics.reports.grid import places_of
from metronome_analytics.reports.sheets import as_sheet
from metronome_analytics.tables.money import MAJOR, MONEY, as_float, major

if TYPE_CHECKING:
    from collections.abc import Mapping

    from metronome_analytics.reports.formulas import Cell, Places
    from metronome_analytics.reports.sheets import Sheet

HEAD = 4
"""The row of a statement's header; above it stand its name and what it says."""
_KEYS = (
    *("month", "before_month", "after_month", "bucket", "status", "customer_name", "product_name", "balance_type"),
)


@dataclass(frozen=True)
class Statement:
    """A statement's sheet.

    `ties` are, by header, what adds up to nothing in every row, with a minus before what is taken away. `totals` is
    what totals go by. `opening` and `closing` are the columns that are no flow: of several months the first opening
    and the last closing count. `facts` say what a row is about, besides what every statement begins with.
    """

    name: str
    table: str
    note: str
    ties: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    totals: tuple[tuple[str, ...], ...] = (("unit",),)
    opening: tuple[str, ...] = ()
    closing: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()


STATEMENTS = {
    "roll_forward": Statement(
        "Roll-forward",
        "RollForward",
        "Opening and movements, signed as in the ledger, are the closing. Not started, overdraft, pending: memos.",
        {"Difference": ("opening", *MOVEMENTS, "-closing")},
        (("balance_type", "unit"),),
        ("opening",),
        ("closing", "not_started"),
    ),
    "deferred_revenue": Statement(
        "Deferred revenue",
        "DeferredRevenue",
        "Opening and billed, less what was earned by use and by expiry, and adjusted, is the closing.",
        {
            "Difference": ("opening", "billed", "-recognised_use", "-recognised_breakage", "adjusted", "-closing"),
            "Difference of terms": ("current", "non_current", "-closing"),
        },
        opening=("opening",),
        closing=("closing", "current", "non_current", "unbilled"),
    ),
    "revenue": Statement(
        "Revenue",
        "Revenue",
        "Gross, covered by prepaid commits and credits, fixed and purchases are the net: what was billed. Earned is "
        "gross, covered by credits, and fixed. Covered by postpaid commits is a memo.",
        {"Difference": ("gross", "covered_prepaid", "covered_credit", "fixed", "purchases", "-net")},
        (("month", "unit"), ("unit",)),
    ),
    "flux": Statement(
        "Flux",
        "Flux",
        "Volume, price, new, gone, coverage, fixed and one-off are the change from before to after. Purchases, a memo, "
        "are the change in purchases wherever it counts.",
        {"Difference": ("after", "-before", "-change"), "Difference of parts": (*FLUX_PARTS, "-change")},
    ),
    "accrual": Statement(
        "Accrual",
        "Accrual",
        "Used by the end of the month and not billed by then. Late is usage after finalisation; a true-up is owed only "
        "if nothing more is used.",
    ),
    "aging": Statement(
        "Ageing",
        "Ageing",
        "Final invoices that nobody calls paid; where the billing provider tells nothing the status is unknown.",
        totals=(("bucket", "unit"), ("unit",)),
        facts=("invoice_id", "due_at", "days_overdue"),
    ),
    "corrections_register": Statement(
        "Register",
        "Register",
        "Chains of invoices that were voided, made again or corrected. Net effect is what stands less the first total.",
        {"Difference": ("standing_total", "-first_total", "-net_effect")},
        facts=("first", "last", "links"),
    ),
    "journal_entries": Statement(
        "Journal",
        "Journal",
        "The postings of the roll-forward or of deferred revenue; debits are credits, currency by currency.",
        totals=(("month", "unit"), ("unit",)),
        facts=("account", "memo"),
    ),
}
"""Every statement, in the order of the workbook."""


@dataclass(frozen=True)
class Page:
    """A statement to be written: its sheet, where it goes, and the totals below it."""

    of: Statement
    sheet: Sheet
    places: Places
    totals: list[list[Cell]]


def page(of: Statement, frame: pl.DataFrame) -> Page:
    """The sheet of a statement's frame, with its rows' differences and its totals."""
    ties = {header: terms for header, terms in of.ties.items() if _has(frame, terms)}
    columns = {header.lower().replace(" ", "_"): terms for header, terms in ties.items()}
    known = frame.with_columns(_sum(terms).alias(name) for name, terms in columns.items())
    order = (*_KEYS, *of.facts, "unit", *_amounts(frame), *columns)
    lead = tuple(name for name in order if name in known.columns)
    headers = {name: name.replace("_", " ").capitalize() for name in frame.columns}
    live = {name: _tie(terms, headers) for name, terms in columns.items()}
    unasked = ("credit_type_id", "credit_type_name", "currency")
    sheet = as_sheet(of.name, known, lead, live=live, table=of.table, raw=False, without=unasked)
    places = places_of(sheet, head=HEAD)
    return Page(of, sheet, places, _Totals(of, known, sheet, places).rows())


def by_unit(frame: pl.DataFrame) -> pl.DataFrame:
    """A statement's rows currency by currency; of one in major units no credit type may divide them again."""
    if MAJOR in frame.dtypes or "credit_type_name" not in frame.columns:
        frame = frame.with_columns(pl.lit(None, pl.String).alias("credit_type_name"))
    return frame.sort("unit", maintain_order=True)


def _has(frame: pl.DataFrame, terms: tuple[str, ...]) -> bool:
    return {term.removeprefix("-") for term in terms} <= set(frame.columns)


def _amounts(frame: pl.DataFrame) -> list[str]:
    return [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.Decimal)]


def _sum(terms: tuple[str, ...]) -> pl.Expr:
    """What terms add up to; null where one of them is not known."""
    added: pl.Expr = ZERO
    for term in terms:
        added = added - pl.col(term[1:]) if term.startswith("-") else added + pl.col(term)
    return added.cast(MONEY)


def _tie(terms: tuple[str, ...], headers: Mapping[str, str]) -> str:
    cells = [f"[@{headers[term.removeprefix('-')]}]" for term in terms]
    added = "".join(("-" if term.startswith("-") else "+") + cell for term, cell in zip(terms, cells, strict=True))
    unknown = ",".join(f'{cell}=""' for cell in cells)
    return f'=IF(OR({unknown}),"",ROUND({added.removeprefix("+")},6))'


@dataclass(frozen=True)
class _Totals:
    """What is totalled below a statement's table."""

    of: Statement
    frame: pl.DataFrame
    sheet: Sheet
    places: Places

    def rows(self) -> list[list[Cell]]:
        """A total for every unit and kind, and below it what the shown figures lack to it, if anything."""
        rows: list[list[Cell]] = []
        for keys in self.of.totals:
            present = [key for key in keys if key in self.frame.columns]
            if "month" in present and len(self._months()) < 2:
                continue  # the month's total is that of all
            for values in self.frame.select(present).unique().sort(present, nulls_last=True).rows():
                rows += self._total(dict(zip(present, values, strict=True)))
        return rows

    def _months(self) -> list[str]:
        known = "month" in self.frame.columns
        return self.frame["month"].drop_nulls().unique().sort().to_list() if known else []

    def _total(self, kind: dict[str, str | None]) -> list[list[Cell]]:
        words = " ".join(str(text) for text in kind.values() if text)
        sums: list[Cell] = [f"Total {words}"]
        off: list[Cell] = [f"Rounding {words}"]
        names = {header: name for name, header in self.sheet.headers.items()}
        for header in self.sheet.frame.columns[1 : self.sheet.lead]:
            amount = header in self.sheet.amounts
            whole, lacking = self._sums(names[header], kind) if amount else ("", "")
            sums.append(whole)
            off.append(lacking)
        return [sums, off] if any(isinstance(cell, Formula) and cell.value for cell in off) else [sums]

    def _sums(self, name: str, kind: dict[str, str | None]) -> tuple[Formula, Formula]:
        """The total of a column, and its rounding."""
        where, months = dict(kind), self._months()
        if "month" not in kind and months and name in (*self.of.opening, *self.of.closing):
            where["month"] = months[0] if name in self.of.opening else months[-1]
        header = self.sheet.headers[name]
        titles = {self.sheet.headers[key]: text for key, text in where.items()}
        formula = total(self.places, header, titles)
        whole, lacking = _exact(self.frame, name, where)
        return (
            Formula(f"={formula}", whole, kind["unit"]),
            Formula(f"={rounding(self.places, header, titles, formula)}", lacking, kind["unit"]),
        )


def _exact(frame: pl.DataFrame, name: str, where: Mapping[str, str | None]) -> tuple[float, float]:
    """The sum of some rows, and what it has more when rounded than they have."""
    rows = frame.filter(pl.col(key).eq_missing(pl.lit(text, pl.String)) for key, text in where.items())
    exact = rows.select(major(pl.col(name), pl.col("credit_type_name")).alias("exact"))
    cents = pl.col("exact").round(CENTS, mode="half_away_from_zero")
    whole, shown, parts = exact.select(
        as_float(pl.col("exact").sum()),
        as_float(pl.col("exact").sum().round(CENTS, mode="half_away_from_zero")).alias("shown"),
        as_float(cents.sum()).alias("parts"),
    ).row(0)
    return whole or 0.0, round((shown or 0.0) - (parts or 0.0), CENTS) + 0.0
