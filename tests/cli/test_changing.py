from __future__ import annotations

import pytest

from metronome_analytics.changes import catalogue
from tests.cli.support import command


# No COLUMNS is a pipe as a shell makes it.
@pytest.mark.parametrize("columns", ["", "80", "100", "120"])
def test_the_catalogue_shows_every_name_and_undo_in_full(columns: str) -> None:
    """Through a pipe, at the usual widths: each name starts its row and no word of its undo is cut."""
    shown = command("changes", "catalogue", COLUMNS=columns)
    assert shown.returncode == 0, shown.stderr
    lines = shown.stdout.splitlines()
    assert max(map(len, lines)) <= int(columns or "80")
    assert "…" not in shown.stdout
    wanted = catalogue().sort("operation")
    named = [line.split()[0] for line in lines[3:] if line[1:2].strip()]
    assert sorted(named) == wanted["operation"].to_list()
    words = set(shown.stdout.split())
    assert {word for undo in wanted["undo"] for word in undo.split()} <= words
    assert ("weight" in words, "status" in words) == (columns == "120", columns in {"100", "120"})
