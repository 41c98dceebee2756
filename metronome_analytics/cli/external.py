"""Another system's file, as `reconcile` and `close` are given it, and how its columns are called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.errors import ArgumentError
from metronome_analytics.external import External, Words, read_file, wanted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from metronome_analytics.external import DecimalMark


def read_external(path: Path, pairs: Sequence[str] | None, decimal: DecimalMark | None) -> External:
    """The rows of `path`, under our names by `--map` pairs; ArgumentError in the words of the command line."""
    columns = column_mapping(pairs)
    words = Words(
        source=f"--external {path.name}",
        columns="Say which is which: --map amount='Amount due'.",
        decimal="Say what separates decimals: --decimal , or --decimal .",
        row="line",
    )
    return External.of(read_file(path, wanted(columns)), columns, decimal, words=words)


def column_mapping(pairs: Sequence[str] | None) -> dict[str, str] | None:
    """`OURS=THEIRS` texts as a mapping; ArgumentError for one that is not."""
    mapping: dict[str, str] = {}
    for pair in pairs or ():
        ours, equals, theirs = pair.partition("=")
        if not (ours and equals and theirs) or ours in mapping:
            raise ArgumentError(
                f"map={pair!r} cannot be used.", advice="Write each column once, as --map amount='Amount due'."
            )
        mapping[ours.strip()] = theirs.strip()
    return mapping or None
