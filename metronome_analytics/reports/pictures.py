"""The charts of a page, as pictures in the page itself."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import polars as pl

from metronome_analytics import charts
from metronome_analytics.analysis.burn_down import burn_down
from metronome_analytics.analysis.invoiced import invoiced
from metronome_analytics.analysis.statements.periods import last_months
from metronome_analytics.analysis.statements.revenue import revenue
from metronome_analytics.analysis.utilisation import utilisation
from metronome_analytics.charts.fitting import NARROW, within

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from metronome_analytics.analysis.frames import Given
    from metronome_analytics.reports.report import Report

_MONTHS = 12
_TOP = 6
"""Balances in the burn-down: more lines than that are no picture."""


def pictures(
    report: Report, customers: Given | None, history: Given, year: Mapping[str, pl.DataFrame]
) -> Iterator[str]:
    """Each chart as a figure; one that has nothing to say is left out."""
    bills = history.lazy().collect()
    then: dict[str, Any] = {"invoices": bills, "loaded_at": report.loaded_at}
    if bills.height:
        # Purchases have their own axis: one prepayment must not flatten twelve months.
        yield _figure("revenue", charts.revenue(_billed(report, bills, year), as_of=report.as_of))
    if "flux" in report.statements and report.statements["flux"].height:
        yield _figure("flux", charts.flux(report.statements["flux"], title="From the month before to this one"))
    if "deferred_revenue" in year and year["deferred_revenue"].height:
        yield _figure("deferred revenue", charts.deferred_revenue(year["deferred_revenue"]))
    if _unpaid(bills):
        yield _figure("aging", charts.aging(_issued(report, bills), as_of=report.as_of))
    if report.balances.height:
        utilised = utilisation(report.balances, as_of=report.as_of, **then)
        burn = burn_down(_largest(report.balances), as_of=report.as_of, **then)
        title = f"Burn-down of the {_TOP} largest open balances of each currency"
        yield _figure(
            "burn-down", charts.burn_down(burn, as_of=report.as_of, customers=customers, top=_TOP, title=title)
        )
        yield _figure("utilisation", charts.utilisation(utilised, customers=customers, top=12))
        segments = utilisation(report.balances, as_of=report.as_of, by="segment", **then)
        yield _figure("breakage", charts.breakage(segments))


def _billed(report: Report, bills: pl.DataFrame, year: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """What was billed in the last twelve months."""
    if "revenue" in year:
        return year["revenue"]
    months = last_months(f"{report.as_of:%Y-%m}", _MONTHS)
    return revenue(bills, months=months, by=(), as_of=report.as_of)


def _issued(report: Report, bills: pl.DataFrame) -> pl.DataFrame:
    """What had been issued by the moment of the report."""
    return bills.filter((pl.col("issued_at") < report.as_of).fill_null(value=False))


def _unpaid(bills: pl.DataFrame) -> bool:
    provider = "billing_provider_invoice_external_status" in bills.columns
    return provider and invoiced(bills).filter(pl.col("total") > 0).height > 0


def _largest(balances: pl.DataFrame) -> pl.DataFrame:
    """The open balances with most left; drawing thousands to leave them out again takes long."""
    ranked = balances.filter(pl.col("balance") > 0).sort("balance", descending=True, maintain_order=True)
    return ranked.group_by("credit_type_id", maintain_order=True).head(_TOP)


def _figure(name: str, chart: charts.Chart) -> str:
    """A chart as SVG in the page itself, for a wide page and for a narrow one and paper: the style shows one."""
    wide = _svg(chart, name, "wide")
    narrow = _svg(within(chart, NARROW), f"narrow {name}", "narrow")
    return f'<figure aria-label="{escape(name)}">{wide}{narrow}</figure>'


def _svg(chart: charts.Chart, name: str, place: str) -> str:
    with TemporaryDirectory() as folder:
        drawn = charts.save(chart, Path(folder) / "chart.svg").read_text("utf-8")
    svg = with_own_ids(drawn[drawn.index("<svg") :], name)
    return svg.replace("<svg", f'<svg data-page="{place}"', 1)


def with_own_ids(svg: str, name: str) -> str:
    """`svg` with `name` before each id: the clips and gradients of two charts on one page must not meet."""
    for id_ in set(re.findall(r'\bid="([^"]+)"', svg)):
        own = f"{name}-{id_}"
        svg = svg.replace(f'id="{id_}"', f'id="{own}"').replace(f"url(#{id_})", f"url(#{own})")
        svg = svg.replace(f'href="#{id_}"', f'href="#{own}"')
    return svg
