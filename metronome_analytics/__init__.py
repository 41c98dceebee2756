"""Metronome accounts as exact polars tables.

`connect()` opens an account, `demo()` a simulated one; both load `customers`, `invoices`, `invoice_breakdowns`,
`costs`, `commits`, `credits`, `balances` and `net_balances`. The flatteners `line_items`, `ledger`, `segments` and
`cost_lines` turn what those nest into tables. Amounts are exact and in the API's own unit: USD is in cents.
"""

import copyreg
import sys
from importlib import import_module

from lazy_loader import attach_stub

__version__ = "0.2.0"

# The names and their homes stand in __init__.pyi, once. Each is imported when it is first used, so that the import
# itself is quick, and type checkers and editors know every signature before.
__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)

# lazy_loader gives the module a class of its own, which cloudpickle, and so a Dask cluster, cannot send by itself.
copyreg.pickle(type(sys.modules[__name__]), lambda module: (import_module, (module.__name__,)))
