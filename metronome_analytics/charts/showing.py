"""How a chart shows itself: live where Jupyter can draw it, and a picture everywhere else, both without a network."""

from __future__ import annotations

import base64
import json
import struct
from typing import TYPE_CHECKING, Any, TypeVar, cast

import altair as alt

from metronome_analytics.charts import fitting
from metronome_analytics.errors import ArgumentError
from metronome_analytics.extras import has
from metronome_analytics.wording import drawable, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

LIVE = "application/vnd.vegalite.v5+json"
"""The newest vega-lite that JupyterLab, Notebook 7 and VS Code bring along. Altair speaks a newer one, whose type they
do not know; what our charts are made of is the same in both."""
_SCHEMA = "https://vega.github.io/schema/vega-lite/v5.6.1.json"
PICTURE = "image/png"
_SHARPNESS = 2.0
"""Pixels of the picture for each pixel of the page."""

PAGE = {"transparent": "#FFFFFF", "currentColor": "#1F2328"}
"""Colours of the page a chart stands on, and what they are where there is none: in a picture."""

AnyChart = TypeVar("AnyChart", bound=alt.TopLevelMixin)


class _InScript(json.JSONEncoder):
    """JSON as it may stand in a page's script: altair's writer escapes nothing, and `</script>` would end it."""

    def encode(self, o: Any) -> str:
        return super().encode(o).replace("<", "\\u003c")


class _Page:
    """A chart as marimo shows it, in colours of its own."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self._spec = {**spec, "$schema": _SCHEMA}

    def _mime_(self) -> tuple[str, str]:
        return LIVE, json.dumps(self._spec)


class _Offline:
    """The part of a chart that shows it; altair's own way for the chart's kind asks a CDN for its script.

    Whatever writes or shows the chart asks `to_dict`: what aborts the process that draws it ends there.
    """

    def to_dict(self, *args: Any, **options: Any) -> dict[str, Any]:
        """The chart as altair writes it, its texts as they may be drawn."""
        parent: Any = super()
        return fitting.fitted(cast("dict[str, Any]", _drawable(parent.to_dict(*args, **options))))

    def to_html(self, *args: Any, json_kwds: Mapping[str, Any] | None = None, **options: Any) -> str:
        """The chart as altair's page, in which no name can end the script."""
        parent: Any = super()
        return str(parent.to_html(*args, json_kwds={"cls": _InScript, **(json_kwds or {})}, **options))

    def save(self, *args: Any, json_kwds: Mapping[str, Any] | None = None, **options: Any) -> None:
        """The chart as a file, as altair writes it; in a page no name can end the script."""
        parent: Any = super()
        parent.save(*args, json_kwds={"cls": _InScript, **(json_kwds or {})}, **options)

    def _display_(self) -> _Page:
        """What marimo shows: it would take the picture of the mimebundle for bytes."""
        return _Page(still(self).to_dict())

    def _repr_mimebundle_(self, *_: Any, **__: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return bundle(self)


_KINDS: dict[type, Any] = {
    kind: type(kind.__name__, (_Offline, kind), {"__doc__": kind.__doc__})
    for kind in (
        *(alt.Chart, alt.LayerChart, alt.FacetChart, alt.RepeatChart),
        *(alt.VConcatChart, alt.HConcatChart, alt.ConcatChart),
    )
}


def offline(chart: AnyChart) -> AnyChart:
    """`chart`, showing itself in Jupyter without a network: live, with tooltips, and as a picture in exported pages.

    Every chart of this package comes this way; for a chart of your own call it once, last. Altair's settings stay as
    they are. The picture needs vl-convert, which the extra `report` brings. Raises ArgumentError for no chart.

    >>> import altair as alt
    >>> chart = ma.charts.offline(alt.Chart(account.balances().select("type")).mark_bar().encode(x="type", y="count()"))
    """
    if isinstance(chart, _Offline):
        return chart
    kind = _KINDS.get(type(chart))
    if kind is None:
        raise ArgumentError(f"chart must be an altair chart, not {type(chart).__name__}.")
    given: Any = chart
    shown: AnyChart = kind(*given._args, **given._kwds)  # noqa: SLF001  # as altair makes its own copies
    return shown


def bundle(chart: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """What Jupyter shows of `chart` by media type, and the metadata: the live chart, its picture, and words."""
    spec = chart.to_dict()
    # SVG, because only there a colour may be that of the text around it, whatever the theme.
    # Vega-embed's style, which is the page's once a chart has asked for it, makes the place of every chart as wide as
    # the chart: then there is nothing to follow.
    embed: dict[str, Any] = {"renderer": "svg", "actions": False, "defaultStyle": False}
    if fitting.follows(spec):
        embed["patch"] = [*fitting.FOLLOWS]
    metadata: dict[str, Any] = {LIVE: {"embed_options": embed}}
    data: dict[str, Any] = {LIVE: {**spec, "$schema": _SCHEMA}, "text/plain": f"<chart: {_title(spec)}>"}
    if has("vl_convert"):
        drawn = picture(spec)
        width, height = (round(pixels / _SHARPNESS) for pixels in struct.unpack(">II", drawn[16:24]))
        data[PICTURE] = base64.b64encode(drawn).decode("ascii")
        metadata[PICTURE] = {"width": width, "height": height}
    return data, metadata


def picture(spec: Mapping[str, Any], pixels: int | None = None) -> bytes:
    """The PNG of a chart's JSON, as wide as told if it has a room to fill."""
    import vl_convert  # noqa: PLC0415  # an extra

    config = _fixed(spec.get("config", {}))
    if pixels is not None and fitting.follows(spec):
        config["params"] = [each.to_dict() for each in fitting.room(pixels)]
    return vl_convert.vegalite_to_png({**spec, "config": config}, scale=_SHARPNESS)


def _fixed(config: Mapping[str, Any]) -> dict[str, Any]:
    """A chart's configuration with colours of its own where it takes those of the page."""
    text = json.dumps(config)
    for of_page, fixed in PAGE.items():
        text = text.replace(f'"{of_page}"', f'"{fixed}"')
    return cast("dict[str, Any]", json.loads(text))


def still(chart: Any) -> Any:
    """`chart` with colours of its own where it takes those of the page: a file knows of no page."""
    if chart.config is alt.Undefined:
        return chart
    copied = chart.copy(deep=False)
    copied.config = alt.Config.from_dict(_fixed(chart.config.to_dict()))
    return copied


def _title(spec: Mapping[str, Any]) -> str:
    title = spec.get("title", "untitled")
    text = title["text"] if isinstance(title, dict) else title
    return one_line(" ".join(text) if isinstance(text, list) else str(text))


def _drawable(part: Any) -> Any:
    """A part of a chart's JSON with each of its texts as it may be drawn."""
    match part:
        case str():
            return drawable(part)
        case dict():
            return {_drawable(name): _drawable(each) for name, each in part.items()}
        case list():
            return [_drawable(each) for each in part]
        case _:
            return part
