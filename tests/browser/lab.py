"""A Jupyter server of our own and a page in it, cut off from everything but this machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, Route

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or "/usr/bin/chromium"
LOCAL = "http://127.0.0.1:"
# Nobody waits for an idle machine: states arrive, or the test fails here.
PATIENCE = 60_000
expect.set_options(timeout=PATIENCE)
DARK, LIGHT = "JupyterLab Dark", "JupyterLab Light"

_FOLDERS = (
    *("HOME", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"),
    *("JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR"),
)
_OPTIONS = (*("--no-browser", "--ip=127.0.0.1", "--port=0", "--IdentityProvider.token=", "--allow-root"),)
LAB = ("jupyterlab", "--LabApp.extension_manager=readonly", "--LabApp.expose_app_in_browser=True")
NOTEBOOK = ("notebook", "--JupyterNotebookApp.expose_app_in_browser=True")
"""The applications: a module, and its own options."""
_KERNEL = "window.jupyterapp?.shell?.currentWidget?.context?.sessionContext?.session?.kernel"


@contextmanager
def server(folder: Path, application: tuple[str, ...] = LAB) -> Iterator[str]:
    """The address of a Jupyter server whose every file is in `folder`, its notebooks in `folder/notebooks`."""
    own = {name: str(folder / name.lower()) for name in _FOLDERS}
    for path in own.values():
        Path(path).mkdir(parents=True, exist_ok=True)
    settings = folder / "jupyterlab_settings_dir" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    quiet = {"fetchNews": "false", "checkForUpdates": False}
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(quiet))
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("METRONOME_", "JUPYTER"))}
    root = f"--ServerApp.root_dir={folder / 'notebooks'}"
    runtime = Path(own["JUPYTER_RUNTIME_DIR"])

    def address(pid: int) -> str:
        return str(json.loads((runtime / f"jpserver-{pid}.json").read_text())["url"])

    with started([*application, *_OPTIONS, root], clean | own, folder / "server.log", address, "api/status") as url:
        yield url


@contextmanager
def started(
    module: Sequence[str], environment: Mapping[str, str], log: Path, address: Callable[[int], str], asked: str
) -> Iterator[str]:
    """The address of a server, a Python module with its options, once it answers what is `asked` of it.

    `address` is told the id of its process, and raises OSError or ValueError as long as it cannot say.
    """
    with log.open("w") as said:
        process = subprocess.Popen([sys.executable, "-m", *module], env=environment, stdout=said, stderr=said)
        try:
            yield _ready(process, log, address, asked)
        finally:
            process.terminate()
            process.wait(30)


def _ready(process: subprocess.Popen[bytes], log: Path, address: Callable[[int], str], asked: str) -> str:
    """The address, once the server answers there."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            found = address(process.pid)
            with urllib.request.urlopen(f"{found}{asked}"):  # noqa: S310  # our own server
                return found
        except (OSError, ValueError):
            os.sched_yield()
    raise RuntimeError(f"The server did not start: {log.read_text()[-2000:]}")


# The least contrast, by WCAG's formula, of any text in a node with the ground it stands on.
_CONTRAST = """node => {
    const parts = (colour) => colour.match(/[0-9.]+/g).map(Number);
    const over = (top, ground) => { const a = top[3] ?? 1; return ground.map((low, i) => top[i] * a + low * (1 - a)); };
    const ground = (at) => {
        if (!at) return [255, 255, 255];
        const own = parts(getComputedStyle(at).backgroundColor);
        return own[3] === undefined ? own : over(own, ground(at.parentElement));
    };
    const light = (colour) => {
        const [r, g, b] = colour.map((c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    let least = 21;
    const walker = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const at = walker.currentNode.parentElement;
        if (!walker.currentNode.data.trim() || !at.getClientRects().length || at.closest('style')) continue;
        const style = getComputedStyle(at), low = ground(at);
        const [a, b] = [light(over(parts(at instanceof SVGElement ? style.fill : style.color), low)), light(low)];
        least = Math.min(least, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05));
    }
    return least;
}"""


class Lab:
    """A page of JupyterLab or Notebook 7: what it asked of other machines, and what went wrong in it."""

    def __init__(self, context: BrowserContext, address: str, *, path: str = "doc/tree") -> None:
        self.path = path
        self.page: Page = context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.address = address
        self.elsewhere: list[str] = []
        self.errors: list[str] = []
        self.warnings: list[str] = []
        self.page.route("**/*", self._guard)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._console)

    def _guard(self, route: Route) -> None:
        url = route.request.url
        if url.startswith((LOCAL, "data:", "blob:")):
            route.continue_()
        else:
            self.elsewhere.append(url)
            route.abort()

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)
        if message.type == "warning":
            self.warnings.append(message.text)

    def open(self, notebook: str) -> None:
        """Open a notebook and wait for its kernel."""
        self.page.goto(f"{self.address}{self.path}/{notebook}")
        self.page.wait_for_function(f"() => {_KERNEL}?.status === 'idle'")

    def close(self) -> None:
        """Leave nothing behind for the next page: no kernel, and the theme of before, which the server keeps."""
        if self.page.locator("body").get_attribute("data-jp-theme-name") != LIGHT:
            self.theme(LIGHT)
        self.stop_kernel()
        self.page.close()

    def run(self, command: str, **arguments: object) -> Any:
        """A command of JupyterLab, with what it resolves to."""
        return self.page.evaluate("([name, given]) => jupyterapp.commands.execute(name, given)", [command, arguments])

    def run_all(self) -> None:
        """Every cell, none of which may raise."""
        assert self.run("notebook:run-all-cells") is True

    def value(self, expression: str) -> str:
        """The repr of an expression in the kernel, without a cell."""
        reply = self.page.evaluate(
            f"""async (expression) => {{
                const future = {_KERNEL}.requestExecute({{ code: '', user_expressions: {{ it: expression }} }});
                return (await future.done).content.user_expressions.it;
            }}""",
            expression,
        )
        return str(reply["data"]["text/plain"] if reply["status"] == "ok" else reply["evalue"])

    def stop_kernel(self) -> None:
        """End the kernel, as when it runs out of memory."""
        self.page.evaluate("() => jupyterapp.shell.currentWidget?.context.sessionContext.shutdown()")

    @staticmethod
    def contrast(shown: Locator) -> float:
        """The least contrast of any text in what is shown with its ground: 1 cannot be read, 3 can."""
        return float(shown.evaluate(_CONTRAST))

    def output(self, cell: int) -> Locator:
        """What a cell shows."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(cell).locator(".jp-OutputArea-output")

    def reopen_untrusted(self, notebook: str) -> None:
        """Save the notebook, and open it as on the machine of somebody who did not run it."""
        self.run("docmanager:save")
        name = f"untrusted_{notebook}"
        # What was run here is trusted by its signature; a changed copy is not.
        self.page.evaluate(
            """async ([from, to]) => {
                const files = jupyterapp.serviceManager.contents;
                const saved = await files.get(from);
                saved.content.metadata.read_by = 'somebody else';
                for (const cell of saved.content.cells) cell.metadata.trusted = false;
                await files.save(to, saved);
            }""",
            [notebook, name],
        )
        self.open(name)

    @property
    def cells(self) -> int:
        """How many cells the notebook has."""
        return self.page.locator(".jp-Notebook .jp-Cell").count()

    def theme(self, name: str) -> None:
        """Switch the theme and wait until it is in force."""
        self.run("apputils:change-theme", theme=name)
        expect(self.page.locator("body")).to_have_attribute("data-jp-theme-name", name)
        expect(self.page.locator("#jupyterlab-splash")).to_have_count(0)


def notebook(folder: Path, name: str, *cells: str) -> str:
    """A notebook of these cells, and its name."""
    content = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        "cells": [
            {"cell_type": "code", "id": str(at), "metadata": {}, "execution_count": None, "outputs": [], "source": cell}
            for at, cell in enumerate(cells)
        ],
    }
    (folder / "notebooks" / name).write_text(json.dumps(content))
    return name
