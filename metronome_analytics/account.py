"""Account: every loader, and what each load cost."""

from __future__ import annotations

import weakref
from datetime import UTC, datetime
from functools import partial
from html import escape
from typing import TYPE_CHECKING, Any, Self

import polars as pl

from metronome_analytics import arguments as args
from metronome_analytics.api.client import Client
from metronome_analytics.background import Background
from metronome_analytics.catalogue import catalogue
from metronome_analytics.corrections.desk import CorrectionDesk
from metronome_analytics.errors import ArgumentError
from metronome_analytics.loaders.balances import BalanceLoaders
from metronome_analytics.loaders.catalogue import CatalogueLoaders
from metronome_analytics.loaders.contracts import ContractLoaders
from metronome_analytics.loaders.customers import CustomerLoaders
from metronome_analytics.loaders.invoices import InvoiceLoaders
from metronome_analytics.loaders.plans import PlanLoaders
from metronome_analytics.loading import DriftLog
from metronome_analytics.mirror.desk import MirrorDesk
from metronome_analytics.settings import journal_path, read_settings
from metronome_analytics.tables import Receipts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import httpx
    from pydantic import SecretStr

    from metronome_analytics.progress import ProgressMode


def _utc_now() -> datetime:
    return datetime.now(UTC)


def connect(
    token: str | SecretStr | None = None,
    *,
    base_url: str | None = None,
    environment: str | None = None,
    allow_writes: bool = False,
    max_requests_per_second: float | None = 7.5,
    max_concurrency: int = 16,
    timeout: float = 60.0,
    progress: ProgressMode = "auto",
    transport: httpx.AsyncBaseTransport | None = None,
) -> Account:
    """An account to load from. Nothing is sent until something is loaded.

    `token` is the argument, else METRONOME_BEARER_TOKEN; `base_url` the argument, else METRONOME_BASE_URL, else
    https://api.metronome.com (sandbox and production share it: the token decides). `environment` is a label of yours,
    shown in reprs, plans and receipts. `max_requests_per_second=None` means unpaced. `transport` replaces the network.

    Raises ConfigurationError without a usable token or base URL, ArgumentError for any other argument.
    """
    secret, url = read_settings(token, base_url)
    return Account(
        secret,
        url,
        environment=args.text("environment", environment),
        allow_writes=bool(args.flag("allow_writes", allow_writes)),
        max_requests_per_second=_pace(max_requests_per_second),
        max_concurrency=args.whole_number("max_concurrency", max_concurrency, least=1),
        timeout=_positive("timeout", timeout),
        progress=progress,
        transport=transport,
    )


def _pace(value: float | None) -> float | None:
    return None if value is None else _positive("max_requests_per_second", value)


def _positive(argument: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise ArgumentError(f"{argument} must be a positive number, not {value!r}.")
    return value


class Account(
    CustomerLoaders,
    InvoiceLoaders,
    BalanceLoaders,
    ContractLoaders,
    CatalogueLoaders,
    PlanLoaders,
    CorrectionDesk,
    MirrorDesk,
):
    """One Metronome account, read as polars tables. Open it with `connect()` or `demo()`.

    Every loader returns every row or raises LoadError (`on_error="raise"`, the default), or returns the rows it could
    get, warns, and marks its receipt incomplete (`on_error="collect"`). `customers=` is None (every customer that is
    not archived, as `customers()` lists them), an id, several ids, a Series, a frame with a `customer_id` or `id`
    column, or a picker; rows come in the order of the customers given, then in the API's own.
    """

    def __init__(
        self,
        token: SecretStr,
        base_url: str,
        *,
        environment: str | None,
        allow_writes: bool,
        max_requests_per_second: float | None,
        max_concurrency: int,
        timeout: float,
        progress: ProgressMode,
        transport: httpx.AsyncBaseTransport | None,
        journal: Callable[[], Path] = journal_path,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self.environment = environment
        self._base_url = base_url
        self._allow_writes = allow_writes
        self._rate = max_requests_per_second
        self._concurrency = max_concurrency
        self._progress: ProgressMode = progress
        self._journal_path = journal
        self._now = now
        self._new_client = partial(
            Client,
            token,
            base_url,
            max_requests_per_second=max_requests_per_second,
            max_concurrency=max_concurrency,
            timeout=timeout,
            transport=transport,
        )
        self._client = self._new_client()
        self._background = Background()
        self._drift = DriftLog()
        self._receipts: list[dict[str, Any]] = []
        # Closes at interpreter exit too; holds no reference to the account itself.
        self._closer = weakref.finalize(self, self._background.close, self._client.aclose)

    # --- what the loads cost -----------------------------------------------------------------------------------

    @property
    def receipts(self) -> pl.DataFrame:
        """One row per load so far: the columns of `tables.Receipts`."""
        return pl.DataFrame(self._receipts, schema=Receipts.create_empty().schema, orient="row")

    @property
    def drift(self) -> pl.DataFrame:
        """The fields the API sent that no table declares: the columns of `tables.Drift`."""
        return self._drift.frame()

    @staticmethod
    def catalogue() -> pl.DataFrame:
        """Every endpoint with its loader, table, key and status: the columns of `tables.Catalogue`. Sends nothing."""
        return catalogue()

    # --- life ----------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Let go of every connection and the background thread; again does nothing."""
        self._closer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Account({', '.join(self._facts())})"

    def _repr_html_(self) -> str:
        facts = "".join(f"<li>{escape(fact)}</li>" for fact in self._facts())
        return f'<div><strong>Account</strong><ul style="margin:2px 0">{facts}</ul></div>'

    def _facts(self) -> list[str]:
        facts = [
            repr(self._base_url),
            *([f"environment={self.environment!r}"] if self.environment else []),
            "token='********'",
            "may write" if self._allow_writes else "reads only",
            "unpaced" if self._rate is None else f"{self._rate:g} requests/s",
            *(["closed"] if not self._closer.alive else []),
        ]
        if self._receipts:
            spent = self.receipts.select("requests", "rows").sum().row(0)
            facts.append(f"{len(self._receipts)} loads, {spent[0]:,} requests, {spent[1]:,} rows so far")
        return facts
