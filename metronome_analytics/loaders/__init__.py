"""How each table is loaded: the requests of one resource, planned by the module of its name."""

from metronome_analytics.loaders.account import AccountLoaders
from metronome_analytics.loaders.alerts import AlertLoaders
from metronome_analytics.loaders.balances import BalanceLoaders
from metronome_analytics.loaders.contracts import ContractLoaders
from metronome_analytics.loaders.costs import CostLoaders
from metronome_analytics.loaders.customers import CustomerLoaders
from metronome_analytics.loaders.invoices import InvoiceLoaders
from metronome_analytics.loaders.plans import PlanLoaders
from metronome_analytics.loaders.products import ProductLoaders
from metronome_analytics.loaders.rates import RateLoaders
from metronome_analytics.loaders.subscriptions import SubscriptionLoaders
from metronome_analytics.loaders.usage import UsageLoaders


class AllLoaders(
    CustomerLoaders,
    CostLoaders,
    InvoiceLoaders,
    BalanceLoaders,
    ContractLoaders,
    SubscriptionLoaders,
    RateLoaders,
    ProductLoaders,
    UsageLoaders,
    AlertLoaders,
    AccountLoaders,
    PlanLoaders,
):
    """Every loader of an account, made with one session."""
