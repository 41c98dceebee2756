"""What users hold: the tables, with columns, dtypes, keys and units, and the flatteners of what they nest.

A column keeps the API's own name unless its docstring says otherwise; the names of flattened fields are those of the
vendor's Data Export. Amounts are exact and in the unit of the row's credit type: never add rows of different
`credit_type_id`. Each module lists what it gives in its own `__all__`: a new table is a change of one file.
"""

from types import ModuleType as _Module
from typing import TYPE_CHECKING as _CHECKED

from metronome_analytics.offers import outward as _outward
from metronome_analytics.tables.account import *
from metronome_analytics.tables.alerts import *
from metronome_analytics.tables.balances import *
from metronome_analytics.tables.columns import select as select
from metronome_analytics.tables.contracts import *
from metronome_analytics.tables.costs import *
from metronome_analytics.tables.customers import *
from metronome_analytics.tables.invoices import *
from metronome_analytics.tables.loads import *
from metronome_analytics.tables.money import major_units as major_units
from metronome_analytics.tables.plans import *
from metronome_analytics.tables.products import *
from metronome_analytics.tables.rates import *
from metronome_analytics.tables.subscriptions import *
from metronome_analytics.tables.terms import *
from metronome_analytics.tables.usage import *

__all__ = sorted(
    name for name, value in globals().items() if not name.startswith("_") and not isinstance(value, _Module)
)

if not _CHECKED:  # to a type checker a wrong name is an error of its own
    __getattr__, __dir__ = _outward(__name__)
