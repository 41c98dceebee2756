"""Draws charts, pages and the views of a widget from an account of hostile names: in a process of its own.

What goes wrong here aborts the process, so a test runs it as `python -m tests.draw_hostile FOLDER` and looks at what it
left there. The account is that of METRONOME_BASE_URL.
"""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import altair as alt
import polars as pl

import metronome_analytics as ma
from metronome_analytics import charts
from metronome_analytics.__main__ import main
from metronome_analytics.cli.chart import write_burn_down
from metronome_analytics.cli.summaries import running_out
from metronome_analytics.folder import Folder
from tests.hostile import EVERY, HALF, NAMES

if TYPE_CHECKING:
    from datetime import datetime


def draw(account: ma.Account, folder: Path) -> None:
    """Every chart in every format, a page, the demo's chart, and what an Explorer shows."""
    now = account.now
    customers = account.customers()
    balances = account.balances(customers)
    invoices = account.invoices(customers)
    burn = ma.burn_down(balances, as_of=now, invoices=invoices)
    use = ma.utilisation(balances, as_of=now)
    drawn: dict[str, Any] = {
        "names": charts.offline(every_name()),
        "burn-down": charts.burn_down(burn, as_of=now, customers=customers, title="".join(EVERY.values())),
        "utilisation": charts.utilisation(use, customers=customers, title=HALF),
        "costs": charts.costs(
            account.invoice_breakdowns(customers, starting_on=now - timedelta(days=5), ending_before=now)
        ),
        "invoices": charts.invoices(invoices),
        "portfolio": charts.portfolio(burn, customers=customers, title=HALF),
        "breakage": charts.breakage(use, title=HALF),
        **statements(balances, invoices, now),
    }
    for name, chart in drawn.items():
        charts.save(chart, folder / f"{name}.svg")
        data, _ = chart._repr_mimebundle_()
        (folder / f"{name}.json").write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
    charts.save(drawn["names"], folder / "names.png")
    charts.save(every_name(), folder / "of a user.html")
    drawn["burn-down"].save(folder / "by altair.html", inline=True)
    (folder / "as text.html").write_text(drawn["names"].to_html(), encoding="utf-8")
    given: dict[str, Any] = {"invoices": invoices, "balances": balances, "customers": customers, "as_of": now}
    ma.reports.html(folder / "report.html", title=HALF, filters=dict.fromkeys(EVERY.values(), HALF), **given)
    write_burn_down(
        burn, running_out(balances, burn, customers, as_of=now), customers, Folder(folder / "demo"), as_of=now
    )
    explorer: Any = ma.widgets.Explorer(account, customers=customers, as_of=now)
    for name in (NAMES["vertical tab"], NAMES["long"]):
        explorer.customer.value = customers.filter(pl.col("name") == name)["id"].head(1)
        for tab in ("Portfolio", "Customer", "Balances", "Invoices", "Ledger", "Costs"):
            explorer.tab = tab
            explorer.wait()
            shown = [explorer._tabs._state, explorer.output.outputs, explorer._repr_mimebundle_()]
            text = json.dumps(shown, ensure_ascii=False, default=str)
            (folder / f"explorer {tab} {len(name)}.json").write_text(text, encoding="utf-8")


def statements(balances: pl.DataFrame, invoices: pl.DataFrame, now: datetime) -> dict[str, Any]:
    """The charts of the statements."""
    months = [f"{at:%Y-%m}" for at in (now.replace(day=1) - timedelta(days=1), now)]
    longest = invoices.sort(pl.col("line_items").list.len())["id"][-1]
    rolled = ma.roll_forward(balances, invoices, months=months, as_of=now)
    deferred = ma.deferred_revenue(balances, invoices, months=months, as_of=now)
    return {
        "aging": charts.aging(invoices, as_of=now, title=HALF),
        "deferred revenue": charts.deferred_revenue(deferred, title=HALF),
        "explained": charts.explain_invoice(ma.explain_invoice(invoices, longest), title=HALF),
        "flux": charts.flux(ma.flux(invoices, months=months, as_of=now), title=HALF),
        "revenue": charts.revenue(ma.revenue(invoices, months=months, as_of=now), title=HALF),
        "roll-forward": charts.roll_forward(rolled, title=HALF),
    }


def every_name() -> alt.Chart:
    """A chart as a user makes one, of every name; only ours bound a title."""
    title = [name for name in EVERY.values() if len(name) < 1_000]
    frame = pl.DataFrame({"name": NAMES.values()})
    drawn: alt.Chart = alt.Chart(frame, title=title).mark_text(limit=300).encode(text="name:N", y="name:N")
    return drawn


if __name__ == "__main__":
    with ma.connect(max_requests_per_second=None, progress=False) as opened:
        draw(opened, Path(sys.argv[1]))
        month = f"{opened.now:%Y-%m}"
    sys.exit(main(["reconcile", "--month", month, "--max-requests-per-second", "1000", "--out", sys.argv[1]]))
