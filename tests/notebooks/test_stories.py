"""The notebooks after the first: their code runs here cell by cell, without a kernel; CI runs them with one."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

FOLDER = Path(__file__).parents[2] / "notebooks"
STORIES = ("02_burn_down", "03_reconciliation", "06_changes")


def cells(name: str, kind: str) -> list[str]:
    """The text of the cells of one kind."""
    notebook = json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == kind]


def ran(name: str) -> dict[str, Any]:
    """What the code cells leave behind."""
    names: dict[str, Any] = {}
    with pl.Config():
        for number, code in enumerate(cells(name, "code")):
            exec(compile(code, f"{name}, cell {number}", "exec"), names)  # noqa: S102  # our own notebook
        names["account"].close()
    return names


@pytest.mark.parametrize("name", STORIES)
def test_a_story_opens_with_its_question(name: str) -> None:
    """The first cell asks; one cell says how to use a real account; none holds a token; it is short."""
    words, code = cells(name, "markdown"), cells(name, "code")
    assert len(words) + len(code) < 25
    assert re.match(r"# .+\?\n", words[0])
    assert [number for number, text in enumerate(words) if "METRONOME_BEARER_TOKEN" in text] == [1]
    assert not [text for text in code if re.search(r"token\s*=|connect\(", text)]


def test_ten_questions_are_answered_in_one_cell_each() -> None:
    """At most five lines a question; none of the answers is empty, the month ties out, the plan is checked."""
    story = ran("00_questions")
    words, code = cells("00_questions", "markdown"), cells("00_questions", "code")
    assert re.match(r"# .+\?\n", words[0])
    assert [text.startswith("## ") and "?" in text.split("\n", maxsplit=1)[0] for text in words[1:-1]] == [True] * 10
    assert max(len(text.splitlines()) for text in code[1:]) <= 5
    assert min(story[name].height for name in ("soon", "billed", "grown", "over", "unused")) > 0
    assert story["used"].filter(pl.col("at_risk") > 0).height > 0
    assert_one_unit_is_ranked(story)
    assert_shown_rows_add_up(story["billed"], story["parts"])
    assert_forecasts_agree(story)


def assert_one_unit_is_ranked(story: dict[str, Any]) -> None:
    """The largest first within each unit, and no unit between the rows of another."""
    for name, column in (("grown", "change"), ("over", "overage_at_end")):
        units, sizes = story[name]["credit_type_name"], story[name][column].abs()
        assert story[name].height > units.n_unique() > 1
        rows = list(zip(units, -sizes, strict=True))
        assert rows == sorted(rows)


def assert_shown_rows_add_up(billed: pl.DataFrame, parts: list[str]) -> None:
    """The columns shown before the net are the net; each row says its product."""
    summed = parts[: parts.index("net")]
    assert (billed.select(pl.sum_horizontal(summed)).to_series() == billed["net"]).all()
    assert billed["product_name"].null_count() == 0


def assert_forecasts_agree(story: dict[str, Any]) -> None:
    """The balance named is the first emptied; what expires unused does so by customer too, or is restricted."""
    for row in story["soon"].iter_rows(named=True):
        (first,) = [item for item in row["drain"] if item["runs_out_at"] == row["first_runs_out_at"]]
        assert first["balance_name"] == row["balance_name"]
    drained = story["outlook"].explode("drain").select("customer_id", pl.col("drain").struct.unnest())
    both = story["unused"].join(drained, on=["customer_id", "balance_id"], suffix="_drained")
    assert both.height == story["unused"].height
    assert (both["restricted"] | (both["unused_at_end_drained"] > 0)).all()


def test_burn_down_ends_where_the_api_does() -> None:
    """Every balance that is not archived ends at the API's own figure; something runs out, something is at risk."""
    story = ran("02_burn_down")
    assert (story["both"]["remaining"] == story["both"]["balance"]).all()
    assert story["both"].height > 100
    assert story["soonest"].height > 0


def test_changes_are_applied_by_their_phrases_and_taken_back() -> None:
    """Credit, end and name were applied, each by a phrase that is written out; afterwards the account is as before."""
    story = ran("06_changes")
    assert story["outcome"].ok
    assert story["now"].select("id", "balance").equals(story["before"].select("id", "balance"))
    assert story["renamed"].changes[0].before == story["customer"]["name"]
    code = "\n".join(cells("06_changes", "code"))
    assert code.count("confirm=phrase") == 5
    assert "connect(" not in code


def test_the_close_finds_what_was_spoiled_and_nothing_else() -> None:
    """The account ties out; of the made-up export exactly the three mistakes are found; the pack and both files are."""
    story = ran("03_reconciliation")
    assert story["found"].ok
    assert story["found"].complete
    exceptions = story["compared"].exceptions
    # The wrong currency is a row in each currency: they are never added.
    assert exceptions["check"].to_list() == ["external"] * 4
    assert exceptions["invoice_id"].n_unique() == 3
    assert {causes[0] for causes in exceptions["causes"].to_list()} >= {"unit 100 times off", "another currency"}
    rest = story["statement"].filter(pl.col("line") == "unexplained")
    assert rest.height >= 2
    assert not (rest["amount"] != 0).any()
    written = {path.name for path in (story["folder"] / "october").iterdir()}
    assert written == {"close-2026-10.xlsx", "close-2026-10.html", "manifest.json", "statements"}
    assert [file.suffix for file in story["files"]] == [".html", ".xlsx"]


def test_the_close_is_told_in_few_cells() -> None:
    """Fewer than the reconciliation alone once took."""
    assert len(cells("03_reconciliation", "markdown")) + len(cells("03_reconciliation", "code")) < 21
