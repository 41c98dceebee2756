"""How wide a chart is: as wide as the page has room for, in one signal on which all that takes space depends.

`room` is the width of the whole chart in pixels, ground and legends included. A picture has a number for it; JupyterLab
and Notebook are told to ask the page, at first and whenever the window changes. Vega-Lite's own `width="container"` is
only for charts of one panel, and is nothing at all where a frontend lays the chart out as wide as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOM = "room"
USUAL = 720
"""Pixels of a picture, and of a chart that cannot tell how wide its page is."""
WIDEST = 1_080
NARROW = 384
"""Pixels that a notebook leaves to a chart in a window of 500, beside a widget's own margin in an Explorer."""
_NAMES = 0.36
"""The largest part of a chart that names beside its bars take."""
_LETTER = 6.1
"""Pixels of a letter of a label, on average."""
_AROUND = 60
"""Pixels of a stacked chart that are neither its panels nor the labels beside them: its ground, the axis' title and
half the last label below."""
_TITLED = 22
"""Pixels of an axis' title beside its labels."""
_LEAST = 200
IS_NARROW = f"{ROOM} < 600"
"""For Vega: whether there is no room for all that a wide chart says beside its marks."""
_MARGIN = 116
"""Pixels of a narrow window that JupyterLab keeps beside a chart. It says that there are eight fewer: it sets a chart
in by so many, as wide as if it did not, and cuts off what then stands out."""
_PAGE = f"min(containerSize()[0] > {_LEAST} ? containerSize()[0] : {USUAL}, windowSize()[0] - {_MARGIN}, {WIDEST})"
# A notebook lays itself out some time after its window has changed, and without that when a sidebar opens: so the page
# is asked once a second. Where another chart's style makes places as wide as charts, this one must not shrink by what
# its panels leave over each time.
_SLACK = 30
_AGAIN = f"inrange({_PAGE} - {ROOM}, [-{_SLACK}, 0]) ? {ROOM} : {_PAGE}"
_WHEN = ({"type": "timer", "throttle": 1_000}, {"source": "window", "type": "resize", "debounce": 200})
FOLLOWS = (
    {
        "op": "add",
        "path": "/signals/-",
        "value": {"name": ROOM, "init": _PAGE, "on": [{"events": [*_WHEN], "update": _AGAIN}]},
    },
)
"""What vega-embed has to add to a compiled chart so that it follows its page."""


def room(pixels: int = USUAL) -> list[alt.TopLevelParameter]:
    """The signal, for a chart's configuration."""
    return [alt.VariableParameter(name=ROOM, value=pixels)]


def fitted(spec: dict[str, Any]) -> dict[str, Any]:
    """A chart's JSON, its panels as wide as what is around them leaves of the room; others as they are."""
    if not follows(spec) or _has_its_own_width(spec):
        return spec
    params = spec.get("params", ())
    if "vconcat" in spec:
        # Vega fits only single panels: beside the panels of several is what their axes take.
        taken = f"max(0, {', '.join(dict.fromkeys(_extents(spec)))})"
        inner = {"name": "width", "expr": f"{ROOM} - {taken} - {_AROUND}"}
        return {
            **spec,
            "params": [*params, inner],
            "vconcat": _titles_in_line(spec["vconcat"], f"-{taken} - {_TITLED}"),
        }
    autosize = {"type": "fit-x", "contains": "padding"}
    return {**spec, "autosize": autosize, "params": [*params, {"name": "width", "expr": ROOM}]}


def _has_its_own_width(spec: Mapping[str, Any]) -> bool:
    """Whether somebody gave a chart of one panel a width: then it has that one."""
    return spec.get("width", USUAL) not in {USUAL, *(each["value"] for each in _rooms(spec))}


def follows(spec: Mapping[str, Any]) -> bool:
    """Whether a chart's JSON is of a chart that has a room to fill."""
    return bool(_rooms(spec))


def _rooms(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [each for each in spec.get("config", {}).get("params", ()) if each["name"] == ROOM]


def within(chart: Any, pixels: int) -> Any:
    """A copy of `chart` that is this wide."""
    if chart.config is alt.Undefined or chart.config.params is alt.Undefined:
        return chart
    copied = chart.copy(deep=False)
    copied.config = chart.config.copy(deep=False)
    copied.config.params = room(pixels)
    return copied


def names_axis(labels: Sequence[str], longest: int = 330, *, parts: str | None = None) -> alt.Axis:
    """An axis of names: the room they take, which is theirs in every panel, and where they are cut.

    Where there is little of it, a name has a line for each of its `parts`.
    """
    expr = alt.ExprRef(_beside(labels, longest))
    axis = alt.Axis(minExtent=expr, labelLimit=expr, ticks=False, domain=False)
    if parts is not None:
        axis.labelExpr = f"{IS_NARROW} ? split(datum.label, '{parts}') : datum.label"
        axis.labelFontSize = alt.ExprRef(f"{IS_NARROW} ? 10 : 11")
        axis.labelLineHeight = 11
    return axis


def _beside(names: Sequence[str], longest: int) -> str:
    """For Vega: the room that names take."""
    return f"min({min(longest, pixels(names))}, {_NAMES} * {ROOM})"


def bars_beside(figures: Sequence[str], narrow: str | None = None) -> dict[str, Any]:
    """For a scale of bars with figures at their ends, on a narrow page as long as `narrow`: where it ends for them."""
    short = figures if narrow is None else [narrow]
    # However long a figure is, as a credit type of somebody's own makes it, bars are drawn forwards.
    return {"rangeMax": alt.ExprRef(f"max(0.3 * width, width - ({IS_NARROW} ? {pixels(short)} : {pixels(figures)}))")}


def pixels(texts: Sequence[str]) -> int:
    """About how wide the widest of some labels is."""
    return round(_LETTER * max(map(len, texts), default=0)) + 8


def columns(labels: Sequence[str], names: Sequence[str] = (), longest: int = 330) -> alt.ExprRef:
    """As many columns of a legend as there is room for, below a panel with `names` beside it."""
    left = _beside(names, longest) if names else "50"
    return alt.ExprRef(f"clamp(floor(({ROOM} - {left} - 24) / {pixels(labels) + 22}), 1, {max(1, len(labels))})")


def _titles_in_line(panels: Sequence[dict[str, Any]], dx: str) -> list[dict[str, Any]]:
    """Panels whose titles begin where the whole chart does, whatever labels are below them."""
    moved = []
    for panel in panels:
        inner = {"vconcat": _titles_in_line(panel["vconcat"], dx)} if "vconcat" in panel else {}
        title = {"title": {**panel["title"], "frame": "group", "dx": {"expr": dx}}} if "title" in panel else {}
        moved.append({**panel, **inner, **title})
    return moved


def _extents(part: Any) -> Iterator[str]:
    """What each axis keeps for its labels."""
    if isinstance(part, list):
        for each in part:
            yield from _extents(each)
    elif isinstance(part, dict):
        if "minExtent" in part:
            extent = part["minExtent"]
            yield extent["expr"] if isinstance(extent, dict) else str(extent)
        for name, each in part.items():
            if name != "datasets":
                yield from _extents(each)
