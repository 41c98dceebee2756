"""The HTML page of a report."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from metronome_analytics.analysis.checks.verdicts import in_words
from metronome_analytics.analysis.verdict import DIFFERS, TIES_OUT
from metronome_analytics.arguments import file_to_write
from metronome_analytics.extras import need
from metronome_analytics.reports.notes import COUNTED, ROUNDING, UNITS, made_by, receipt_lines
from metronome_analytics.reports.report import Report
from metronome_analytics.wording import drawable

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Unpack

    from metronome_analytics.analysis.frames import Given
    from metronome_analytics.reports.report import Contents

_STYLE = """
:root { color-scheme: light; }
body { margin: 2rem auto; max-width: 1080px; padding: 0 1.5rem; background: #fff; color: #1f2328;
  font: 15px/1.5 system-ui, "Segoe UI", Roboto, Arial, sans-serif; }
h1 { font-size: 1.7rem; margin: 0 0 .2rem; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .2rem; border-bottom: 1px solid #d1d9e0; padding-bottom: .2rem; }
p { margin: .3rem 0 .8rem; } .quiet { color: #59636e; }
.verdict { border-left: 6px solid; padding: .6rem 1rem; margin: 1rem 0; font-weight: 600; }
.pass { border-color: #009e73; background: #eefaf6; } .fail { border-color: #d55e00; background: #fdf1ea; }
.unsure { border-color: #e69f00; background: #fdf7e8; }
.scroll { overflow-x: auto; } td.gt_right { white-space: nowrap; }
.gt_table { margin-left: 0 !important; width: 100% !important; }
figure { margin: 1rem 0; } figure svg { max-width: 100%; height: auto; overflow: visible; }
dl { display: grid; grid-template-columns: 14rem 1fr; gap: .2rem 1rem; font-size: .9rem; }
dt { font-weight: 600; } dd { margin: 0; overflow-wrap: anywhere; }
@media print {
  @page { size: A4; margin: 12mm; }
  body { max-width: none; margin: 0; padding: 0; font-size: 11px; }
  h2, h2 + p { break-after: avoid; } tr, .verdict { break-inside: avoid; } thead { display: table-header-group; }
  figure { break-inside: avoid; } figure svg { max-height: 245mm; width: auto; }
  .scroll { overflow: visible; } .gt_table, .gt_table * { font-size: 9px !important; }
  td.gt_right { white-space: normal; } * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""
# Nothing is fetched, and a name that slipped through unescaped could fetch or run nothing.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def html(
    path: str | Path,
    *,
    title: str = "Metronome report",
    history: Given | None = None,
    charts: bool = True,
    **contents: Unpack[Contents],
) -> Path:
    """Writes one page of HTML to `path` (.html) that needs nothing else, and returns the path.

    It holds what `reconcile()` found (`reconciliation`), what was invoiced, what is left of the balances, charts as
    pictures unless `charts=False`, and notes; it prints. `contents` are those of `workbook()`. `history` are the
    invoices the charts go back to, `invoices` unless given. Amounts are in major units with their currency, never
    added across currencies; times are UTC. Long tables end with how many rows the workbook has beyond them.
    Raises ArgumentError for frames of another kind and ConfigurationError without great_tables and vl-convert
    (extra `report`).
    """
    need("report", *(() if charts else ("great_tables",)))
    file = file_to_write("path", path, ".html", ".htm")
    report = Report.of(**contents)
    # great_tables and altair are slow to import.
    from metronome_analytics.reports import pictures, tables  # noqa: PLC0415  # as said

    body = [*_head(report, title), *tables.sections(report)]
    if charts:
        drawn = pictures.pictures(report, contents.get("customers"), report.invoices if history is None else history)
        body += ["<h2>Charts</h2>", *drawn]
    body += _notes(report)
    page = _PAGE.format(policy=_POLICY, title=escape(title), style=_STYLE, body="\n".join(body))
    file.write_text(drawable(page), "utf-8")
    return file


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
        _verdict(report),
    ]


def _verdict(report: Report) -> str:
    kind = {TIES_OUT: "pass", DIFFERS: "fail"}.get(report.verdict or "", "unsure")
    text = report.headline
    if report.verdict == TIES_OUT:
        text = f"Everything was checked and ties out. {in_words(report.checks)}."
    elif report.verdict == DIFFERS:
        text = f"{report.exceptions.height:,} of {report.checks.height:,} checks failed. {in_words(report.checks)}."
    return f'<div class="verdict {kind}">{escape(text)}</div>'


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
