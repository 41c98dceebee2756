"""The command `metronome-analytics`, also `python -m metronome_analytics`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from metronome_analytics.extras import EXTRAS, missing

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line with `arguments` (those of the process by default) and return its exit code."""
    try:
        from metronome_analytics.cli.app import run  # noqa: PLC0415  # the base install has no command line
    except ModuleNotFoundError as error:
        module = str(error.name).partition(".")[0]
        if module not in EXTRAS["cli"]:
            raise
        sys.stderr.write(f"metronome-analytics: {missing('cli', module)}\n")
        return 2  # as `cli.exits` has it, which is not there either
    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
