"""From an account to its mirror: find or make the store, and run one sync on it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from metronome_analytics.mirror.delta import set_damaged_log_aside
from metronome_analytics.mirror.mirror import Mirror
from metronome_analytics.mirror.mirrored import LAYOUTS
from metronome_analytics.mirror.request import with_needed
from metronome_analytics.mirror.storage import Place
from metronome_analytics.mirror.store import Store
from metronome_analytics.mirror.sync import Sync
from metronome_analytics.mirror.verify import lost, problems

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from metronome_analytics.loaders import AllLoaders
    from metronome_analytics.mirror.estimate import Estimate
    from metronome_analytics.mirror.request import SyncRequest


# About so many customers share a bucket: the unit in which a mirror is written, and analyses are run.
CUSTOMERS_PER_BUCKET = 32


def sync_account(
    loaders: AllLoaders,
    uri: str | Path,
    request: SyncRequest,
    *,
    tables_as_held: bool,
    dry_run: bool,
    storage_options: Mapping[str, str] | None,
) -> Mirror | Estimate:
    """Bring the mirror at `uri` up to date, as `Account.sync` says; with `dry_run` only estimate what that takes.

    With `tables_as_held` a mirror that is there keeps the tables it has.
    """
    session = loaders.session
    identity = {"base_url": session.base_url, "environment": session.environment or ""}
    if request.is_full and not dry_run:
        set_damaged_log_aside(Place(uri, storage_options))
    store = Store.find(uri, LAYOUTS, storage_options=storage_options)
    if store is not None:
        store.check_identity(identity)
        if tables_as_held:
            held = set(store.snapshot().progress("table")["table"])
            request = replace(request, tables=with_needed(held) or request.tables)
    sync = Sync(loaders, request)
    listing = sync.listing()
    if dry_run:
        return sync.estimate(listing, store)
    if store is None:
        buckets = max(1, math.ceil(listing.height / CUSTOMERS_PER_BUCKET))
        store = Store.create(uri, LAYOUTS, identity=identity, buckets=buckets, storage_options=storage_options)
    with store.writing() as writer:
        found = problems(store.snapshot(), contents=request.is_full)
        if found.height:
            writer.drop(*lost(store.snapshot(), found))
        sync.run(listing, store, writer)
    return Mirror(store)
