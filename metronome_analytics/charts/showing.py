"""How a chart shows itself: live where Jupyter can draw it, and a picture everywhere else, both without a network."""

from __future__ import annotations

import base64
import json
import struct
from io import BytesIO
from typing import TYPE_CHECKING, Any, TypeVar

import altair as alt

from metronome_analytics.errors import ArgumentError
from metronome_analytics.extras import has

if TYPE_CHECKING:
    from collections.abc import Mapping

LIVE = "application/vnd.vegalite.v5+json"
"""The newest vega-lite that JupyterLab, Notebook 7 and VS Code bring along. Altair speaks a newer one, whose type they
do not know; what our charts are made of is the same in both."""
_SCHEMA = "https://vega.github.io/schema/vega-lite/v5.6.1.json"
_PICTURE = "image/png"
_SHARPNESS = 2.0
"""Pixels of the picture for each pixel of the page."""

PAGE = {"transparent": "#FFFFFF", "currentColor": "#1F2328"}
"""Colours of the page a chart stands on, and what they are where there is none: in a picture."""

AnyChart = TypeVar("AnyChart", bound=alt.TopLevelMixin)


class _Offline:
    """The part of a chart that shows it; altair's own way for the chart's kind asks a CDN for its script."""

    def _repr_mimebundle_(self, *_: Any, **__: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return bundle(self)


_KINDS: dict[type, Any] = {
    kind: type(kind.__name__, (_Offline, kind), {"__doc__": kind.__doc__})
    for kind in (alt.Chart, alt.LayerChart, alt.VConcatChart, alt.HConcatChart, alt.ConcatChart, alt.FacetChart)
}


def offline(chart: AnyChart) -> AnyChart:
    """`chart`, showing itself in Jupyter without a network: live, with tooltips, and as a picture in exported pages.

    Every chart of this package comes this way; for a chart of your own call it once, last. Altair's settings stay as
    they are. The picture needs vl-convert, which the extra `report` brings. Raises ArgumentError for no chart.
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
    metadata: dict[str, Any] = {LIVE: {"embed_options": {"renderer": "svg", "actions": False}}}
    data: dict[str, Any] = {LIVE: {**spec, "$schema": _SCHEMA}, "text/plain": f"<chart: {_title(spec)}>"}
    if has("vl_convert"):
        drawn = BytesIO()
        still(chart).save(drawn, format="png", scale_factor=_SHARPNESS)
        width, height = (round(pixels / _SHARPNESS) for pixels in struct.unpack(">II", drawn.getvalue()[16:24]))
        data[_PICTURE] = base64.b64encode(drawn.getvalue()).decode("ascii")
        metadata[_PICTURE] = {"width": width, "height": height}
    return data, metadata


def still(chart: Any) -> Any:
    """`chart` with colours of its own where it takes those of the page: a file knows of no page."""
    if chart.config is alt.Undefined:
        return chart
    config = json.dumps(chart.config.to_dict())
    for of_page, fixed in PAGE.items():
        config = config.replace(f'"{of_page}"', f'"{fixed}"')
    copied = chart.copy(deep=False)
    copied.config = alt.Config.from_dict(json.loads(config))
    return copied


def _title(spec: Mapping[str, Any]) -> str:
    title = spec.get("title", "untitled")
    return str(title["text"] if isinstance(title, dict) else title)
