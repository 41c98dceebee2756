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
__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)


def __reduce_ex__(_: object) -> tuple[Any, ...]:  # noqa: N807  # picklers look for it on the object, here the module
    """How the module is sent: lazy_loader's class for it is one that cloudpickle, and so a Dask cluster, cannot."""
    return import_module, (__name__,)
