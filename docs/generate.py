"""What the site does not say by hand: the tables, the reference, the command line and the gallery, from the code."""

from __future__ import annotations

import contextlib
import inspect
import io
from itertools import product
from typing import TYPE_CHECKING, Any

import dataframely as dy
import polars as pl
import spec_coverage

import metronome_analytics as ma
from metronome_analytics import analysis, tables
from metronome_analytics.api.endpoints import ENDPOINTS
from metronome_analytics.charts.fitting import NARROW, USUAL, within
from metronome_analytics.cli.app import app
from metronome_analytics.reports.style import NARROW_PAGE
from metronome_analytics.tables.columns import key_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FIGURE = """## {title}

{pictures}
`{call}`

"""
_PICTURE = """```{{image}} {file}
:alt: {title}
:class: {classes}
```
"""
# The theme of the site shows what is of its colours; of that, one is hidden.
_PLACES = f"""```{{raw}} html
<style>
@media (min-width: {NARROW_PAGE + 1}px) {{ html body img.narrow-page.narrow-page {{ display: none !important; }} }}
@media (max-width: {NARROW_PAGE}px) {{ html body img.wide-page.wide-page {{ display: none !important; }} }}
</style>
```

"""

_MADE = "% Made by docs/generate.py when the site is built.\n\n"


def everything(docs: Path) -> None:
    """Write every generated page below `docs`; git ignores them."""
    (docs / "reference").mkdir(exist_ok=True)
    (docs / "gallery").mkdir(exist_ok=True)
    _write(docs / "reference" / "tables.md", _tables())
    _write(docs / "reference" / "functions.md", _functions())
    _write(docs / "reference" / "account.md", _account())
    _write(docs / "reference" / "changes.md", _changes())
    _write(docs / "reference" / "errors.md", _errors())
    _write(docs / "reference" / "command_line.md", _command_line())
    _write(docs / "reference" / "endpoints.md", _endpoints())
    _write(docs / "reference" / "coverage.md", spec_coverage.page())
    _write(docs / "gallery.md", _gallery(docs / "gallery"))


def _write(path: Path, text: str) -> None:
    """`text`, unless it is there already: what did not change is not built again."""
    text = _MADE + text
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def _cells(*texts: object) -> str:
    return "| " + " | ".join(str(text).replace("|", "\\|") for text in texts) + " |\n"


# --- tables ----------------------------------------------------------------------------------------------------------


def schemas() -> dict[str, Any]:
    """Every table of the page of tables, by name: those of loaders and flatteners, and those that analyses give."""
    loaded = {
        name: value for name, value in vars(tables).items() if inspect.isclass(value) and hasattr(value, "columns")
    }
    return loaded | _given()


def _given() -> dict[str, Any]:
    """The tables of analyses: each stands beside its function, which is imported by its name."""
    for name in analysis.__all__:
        getattr(ma, name)
    return {each.__name__: each for each in dy.Schema.__subclasses__() if each.__module__.startswith(analysis.__name__)}


def _tables() -> str:
    page = (
        "# Tables\n\nEvery table, its columns and dtypes, and the API field each column comes from where its name is "
        "another. Amounts are `Decimal(38, 10)` in the unit of the row's credit type; times are UTC.\n\n"
    )
    loaders = {}
    for endpoint in ENDPOINTS.values():
        if endpoint.table is not None:
            loaders.setdefault(endpoint.table, set()).add(f"`account.{endpoint.loader}()`")
    for name, schema in sorted(schemas().items()):
        page += f"## {name}\n\n{inspect.getdoc(schema)}\n\n"
        if name in loaders:
            page += f"From {', '.join(sorted(loaders[name]))}. "
        page += f"Key: {', '.join(f'`{column}`' for column in key_of(schema)) or 'none'}.\n\n"
        page += "| column | dtype | API field |\n|---|---|---|\n"
        for column, declared in schema.columns().items():
            path = (declared.metadata or {}).get("path", column)
            field = " or ".join(f"`{one}`" for one in ([path] if isinstance(path, str) else path)) if path else "none"
            page += _cells(f"`{column}`", f"`{_short(declared.dtype)}`", field.replace("item.", ""))
        page += "\n"
    return page


def _short(dtype: pl.DataType) -> str:
    match dtype:
        case pl.List():
            return "List"
        case pl.Struct():
            return "Struct"
        case pl.Datetime():
            return "Datetime UTC"
        case _:
            return str(dtype)


# --- reference -------------------------------------------------------------------------------------------------------


def _public() -> dict[str, Any]:
    return {name: getattr(ma, name) for name in dir(ma)}


_EXAMPLES = (
    "In every example `account` is `ma.demo(customers=10)`, and the tests run it. Columns of what is given are on the "
    "page of [tables](tables.md).\n\n"
)


def _functions() -> str:
    page = f"# Functions and classes\n\nWhat `ma.<Tab>` offers, beside the errors. {_EXAMPLES}"
    for name, value in _public().items():
        if inspect.isfunction(value):
            page += f"```{{eval-rst}}\n.. autofunction:: metronome_analytics.{name}\n```\n\n"
        elif inspect.isclass(value) and not issubclass(value, Exception) and name != "Account":
            page += f"```{{eval-rst}}\n.. autoclass:: metronome_analytics.{name}\n   :members:\n```\n\n"
    for room in ("charts", "reports", "widgets"):
        module = getattr(ma, room)
        page += f"## ma.{room}\n\n{inspect.getdoc(module)}\n\n"
        for name in sorted(module.__all__):
            value = getattr(module, name)
            kind = "autoclass" if inspect.isclass(value) else "autofunction" if callable(value) else "autodata"
            page += f"```{{eval-rst}}\n.. {kind}:: metronome_analytics.{room}.{name}\n```\n\n"
    return page


def _account() -> str:
    rst = (
        ".. autoclass:: metronome_analytics.Account\n   :members:\n   :inherited-members:\n   :exclude-members: session"
    )
    return f"# Account\n\n{_EXAMPLES}```{{eval-rst}}\n{rst}\n```\n"


def with_source(_app: object, _what: str, name: str, _value: object, _options: object, lines: list[str]) -> None:
    """To the docstring of a loader, which operation of the API it reads and what that brings, from the registry."""
    read = [each for each in ENDPOINTS.values() if name == f"metronome_analytics.Account.{each.loader}"]
    sources = " and ".join(f"``{each}``" for each in read)
    if read:
        lines += [f"Source: {sources} of the API. Raises LoadError where not every row arrives.", ""]


def _changes() -> str:
    """The changes, each with what the table of operations says of it."""
    page = f"# Changes\n\n{inspect.getdoc(ma.changes)}\n\n{_EXAMPLES}"
    operations = {row["change"]: row for row in ma.changes.catalogue().iter_rows(named=True)}
    for name in ma.changes.__all__:
        if not inspect.isclass(value := getattr(ma.changes, name)):
            continue
        # Those that are names of `ma` too are in the index by the page of functions.
        index = "   :no-index:\n" if getattr(ma, name, None) is value else ""
        page += f"```{{eval-rst}}\n.. autoclass:: metronome_analytics.changes.{name}\n{index}```\n\n"
        if fields := getattr(value, "model_fields", None):
            named = (
                f"`{field}`" + ("" if each.is_required() else " (may be left out)") for field, each in fields.items()
            )
            page += f"Fields: {', '.join(named)}.\n\n"
        if row := operations.get(name):
            told = (f"{key} {text}" for key in ("once_by", "proof", "undo", "weight") if (text := row[key]) is not None)
            page += f"Operation `{row['operation']}`, by `{row['endpoint']}`; {', '.join(told)}.\n\n"
    return page


def _errors() -> str:
    page = f"# Errors\n\n```text\n{inspect.getdoc(ma.errors)}\n```\n\n"
    for name in ma.errors.__all__:
        page += f"```{{eval-rst}}\n.. autoclass:: metronome_analytics.errors.{name}\n```\n\n"
    return page


def _endpoints() -> str:
    page = "# Endpoints\n\nEvery endpoint we can speak to: what `account.catalogue()` gives.\n\n"
    catalogue = ma.Account.catalogue()
    page += _cells(*catalogue.columns) + "|---" * catalogue.width + "|\n"
    for row in catalogue.iter_rows():
        page += _cells(
            *("" if value is None else ", ".join(value) if isinstance(value, list) else value for value in row)
        )
    return page


# --- the command line ------------------------------------------------------------------------------------------------


def _command_line() -> str:
    page = "# Command line\n\n"
    for words in _commands(app, ()):
        title = " ".join(["metronome-analytics", *words])
        page += f"## {title}\n\n```text\n{_help(words)}\n```\n\n"
    return page


def _commands(group: Any, before: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    yield before
    for name in group:
        if not name.startswith("-"):
            yield from _commands(group[name], (*before, name))


def _help(words: tuple[str, ...]) -> str:
    from rich.console import Console  # noqa: PLC0415  # only this needs it

    written = io.StringIO()
    console = Console(file=written, width=100, force_terminal=False, color_system=None)
    with contextlib.suppress(SystemExit):
        app([*words, "--help"], console=console, result_action="return_none")
    return written.getvalue().strip()


# --- the gallery -----------------------------------------------------------------------------------------------------


# Each widget: its title, its picture, which `python -m tests.browser.pictures` takes in JupyterLab, and the call.
WIDGETS = (
    ("Search and choose customers", "customer_picker", "ma.widgets.CustomerPicker(customers)"),
    (
        "Choose a balance, and a segment of it",
        "balance_picker",
        "ma.widgets.BalancePicker(balances, customers=customers)",
    ),
    ("Choose a month, a quarter or days", "period_picker", "ma.widgets.PeriodPicker(value='2026-10')"),
    ("Look around an account", "explorer", "ma.widgets.Explorer(account)"),
    ("Look through a frame", "table", "ma.widgets.Table(invoices, customers=customers)"),
    ("Read a plan, confirm and apply it", "plan_review", "ma.widgets.PlanReview(plan, apply=account.apply)"),
)


def _picture(file: str, title: str, classes: str) -> str:
    return _PICTURE.format(file=file, title=title, classes=classes)


def _gallery(folder: Path) -> str:
    with ma.demo() as account:
        page = "# Gallery\n\n" + _PLACES
        page += "## Widgets\n\nAs JupyterLab shows them on `ma.demo()`, light and dark.\n\n"
        for title, file, call in WIDGETS:
            themes = (("light", f"{file}.png"), ("dark", f"{file}_dark.png"))
            pictures = "".join(_picture(f"images/{name}", title, f"only-{theme}") for theme, name in themes)
            page += "#" + _FIGURE.format(title=title, pictures=pictures, call=call)
        page += "## Charts\n\nEvery chart, drawn from `ma.demo()` when this site is built, light and dark.\n\n"
        for title, file, call, chart in _charts(account):
            pictures = ""
            for theme, (place, pixels) in product(("light", "dark"), (("wide", USUAL), ("narrow", NARROW))):
                drawn = ma.charts.save(within(chart(theme), pixels), folder / f"{file}_{theme}_{place}.svg")
                pictures += _picture(f"gallery/{drawn.name}", title, f"only-{theme} {place}-page")
            page += "#" + _FIGURE.format(title=title, pictures=pictures, call=call)
    return page


def _charts(account: ma.Account) -> Iterator[tuple[str, str, str, Any]]:
    """Each chart: its title, its file, the call that draws it, and how to draw it in a theme."""
    now, customers = account.now, account.customers()
    balances, invoices = account.balances(), account.invoices()
    breakdowns = account.invoice_breakdowns(starting_on=now.replace(day=1), ending_before=now)
    burn = ma.burn_down(balances, as_of=now)
    outlook = ma.forecast(burn, as_of=now)
    used = ma.utilisation(balances, as_of=now)
    draw = ma.charts
    yield (
        "What is left of each balance, and when it runs out",
        "burn_down",
        "ma.charts.burn_down(burn, as_of=account.now, forecast=outlook, customers=customers)",
        lambda theme: draw.burn_down(burn, as_of=now, forecast=outlook, customers=customers, top=4, theme=theme),
    )
    yield (
        "Who uses too much, and who too little",
        "utilisation",
        "ma.charts.utilisation(used, customers=customers)",
        lambda theme: draw.utilisation(used, customers=customers, theme=theme),
    )
    yield (
        "What expired unused",
        "breakage",
        "ma.charts.breakage(used)",
        lambda theme: draw.breakage(used, theme=theme),
    )
    yield (
        "Invoices by month",
        "invoices",
        "ma.charts.invoices(invoices, as_of=account.now)",
        lambda theme: draw.invoices(invoices, as_of=now, theme=theme),
    )
    yield (
        "Unpaid invoices by age",
        "aging",
        "ma.charts.aging(invoices, as_of=account.now)",
        lambda theme: draw.aging(invoices, as_of=now, theme=theme),
    )
    yield (
        "Cost by day and product",
        "costs",
        "ma.charts.costs(breakdowns)",
        lambda theme: draw.costs(breakdowns, theme=theme),
    )
    yield (
        "Who drew how much, month by month",
        "portfolio",
        "ma.charts.portfolio(burn, customers=customers, as_of=account.now)",
        lambda theme: draw.portfolio(burn, customers=customers, as_of=now, theme=theme),
    )
    yield from _statements(account, balances, invoices)


def _statements(
    account: ma.Account, balances: pl.DataFrame, invoices: pl.DataFrame
) -> Iterator[tuple[str, str, str, Any]]:
    """The charts of the statements, over the half year before the demo's clock."""
    now, draw = account.now, ma.charts
    months = [f"2026-{month:02}" for month in range(5, 11)]
    rolled = ma.roll_forward(balances, invoices, months=months, as_of=now)
    deferred = ma.deferred_revenue(balances, invoices, months=months, as_of=now)
    billed = ma.revenue(invoices, months=months, as_of=now)
    moved = ma.flux(invoices, months=("2026-09", "2026-10"), as_of=now)
    explained = ma.explain_invoice(invoices, ma.invoiced(invoices).sort("total", descending=True)["id"][0])
    yield (
        "From opening to closing balance",
        "roll_forward",
        "ma.charts.roll_forward(rolled)",
        lambda theme: draw.roll_forward(rolled, theme=theme),
    )
    yield (
        "What is deferred",
        "deferred_revenue",
        "ma.charts.deferred_revenue(deferred)",
        lambda theme: draw.deferred_revenue(deferred, theme=theme),
    )
    yield (
        "What was billed, and what had been paid before",
        "revenue",
        "ma.charts.revenue(billed)",
        lambda theme: draw.revenue(billed, theme=theme),
    )
    yield (
        "Why one month differs from another",
        "flux",
        "ma.charts.flux(moved)",
        lambda theme: draw.flux(moved, theme=theme),
    )
    yield (
        "How an invoice comes to its total",
        "explain_invoice",
        "ma.charts.explain_invoice(explained)",
        lambda theme: draw.explain_invoice(explained, theme=theme),
    )
