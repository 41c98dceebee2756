"""Widgets for Jupyter. They take frames, never a client."""

from typing import TYPE_CHECKING

from metronome_analytics.offers import outward
from metronome_analytics.widgets.balance_picker import BalanceChoice, BalancePicker
from metronome_analytics.widgets.customer_picker import CustomerPicker
from metronome_analytics.widgets.explorer import Explorer
from metronome_analytics.widgets.period_picker import PeriodPicker
from metronome_analytics.widgets.plan_review import PlanReview
from metronome_analytics.widgets.table import Table, show

__all__ = [
    "BalanceChoice",
    "BalancePicker",
    "CustomerPicker",
    "Explorer",
    "PeriodPicker",
    "PlanReview",
    "Table",
    "show",
]

if not TYPE_CHECKING:  # to a type checker a wrong name is an error of its own
    __getattr__, __dir__ = outward(__name__)
