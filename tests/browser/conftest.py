"""One server and one browser for all tests here; a page for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import sync_playwright

from tests.browser import lab

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext


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
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=lab.CHROMIUM)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def context(browser: Browser) -> BrowserContext:
    """Pages share what they fetched of JupyterLab, which is large."""
    return browser.new_context(viewport={"width": 1200, "height": 900})


@pytest.fixture
def opened(context: BrowserContext, address: str, folder: Path) -> Iterator[Callable[..., lab.Lab]]:
    """Opens a notebook of the cells given and runs it; nothing may be asked of another machine."""
    pages: list[lab.Lab] = []

    def open_(name: str, *cells: str) -> lab.Lab:
        page = lab.Lab(context, address)
        pages.append(page)
        page.open(lab.notebook(folder, name, *cells) if cells else name)
        page.run_all()
        return page

    yield open_
    for page in pages:
        page.close()
        assert page.elsewhere == []
