"""The charts of a page, as pictures in the page itself."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics import charts
from metronome_analytics.analysis.burn_down import burn_down
from metronome_analytics.analysis.invoiced import invoiced
from metronome_analytics.analysis.utilisation import utilisation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metronome_analytics.analysis.frames import Given
    from metronome_analytics.reports.report import Report

_TOP = 6
"""Balances in the burn-down: more lines than that are no picture."""


def pictures(report: Report, customers: Given | None, history: Given) -> Iterator[str]:
    """Each chart as a figure; one that has nothing to say is left out."""
    bills = history.lazy().collect()
    utilised = utilisation(report.balances, as_of=report.as_of)
    if bills.height:
        yield _figure("invoices", charts.invoices(bills))
    if _unpaid(bills):
        yield _figure("aging", charts.aging(bills, as_of=report.as_of))
    if report.balances.height:
        burn = burn_down(_largest(report.balances), invoices=bills, as_of=report.as_of)
        title = f"Burn-down of the {_TOP} largest open balances of each currency"
        yield _figure(
            "burn-down", charts.burn_down(burn, as_of=report.as_of, customers=customers, top=_TOP, title=title)
        )
        yield _figure("utilisation", charts.utilisation(utilised, customers=customers, top=12))
        yield _figure("breakage", charts.breakage(utilisation(report.balances, as_of=report.as_of, by="segment")))


def _unpaid(bills: pl.DataFrame) -> bool:
    provider = "billing_provider_invoice_external_status" in bills.columns
    return provider and invoiced(bills).filter(pl.col("total") > 0).height > 0


def _largest(balances: pl.DataFrame) -> pl.DataFrame:
    """The open balances with most left; drawing thousands to leave them out again takes long."""
    ranked = balances.filter(pl.col("balance") > 0).sort("balance", descending=True, maintain_order=True)
    return ranked.group_by("credit_type_id", maintain_order=True).head(_TOP)


def _figure(name: str, chart: charts.Chart) -> str:
    """A chart as SVG in the page itself."""
    with TemporaryDirectory() as folder:
        drawn = charts.save(chart, Path(folder) / "chart.svg").read_text("utf-8")
    return f'<figure aria-label="{escape(name)}">{with_own_ids(drawn[drawn.index("<svg") :], name)}</figure>'


def with_own_ids(svg: str, name: str) -> str:
    """`svg` with `name` before each id: the clips and gradients of two charts on one page must not meet."""
    for id_ in set(re.findall(r'\bid="([^"]+)"', svg)):
        own = f"{name}-{id_}"
        svg = svg.replace(f'id="{id_}"', f'id="{own}"').replace(f"url(#{id_})", f"url(#{own})")
        svg = svg.replace(f'href="#{id_}"', f'href="#{own}"')
    return svg
