"""Metronome accounts as exact polars tables.

`connect()` opens an account, `demo()` a simulated one; both load `customers`, `invoices`, `invoice_breakdowns`,
`costs`, `commits`, `credits`, `balances` and `net_balances`. The flatteners `line_items`, `ledger`, `segments` and
`cost_lines` turn what those nest into tables. Amounts are exact and in the API's own unit: USD is in cents.
"""

from importlib import import_module
from typing import Any

from lazy_loader import attach_stub

__version__ = "0.2.0"

# The names and their homes stand in __init__.pyi, once. Each is imported when it is first used, so that the import
# itself is quick, and type checkers and editors know every signature before.
_attached, __dir__, __all__ = attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    """What `name` stands for, imported when it is first used; a name that is none says which one is near."""
    if name in __all__ or name.startswith("_"):
        return _attached(name)
    from metronome_analytics.offers import no_such_name  # noqa: PLC0415  # an import of ours brings polars

    raise no_such_name(__name__, name)


def __reduce_ex__(_: object) -> tuple[Any, ...]:  # noqa: N807  # picklers look for it on the object, here the module
    """How the module is sent: lazy_loader's class for it is one that cloudpickle, and so a Dask cluster, cannot."""
    return import_module, (__name__,)
