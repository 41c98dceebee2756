from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
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
