"""How each table is loaded: the requests of one resource, planned by the module of its name."""

from metronome_analytics.loaders.balances import BalanceLoaders
from metronome_analytics.loaders.catalogue import CatalogueLoaders
from metronome_analytics.loaders.contracts import ContractLoaders
from metronome_analytics.loaders.customers import CustomerLoaders
from metronome_analytics.loaders.invoices import InvoiceLoaders
from metronome_analytics.loaders.plans import PlanLoaders


class AllLoaders(CustomerLoaders, InvoiceLoaders, BalanceLoaders, ContractLoaders, CatalogueLoaders, PlanLoaders):
    """Every loader of an account, made with one session."""
