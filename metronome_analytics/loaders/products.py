"""What an account sells: products, and packages with the contracts on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics import arguments as args
from metronome_analytics.loaders.base import ARCHIVE_FILTERS, Loaders

if TYPE_CHECKING:
    import polars as pl

    from metronome_analytics.arguments import Instant, OnError


class ProductLoaders(Loaders):
    """The loaders of products and packages."""

    def products(self, *, archive_filter: str | None = None, on_error: OnError = "raise") -> pl.DataFrame:
        """One row per product: the columns of `tables.Products`, key `id`.

        `archive_filter` is NOT_ARCHIVED (the API's default), ARCHIVED or ALL.

        >>> account.products().group_by("type").len().sort("type").rows()
        [('FIXED', 5), ('SUBSCRIPTION', 1), ('USAGE', 7)]
        """
        body = {"archive_filter": args.choice("archive_filter", archive_filter, *ARCHIVE_FILTERS)}
        return self._one("products", body=body, on_error=on_error)

    def product(self, id: str, *, on_error: OnError = "raise") -> pl.DataFrame:  # noqa: A002  # the API's name
        """One row: one product, archived or not, in the columns of `tables.Products`.

        >>> first = account.products()["id"][0]
        >>> account.product(first).select("name", "type").rows()
        [('Input tokens (thousands)', 'USAGE')]
        """
        return self._one("product", body={"id": args.identifier("id", id)}, on_error=on_error)

    def packages(self, *, archive_filter: str | None = None, on_error: OnError = "raise") -> pl.DataFrame:
        """One row per package: the columns of `tables.Packages`, key `id`.

        `archive_filter` is NOT_ARCHIVED (the API's default), ARCHIVED or ALL.

        >>> account.packages().select("name", "contract_name").rows()
        [('Starter', 'Pay as you go')]
        """
        body = {"archive_filter": args.choice("archive_filter", archive_filter, *ARCHIVE_FILTERS)}
        return self._one("packages", body=body, on_error=on_error)

    def package(self, package_id: str, *, on_error: OnError = "raise") -> pl.DataFrame:
        """One row: one package, archived or not, in the columns of `tables.Packages`.

        >>> starter = account.packages()["id"][0]
        >>> account.package(starter)["name"].item()
        'Starter'
        """
        return self._one("package", {"package_id": args.identifier("package_id", package_id)}, on_error=on_error)

    def package_contracts(
        self,
        package_id: str,
        *,
        starting_at: Instant | None = None,
        covering_date: Instant | None = None,
        include_archived: bool | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per contract made from a package: the columns of `tables.PackageContracts`, key `contract_id`.

        `starting_at` (contracts that start there or later) and `covering_date` exclude each other.

        >>> starter = account.packages()["id"][0]
        >>> account.package_contracts(starter, include_archived=True).height
        0
        """
        args.not_both(starting_at=starting_at, covering_date=covering_date)
        body = {
            "starting_at": args.optional_rfc3339("starting_at", starting_at),
            "covering_date": args.optional_rfc3339("covering_date", covering_date),
            "include_archived": args.flag("include_archived", include_archived),
        }
        labels = {"package_id": args.identifier("package_id", package_id)}
        return self._one("package_contracts", labels, body=body, on_error=on_error)
