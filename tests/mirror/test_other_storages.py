from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import polars as pl
import pytest

import metronome_analytics as ma
from metronome_analytics.mirror.delta import create_table, open_table
from metronome_analytics.mirror.storage import File, Place
from metronome_analytics.simulator import Simulator
from tests.mirror import azurite
from tests.mirror.support import account_of, assert_mirrors, fresh

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.mirror.conftest import Lake


@pytest.fixture(scope="module")
def azure() -> Iterator[str]:
    """The address of an Azure on this machine."""
    if azurite.AZURITE is None:
        pytest.skip("azurite is not installed")
    with azurite.running("lake") as url:
        yield url


@pytest.fixture(params=["azure", "google"])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A prefix of its own in Azure's storage, in Google's."""
    if request.param == "azure":
        monkeypatch.setenv("AZURITE_BLOB_STORAGE_URL", request.getfixturevalue("azure"))
        return Place(f"az://lake/{uuid4()}/mirror", {"azure_storage_use_emulator": "true"})
    lake: Lake = request.getfixturevalue("lake")
    return Place(f"gs://lake/{uuid4()}/mirror", lake.google)


def test_a_mirror_is_kept_up_verified_and_mended_there(place: Place) -> None:
    """A sync stopped and continued, a file lost and read again, all put together: what a full load gives."""
    with account_of(Simulator(customers=3, months=2)) as account:
        account.sync(place.uri, tables="invoices", max_requests=8, storage_options=place.options)
        mirror = account.sync(place.uri, storage_options=place.options)
        whole = {name: frame for name, frame in fresh(account).items() if name in {"customers", "invoices"}}
        assert_mirrors(mirror, whole)
        place.delete("invoices", mirror.files("invoices")[0].removeprefix(f"{place}/invoices/"))
        assert mirror.verify().select("table", "problem").rows() == [("invoices", "missing")]
        with pytest.raises(ma.MirrorError, match="gone or damaged"):
            mirror.invoices()
        account.sync(place.uri, storage_options=place.options)
        assert_mirrors(ma.open_mirror(place.uri, storage_options=place.options).optimize(), whole)


def test_of_two_commits_of_one_version_the_second_is_refused(place: Place) -> None:
    """By the storage itself, whoever holds the lease."""
    first = create_table(place, "t", {"a": pl.Int64()}, "", bucketed=False)
    second = open_table(place, "t")
    assert second is not None
    path, size = place.write([pl.DataFrame({"a": [1]})], "t", None)
    first.commit([File(path, size, 1)], [])
    with pytest.raises(ma.MirrorLocked):
        second.commit([File("another.parquet", size, 1)], [])
