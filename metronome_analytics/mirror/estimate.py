"""What a load or a sync will take, before it begins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from html import escape
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterable

_ROW = {"table": pl.String(), "reason": pl.String(), "customers": pl.Int64(), "requests": pl.Int64()}


@dataclass(frozen=True)
class Estimate:
    """The requests to come, and how long they take.

    `table`: one row per table and reason with `customers` and `requests`. A list of more than one page takes more,
    unless it was read before: `requests` is the least. `pace` is the account's requests a second, None for unpaced.
    """

    table: pl.DataFrame
    pace: float | None

    @classmethod
    def of(cls, rows: Iterable[tuple[str, str, int, int]], pace: float | None) -> Estimate:
        """From (table, reason, customers, requests), rows of one table and reason added up."""
        frame = pl.DataFrame(list(rows), schema=_ROW, orient="row")
        return cls(frame.group_by("table", "reason", maintain_order=True).sum(), pace)

    @property
    def requests(self) -> int:
        """All of them, at least."""
        return int(self.table["requests"].sum())

    @property
    def duration(self) -> timedelta | None:
        """How long they take at the account's pace; None for an unpaced account."""
        return None if self.pace is None else timedelta(seconds=round(self.requests / self.pace))

    def __repr__(self) -> str:
        return f"Estimate({self.summary})"

    @property
    def summary(self) -> str:
        """Both in words."""
        took = "unpaced" if self.duration is None else f"{self.duration} at {self.pace:g} a second"
        return f"at least {self.requests:,} requests, {took}"

    def _repr_html_(self) -> str:
        lines = "".join(
            f"<tr><td>{escape(table)}</td><td>{escape(reason)}</td><td>{customers:,}</td><td>{requests:,}</td></tr>"
            for table, reason, customers, requests in self.table.iter_rows()
        )
        heads = "".join(f"<th>{name}</th>" for name in self.table.columns)
        return (
            f"<div><strong>{escape(self.summary.capitalize())}</strong>"
            f"<table><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table></div>"
        )
