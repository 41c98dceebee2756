"""Frames as files for people: an Excel workbook and a page of HTML. Imported on first use."""

from metronome_analytics.reports.page import html
from metronome_analytics.reports.workbook import workbook

__all__ = ["html", "workbook"]
