from __future__ import annotations

import os
import pickle
import subprocess
import sys
from importlib import import_module

import cloudpickle

# What others in the process may rely on, before and after: nothing of it is ours to set.
SCRIPT = """
import asyncio, copyreg, decimal, gc, json, locale, logging, os, random, signal, socket, sys, threading, time, warnings
import altair as alt, httpcore, polars as pl, stamina
# What these change when they are imported is theirs.
import aiolimiter, anyio, anywidget, dataframely, great_tables, httpx, ipywidgets, platformdirs, pydantic
import tqdm.auto, vl_convert, xlsxwriter

def attributes(*modules):
    kinds = {kind for module in modules for kind in vars(module).values() if isinstance(kind, type)}
    return {(kind, name): value for kind in kinds for name, value in vars(kind).items() if not name.startswith("__")}

def state():
    os.umask(mask := os.umask(0))
    return {
        "logging": (logging.root.handlers[:], logging.root.level, logging.getLoggerClass(), logging.lastResort.level),
        "warnings": (warnings.filters[:], warnings.showwarning),
        "signals": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "locale": (locale.setlocale(locale.LC_ALL), time.tzname),
        "decimal": [(c.prec, c.rounding, c.traps.copy()) for c in (decimal.getcontext(), decimal.DefaultContext)],
        "random": random.getstate(),
        "sockets": (socket.getdefaulttimeout(), socket.socket, socket.getaddrinfo),
        "loops": type(asyncio.get_event_loop_policy()),
        "environment": (dict(os.environ), os.getcwd(), mask),
        "hooks": (sys.excepthook, sys.displayhook, sys.unraisablehook, threading.excepthook, sys.gettrace()),
        "limits": (sys.getrecursionlimit(), sys.getswitchinterval(), sys.get_int_max_str_digits(), gc.get_threshold()),
        "paths": (sys.path[:], sys.meta_path[:], sys.path_hooks[:], sys.argv[:]),
        "pickling": dict(copyreg.dispatch_table),
        "json": (json.dumps, json.loads, json.JSONEncoder.default),
        "httpcore": attributes(httpcore, httpcore._async.http11, httpcore._async.connection_pool),
        "polars": pl.Config.state(),
        "stamina": (stamina.is_active(), stamina.instrumentation.get_on_retry_hooks()),
        "altair": (alt.renderers.active, alt.data_transformers.active, alt.theme.active, alt.data_transformers.options),
    }

stamina.instrumentation.get_on_retry_hooks()
import httpcore._async.http11, httpcore._async.connection_pool
before = state()
import metronome_analytics as ma
with ma.demo(customers=3) as account:
    balances, invoices = account.balances(), account.invoices()
    burn = ma.burn_down(balances, as_of=account.now)
    ma.charts.burn_down(burn, as_of=account.now)._repr_mimebundle_()
    ma.widgets.CustomerPicker(account.customers())
    ma.reports.workbook(sys.argv[1] + "/report.xlsx", invoices=invoices, balances=balances, as_of=account.now)
    ma.show(invoices)
after = state()
print([name for name in before if before[name] != after[name]])
"""


def test_importing_loading_and_drawing_change_nothing_of_the_process(tmp_path: object) -> None:
    """Logging, warnings, signals, decimals, pickling, the display of charts and the classes of httpcore stay theirs."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], capture_output=True, text=True, check=False, env={**os.environ}
    )
    assert done.stderr == ""
    assert done.stdout.strip() == "[]"


def test_the_module_itself_can_be_sent() -> None:
    """A function that names it goes to a cluster; whoever gets it imports it there."""
    module = import_module("metronome_analytics")
    assert pickle.loads(pickle.dumps(module)) is module  # noqa: S301  # our own bytes
    assert pickle.loads(cloudpickle.dumps(module)) is module  # noqa: S301  # as above
