from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import metronome_analytics as ma
from metronome_analytics.__main__ import main
from metronome_analytics.cli.loads import TABLES
from metronome_analytics.folder import Folder
from metronome_analytics.simulator import Fault, Simulator
from tests.analysis.support import USD
from tests.cli.support import command

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

UNPACED = ("--max-requests-per-second", "100000")
Capture = pytest.CaptureFixture[str]


def files(folder: Path) -> set[str]:
    """The names in a folder; hidden ones too."""
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


@pytest.mark.usefixtures("environment")
def test_pull_writes_what_the_loaders_return(tmp_path: Path, simulator: Simulator, served: str) -> None:
    """Every table and the receipts, equal to loads of all customers, archived ones included."""
    assert main(["pull", "--out", str(tmp_path), *UNPACED]) == 0
    assert files(tmp_path) == {f"{name}.parquet" for name in (*TABLES, "receipts")}
    with ma.connect(simulator.token, base_url=served, max_requests_per_second=None) as account:
        customers = pl.concat([account.customers(), account.customers(only_archived=True)])
        invoices = account.invoices(customers)
        expected = {"customers": customers, "invoices": invoices, "line_items": ma.line_items(invoices)}
    for name, frame in expected.items():
        assert_frame_equal(pl.read_parquet(tmp_path / f"{name}.parquet"), frame)
    assert pl.read_parquet(tmp_path / "receipts.parquet")["complete"].all()


@pytest.mark.usefixtures("environment")
def test_only_what_was_asked_for_is_loaded_and_written(tmp_path: Path, simulator: Simulator, served: str) -> None:
    """Two customers and two tables: their rows, and no request for anything else."""
    with ma.connect(simulator.token, base_url=served, max_requests_per_second=None) as account:
        ids = account.customers()["id"].head(2).to_list()
    options = ("--customer", ids[1], ids[0], "--tables", "ledger", "--tables", "line_items")
    assert main(["pull", "--out", str(tmp_path), *options, *UNPACED]) == 0
    assert files(tmp_path) == {"ledger.parquet", "line_items.parquet", "receipts.parquet"}
    assert set(pl.read_parquet(tmp_path / "ledger.parquet")["customer_id"]) <= set(ids)
    assert set(pl.read_parquet(tmp_path / "receipts.parquet")["endpoint"]) == {"customers", "invoices", "balances"}


@pytest.mark.usefixtures("environment")
def test_the_window_is_half_open_and_utc(tmp_path: Path) -> None:
    """Invoices whose period starts in September, and the days of September."""
    window = ("--starting-on", "2026-09-01", "--ending-before", "2026-10-01")
    tables = ("--tables", "invoices", "invoice_breakdowns")
    assert main(["pull", "--out", str(tmp_path), *window, *tables, *UNPACED]) == 0
    starts = pl.read_parquet(tmp_path / "invoices.parquet")["start_timestamp"].drop_nulls()
    assert set(starts.dt.strftime("%Y-%m-%d")) == {"2026-09-01"}
    days = pl.read_parquet(tmp_path / "invoice_breakdowns.parquet")["breakdown_start_timestamp"]
    assert str(days.min())[:10] == "2026-09-01"
    assert str(days.max())[:10] == "2026-09-30"


@pytest.mark.usefixtures("environment")
def test_net_balances_are_in_every_credit_type_a_customer_holds(tmp_path: Path) -> None:
    """One row per customer and credit type of its balances; a customer without any has one in dollars."""
    assert main(["pull", "--out", str(tmp_path), "--tables", "customers", "net_balances", "balances", *UNPACED]) == 0
    key = ["customer_id", "credit_type_id"]
    held = pl.read_parquet(tmp_path / "balances.parquet").select(key).unique().sort(key)
    net = pl.read_parquet(tmp_path / "net_balances.parquet")
    everyone = pl.read_parquet(tmp_path / "customers.parquet").select(customer_id="id")
    none = everyone.join(held, on="customer_id", how="anti").with_columns(credit_type_id=pl.lit(USD[0]))
    assert_frame_equal(net.select(key).sort(key), pl.concat([held, none]).sort(key))
    assert net["credit_type_id"].n_unique() > 1


def test_without_a_token_one_line_says_what_to_set(tmp_path: Path) -> None:
    """Exit code 2, no traceback, and no folder is made."""
    done = command("pull", "--out", str(tmp_path / "new"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "METRONOME_BEARER_TOKEN" in done.stderr
    assert not (tmp_path / "new").exists()


@pytest.mark.usefixtures("environment")
def test_a_wrong_token_is_refused_and_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """Exit code 2, what was not written, a receipt of the attempt, and the token nowhere."""
    monkeypatch.setenv("METRONOME_BEARER_TOKEN", "wrong-secret")
    assert main(["pull", "--out", str(tmp_path)]) == 2
    printed = capsys.readouterr()
    assert "Metronome refused the token" in printed.err
    assert "Not written: 13 tables." in printed.err
    assert "wrong-secret" not in printed.out + printed.err
    assert files(tmp_path) == {"receipts.parquet"}
    assert not pl.read_parquet(tmp_path / "receipts.parquet")["complete"].any()


def test_a_token_is_not_taken_as_an_argument(tmp_path: Path, capsys: Capture) -> None:
    """There is no option for it, and the one who tries does not see it repeated."""
    assert main(["pull", "--out", str(tmp_path), "--token", "my-secret"]) == 2
    error = capsys.readouterr().err
    assert "--token" in error
    assert "my-secret" not in error


@pytest.mark.usefixtures("environment")
def test_a_failure_half_way_says_what_stands_and_what_does_not(
    tmp_path: Path, simulator: Simulator, capsys: Capture
) -> None:
    """Tables before the failure are whole, an older file is left as it was and named, nothing is half-written."""
    (tmp_path / "balances.parquet").write_bytes(b"older")
    simulator.faults.add(Fault("status", match="customerBalances/list", times=None, after=2, status=403))
    assert main(["pull", "--out", str(tmp_path), "--tables", "invoices", "balances", *UNPACED]) == 2
    error = capsys.readouterr().err
    assert "Written to " in error
    assert "invoices (" in error
    assert "Not written: 1 table." not in error
    assert "Not written: balances." in error
    assert f"In {tmp_path} from an earlier run: balances." in error
    assert "customerBalances/list" in error
    assert "Traceback" not in error
    assert files(tmp_path) == {"invoices.parquet", "balances.parquet", "receipts.parquet"}
    assert (tmp_path / "balances.parquet").read_bytes() == b"older"
    receipts = pl.read_parquet(tmp_path / "receipts.parquet")
    assert dict(receipts.select("endpoint", "complete").rows())["balances"] is False


@pytest.mark.usefixtures("environment")
def test_a_retry_is_told_in_one_line(tmp_path: Path, simulator: Simulator, capsys: Capture) -> None:
    """A 503 that passes is no failure: it says why it waits, and the load is complete."""
    simulator.faults.add(Fault("status", match="/v1/customers", status=503))
    assert main(["pull", "--out", str(tmp_path), "--tables", "customers", *UNPACED]) == 0
    assert "Trying again in " in capsys.readouterr().err


@pytest.mark.usefixtures("environment")
def test_an_unknown_customer_stops_before_anything_is_loaded(tmp_path: Path, capsys: Capture) -> None:
    """The message names the id; an id that cannot be one is refused by the API itself."""
    unknown = "00000000-0000-4000-8000-000000000000"
    assert main(["pull", "--out", str(tmp_path), "--customer", unknown, *UNPACED]) == 2
    assert unknown in capsys.readouterr().err
    assert files(tmp_path) == {"receipts.parquet"}


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--starting-on", "tomorrow"), "starting_on"),
        (("--starting-on", "2026-10-01", "--ending-before", "2026-09-01"), "ending_before"),
        (("--customer", ""), "customer"),
        (("--max-requests-per-second", "0"), "max_requests_per_second"),
        (("--base-url", "http://example.com"), "base_url"),
    ],
)
@pytest.mark.usefixtures("environment")
def test_an_argument_that_cannot_be_used_is_named(
    options: tuple[str, ...], named: str, tmp_path: Path, capsys: Capture
) -> None:
    """One line on stderr, exit code 2, nothing sent and nothing written."""
    assert main(["pull", "--out", str(tmp_path / "new"), *options]) == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert named in printed.err
    assert not (tmp_path / "new").exists()


@pytest.mark.usefixtures("environment")
def test_ctrl_c_says_what_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """Exit code 130, as for any program that was interrupted."""

    def interrupted(*_: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr("metronome_analytics.cli.run.load", interrupted)
    assert main(["pull", "--out", str(tmp_path)]) == 130
    assert "Nothing was written." in capsys.readouterr().err


@pytest.mark.usefixtures("environment")
def test_a_folder_that_cannot_be_is_one_message(tmp_path: Path, capsys: Capture) -> None:
    """A file where the folder should be: the system's words, no traceback."""
    (tmp_path / "taken").write_text("a file")
    assert main(["pull", "--out", str(tmp_path / "taken"), "--tables", "customers", *UNPACED]) == 2
    assert "taken" in capsys.readouterr().err


@pytest.mark.parametrize("before", [b"older", None])
def test_a_file_is_whole_or_not_there(tmp_path: Path, before: bytes | None) -> None:
    """A write that fails half way leaves the older file, or none, and nothing beside it."""
    path = tmp_path / "table.parquet"
    if before is not None:
        path.write_bytes(before)

    def fails(partial: Path) -> None:
        partial.write_bytes(b"half")
        raise OSError("disk full")

    folder = Folder(tmp_path)
    write: Callable[[Path], object] = fails
    with pytest.raises(OSError, match="disk full"):
        folder.drawn("table.parquet", write)
    assert files(tmp_path) == (set() if before is None else {"table.parquet"})
    assert before is None or path.read_bytes() == before
    assert folder.rows == {}
