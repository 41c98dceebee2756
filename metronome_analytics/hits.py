"""What a search of customers gives when it found nobody."""

from __future__ import annotations

from html import escape

import polars as pl


class NoHits(pl.DataFrame):
    """A search of customers that found nobody: unlike any other frame without rows it is not meant, and says so."""

    query = ""
    said = ""
    """What was searched for, and in what; empty once something else was made of the frame."""

    def __str__(self) -> str:
        return self.said if self.said and self.is_empty() else super().__str__()

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self, *, _from_series: bool = False) -> str:
        if self.said and self.is_empty():
            return f"<p>{escape(self.said)}</p>"
        return str(super()._repr_html_(_from_series=_from_series))
