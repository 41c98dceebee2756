"""A chart as a file that needs nothing else."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from metronome_analytics.charts.showing import still
from metronome_analytics.errors import ArgumentError, ConfigurationError

if TYPE_CHECKING:
    from metronome_analytics.charts.base import Chart

FORMATS = (".html", ".png", ".svg")


def save(chart: Chart, path: str | Path, *, scale: float = 2.0) -> Path:
    """Writes `chart` to `path` as SVG, PNG or HTML, by the path's suffix, and returns the path.

    `scale` enlarges a PNG. The HTML holds everything it needs and loads nothing from the network. What takes the
    colours of the page around it is dark on white in a file. Raises ArgumentError for any other suffix and
    ConfigurationError when vl-convert, which draws all three, is missing.
    """
    target = Path(path)
    kind = target.suffix.lower()
    if kind not in FORMATS:
        raise ArgumentError(f"path={str(path)!r} has no suffix that can be drawn.", advice="Use .svg, .png or .html.")
    if find_spec("vl_convert") is None:
        raise ConfigurationError(
            "Charts are written to files by vl-convert, which is not installed.",
            advice="pip install 'metronome-analytics[notebook]'.",
        )
    chart = still(chart)
    if kind == ".html":
        chart.save(target, format="html", inline=True)
    elif kind == ".png":
        chart.save(target, format="png", scale_factor=scale)
    else:
        chart.save(target, format="svg")
    return target
