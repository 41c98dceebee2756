"""The table of what the vendor's file offers and what calls it has a row for all of it."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.spec import operations

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def coverage(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module of the documentation that makes it."""
    monkeypatch.setattr(sys, "path", [str(DOCS), *sys.path])
    return import_module("spec_coverage")


def test_every_operation_and_parameter_has_a_row(coverage: Any) -> None:
    """No operation is missing, no read is without a loader, no parameter without an argument or a reason."""
    rows = list(coverage.rows())
    assert {row.operation for row in rows} == set(operations())
    assert [row for row in rows if not row.by or row.by == "not read"] == []
    assert len(rows) == len(set(rows))
    assert sum(bool(row.parameter) for row in rows) > 150


def test_the_page_is_a_table(coverage: Any) -> None:
    """As many columns in every row."""
    table = [line for line in coverage.page().splitlines() if line.startswith("|")]
    assert {line.count("|") for line in table} == {4}
    assert "`account.invoices()`" in coverage.page()
