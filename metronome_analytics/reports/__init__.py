"""Frames as files for people: an Excel workbook and a page of HTML, of an account or of one customer."""

from typing import TYPE_CHECKING

from metronome_analytics.offers import outward
from metronome_analytics.reports.customer import statement
from metronome_analytics.reports.page import html
from metronome_analytics.reports.workbook import workbook

__all__ = ["html", "statement", "workbook"]

if not TYPE_CHECKING:  # to a type checker a wrong name is an error of its own
    __getattr__, __dir__ = outward(__name__)
