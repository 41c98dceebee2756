"""Guarded writes: plan, confirm, apply, prove, journal, settle. The only holder of a client that can write.

Looking is kept apart from doing: a plan reads, checks everything and changes nothing; `apply` sends one change at a
time, each written to the journal before it is sent and read back from the account after. Each operation is a row of
one table, which `catalogue()` shows; a change is an object of one of the classes here. Each module lists what it gives
in its own `__all__`.
"""

from types import ModuleType as _Module
from typing import TYPE_CHECKING as _CHECKED

from metronome_analytics.changes.access import *
from metronome_analytics.changes.archiving import *
from metronome_analytics.changes.balance_entry import *
from metronome_analytics.changes.balance_plan import *
from metronome_analytics.changes.billing_configs import *
from metronome_analytics.changes.billing_configurations import *
from metronome_analytics.changes.charges import *
from metronome_analytics.changes.contract_amendments import *
from metronome_analytics.changes.contract_archiving import *
from metronome_analytics.changes.contract_changes import *
from metronome_analytics.changes.contract_edits import *
from metronome_analytics.changes.customer_settings import *
from metronome_analytics.changes.customers import *
from metronome_analytics.changes.granting import *
from metronome_analytics.changes.historical_invoices import *
from metronome_analytics.changes.invoice_changes import *
from metronome_analytics.changes.operations import *
from metronome_analytics.changes.other_changes import *
from metronome_analytics.changes.plan import *
from metronome_analytics.changes.plan_changes import *
from metronome_analytics.changes.schedules_and_filters import *
from metronome_analytics.changes.service_invoices import *
from metronome_analytics.changes.terms import *
from metronome_analytics.offers import outward as _outward

__all__ = sorted(
    name for name, value in globals().items() if not name.startswith("_") and not isinstance(value, _Module)
)

if not _CHECKED:  # to a type checker a wrong name is an error of its own
    __getattr__, __dir__ = _outward(__name__)
