"""A chart as a file that needs nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.arguments import file_to_write
from metronome_analytics.charts.showing import offline, still
from metronome_analytics.extras import need

if TYPE_CHECKING:
    from pathlib import Path

    from metronome_analytics.charts.base import Chart

FORMATS = (".html", ".png", ".svg")


def save(chart: Chart, path: str | Path, *, scale: float = 2.0) -> Path:
    """Writes `chart` to `path` as SVG, PNG or HTML, by the path's suffix, and returns the path.

    `scale` enlarges a PNG. The HTML holds everything it needs and loads nothing from the network. What takes the
    colours of the page around it is dark on white in a file. Raises ArgumentError for any other suffix or no chart, and
    ConfigurationError when vl-convert, which draws all three, is missing.
    """
    file = file_to_write("path", path, *FORMATS)
    need("report", "vl_convert")
    chart = still(offline(chart))
    if file.suffix.lower() == ".html":
        chart.save(file, format="html", inline=True)
    elif file.suffix.lower() == ".png":
        chart.save(file, format="png", scale_factor=scale)
    else:
        chart.save(file, format="svg")
    return file
