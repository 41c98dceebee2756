"""A sheet that is written row by row and has tables all the same."""

from __future__ import annotations

from typing import Any

from xlsxwriter.utility import xl_range
from xlsxwriter.worksheet import Worksheet


class Streamed(Worksheet):  # type: ignore[misc]  # XlsxWriter is untyped
    """XlsxWriter refuses tables while rows are streamed, because it would write the header after them.

    Here the header is written by who writes the rows, in its turn. XlsxWriter also notes every cell of a table, to see
    that tables do not overlap: it is told of the first two rows, and of the whole range afterwards.
    """

    def add_table(self, first_row: int, first_col: int, last_row: int, last_col: int, options: Any = None) -> Any:
        """As the original; the cells are the caller's to write."""
        streaming = bool(self.constant_memory)  # type: ignore[has-type]  # as above
        self.constant_memory = False
        try:
            done = super().add_table(first_row, first_col, first_row + 1, last_col, options)
        finally:
            self.constant_memory = streaming
        if done == 0:
            whole = xl_range(first_row, first_col, last_row, last_col)
            self.tables[-1].update(range=whole, a_range=whole, autofilter=whole)
        return done
