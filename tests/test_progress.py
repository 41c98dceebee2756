from __future__ import annotations

import asyncio
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from tqdm.notebook import tqdm as tqdm_notebook

from metronome_analytics import progress
from metronome_analytics.progress import ProgressBar
from tests.fakes import account_of, answer

if TYPE_CHECKING:
    import httpx


def test_a_bar_tells_requests_rows_and_what_is_foreseen(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The bar counts requests of those foreseen, with rows beside them."""
    monkeypatch.setattr(progress, "_PATIENCE", 0.0)
    bar = ProgressBar("invoices", mode=True)
    bar.show(requests=3, foreseen=40, rows=1200)
    bar.close()
    shown = capsys.readouterr().err
    assert "invoices" in shown
    assert "3/40" in shown
    assert "1,200 rows" in shown


def test_a_notebooks_bar_grows_with_its_total_and_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is as full as the load is, also when more is foreseen later, and leaves nothing red behind."""
    monkeypatch.setattr(progress, "_PATIENCE", 0.0)
    shown: list[Any] = []
    left: list[object] = []

    def display(container: object, *, display_id: bool) -> object:
        assert display_id
        shown.append(container)
        return SimpleNamespace(update=lambda what, *, raw: left.append((what, raw)))

    monkeypatch.setattr("tqdm.auto.tqdm", tqdm_notebook)
    monkeypatch.setattr("IPython.display.display", display)
    bar = ProgressBar("invoices", mode=True)
    bar.show(requests=3, foreseen=40, rows=1200)
    drawn = shown[0].children[1]
    assert (drawn.value, drawn.max) == (3, 40)
    bar.show(requests=50, foreseen=100, rows=9000)
    assert (drawn.value, drawn.max) == (50, 100)
    bar.close()
    assert drawn.bar_style != "danger"
    assert (len(shown), left) == (1, [({"text/plain": ""}, True)])


def test_nobody_looking_means_no_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """On auto a script whose stderr is no terminal prints nothing."""
    monkeypatch.setattr(progress, "_PATIENCE", 0.0)
    bar = ProgressBar("invoices", mode="auto")
    bar.show(requests=3, foreseen=40, rows=1200)
    bar.close()
    assert capsys.readouterr().err == ""


def test_who_watches_is_told_and_no_bar_is_drawn(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A watcher hears of every load of its thread, from the first moment on, and of none after it left."""
    monkeypatch.setattr(progress, "_PATIENCE", 0.0)
    heard: list[progress.Progress] = []
    with progress.watched(heard.append):
        ProgressBar("invoices", mode=True).show(requests=3, foreseen=2, rows=1200)
    ProgressBar("invoices", mode=False).show(requests=4, foreseen=4, rows=1)
    assert heard == [(3, 3, 1200)]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("shell", "looking"), [(SimpleNamespace(kernel=object()), True), (SimpleNamespace(), False), (None, False)]
)
def test_a_notebook_is_someone_looking(monkeypatch: pytest.MonkeyPatch, shell: object, looking: bool) -> None:  # noqa: FBT001  # a parameter
    """A running kernel shows progress; IPython without one does not."""
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    assert progress._someone_is_looking() is looking


def test_a_short_load_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """A load that is over sooner than anyone grows impatient draws no bar, even if asked to."""
    with account_of(lambda _: answer([]), progress=True) as account:
        account.customers()
    assert capsys.readouterr().err == ""


def test_a_long_load_draws_its_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """While a load waits its bar is drawn, and taken away at the end."""
    monkeypatch.setattr(progress, "_PATIENCE", 0.0)
    drawn = asyncio.Event()
    original = ProgressBar.show

    async def signal() -> None:
        drawn.set()

    def show(self: ProgressBar, *, requests: int, foreseen: int, rows: int) -> None:
        original(self, requests=requests, foreseen=foreseen, rows=rows)
        account.session.run(signal)

    monkeypatch.setattr(ProgressBar, "show", show)

    async def handler(_: httpx.Request) -> httpx.Response:
        await drawn.wait()
        return answer([])

    with account_of(handler, progress=True) as account:
        account.invoices(["a", "b"])
    assert "invoices" in capsys.readouterr().err
