"""doctor.json: what was found, without anything of the account, so that it can be sent to somebody."""

from __future__ import annotations

import json
import platform
from collections import Counter
from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.recording.scrub import Scrubber
from metronome_analytics.settings import DEFAULT_BASE_URL

if TYPE_CHECKING:
    from pathlib import Path

    from metronome_analytics.doctor.examiner import Examiner


def write_report(frame: pl.DataFrame, examiner: Examiner, path: Path) -> None:
    """Write `frame`, and what was asked and answered by endpoint and status, to `path`; ids are replaced."""
    scrubber = Scrubber()
    session = examiner.session
    asked = Counter((request.endpoint.name, seen.status) for request, seen in examiner.exchanges)
    document = {
        "made_by": {"python": platform.python_version(), "polars": pl.__version__},
        "address": "the vendor's" if session.base_url == DEFAULT_BASE_URL else "another",
        "environment": "labelled" if session.environment else "not labelled",
        "requests": examiner.tally.requests,
        "lost": examiner.lost,
        "answers": [
            {"endpoint": name, "status": status, "times": times} for (name, status), times in sorted(asked.items())
        ],
        "facts": [
            {**row, "examples": [scrubber.text(id_) for id_ in row["examples"]], "seen": scrubber.text(row["seen"])}
            for row in frame.iter_rows(named=True)
        ],
    }
    path.write_text(json.dumps(document, indent=2), encoding="utf-8")
