"""The command `metronome-analytics`, also `python -m metronome_analytics`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_EXTRA = {"cyclopts", "rich"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line with `arguments` (those of the process by default) and return its exit code."""
    try:
        from metronome_analytics.cli.app import run  # noqa: PLC0415  # the base install has no command line
    except ModuleNotFoundError as missing:
        if str(missing.name).partition(".")[0] not in _EXTRA:
            raise
        sys.stderr.write(
            f"metronome-analytics needs {missing.name}, which the base install leaves out: "
            "install the package with the extra 'cli' (or 'simulator' for demo and simulate).\n"
        )
        return 2  # as `cli.exits` has it, which is not there either
    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
