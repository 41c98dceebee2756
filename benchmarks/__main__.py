"""Runs the benchmarks and prints the table: `python -m benchmarks [--quick] [--full] [--simulator] [name ...]`.

`mirror-year` takes `--customers`.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module

from benchmarks.result import Options, Result, table

_MODULES = {
    "sdk": "sdk",
    "floor": "floor",
    "memory": "memory",
    "scaling": "scaling",
    "requests": "requests",
    "month-end": "month_end",
    "pace": "pace",
    "import": "imports",
    "reconcile": "reconcile",
    "statements": "statements",
    "mirror-requests": "mirror_requests",
    "mirror-writing": "mirror_writing",
    "mirror-memory": "mirror_memory",
    "mirror-merging": "mirror_merge",
    "mirror-streaming": "mirror_streaming",
    "mirror-year": "mirror_year",
}


def main() -> None:
    """Run what was named, or everything."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Prints each ratio beside its bar.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(_MODULES)}; all without any")
    parser.add_argument("--quick", action="store_true", help="less of everything: the ratios are rougher")
    parser.add_argument("--full", action="store_true", help="mirror-streaming over 100 million lines: an hour or two")
    parser.add_argument("--simulator", action="store_true", help="serve the simulator's invoices, in smaller pages")
    parser.add_argument("--customers", type=int, default=50_000, help="of mirror-year")
    given = parser.parse_args()
    unknown = set(given.names) - set(_MODULES)
    if unknown:
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    options = Options(quick=given.quick, full=given.full, simulator=given.simulator, customers=given.customers)
    results: list[Result] = []
    for name in given.names or _MODULES:
        print(f"{name} ...", file=sys.stderr, flush=True)
        results += import_module(f"benchmarks.{_MODULES[name]}").run(options)
    print(table(results))


if __name__ == "__main__":
    main()
