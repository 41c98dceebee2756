"""One server and one browser for all tests here; a page for each."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser import lab

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run these tests where BROWSER_TESTS asks for them: they want a browser of the system's, and some minutes."""
    if not os.environ.get("BROWSER_TESTS"):
        skip = pytest.mark.skip(reason="set BROWSER_TESTS=1 to run them; chromium and the extra dev are needed")
        for item in items:
            if HERE in item.path.parents:
                item.add_marker(skip)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server keeps everything."""
    path = tmp_path_factory.mktemp("lab")
    (path / "notebooks").mkdir()
    return path


@pytest.fixture(scope="session")
def address(folder: Path) -> Iterator[str]:
    """The address of the server."""
    with lab.server(folder) as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium. Closed after each module: while Playwright runs, asyncio.run fails in this thread."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  # absent where these tests are skipped

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=lab.CHROMIUM)
        yield opened
        opened.close()


@pytest.fixture
def opened(browser: Browser, address: str, folder: Path) -> Iterator[Callable[..., lab.Lab]]:
    """Opens a notebook of the cells given and runs it; nothing may be asked of another machine."""
    pages: list[lab.Lab] = []

    def open_(name: str, *cells: str) -> lab.Lab:
        page = lab.Lab(browser, address)
        pages.append(page)
        page.open(lab.notebook(folder, name, *cells) if cells else name)
        page.run_all()
        return page

    yield open_
    for page in pages:
        page.context.close()
        assert page.elsewhere == []
