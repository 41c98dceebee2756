"""A chart as a file that needs nothing else."""

from __future__ import annotations

import re
from io import StringIO
from typing import TYPE_CHECKING, Any

import altair as alt

from metronome_analytics.arguments import file_to_write
from metronome_analytics.charts.fitting import within
from metronome_analytics.charts.showing import offline, still
from metronome_analytics.errors import ArgumentError
from metronome_analytics.extras import need

if TYPE_CHECKING:
    from pathlib import Path

    from metronome_analytics.charts.base import Chart

FORMATS = (".html", ".png", ".svg")
_SIZE = re.compile(r"([1-9]\d{0,4}):([1-9]\d{0,4})")
_WIDE = 1_040
"""Pixels of a slide from left to right; of a chart that is as wide as its own panels, those of a panel."""
_OPENING = re.compile(r"<svg\b[^>]*>")


def save(chart: Chart, path: str | Path, *, scale: float = 2.0, size: str | None = None) -> Path:
    """Writes `chart` to `path` as SVG, PNG or HTML, by the path's suffix, and returns the path.

    `scale` enlarges a PNG. `size` is the shape of a picture, as "16:9" for a slide: the plot is drawn wider and the
    ground is as large as it takes. The HTML holds everything it needs and loads nothing from the network. What takes
    the colours of the page around it is dark on white in a file. Raises ArgumentError for any other suffix or size, a
    size of a page, or no chart, and ConfigurationError when vl-convert, which draws all three, is missing.

    >>> from tempfile import mkdtemp
    >>> chart = ma.charts.invoices(account.invoices())
    >>> ma.charts.save(chart, f"{mkdtemp()}/invoices.svg", size="16:9").name
    'invoices.svg'
    """
    file = file_to_write("path", path, *FORMATS)
    shape = _shape(size)
    suffix = file.suffix.lower()
    if shape is not None and suffix == ".html":
        raise ArgumentError(f"size={size!r} is for a picture, and a page takes its own.", advice="Write .png or .svg.")
    need("report", "vl_convert")
    chart = still(offline(chart))
    if suffix == ".html":
        chart.save(file, format="html", inline=True)
    elif shape is not None:
        _shaped(chart, file, shape, scale)
    elif suffix == ".png":
        chart.save(file, format="png", scale_factor=scale)
    else:
        chart.save(file, format="svg")
    return file


def _shape(size: str | None) -> float | None:
    """Width by height."""
    if size is None:
        return None
    found = _SIZE.fullmatch(size) if isinstance(size, str) else None
    if found is None:
        raise ArgumentError(f"size={size!r} is no shape.", advice='Write width and height: "16:9".')
    return int(found[1]) / int(found[2])


def _shaped(chart: Chart, file: Path, shape: float, scale: float) -> None:
    """Draw `chart` in the middle of a ground of this shape."""
    svg = StringIO()
    _spread(chart, shape).save(svg, format="svg")
    picture = _on_ground(svg.getvalue(), shape)
    if file.suffix.lower() == ".svg":
        file.write_text(picture, encoding="utf-8")
        return
    import vl_convert  # noqa: PLC0415  # an extra

    file.write_bytes(vl_convert.svg_to_png(picture, scale=scale))


def _spread(chart: Any, shape: float) -> Any:
    """A copy whose panels take up the shape; a chart of rows keeps the height that its rows need."""
    drawn = within(chart.copy(deep=True), _WIDE)
    leaves = list(_panels(drawn))
    for leaf in leaves:
        leaf.width = _WIDE
    # Rows of an axis have their own height; time and amounts stretch.
    room = _WIDE / shape * 0.8
    tall = sum(leaf.height for leaf in leaves if isinstance(leaf.height, int | float)) or room
    if tall < room:
        for leaf in leaves:
            if isinstance(leaf.height, int | float):
                leaf.height = round(leaf.height * room / tall)
    return drawn


def _panels(chart: Any) -> Any:
    """The plots that a chart is made of, however they are put together."""
    parts = next((found for name in ("vconcat", "hconcat", "concat") if (found := getattr(chart, name, None))), None)
    if isinstance(parts, list):
        for part in parts:
            yield from _panels(part)
    elif isinstance(chart.width, int | float) or isinstance(chart, alt.LayerChart | alt.Chart):
        yield chart


def _on_ground(svg: str, shape: float) -> str:
    """`svg` in the middle of its own ground, made wider or higher."""
    opening = _OPENING.search(svg)
    sides = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', opening[0]) if opening else None
    if opening is None or sides is None:
        return svg
    width, height = float(sides[1]), float(sides[2])
    wide, high = max(width, height * shape), max(height, width / shape)
    left, top = (wide - width) / 2, (high - height) / 2
    ground = re.search(r'<rect width="[\d.]+" height="[\d.]+" fill="([^"]+)"', svg)
    fill = ground[1] if ground else "white"
    outer = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" version="1.1" '
        f'width="{wide:g}" height="{high:g}" viewBox="0 0 {wide:g} {high:g}">'
        f'<rect width="{wide:g}" height="{high:g}" fill="{fill}"/><g transform="translate({left:g},{top:g})">'
    )
    inner = svg[opening.end() : svg.rindex("</svg>")]
    return f"{outer}{inner}</g></svg>"
