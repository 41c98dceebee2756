"""Serving over HTTP: starting, saying where, stopping."""

import signal
import subprocess
import sys

import httpx
import pytest

from metronome_analytics.simulator import Simulator, running

PROGRAM = """
from metronome_analytics.simulator import Simulator, serve
serve(Simulator(customers=2), ready=lambda url: print(url, flush=True))
print("served")
"""


def test_serve_runs_until_interrupted() -> None:
    """The URL is reported once the port answers, nothing else is printed, and Ctrl-C returns to the caller."""
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:  # our own program
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        token = {"authorization": "Bearer simulator-token-7"}
        assert len(httpx.get(f"{url}/v1/customers", headers=token).json()["data"]) == 2
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=20)
    assert (process.returncode, output, errors) == (0, "served\n", "")


def test_servers_run_side_by_side_and_stop() -> None:
    """Each has a port of its own, which is closed at the end."""
    with running(Simulator(customers=1)) as first, running(Simulator(customers=2)) as second:
        assert first != second
        assert httpx.get(f"{first}/v1/customers").status_code == 401
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{first}/v1/customers")
