"""What every test starts from: no waiting between retries, no token in the environment."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

import pytest
import stamina
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

# A busy machine is no failure: nothing here is a timed test.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


# Chosen here, so that processes that share the tests have the same, and it is printed even where nothing fails.
os.environ.setdefault("METRONOME_FUZZ_SEED", str(secrets.randbelow(2**32)))


def pytest_report_header() -> str:
    """Say how to find again what the fuzz finds."""
    return f"fuzz of response bodies: METRONOME_FUZZ_SEED={os.environ['METRONOME_FUZZ_SEED']}"


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name bytes by their number: gzip writes the time into them, and processes that share the tests compare names."""
    return f"{len(val)} bytes" if isinstance(val, bytes) else None


@pytest.fixture
def anyio_backend() -> str:
    """The loop our client runs on."""
    return "asyncio"


@pytest.fixture(autouse=True)
def _retries_without_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=10, cap=True):
        yield


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("METRONOME_BEARER_TOKEN", raising=False)
    monkeypatch.delenv("METRONOME_BASE_URL", raising=False)
