from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from metronome_analytics.simulator import running
from tests.changes.support import opened, small
from tests.typing import use

if TYPE_CHECKING:
    from collections.abc import Iterator

    import metronome_analytics as ma

ROOT = Path(__file__).parents[2]
WRONG = """# pyright: strict
import metronome_analytics as ma
from typing_extensions import assert_type
assert_type(ma.demo(customers="five").customers(), int)
"""


def test_pyright_passes_what_users_write_and_sees_our_types(tmp_path: Path) -> None:
    """Strictly, where the package is nobody's source; a wrong argument and a wrong result are told, by name."""
    shutil.copy(Path(use.__file__), tmp_path)
    (tmp_path / "wrong.py").write_text(WRONG, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "."],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 1
    assert [line for line in done.stdout.splitlines() if "use.py:" in line] == []
    assert "\"Literal['five']\" is not assignable to" in done.stdout
    assert 'expected "int" but received "DataFrame"' in done.stdout


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ma.Account]:
    """An account that may write."""
    simulator = small()
    journal = tmp_path_factory.mktemp("journal") / "journal.sqlite"
    with running(simulator) as url, opened(simulator, url, journal) as account:
        yield account


def test_what_the_checkers_pass_runs(account: ma.Account, tmp_path: Path) -> None:
    """Every function of the file, on a simulated account."""
    with use.opened("token") as other:
        assert "sandbox" in repr(other)
    assert use.loaded(account).height == 2
    assert use.analysed(account).checks.height
    assert use.drawn(account, tmp_path).stat().st_size
    assert use.planned(account, tmp_path)["status"].to_list() == ["applied"]
    assert use.mirrored(account, tmp_path).collect().height
    assert use.failed(account) == "nobody"
