"""What chart tests draw: the demo account's books, and helpers to look into a chart."""

from __future__ import annotations

from typing import Any

from tests.analysis.conftest import books

__all__ = ["books"]


def rows(chart: Any) -> int:
    """The longest of the data sets in a chart."""
    return max(len(data) for data in chart.to_dict()["datasets"].values())


def texts(value: Any) -> str:
    """Everything a chart says, as one text; what is broken into lines for a narrow page also as it was."""
    spec = value.to_dict()
    return f"{spec} {' '.join(_lines(spec))}"


def _lines(part: Any) -> list[str]:
    """Each list of texts in a chart, joined."""
    if isinstance(part, dict):
        return [line for each in part.values() for line in _lines(each)]
    if isinstance(part, list):
        joined = [" ".join(part)] if part and all(isinstance(each, str) for each in part) else []
        return joined + [line for each in part for line in _lines(each)]
    return []
