"""What chart tests draw: the demo account's books, and helpers to look into a chart."""

from __future__ import annotations

from typing import Any

from tests.analysis.conftest import books

__all__ = ["books"]


def rows(chart: Any) -> int:
    """The longest of the data sets in a chart."""
    return max(len(data) for data in chart.to_dict()["datasets"].values())


def texts(value: Any) -> str:
    """Everything a chart says, as one text."""
    return str(value.to_dict())
