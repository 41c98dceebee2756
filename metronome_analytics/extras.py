"""What the base install leaves out, the extra that brings it, and the one way to say so."""

from __future__ import annotations

from importlib.util import find_spec

from metronome_analytics.errors import ConfigurationError

EXTRAS = {
    "cli": {"cyclopts": "The command line is made with cyclopts", "rich": "The command line prints with rich"},
    "excel": {"openpyxl": "Workbooks are read by openpyxl", "xlsxwriter": "Workbooks are written by XlsxWriter"},
    "lake": {"deltalake": "A mirror is kept in Delta Lake, by deltalake"},
    "notebook": {
        "nbclient": "Notebooks are run by nbclient",
        "nbconvert": "Notebooks become pages by nbconvert",
    },
    "report": {
        "great_tables": "Tables to read are drawn by great_tables",
        "vl_convert": "Charts become files and pictures by vl-convert",
    },
    "simulator": {"uvicorn": "The simulator is served by uvicorn"},
}
"""By extra, the modules it brings and what each of them does."""


def need(extra: str, *modules: str) -> None:
    """Raise ConfigurationError, with what to install, unless the modules of `extra` (or only `modules`) are there."""
    for module in modules or EXTRAS[extra]:
        if not has(module):
            raise missing(extra, module)


def missing(extra: str, module: str) -> ConfigurationError:
    """The error for a module of `extra` that could not be imported."""
    return ConfigurationError(
        f"{EXTRAS[extra][module]}, which is not installed.",
        advice=f"Install the extra '{extra}': pip install 'metronome-analytics[{extra}]'.",
    )


def has(module: str) -> bool:
    """Whether `module` can be imported; it is not imported by this."""
    try:
        return find_spec(module) is not None
    except ValueError:  # sys.modules holds it as missing
        return False
