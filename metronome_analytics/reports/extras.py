"""What a report needs beyond the base install, and where it may be written."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from metronome_analytics.errors import ArgumentError, ConfigurationError


def need(module: str, extra: str, what: str) -> None:
    """Raise ConfigurationError, with what to install, unless `module` can be imported."""
    try:
        found = find_spec(module) is not None
    except ValueError:  # sys.modules holds it as missing
        found = False
    if not found:
        raise ConfigurationError(
            f"{what} by {module}, which is not installed.", advice=f"pip install 'metronome-analytics[{extra}]'."
        )


def target(path: str | Path, *suffixes: str) -> Path:
    """`path`, of one of `suffixes` and in a folder that is there; else ArgumentError."""
    file = Path(path)
    if file.suffix.lower() not in suffixes:
        raise ArgumentError(f"path={str(path)!r} must end in {' or '.join(suffixes)}.")
    if not file.parent.is_dir():
        raise ArgumentError(f"path={str(path)!r} is in a folder that does not exist.", advice="Make the folder first.")
    return file
