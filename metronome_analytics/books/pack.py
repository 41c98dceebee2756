"""The close of a month as a folder of files: workbook, page, every statement, and a manifest that vouches for them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import polars.selectors as cs

from metronome_analytics.analysis.statements.month_end import month_end_statements
from metronome_analytics.extras import need
from metronome_analytics.folder import Folder
from metronome_analytics.wording import harmless_texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from metronome_analytics.analysis.reconciliation import Reconciliation
    from metronome_analytics.books.month import Month

MANIFEST = "manifest.json"
_YEAR = 12
"""Months that the page's charts go back."""
_BYTES = pl.DataFrame(schema={"file": pl.String, "sha256": pl.String, "bytes": pl.Int64, "rows": pl.Int64})


@dataclass(frozen=True)
class ClosePack:
    """A month that was closed: where its files are, and what is in them.

    files: one row per file, with `file`, `sha256`, `bytes` and `rows` (of a statement), as the manifest has them.
    statements: the frames by name. reconciliation: what was found, with what was loaded.
    """

    folder: Path
    month: str
    files: pl.DataFrame = field(repr=False)
    statements: Mapping[str, pl.DataFrame] = field(repr=False)
    reconciliation: Reconciliation = field(repr=False)

    @property
    def verdict(self) -> str:
        """That of the reconciliation."""
        return self.reconciliation.verdict

    def __repr__(self) -> str:
        return f"ClosePack({self.month}, {self.verdict}, {self.files.height} files in {str(self.folder)!r})"


def folder_for(path: str | Path, *, argument: str = "folder") -> Folder:
    """The folder of a pack, tried out before hours of loading; what writes the files is tried too."""
    need("excel")
    need("report")
    folder = Folder(Path(path), argument=argument)
    folder.try_out()
    return folder


def write_pack(month: Month, folder: Folder, accounts: Mapping[str, tuple[str, str]], external: object) -> ClosePack:
    """Every file of the close of `month`, all of them or none; `external` is what the books were compared with."""
    from metronome_analytics import reports  # noqa: PLC0415  # altair and great_tables are slow to import

    year = _statements(month, accounts)
    ours = {name: _only(frame, month.name) for name, frame in year.items()}
    found, books = month.found, month.books
    file = Path(external) if isinstance(external, str | Path) else None
    contents: dict[str, Any] = {
        "invoices": month.invoices,
        "balances": books.balances if month.closed is None else month.closed.balances,
        "customers": books.customers,
        "reconciliation": found,
        "receipts": books.receipts(),
        "as_of": month.cut,
        "entries": None if month.closed is None else month.closed.ledger,
        "filters": month.facts(file),
        "title": f"Close of {month.name}",
        "statements": ours,
    }
    tables = ours | {
        "checks": found.checks,
        "exceptions": found.exceptions,
        "receipts": contents["receipts"],
    }
    with folder.all_or_nothing() as place:
        for name, frame in tables.items():
            _write(frame, place / "statements", name)
        # The workbook has the hash in the header of every sheet; the page among what was selected.
        reports.workbook(place / f"close-{month.name}.xlsx", files=[] if file is None else [file], **contents)
        page = contents | {"filters": contents["filters"] | _sealed(file)}
        reports.html(place / f"close-{month.name}.html", history=books.invoices, year=year, **page)
        files = _listed(place, tables)
        (place / MANIFEST).write_text(json.dumps(_manifest(month, files, file), indent=2) + "\n", "utf-8")
    return ClosePack(folder.path, month.name, files, ours, found)


def _statements(month: Month, accounts: Mapping[str, tuple[str, str]]) -> dict[str, pl.DataFrame]:
    """The reconciliation in money and every statement, the first of them over a year."""
    books = month.books
    return {
        "reconciliation": month.found.statement(),
        **month_end_statements(
            month.name,
            books.balances,
            books.invoices,
            loaded_at=books.as_of,
            breakdowns=month.days,
            accounts=accounts,
            months=_YEAR,
        ),
    }


def _only(frame: pl.DataFrame, month: str) -> pl.DataFrame:
    return frame.filter(pl.col("month") == month) if "month" in frame.columns else frame


def _write(frame: pl.DataFrame, place: Path, name: str) -> None:
    """A table as Parquet, exactly, and as CSV, in which lists are joined and no text is a formula."""
    place.mkdir(exist_ok=True)
    frame.write_parquet(place / f"{name}.parquet")
    lists = [column for column, dtype in frame.schema.items() if dtype == pl.List(pl.String)]
    plain = frame.with_columns(pl.col(lists).list.join(", ", ignore_nulls=True))
    plain = plain.with_columns(cs.datetime().dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
    harmless_texts(plain).write_csv(place / f"{name}.csv")


def _listed(place: Path, tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Every file that is there: its hash, its size, and the rows of a table."""
    files = sorted(path for path in place.rglob("*") if path.is_file())
    rows = [
        {
            "file": path.relative_to(place).as_posix(),
            "sha256": sha256(path),
            "bytes": path.stat().st_size,
            "rows": tables[path.stem].height if path.stem in tables else None,
        }
        for path in files
    ]
    return pl.DataFrame(rows, schema=_BYTES.schema)


def sha256(path: Path) -> str:
    """The hash of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sealed(external: Path | None) -> dict[str, str]:
    return {} if external is None else {"SHA-256 of that file": sha256(external)}


def _manifest(month: Month, files: pl.DataFrame, external: Path | None) -> dict[str, object]:
    """What was closed, from what, when, with which verdict, and what every file of it is."""
    books, found = month.books, month.found
    return {
        "month": month.name,
        "as_of": _instant(month.cut),
        "books_read_at": _instant(books.as_of),
        "account": books.source,
        "environment": books.environment,
        "invoices": month.which,
        "verdict": found.verdict,
        "headline": found.headline,
        "compared_with": None
        if external is None
        else {"file": external.name, "sha256": sha256(external), "units": month.compared.external_units},
        "units": "Tables are in the API's unit, which credit_type_name names (USD is in cents); journal_entries, the "
        "workbook and the page are in major units.",
        "made_by": f"metronome-analytics {version('metronome-analytics')}",
        "files": files.to_dicts(),
        "receipts": json.loads(books.receipts().write_json()),
    }


def _instant(at: Any) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
