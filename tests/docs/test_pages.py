from __future__ import annotations

import re
import sys
from importlib import import_module
from pathlib import Path

import pytest

import metronome_analytics as ma

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
PAGES = [page for page in sorted(DOCS.rglob("*.md")) if BLOCK.search(page.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_example_runs(page: Path) -> None:
    """The Python of a page runs from top to bottom, as a reader would type it."""
    source = "\n".join(BLOCK.findall(page.read_text(encoding="utf-8")))
    exec(compile(source, page.name, "exec"), {"__name__": "__main__"})  # noqa: S102  # our own pages


def test_every_page_is_in_a_table_of_contents() -> None:
    """A page that nothing leads to is found by nobody."""
    written = {page.relative_to(DOCS).with_suffix("").as_posix() for page in DOCS.rglob("*.md")} - {"index"}
    listed = re.findall(r"^([a-z_]+(?:/[a-z_]+)?)$", (DOCS / "index.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert written <= set(listed)


def test_every_widget_is_in_the_gallery(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the call that makes it, and a picture in light and in dark."""
    monkeypatch.setattr(sys, "path", [str(DOCS), *sys.path])
    shown = import_module("generate").WIDGETS
    named = {call.partition("(")[0].removeprefix("ma.widgets.") for _, _, call in shown}
    drawn = {name for name in ma.widgets.__all__ if hasattr(getattr(ma.widgets, name), "_repr_mimebundle_")}
    assert drawn == named
    pictures = [f"{file}{suffix}.png" for _, file, _ in shown for suffix in ("", "_dark")]
    assert [name for name in pictures if not (DOCS / "images" / name).exists()] == []


WRITTEN = [*ROOT.glob("*.md"), *DOCS.rglob("*.md")]


@pytest.mark.parametrize("page", sorted(page.relative_to(ROOT).as_posix() for page in WRITTEN))
def test_every_link_leads_somewhere(page: str) -> None:
    """A link to a file of this repository has one behind it; those the site makes are not there yet."""
    made = (DOCS / ".gitignore").read_text(encoding="utf-8").split()
    text = (ROOT / page).read_text(encoding="utf-8")
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    places = [((ROOT / page).parent / link).resolve() for link in links if link]
    missing = [place for place in places if not place.exists()]
    assert [place for place in missing if place.relative_to(DOCS).as_posix() not in made] == []
