"""Frames as files for people: an Excel workbook and a page of HTML, of an account or of one customer."""

from metronome_analytics.reports.customer import statement
from metronome_analytics.reports.page import html
from metronome_analytics.reports.workbook import workbook

__all__ = ["html", "statement", "workbook"]
