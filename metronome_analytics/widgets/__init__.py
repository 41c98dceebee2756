"""Widgets for Jupyter. They take frames, never a client."""

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
