"""What the charts share: colours, themes, panels by credit type, names on legends, and the chart that says "no data".

Every chart takes one analysis frame of any size and draws a bounded number of marks, aggregated in polars: altair's
limit of 5,000 rows is never lifted. Charts are the only place where Decimal becomes float; tooltips show exact text.
"""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import altair as alt
import polars as pl

from metronome_analytics.analysis.frames import Given, checked
from metronome_analytics.arguments import instant
from metronome_analytics.charts import fitting
from metronome_analytics.charts.showing import offline
from metronome_analytics.offers import one_of
from metronome_analytics.tables import money

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from metronome_analytics.arguments import Instant

Chart = alt.Chart | alt.LayerChart | alt.VConcatChart
Theme = Literal["page", "light", "dark"]
"""Colours for a page: those of the page itself, or fixed ones."""

MAX_ROWS = 4_000
"""Rows of one layer's data, below altair's own limit of 5,000."""
_WORDS = 56
"""Characters of a line below a title, and of titles, which are larger: what a narrow page has room for, and what is
read easily on a wide one."""
_TITLE, _HEADING = 38, 46
_LINES = 4
"""Lines of one text: a name of ten thousand characters must not make a picture of its height."""
_WIDEST_BAR = 120
INK = "ink"
"""The style of marks in the colour of text."""

# Okabe and Ito's colours, which people with any common colour vision deficiency can tell apart. Black is left out
# for dark backgrounds.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8C8C8C", "#F0E442")
GOOD, NOTICE, BAD, QUIET = "#009E73", "#E69F00", "#D55E00", "#8C8C8C"

# Background, text, fainter text and grid. With "page" the first two are the page's own, the others stand on any.
_INK: dict[Theme, tuple[str, str, str, str]] = {
    "page": ("transparent", "currentColor", "#808890", "#80889055"),
    "light": ("#FFFFFF", "#1F2328", "#59636E", "#E4E7EB"),
    "dark": ("#16191D", "#E6EDF3", "#9EA7B0", "#30363D"),
}

NUMBER_LABEL = (
    "abs(datum.value) >= 1e9 ? format(datum.value / 1e9, ',.3~f') + 'B'"
    " : abs(datum.value) >= 1e6 ? format(datum.value / 1e6, ',.3~f') + 'M'"
    " : abs(datum.value) >= 1e4 ? format(datum.value / 1e3, ',.3~f') + 'k'"
    " : format(datum.value, ',.4~f')"
)
"""Vega's own short form writes thousandths as `m`, which reads as millions."""
ABOUT_LABEL = NUMBER_LABEL.replace(".3~f", ".3~r").replace(".4~f", ".3~r")
"""The same of amounts that are not round, as those at the ends of a scale of colours; three figures of each."""

TIME_LABEL = (
    "[utchours(datum.value) ? utcFormat(datum.value, '%H:%M')"
    " : utcFormat(datum.value, utcdate(datum.value) == 1 ? '%b' : '%e %b'),"
    " datum.index == 0 || (utcmonth(datum.value) == 0 && utcdate(datum.value) == 1)"
    " ? utcFormat(datum.value, '%Y') : '']"
)
"""A tick of a UTC scale: the month or day, and below the first one and each January the year."""


def themed(chart: Chart, theme: Theme) -> Chart:
    """`chart` in the colours of a theme, showing itself without a network."""
    one_of("theme", theme, get_args(Theme))
    background, ink, faint, grid = _INK[theme]
    axis = {"labelColor": faint, "titleColor": ink, "gridColor": grid, "domainColor": faint, "tickColor": faint}
    words = {"labelColor": ink, "titleColor": ink}
    configured: Chart = (
        chart.configure(background=background, padding=12, style={INK: {"color": ink}}, params=fitting.room())
        .configure_view(stroke=None)
        .configure_axis(**axis, labelFontSize=11, titleFontSize=12, titleFontWeight="normal")
        .configure_legend(
            **words,
            labelLimit=alt.ExprRef(f"min(340, {fitting.ROOM} - 80)"),
            symbolOpacity=1,
            titleFontWeight="normal",
            labelFontSize=11,
            # One legend below the other: side by side, two of them are wider than the panel.
            layout=alt.ExprRef("{direction: 'vertical', anchor: 'start', offset: 18, margin: 8}"),
        )
        .configure_header(**words)
        .configure_title(
            color=ink,
            subtitleColor=faint,
            anchor="start",
            fontSize=15,
            subtitleFontSize=11,
            offset=10,
            # What is too wide all the same, as a line of capitals, ends with an ellipsis.
            limit=alt.ExprRef(f"{fitting.ROOM} - 24"),
        )
    )
    return offline(configured)


def layered(layers: Sequence[alt.Chart], title: alt.TitleParams, *, height: int = 280) -> alt.LayerChart:
    """One panel, which is as wide as there is room for."""
    return cast("alt.LayerChart", alt.layer(*layers).properties(width=fitting.USUAL, height=height, title=title))


def no_data(title: str, theme: Theme, why: str = "no data") -> Chart:
    """A chart that says there is nothing to draw."""
    return themed(_words(why, title=title, height=120), theme)


def nothing(title: alt.TitleParams) -> alt.LayerChart:
    """A panel of which everything is left out."""
    return layered([_words("nothing to draw", height=80)], title, height=80)


def _words(text: str, *, height: int, title: str = "") -> alt.Chart:
    words = alt.Chart(pl.DataFrame({"text": [text]}), width=fitting.USUAL, height=height, title=heading(title, []))
    drawn: alt.Chart = words.mark_text(fontSize=16, color=QUIET).encode(text="text:N")
    return drawn


def collected(frame: Given, argument: str, *needed: str, source: str) -> pl.DataFrame:
    """The needed columns of an analysis frame, in memory; ArgumentError when one is missing."""
    return checked(frame, argument, *needed, source=source).collect()


def panels(frame: pl.DataFrame, panel: Callable[[pl.DataFrame, str], Chart], *, title: str, theme: Theme) -> Chart:
    """One panel per credit type, one below the other: amounts of different credit types never share an axis."""
    kinds = frame["credit_type_name"].unique(maintain_order=True).sort(nulls_last=True).to_list()
    if not kinds:
        return no_data(title, theme)
    # fill_null keeps a nameless credit type as a panel of its own.
    name = pl.col("credit_type_name")
    drawn: Sequence[Chart] = [panel(frame.filter(name.eq_missing(kind)), unit(kind)) for kind in kinds]
    if len(drawn) == 1:
        return themed(drawn[0].properties(title=_titled(title, drawn[0])), theme)
    stacked = alt.vconcat(*drawn, title=_lines(title, _TITLE), spacing=28).resolve_scale(
        color="independent", shape="independent"
    )
    return themed(stacked, theme)


def _titled(title: str, chart: Chart) -> alt.TitleParams:
    """`title` above what the only panel says of itself."""
    own: Any = chart.title
    if own is alt.Undefined:
        return alt.TitleParams(_lines(title, _TITLE))
    below = own.subtitle if own.subtitle is not alt.Undefined else []
    words = _lines(" ".join(own.text), _WORDS)
    return alt.TitleParams(_lines(title, _TITLE), subtitle=[*words, *below])


def heading(text: str, notes: Sequence[str]) -> alt.TitleParams:
    """The title of a panel and, below it, what the reader must know about what is left out."""
    lines = [line for note in notes for line in _lines(note, _WORDS)]
    return alt.TitleParams(_lines(text, _HEADING), subtitle=lines or alt.Undefined, fontSize=13)


def _lines(text: str, longest: int) -> list[str]:
    """`text` in lines, broken between words where there are any."""
    lines = wrap(text, longest, max_lines=_LINES, placeholder=" …")
    return lines or [""]


def told(unit: str, *names: str | None) -> str:
    """What a panel is of: whose amounts, and their unit."""
    whose = " · ".join(name for name in names if name)
    return f"{whose}, in {unit}" if whose else f"In {unit}"


def running(as_of: Instant | None) -> str | None:
    """The month that `as_of` is in: what it holds is not all of it."""
    at = instant("as_of", as_of)
    return None if at is None else f"{at:%Y-%m}"


def months(frame: pl.DataFrame, column: str) -> list[str]:
    """Every month from the first to the last of a column of month starts: time has no gaps where nothing happened."""
    ends = frame.select(pl.col(column).min().alias("from"), pl.col(column).max().alias("to")).drop_nulls()
    every = ends.select(pl.date_ranges(pl.col("from").dt.date(), pl.col("to").dt.date(), "1mo")).to_series().explode()
    return every.dt.strftime("%Y-%m").drop_nulls().to_list()


def month_axis(field: str, labels: list[str], title: str | None = None, *, so_far: str | None = None) -> alt.X:
    """A month per column, those without data too; the one that is still running says so."""
    each = f"width / {max(1, len(labels))}"
    # Vega takes a slanted label to be as wide as its bounds, and leaves out every other one too early.
    level = f"{each} > 80"
    axis = alt.Axis(
        labelAngle=alt.ExprRef(f"{level} ? 0 : -40"),
        labelAlign=alt.ExprRef(f"{level} ? 'center' : 'right'"),
        labelBaseline=alt.ExprRef(f"{level} ? 'top' : 'middle'"),
        labelOverlap=alt.ExprRef(f"{each} > 18 ? false : 'parity'"),
    )
    if so_far is not None:
        axis.labelExpr = f"datum.value == '{so_far}' ? datum.value + ' so far' : datum.value"
    return alt.X(f"{field}:O", title=title, scale=alt.Scale(domain=labels), axis=axis)


def month_bars(labels: Sequence[str]) -> dict[str, Any]:
    """How a bar of each month is drawn: one alone must not be as wide as the panel."""
    return {"width": alt.ExprRef(f"min(0.9 * width / {max(1, len(labels))}, {_WIDEST_BAR})")}


def still_running(so_far: str | None, months: Iterable[str]) -> list[str]:
    """What to say of the running month, where it is drawn."""
    return [f"{so_far} is still running, and fainter."] if so_far is not None and so_far in months else []


def fainter(so_far: str | None, field: str = "month") -> Any:
    """Marks of the running month are fainter: it is not over."""
    if so_far is None:
        return alt.OpacityValue(1)
    return alt.condition(f"datum.{field} == '{so_far}'", alt.value(0.55), alt.value(1))


def unit(credit_type_name: str | None) -> str:
    """The currency code or unit on the axis of a credit type."""
    return money.currency_of(credit_type_name)


def as_float(column: str, name: str) -> pl.Expr:
    """A money column in major units as Float64 for drawing, under `name`."""
    return money.as_float(money.major(pl.col(column), pl.col("credit_type_name"))).alias(name)


def about(field: str) -> str:
    """For Vega: an amount of a row in three figures."""
    return f"({ABOUT_LABEL.replace('datum.value', f'datum.{field}')})"


def figure(column: str) -> pl.Expr:
    """A money column in major units at two decimals, for where the panel says of what credit type it is."""
    return money.rounded_text(pl.col(column), pl.col("credit_type_name")).str.split(" ").list.last()


def total_text(frame: pl.DataFrame, column: str) -> str:
    """The sum of a money column of one credit type, in words, at two decimals."""
    text: str = frame.select(money.rounded_text(pl.col(column).sum(), pl.col("credit_type_name").first())).item()
    return text


def time_axis(title: str | None = None, *, by: str | None = None) -> alt.Axis:
    """An axis whose labels are UTC dates, which stand apart; `by` "month" has ticks at months alone."""
    axis = alt.Axis(title=title, labelAngle=0, labelOverlap=True, labelSeparation=8, labelExpr=TIME_LABEL, grid=False)
    if by == "month":
        axis["tickCount"] = by
    return axis


def amount_axis(title: str, *, extent: int = 44, ticks: int = 6) -> alt.Axis:
    """An axis of major units, whose labels take the same room in every panel."""
    return alt.Axis(title=title, labelExpr=NUMBER_LABEL, tickCount=ticks, minExtent=extent)


def tips(fields: Mapping[str, str]) -> list[alt.Tooltip]:
    """A tooltip of texts: field and the words before it."""
    return [alt.Tooltip(f"{field}:N", title=words) for field, words in fields.items()]


def legend(field: str, colors: Mapping[str, str], beside: Sequence[str] = ()) -> alt.Color:
    """Colours by name, with a legend below the panel, which has the names `beside` it."""
    scale = alt.Scale(domain=list(colors), range=list(colors.values()))
    below = alt.Legend(orient="bottom", columns=fitting.columns(list(colors), beside))
    return alt.Color(f"{field}:N", title=None, scale=scale, legend=below)
