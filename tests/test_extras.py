from __future__ import annotations

import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import metronome_analytics as ma
from metronome_analytics import extras

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.mark.parametrize("extra", extras.EXTRAS)
def test_a_missing_module_says_which_extra_brings_it(extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """ConfigurationError with the line to run; nothing is raised when all is there."""
    extras.need(extra)
    for module in extras.EXTRAS[extra]:
        with monkeypatch.context() as patched:
            patched.setitem(sys.modules, module, None)
            with pytest.raises(ma.ConfigurationError) as caught:
                extras.need(extra)
            assert f"pip install 'metronome-analytics[{extra}]'" in str(caught.value)


@pytest.mark.parametrize("extra", extras.EXTRAS)
def test_the_extra_brings_what_the_message_says(extra: str) -> None:
    """Each module belongs to a distribution that pyproject lists under that very extra."""
    listed = {line.split(">")[0].split("[")[0] for line in PROJECT["optional-dependencies"][extra]}
    for module in extras.EXTRAS[extra]:
        assert {name.lower() for name in packages_distributions()[module]} & {name.lower() for name in listed}
