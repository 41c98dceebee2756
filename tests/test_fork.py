"""What a fork of the process does: no hang, whatever the child does."""

from __future__ import annotations

import subprocess
import sys
import textwrap

from metronome_analytics.simulator import Simulator, running

AFTER_A_LOAD = """
    import os, sys
    import metronome_analytics as ma
    account = ma.connect("{token}", base_url="{url}", max_requests_per_second=None, progress=False)
    before = account.customers()
    child = os.fork()
    if child == 0:
        another = ma.connect("{token}", base_url="{url}", max_requests_per_second=None, progress=False)
        for each in account, another:
            for ask in (
                each.customers,
                each.doctor,
                each.reconcile,
                lambda: each.close_month("2026-10", "pack"),
                lambda: each.customer_card("c"),
                lambda: each.plan([]),
                lambda: each.sync("mirror"),
            ):
                try:
                    ask()
                except ma.ConfigurationError as error:
                    print("spawn" in str(error), flush=True)
        account.close()
        sys.exit(5)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    print(account.customers().equals(before), flush=True)
"""

BEFORE_A_LOAD = """
    import os, sys
    import metronome_analytics as ma
    account = ma.connect("{token}", base_url="{url}", max_requests_per_second=None, progress=False)
    child = os.fork()
    print(account.customers().height, flush=True)
    if child:
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""

ONLY_EXITS = """
    import os, sys
    import metronome_analytics as ma
    account = ma.connect("{token}", base_url="{url}", max_requests_per_second=None, progress=False)
    account.customers()
    child = os.fork()
    if child == 0:
        sys.exit(5)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def printed(script: str) -> list[str]:
    """What a process that runs `script` against a simulator prints; it ends within a minute."""
    simulator = Simulator(customers=3, seed=7)
    with running(simulator) as url:
        code = textwrap.dedent(script.format(token=simulator.token, url=url))
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    return done.stdout.split()


def test_a_child_of_a_process_that_loaded_is_told_what_to_do() -> None:
    """In the child no account loads, old or new, and each says why; it exits as it likes, and the parent goes on."""
    assert printed(AFTER_A_LOAD) == ["True"] * 14 + ["5", "True"]


def test_a_child_forked_before_the_first_load_works_afresh() -> None:
    """An account that has not loaded yet works on both sides of a fork."""
    assert sorted(printed(BEFORE_A_LOAD)) == ["0", "3", "3"]


def test_a_child_that_merely_exits_does() -> None:
    """The account of the parent keeps no child from its end."""
    assert printed(ONLY_EXITS) == ["5"]
