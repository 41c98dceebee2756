"""A session can be recorded without what is private, and played again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx
import polars as pl
import pytest
import yaml

import metronome_analytics as ma
from metronome_analytics.recording.scrub import Scrubber
from metronome_analytics.simulator import Fault, Simulator, running
from tests.fakes import TOKEN, account_of, answer

if TYPE_CHECKING:
    from pathlib import Path

ID = "13117714-3f05-48e5-a6e9-a66093f13b4d"


def session(account: ma.Account) -> list[pl.DataFrame]:
    """What is loaded while it is recorded, and again from the recording."""
    customers = account.customers()
    return [
        customers,
        account.credit_types(),
        account.invoices(customers),
        account.balances(customers),
        account.net_balances(customers),
        account.contracts(customers.head(2)),
        account.usage(customers.head(2), month="2026-10"),
        account.audit_logs(),
    ]


def shape_of(frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` with each text as the first row that has it: what does not depend on which id stands for which."""
    flat = frame.select(pl.selectors.string())
    first = [
        pl.col(name).replace_strict({text: at for at, text in enumerate(flat[name].unique(maintain_order=True))})
        for name in flat.columns
    ]
    return flat.select(first) if flat.height else flat


# Notes of people, which a recording tells nothing of.
NOTES = {
    "description",
    "external_id",
    "salesforce_account_id",
    "uniqueness_key",
    "created_by",
    "memo",
    "message",
    "name",
}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Simulator, Path, list[pl.DataFrame]]:
    """A session on the simulator, over real HTTP, with a page that came at the second try."""
    simulator, path = Simulator(customers=4, seed=7, months=3), tmp_path_factory.mktemp("record") / "strange.yaml"
    simulator.faults.add(Fault("status", "/invoices", status=503))
    with (
        running(simulator) as url,
        ma.connect(simulator.token, base_url=url, max_requests_per_second=None, progress=False) as account,
        account.record(path) as recording,
    ):
        frames = session(account)
        assert recording.requests == sum(account.receipts["requests"])
        recording.close()
        account.customers()
        assert recording.requests < sum(account.receipts["requests"])
    return simulator, path, frames


def test_a_recording_replays_to_the_same_frames(recorded: tuple[Simulator, Path, list[pl.DataFrame]]) -> None:
    """Amounts, times, states and flags are equal; texts are the same where they were the same, but for notes."""
    _, path, frames = recorded
    with ma.replay(path) as account:
        replayed = session(account)
        assert account.receipts["complete"].all()
    for old, new in zip(frames, replayed, strict=True):
        assert new.schema == old.schema
        plain = ~(pl.selectors.string() | pl.selectors.nested() | pl.selectors.by_dtype(pl.Map(pl.String, pl.String)))
        assert new.select(plain).equals(old.select(plain))
        kept = [name for name in old.columns if not name.endswith(("_name", "_reason", "_memo")) and name not in NOTES]
        assert shape_of(new.select(kept)).equals(shape_of(old.select(kept)))
        for name in {"type", "status", "rate_type"} & set(old.columns):
            assert new[name].equals(old[name])
    assert ma.line_items(replayed[2]).drop(pl.selectors.string())["total"].equals(ma.line_items(frames[2])["total"])


def test_a_recording_holds_nothing_private(recorded: tuple[Simulator, Path, list[pl.DataFrame]]) -> None:
    """No token, no header of ours, no id, no name, no alias, no custom field's value of the account."""
    simulator, path, frames = recorded
    text = path.read_text()
    customers, _, invoices, balances, *_, logs = frames
    private = {simulator.token, *customers["id"], *customers["name"], *customers["ingest_aliases"].explode()}
    private |= {*invoices["id"], *balances["id"], *balances["name"], *logs["id"], *logs["actor_email"]}
    private |= {value for entries in customers["custom_fields"].to_list() for _, value in (entries or {}).items()}
    assert [one for one in private if one and one in text] == []
    assert "authorization" not in text.lower()
    assert "bearer" not in text.lower()


def test_the_clock_of_a_recording_is_the_servers_from_its_first_answer_on(tmp_path: Path) -> None:
    """Loads went by it, so a replay that went by this machine's would ask for other months."""
    path = tmp_path / "r.yaml"
    row = {"id": ID, "name": "A", "external_id": "a", "ingest_aliases": []}
    body = {"data": [row], "next_page": None}
    headers = {"Date": "Sun, 04 Oct 2020 09:30:00 GMT"}
    handler = lambda _: httpx.Response(200, json=body, headers=headers)  # noqa: E731  # one line of it
    with account_of(handler) as account, account.record(path):
        account.customers()
    with ma.replay(path) as account:
        assert (account.now.year, account.now.month, account.customers().height) == (2020, 10, 1)


def test_a_recording_of_nothing_is_a_recording(tmp_path: Path) -> None:
    """It answers nothing, and says so."""
    with ma.demo(customers=1) as account, account.record(tmp_path / "r.yaml"):
        pass
    with ma.replay(tmp_path / "r.yaml") as account, pytest.raises(ma.ConfigurationError, match="holds no answer"):
        account.customers()


def test_a_recording_makes_the_folders_it_goes_to(tmp_path: Path) -> None:
    """As every file that is written does."""
    path = tmp_path / "new" / "sub" / "r.yaml"
    with ma.demo(customers=1) as account, account.record(path):
        assert account.customers().height == 1
    with ma.replay(path) as account:
        assert account.customers().height == 1


def test_a_recording_is_a_cassette(recorded: tuple[Simulator, Path, list[pl.DataFrame]]) -> None:
    """Its format is that of the cassettes: any YAML reader finds the interactions."""
    _, path, _ = recorded
    interactions = yaml.safe_load(path.read_text())["interactions"]
    assert {one["request"]["method"] for one in interactions} == {"GET", "POST"}
    assert 503 in {one["response"]["status"]["code"] for one in interactions}


def test_what_was_not_recorded_is_refused(recorded: tuple[Simulator, Path, list[pl.DataFrame]], tmp_path: Path) -> None:
    """Loudly: no made-up answer."""
    _, path, _ = recorded
    with ma.replay(path) as account, pytest.raises(ma.ConfigurationError, match="holds no answer"):
        account.products()
    other = tmp_path / "other.yaml"
    other.write_text("a: 1\n")
    with pytest.raises(ma.ArgumentError, match="no recording"):
        ma.replay(other)


@pytest.mark.parametrize(
    "line",
    [
        "- {}",
        f"- {'[' * 100_000}",
        '- {"request": {"method": "GET", "uri": "https://a/v1/customers", "body": null}, "response": {}}',
        '- {"request": {"method": "GET", "uri": 5, "body": null}, "response": {}}',
    ],
    ids=["empty", "deep", "no answer", "no address"],
)
def test_a_damaged_recording_is_refused_when_it_is_opened(line: str, tmp_path: Path) -> None:
    """As no recording, and not in the middle of a load."""
    path = tmp_path / "r.yaml"
    path.write_text(f'now: "2026-10-01T00:00:00+00:00"\n{line}\n')
    with pytest.raises(ma.ArgumentError, match="no recording"):
        ma.replay(path)


def test_the_digits_of_numbers_stay() -> None:
    """An amount that no float holds is in the recording as it came."""
    body = b'{"total": 0.10, "large": 12345678901234567890.123456789, "odd": NaN, "n": 12345678901234567890}'
    assert Scrubber().body(body) == body


def test_texts_that_nobody_declared_are_replaced() -> None:
    """Only words of enumerations, times, units and declared numbers stay; the same text stays the same."""
    scrubber = Scrubber()
    row = {
        "seat_id": "ann@x.test",
        "again": "ann@x.test",
        "type": "USAGE",
        "status": "see Ann",
        "note": ID,
        "at": "2026-10-01",
    }
    scrubbed = json.loads(scrubber.body(json.dumps({**row, "groups": {"ann": 1}, "next_page": "YW5u"}).encode()))
    assert scrubbed["seat_id"] == scrubbed["again"] == scrubber.alias("ann@x.test")
    assert (scrubbed["type"], scrubbed["at"]) == ("USAGE", "2026-10-01")
    assert not {"see Ann", ID, "YW5u", "ann"} & {*map(str, scrubbed.values()), *scrubbed["groups"]}


def test_of_a_path_only_words_and_other_ids_stay() -> None:
    """Whatever stands in the place of an id; no host, no user."""
    scrubber = Scrubber()
    url = f"https://proxy.acme.test:8443/v1/customers/{ID}/plans/acme-2026/priceAdjustments?limit=5&ingest_alias=acme"
    path = scrubber.address(url)
    assert path.startswith(f"/v1/customers/{scrubber.text(ID)}/plans/{scrubber.alias('acme-2026')}/priceAdjustments?")
    assert "acme" not in path
    assert "limit=5" in path


def test_keys_that_are_seats_and_words_that_are_the_accounts_own_are_replaced() -> None:
    """The keys of an entry's amounts per seat, the types of events, and whatever pretends to be a kept number."""
    row = {"per_group_amounts": {"ann@x.test": 5}, "event_type": "Acme_call", "note": "\ue0f0Ann\ue0f1"}
    text = Scrubber().body(json.dumps(row).encode()).decode().lower()
    assert [private for private in ("ann", "acme") if private in text] == []


def test_a_number_in_a_query_stays_only_where_it_is_a_size() -> None:
    """An alias or a cursor of digits is somebody's, and is replaced as it is in a body."""
    scrubber = Scrubber()
    path = scrubber.address(
        "https://a.test/v1/customers?ingest_alias=555123&next_page=77&limit=100&include_archived=true"
    )
    alias, cursor = scrubber.alias("555123"), scrubber.alias("77")
    assert path == f"/v1/customers?ingest_alias={alias}&next_page={cursor}&limit=100&include_archived=true"


@pytest.mark.parametrize("strange", [b'"\\ud800"', b'{"groups": {"\\ud800": 1}}', b"[" * 600 + b"]" * 600])
def test_a_strange_answer_ends_no_load_because_it_is_recorded(strange: bytes, tmp_path: Path) -> None:
    """Halves of surrogate pairs and deep nesting in a field nobody declared."""
    body = b'{"data": [], "next_page": null, "more": ' + strange + b"}"
    with (
        account_of(lambda _: httpx.Response(200, content=body)) as account,
        account.record(tmp_path / "r.yaml") as recording,
    ):
        assert account.customers().is_empty()
        assert recording.requests == 1


def test_the_token_is_not_recorded_even_where_the_server_echoes_it(tmp_path: Path) -> None:
    """An error's message is somebody's text."""
    path = tmp_path / "r.yaml"
    handler = lambda request: answer({"message": request.headers["Authorization"], "other": TOKEN})  # noqa: E731  # one line of it
    with account_of(handler) as account, account.record(path), pytest.raises(ma.MalformedResponse):
        account.customers()
    assert TOKEN not in path.read_text()


def test_a_recording_that_cannot_be_written_or_read_is_one_line(tmp_path: Path) -> None:
    """An error of ours names the argument and the reason."""
    with (
        ma.demo(customers=1) as account,
        pytest.raises(ma.ArgumentError, match=r"^path .* cannot be written to") as caught,
    ):
        account.record(tmp_path)
    assert repr(str(tmp_path)) in str(caught.value)
    with pytest.raises(ma.ArgumentError, match=r"^path .* cannot be read: No such file"):
        ma.replay(tmp_path / "nothing.yaml")
