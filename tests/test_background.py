from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import textwrap
import threading
import time
import warnings

import anyio
import httpx
import pytest

import metronome_analytics as ma
from metronome_analytics.background import Background, StoppedError, stoppable
from metronome_analytics.simulator import Fault, Simulator, running
from tests.fakes import account_of, answer


def test_loaders_work_under_a_running_event_loop() -> None:
    """Inside a loop, as in Jupyter, a loader is called like anywhere else."""

    async def cell() -> int:
        with account_of(lambda _: answer([{"id": "a"}])) as account:
            return account.customers().height

    assert asyncio.run(cell()) == 1


def test_loaders_work_in_threads() -> None:
    """Several threads may load from one account at once; each gets its own rows and receipt."""
    found: dict[str, list[str]] = {}
    with account_of(lambda request: answer([{"id": request.url.path}])) as account:

        def load(name: str) -> None:
            found[name] = account.invoices(name)["id"].to_list()

        threads = [threading.Thread(target=load, args=(f"c{n}",)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert account.receipts["complete"].to_list() == [True] * 8
    assert found == {f"c{n}": [f"/v1/customers/c{n}/invoices"] for n in range(8)}


def test_many_requests_are_in_flight_at_once() -> None:
    """A fan-out keeps max_concurrency requests going, and not one more."""
    now, most = 0, 0

    async def handler(_: httpx.Request) -> httpx.Response:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        now -= 1
        return answer([])

    with account_of(handler, max_concurrency=5) as account:
        account.invoices([f"c{n}" for n in range(50)])
    assert most == 5


def test_closing_leaves_no_thread() -> None:
    """After close() the background thread is gone."""
    before = set(threading.enumerate())
    with account_of(lambda _: answer([])) as account:
        account.customers()
        assert "metronome-analytics" in {thread.name for thread in threading.enumerate()}
    for thread in set(threading.enumerate()) - before:
        thread.join(timeout=5)
    assert set(threading.enumerate()) <= before


def test_an_account_that_is_forgotten_closes_itself() -> None:
    """Dropping the last reference ends the thread and leaves no unclosed socket to warn about."""
    before = set(threading.enumerate())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        account = ma.connect("token", transport=httpx.MockTransport(lambda _: answer([])), progress=False)
        account.customers()
        (thread,) = [new for new in set(threading.enumerate()) - before if new.name == "metronome-analytics"]
        del account
        gc.collect()
    assert not thread.is_alive()


INTERRUPTED = """
    import os, signal, sys, threading
    from pathlib import Path
    import metronome_analytics as ma

    def sockets():
        names = [os.readlink(fd) for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink()]
        return sum(name.startswith("socket:") for name in names)

    before = sockets()
    account = ma.connect("{token}", base_url="{url}", max_requests_per_second=None, progress=False)
    account.customers()
    def interrupt():
        sys.stdin.readline()
        os.kill(os.getpid(), signal.SIGINT)
    threading.Thread(target=interrupt, daemon=True).start()
    try:
        account.invoices()
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    print(account.receipts["complete"].to_list(), flush=True)
    account.close()
    left = [thread.name for thread in threading.enumerate() if thread.name == "metronome-analytics"]
    print(left, sockets() - before, flush=True)
"""


def test_an_interrupt_cancels_within_a_second() -> None:
    """Ctrl-C ends a load whose answers hang at once, leaves a receipt, and after close() no thread or socket."""
    simulator = Simulator(customers=40, seed=7)
    hanging = simulator.faults.add(Fault("slow", match="/invoices", times=None, seconds=30.0))
    with running(simulator) as url:
        code = textwrap.dedent(INTERRUPTED.format(token=simulator.token, url=url))
        with subprocess.Popen(  # our own code
            [sys.executable, "-W", "error", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            while hanging.fired < 16:
                threading.Event().wait(0.01)
            began = time.monotonic()
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline() == "interrupted\n"
            assert time.monotonic() - began < 1
            assert process.stdout.readline() == "[True, False]\n"
            assert process.stdout.readline() == "[] 0\n"
            process.stdin.close()
            assert process.wait(timeout=10) == 0


def test_an_account_left_open_lets_the_interpreter_exit() -> None:
    """A script that never closes its account still ends, and without a warning."""
    code = "import metronome_analytics as ma; a = ma.demo(); print(a.customers().height)"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60, check=True
    )  # our own code
    assert int(done.stdout) > 0
    assert done.stderr == ""


@pytest.mark.parametrize("error", [RuntimeError("boom"), TimeoutError("late")])
def test_what_goes_wrong_inside_comes_out(error: Exception) -> None:
    """An unforeseen exception of the work reaches the caller as it is."""
    from metronome_analytics.background import Background  # noqa: PLC0415

    background = Background()

    async def work() -> None:
        raise error

    async def last() -> None:
        return None

    with pytest.raises(type(error), match=str(error)):
        background.run(work)
    background.close(last)


def test_work_that_is_no_longer_wanted_is_cancelled() -> None:
    """A stop cancels what runs in that thread, and what runs after it is not touched."""
    background, stop, cancelled = Background(), threading.Event(), threading.Event()

    async def forever() -> None:
        stop.set()
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.set()

    async def one() -> int:
        return 1

    with stoppable(stop), pytest.raises(StoppedError):
        background.run(forever)
    assert cancelled.is_set()
    assert background.run(one) == 1
    background.close(anyio.lowlevel.checkpoint)


def test_an_interrupt_in_the_loop_ends_the_work_and_not_the_loop() -> None:
    """It reaches the caller as it is; what is loaded or closed then finds the loop running."""
    background = Background()

    async def interrupted() -> None:
        raise KeyboardInterrupt

    async def fine() -> int:
        return 1

    async def last() -> None:
        pass

    with pytest.raises(KeyboardInterrupt):
        background.run(interrupted)
    assert background.run(fine) == 1
    background.close(last)
