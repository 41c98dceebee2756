"""The HTML page of a report."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from metronome_analytics.arguments import file_to_write
from metronome_analytics.extras import need
from metronome_analytics.reports.notes import COUNTED, ROUNDING, UNITS, made_by, receipt_lines
from metronome_analytics.reports.report import Report
from metronome_analytics.reports.style import STYLE
from metronome_analytics.wording import drawable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Unpack

    import polars as pl

    from metronome_analytics.analysis.frames import Given
    from metronome_analytics.reports.report import Contents

# Nothing is fetched, and a name that slipped through unescaped could fetch or run nothing.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def html(
    path: str | Path,
    *,
    title: str = "Metronome report",
    history: Given | None = None,
    year: Mapping[str, pl.DataFrame] | None = None,
    charts: bool = True,
    **contents: Unpack[Contents],
) -> Path:
    """Writes one page of HTML to `path` (.html) that needs nothing else, and returns the path.

    It opens with what `reconcile()` found (`reconciliation`), money by currency and what needs a decision; then come
    the `statements` that are given, charts as pictures unless `charts=False`, the checks, invoices and balances, and
    notes. It suits light and dark screens, and prints. `contents` are those of `workbook()`. `history` are the invoices
    the charts go back to, `invoices` unless given, `year` statements over several months for charts of them. Amounts
    are in major units, with the currency above them, never added across currencies; times are UTC. Long tables end
    with how many rows the workbook has beyond them.
    Raises ArgumentError for frames of another kind and ConfigurationError without great_tables and vl-convert
    (extra `report`).

    >>> invoices, balances = account.invoices(month="2026-10"), account.balances()
    >>> frames = {"invoices": invoices, "balances": balances, "as_of": account.now}
    >>> ma.reports.html("october.html", charts=False, **frames).name
    'october.html'
    """
    need("report", *(() if charts else ("great_tables",)))
    file = file_to_write("path", path, ".html", ".htm")
    report = Report.of(**contents)
    # great_tables and altair are slow to import.
    from metronome_analytics.reports import checked, opening, pictures, stated  # noqa: PLC0415  # as said

    body = [*_head(report, title), *opening.opening(report), *stated.statements(report)]
    if charts:
        bills = report.invoices if history is None else history
        drawn = pictures.pictures(report, contents.get("customers"), bills, year or {})
        body += ["<h2>Charts</h2>", '<div class="charts">', *drawn, "</div>"]
    body += [*(checked.checks(report) if report.reconciled else []), *checked.books(report)]
    body += _notes(report)
    file.write_text(drawable(page_of(title, body)), "utf-8")
    return file


def page_of(title: str, body: Sequence[str]) -> str:
    """A whole page of what stands in its body."""
    return _PAGE.format(policy=_POLICY, title=escape(title), style=STYLE, body="\n".join(body))


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""


def _head(report: Report, title: str) -> list[str]:
    facts = [f"As of {report.as_of:%Y-%m-%d %H:%M} UTC", *(f"{key}: {value}" for key, value in report.filters.items())]
    return [
        f"<h1>{escape(title)}</h1>",
        f'<p class="quiet">{escape(" · ".join(facts))}</p>',
    ]


def _notes(report: Report) -> list[str]:
    rows = [
        made_by(),
        ("Units", UNITS),
        ("Rounding", ROUNDING),
        ("What an invoice counts as", COUNTED),
        *receipt_lines(report),
    ]
    terms = "".join(f"<dt>{escape(topic)}</dt><dd>{escape(text)}</dd>" for topic, text in rows)
    return ["<h2>Notes</h2>", f"<dl>{terms}</dl>"]
