"""A JupyterLab of our own and a page in it, cut off from everything but this machine."""

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

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, ConsoleMessage, Page, Route

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or "/usr/bin/chromium"
LOCAL = "http://127.0.0.1:"
# Nobody waits for an idle machine: states arrive, or the test fails here.
PATIENCE = 60_000

_FOLDERS = (
    *("HOME", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"),
    *("JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR"),
)
_OPTIONS = (
    *("--no-browser", "--ip=127.0.0.1", "--port=0", "--IdentityProvider.token=", "--allow-root"),
    *("--LabApp.extension_manager=readonly", "--LabApp.expose_app_in_browser=True"),
)
_KERNEL = "window.jupyterapp?.shell?.currentWidget?.context?.sessionContext?.session?.kernel"


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """The address of a JupyterLab whose every file is in `folder`, its notebooks in `folder/notebooks`."""
    own = {name: str(folder / name.lower()) for name in _FOLDERS}
    for path in own.values():
        Path(path).mkdir(parents=True, exist_ok=True)
    settings = folder / "jupyterlab_settings_dir" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    quiet = {"fetchNews": "false", "checkForUpdates": False}
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(quiet))
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("METRONOME_", "JUPYTER"))}
    root = f"--ServerApp.root_dir={folder / 'notebooks'}"
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *_OPTIONS, root], env=clean | own, stdout=log, stderr=log
        )
        try:
            yield _ready(process, Path(own["JUPYTER_RUNTIME_DIR"]), folder / "server.log")
        finally:
            process.terminate()
            process.wait(30)


def _ready(process: subprocess.Popen[bytes], runtime: Path, log: Path) -> str:
    """The address, once the server answers there."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            address = str(json.loads((runtime / f"jpserver-{process.pid}.json").read_text())["url"])
            with urllib.request.urlopen(f"{address}api/status"):  # noqa: S310  # our own server
                return address
        except (OSError, ValueError):
            os.sched_yield()
    raise RuntimeError(f"JupyterLab did not start: {log.read_text()[-2000:]}")


class Lab:
    """A page of JupyterLab: what it asked of other machines, and what went wrong in it."""

    def __init__(self, browser: Browser, address: str) -> None:
        self.context = browser.new_context(viewport={"width": 1200, "height": 900})
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.address = address
        self.elsewhere: list[str] = []
        self.errors: list[str] = []
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

    def open(self, notebook: str) -> None:
        """Open a notebook and wait for its kernel."""
        self.page.goto(f"{self.address}doc/tree/{notebook}")
        self.page.wait_for_function(f"() => {_KERNEL}?.status === 'idle'")

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
        self.page.evaluate("() => jupyterapp.shell.currentWidget.context.sessionContext.shutdown()")

    @property
    def cells(self) -> int:
        """How many cells the notebook has."""
        return self.page.locator(".jp-Notebook .jp-Cell").count()

    def theme(self, name: str) -> None:
        """Switch the theme and wait until it is in force."""
        from playwright.sync_api import expect  # noqa: PLC0415  # absent where these tests are skipped

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
