from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PACKAGE = sorted(set(re.findall(r"`(metronome_analytics/[\w/.]+)`", CONTRIBUTING)))
MODULES = sorted(set(re.findall(r"-m ((?:tests|benchmarks)[\w.]*)", CONTRIBUTING)))


@pytest.mark.parametrize("place", PACKAGE)
def test_every_place_is_there(place: str) -> None:
    """What a newcomer is sent to exists."""
    assert (ROOT / place).exists()


@pytest.mark.parametrize("module", MODULES)
def test_every_command_is_there(module: str) -> None:
    """What a newcomer is told to run exists."""
    path = ROOT / module.replace(".", "/")
    assert path.with_suffix(".py").exists() or (path / "__main__.py").exists()
