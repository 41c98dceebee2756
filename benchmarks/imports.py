"""What importing the package costs beyond the libraries it stands on."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.result import Options, Result

_BAR = 1.3
_ALONE = "import polars, httpx, pydantic"
_OURS = "import metronome_analytics"
# Tables, changes and the HTTP client are imported at the first load.
_OPENED = f"{_OURS} as ma; ma.connect('token')"
_CHART_BAR = 1.2
# dataframely imports SQLAlchemy where it finds it. Nothing that this package asks for brings it; our mutation tester
# does. So a user's own install is measured without it, and what it adds where somebody has it is told beside.
_USERS_OWN = "import sys; sys.modules['sqlalchemy'] = None; "
_EMPTY = "import polars, altair; altair.Chart(polars.DataFrame({'a': [1]})).mark_point().encode(x='a:Q').to_dict()"
_CHART = (
    f"{_OURS} as ma; from metronome_analytics.analysis.schemas import BurnDown; "
    "ma.charts.burn_down(BurnDown.create_empty()).to_dict()"
)


def run(options: Options) -> list[Result]:
    """Our import time as a multiple of theirs, each in a fresh process; and with an account opened."""
    alone, ours, opened = float("inf"), float("inf"), float("inf")
    for _ in range(5 if options.quick else 15):
        alone, ours, opened = min(alone, _time(_ALONE)), min(ours, _time(_OURS)), min(opened, _time(_OPENED))
    empty, chart, beside = float("inf"), float("inf"), float("inf")
    for _ in range(3 if options.quick else 9):
        empty, chart = min(empty, _time(_USERS_OWN + _EMPTY)), min(chart, _time(_USERS_OWN + _CHART))
        beside = min(beside, _time(_CHART))
    drawn = f"{_EMPTY}: {empty * 1000:.0f} ms; {beside / empty:.2f} x where SQLAlchemy is installed"
    detail = f"{_ALONE}: {alone * 1000:.0f} ms"
    return [
        Result("import", f"<= {_BAR} x", f"{ours / alone:.2f} x", ours / alone <= _BAR, detail),
        Result("first chart", f"<= {_CHART_BAR} x", f"{chart / empty:.2f} x", chart / empty <= _CHART_BAR, drawn),
        Result("import, connect", f"<= {_BAR} x", f"{opened / alone:.2f} x", opened / alone <= _BAR, _OPENED),
    ]


def _time(statement: str) -> float:
    code = f"import time; began = time.perf_counter(); {statement}; print(time.perf_counter() - began)"
    answer = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)  # noqa: S603  # our own code
    return float(answer.stdout)
