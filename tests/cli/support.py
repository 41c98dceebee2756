"""Tiny tables, a served simulator, and the command line as a user runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    import dataframely as dy

ROOT = Path(__file__).parents[2]
AS_OF = datetime(2026, 11, 18, 9, 30, tzinfo=UTC)
USD = {"credit_type_id": "usd", "credit_type_name": "USD (cents)"}
EUR = {"credit_type_id": "eur", "credit_type_name": "EUR"}
TOKENS = {"credit_type_id": "tok", "credit_type_name": "AI Credits"}


def table(schema: type[dy.Schema], *rows: dict[str, Any]) -> pl.DataFrame:
    """A table of `schema` with the fields given; the others are null."""
    return pl.DataFrame(
        [pl.Series(name, [row.get(name) for row in rows], dtype=dtype) for name, dtype in empty(schema).schema.items()]
    )


def empty(schema: type[dy.Schema]) -> pl.DataFrame:
    """No rows of `schema`."""
    return schema.create_empty()


def day(month: int, number: int, year: int = 2026) -> datetime:
    """Midnight UTC."""
    return datetime(year, month, number, tzinfo=UTC)


def money(text: str) -> Decimal:
    """An amount."""
    return Decimal(text)


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own, warnings as errors, 100 columns, and no token but the one given."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "metronome_analytics", *arguments],
        check=False,
        capture_output=True,
        text=True,
        env=surroundings(**environment),
        cwd=ROOT,
        timeout=120,
    )


def surroundings(**given: str) -> dict[str, str]:
    """The environment without what would change the outcome."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("METRONOME_")}
    return {**inherited, "COLUMNS": "100", "NO_COLOR": "1", "PYTHONUTF8": "1", **given}
