from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

import metronome_analytics as ma
from metronome_analytics.recording.scrub import Scrubber
from metronome_analytics.simulator import Simulator, running
from tests.cassettes import record
from tests.cassettes.record import CASSETTES, MATCH_ON, SIMULATOR_HEADER, VENDOR, VENDOR_HEADER
from tests.cassettes.scenarios import SCENARIOS, Scenario

if TYPE_CHECKING:
    from pathlib import Path

USED = {f"vendor/{loader}.yaml" for loader in VENDOR} | {scenario.cassette for scenario in SCENARIOS}
TOKEN = "replayed-without-one"


@pytest.fixture(scope="module")
def vcr_config() -> dict[str, Any]:
    """Replay only; list endpoints are POST, so the body decides too."""
    return {"match_on": MATCH_ON, "record_mode": "none"}


@pytest.fixture(scope="module")
def vcr_cassette_dir() -> str:
    """Cassettes stand at the root of the project."""
    return str(CASSETTES)


@pytest.mark.parametrize(
    "scenario", [pytest.param(s, marks=pytest.mark.vcr(str(CASSETTES / s.cassette)), id=s.name) for s in SCENARIOS]
)
def test_the_recordings_replay(scenario: Scenario) -> None:
    """What was recorded from the simulator gives the same outcome without it."""
    scenario.run(TOKEN, "http://127.0.0.1")


@pytest.mark.parametrize("loader", VENDOR)
def test_the_vendors_examples_replay(loader: str) -> None:
    """The vendor's example of a loader loads through the whole client."""
    import vcr  # noqa: PLC0415  # patches httpcore when imported by the plugin only

    windows = {"invoice_breakdowns": {"starting_on": "2020-01-01", "ending_before": "2020-02-01"}}
    arguments: dict[str, Any] = {} if loader == "customers" else {"customers": "c", **windows.get(loader, {})}
    cassette = str(CASSETTES / "vendor" / f"{loader}.yaml")
    with (
        vcr.use_cassette(cassette, record_mode="none", match_on=["method", "path"]),
        ma.connect(TOKEN, max_requests_per_second=None, progress=False) as account,
    ):
        getattr(account, loader)(**arguments)
        receipt = account.receipts.row(0, named=True)
    assert receipt["complete"]
    assert receipt["rows"] >= 1
    assert receipt["unknown_fields"] == 0


def files() -> list[Path]:
    """Every cassette."""
    return sorted(CASSETTES.rglob("*.yaml"))


def test_every_cassette_is_used_and_says_where_it_came_from() -> None:
    """No cassette lies around, and each begins with its origin."""
    recorded = {str(path.relative_to(CASSETTES)) for path in files()}
    assert {name for name in recorded if not name.startswith("real/")} == USED
    for path in files():
        origin = VENDOR_HEADER if path.parent.name == "vendor" else SIMULATOR_HEADER
        assert path.read_text(encoding="utf-8").startswith(origin)


def test_no_cassette_holds_a_secret() -> None:
    """No token, no authorization header, no cookie, in any."""
    for path in files():
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"authorization|bearer|set-cookie|api[-_]?key|simulator-token", text, re.IGNORECASE), path
        for interaction in yaml.safe_load(text)["interactions"]:
            assert {name.lower() for name in interaction["request"]["headers"]} <= {"accept", "content-type"}


def test_scrubbing_keeps_amounts_and_relations_only() -> None:
    """Names, notes and ids go; the same id stays the same; units, amounts and times stay."""
    id_ = "13117714-3f05-48e5-a6e9-a66093f13b4d"
    row = {
        "id": id_,
        "ref": id_,
        "name": "Acme",
        "credit_type": {"name": "USD (cents)"},
        "total": 1.5,
        "issued_at": "2026-10-01T00:00:00Z",
        "custom_fields": {"owner": "x"},
        "ingest_aliases": ["a@b.c"],
    }
    scrubbed = yaml.safe_load(Scrubber().body(json.dumps(row).encode()))
    assert scrubbed["id"] == scrubbed["ref"] != id_
    assert (scrubbed["name"], scrubbed["ingest_aliases"], scrubbed["custom_fields"]) == (
        "scrubbed",
        ["scrubbed"],
        {"owner": "scrubbed"},
    )
    assert (scrubbed["total"], scrubbed["issued_at"], scrubbed["credit_type"]["name"]) == (
        1.5,
        "2026-10-01T00:00:00Z",
        "USD (cents)",
    )


def test_a_real_account_is_recorded_scrubbed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command for a real account, tried on the simulator: it holds no token, no name and no id of the account."""
    simulator = Simulator(customers=3, seed=7)
    monkeypatch.setattr(record, "CASSETTES", tmp_path)
    (tmp_path / "real").mkdir()
    with running(simulator) as url:
        monkeypatch.setenv("METRONOME_BEARER_TOKEN", simulator.token)
        monkeypatch.setenv("METRONOME_BASE_URL", url)
        assert record.main(["--real"]) == 0
        with ma.connect(max_requests_per_second=None, progress=False) as account:
            customers = account.customers()
    (cassette,) = (tmp_path / "real").glob("*.yaml")
    text = cassette.read_text(encoding="utf-8")
    assert text.startswith(record.REAL_HEADER)
    for private in (simulator.token, *customers["id"], *customers["name"], *customers["external_id"]):
        assert private not in text
    assert "authorization" not in text.lower()
