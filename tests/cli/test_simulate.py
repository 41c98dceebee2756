from __future__ import annotations

import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

import metronome_analytics as ma
from metronome_analytics.__main__ import main
from tests.cli.support import ROOT, command, surroundings

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def simulated(*options: str) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """The command in a process of its own, with the first two lines it prints."""
    program = [sys.executable, "-W", "error", "-m", "metronome_analytics", "simulate", "--customers", "3", *options]
    with subprocess.Popen(
        program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=surroundings(), cwd=ROOT
    ) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline(), process.stdout.readline()
        finally:
            process.kill()


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_simulate_serves_until_it_is_told_to_stop(stop: signal.Signals) -> None:
    """Port 0 finds a free one, the first two lines are all a client needs, and being stopped is success."""
    with simulated("--port", "0") as (process, first, second):
        assert first.startswith("METRONOME_BASE_URL=http://127.0.0.1:")
        assert second == "METRONOME_BEARER_TOKEN=simulator-token-7\n"
        url, token = first.strip().partition("=")[2], second.strip().partition("=")[2]
        with ma.connect(token, base_url=url, max_requests_per_second=None) as account:
            assert account.customers().height == 3
        process.send_signal(stop)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, "")
    assert err == "3 simulated customers, seed 7. Ctrl-C stops.\n"


def test_the_seed_makes_the_account() -> None:
    """Another seed, another token and another account."""
    with simulated("--port", "0", "--seed", "11") as (_, _, second):
        assert second == "METRONOME_BEARER_TOKEN=simulator-token-11\n"


def test_a_port_that_is_taken_is_one_message() -> None:
    """Exit code 2, the port in the message, no traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = command("simulate", "--port", port, "--customers", "1")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"port {port}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("option", "value"), [("--port", "-1"), ("--port", "65536"), ("--customers", "-1")])
def test_a_number_that_cannot_be_is_named(option: str, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One message, exit code 2."""
    assert main(["simulate", option, value]) == 2
    assert option.removeprefix("--") in capsys.readouterr().err
