"""What an account sells: products and packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics import arguments as args
from metronome_analytics.loaders.base import Loaders, request_for

if TYPE_CHECKING:
    import polars as pl

    from metronome_analytics.arguments import OnError

_ARCHIVE_FILTERS = ("NOT_ARCHIVED", "ARCHIVED", "ALL")


class ProductLoaders(Loaders):
    """The loaders of products."""

    def products(self, *, archive_filter: str | None = None, on_error: OnError = "raise") -> pl.DataFrame:
        """One row per product: the columns of `tables.Products`, key `id`.

        `archive_filter` is NOT_ARCHIVED (the API's default), ARCHIVED or ALL.
        """
        body = {"archive_filter": args.choice("archive_filter", archive_filter, *_ARCHIVE_FILTERS)}
        return self._just("products", [request_for("products", body=body)], on_error=on_error, filters=body)

    def packages(self, *, archive_filter: str | None = None, on_error: OnError = "raise") -> pl.DataFrame:
        """One row per package: the columns of `tables.Packages`, key `id`."""
        body = {"archive_filter": args.choice("archive_filter", archive_filter, *_ARCHIVE_FILTERS)}
        return self._just("packages", [request_for("packages", body=body)], on_error=on_error, filters=body)
