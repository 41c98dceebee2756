"""No outlet of ours is hurt by what others write: a process that aborts, a script that runs, a terminal that obeys."""

from __future__ import annotations

import csv
import json
import logging
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

import openpyxl
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import metronome_analytics as ma
from metronome_analytics import session
from metronome_analytics.__main__ import main
from metronome_analytics.changes.applying import Outcome
from metronome_analytics.changes.records import OUTCOME_SCHEMA, Result, Status
from metronome_analytics.cli.log import Readable
from metronome_analytics.errors import printable
from metronome_analytics.session import Clock
from metronome_analytics.simulator import Fault, running
from metronome_analytics.wording import drawable, drawable_column, one_line, printed
from tests import hostile
from tests.changes.support import Time
from tests.cli.support import surroundings
from tests.fakes import account_of, answer
from tests.hostile import EVERY, HALF, NAMES, Page, in_terminal, in_xml, parses

if TYPE_CHECKING:
    from collections.abc import Iterator

Capture = pytest.CaptureFixture[str]
# Charts beside the five that have been there from the beginning.
STATEMENTS = 8
# The command line lives in real time, so its simulated account does too.
SIMULATOR = hostile.simulator(datetime.now(UTC))


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    """One server for all of them."""
    with running(SIMULATOR) as url:
        yield url


@pytest.fixture(scope="module")
def account(served: str) -> Iterator[ma.Account]:
    """An account in which everything has a hostile name."""
    with ma.connect(SIMULATOR.token, base_url=served, max_requests_per_second=None, progress=False) as opened:
        yield opened


@pytest.fixture(scope="module")
def drawn(served: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """What was drawn of them, in a process that may well abort."""
    folder = tmp_path_factory.mktemp("drawn")
    environment = surroundings(METRONOME_BASE_URL=served, METRONOME_BEARER_TOKEN=SIMULATOR.token)
    done = subprocess.run(
        [sys.executable, "-m", "tests.draw_hostile", str(folder)],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
        cwd=Path(__file__).parents[1],
    )
    return folder, done


@pytest.fixture
def shell(served: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The environment of a user of the command line."""
    monkeypatch.setenv("METRONOME_BASE_URL", served)
    monkeypatch.setenv("METRONOME_BEARER_TOKEN", SIMULATOR.token)
    monkeypatch.setenv("METRONOME_ANALYTICS_JOURNAL", str(tmp_path / "journal.sqlite"))
    monkeypatch.setenv("COLUMNS", "120")
    time = Time()
    monkeypatch.setattr(session, "Clock", partial(Clock, wall=time.now, monotonic=time.monotonic, sleep=time.sleep))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> int:
    """The exit code of a command."""
    try:
        return main(arguments)
    except SystemExit as ended:
        return int(str(ended.code))


def test_the_account_has_every_name(account: ma.Account) -> None:
    """They arrive as they were sent: a table is what the API said, to the last character."""
    assert set(account.customers()["name"]) == set(NAMES.values())


# --- the rules -------------------------------------------------------------------------------------------------------


@given(st.text(st.characters(codec=None), max_size=40))
def test_what_is_drawn_is_what_xml_can_hold(text: str) -> None:
    """Only what XML forbids and half characters become blanks, one each; a column of text follows the same rule."""
    shown = drawable(text)
    assert in_xml(shown)
    assert len(shown) == len(text)
    assert all(one == other or not in_xml(one) for one, other in zip(text, shown, strict=True))
    parses(f"<a>{shown.replace('&', '').replace('<', '').replace(']]>', '')}</a>".encode())
    whole = text.encode(errors="replace").decode()
    assert pl.select(drawable_column(pl.lit(whole))).item() == drawable(whole)


@given(st.text(st.characters(codec=None), max_size=40))
def test_what_is_printed_does_nothing_but_print(text: str) -> None:
    """A line break is all that stays of what is not seen; of an error a text can be read back."""
    assert in_terminal(printed(text))
    assert in_terminal(one_line(text))
    assert "\n" not in one_line(text)
    error = str(ma.ServerError(text, customer_id=text, advice=text))
    assert not {*"\x00\x07\x08\x1b\x7f\x9b\u202e\ud800"} & set(error)
    error.encode()
    assert printable(printable(text)) == printable(text)


# --- pictures and pages ----------------------------------------------------------------------------------------------


def test_nothing_aborts_the_process_that_draws(drawn: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """Charts in every format, pages, the views of an Explorer, and `reconcile`, which prints and does nothing else."""
    folder, done = drawn
    assert (done.returncode in {0, 1, 3}, done.stderr) == (True, "")
    assert in_terminal(done.stdout)
    assert "Wrote reconciliation-" in done.stdout
    assert len(list(folder.glob("explorer *.json"))) == 12


def test_a_picture_is_well_formed_and_of_a_picture_s_size(drawn: tuple[Path, object]) -> None:
    """SVG parses; a name of ten thousand characters widens none."""
    pictures = sorted(drawn[0].rglob("*.svg"))
    assert len(pictures) == 6 + STATEMENTS
    for file in pictures:
        assert parses(file.read_bytes())
    png = (drawn[0] / "names.png").read_bytes()
    width = int.from_bytes(png[16:20], "big")
    assert width < 10_000


def test_a_chart_in_a_notebook_holds_what_a_browser_can(drawn: tuple[Path, object]) -> None:
    """The mimebundle's live chart, its picture and its words; and all that an Explorer sends."""
    files = sorted(drawn[0].glob("*.json"))
    assert len(files) == 17 + STATEMENTS
    for file in files:
        assert in_xml(file.read_text(encoding="utf-8"))
        assert "\\u0000" not in file.read_text(encoding="utf-8")
        assert "\\u000b" not in file.read_text(encoding="utf-8")
    for file in (file for file in files if not file.name.startswith("explorer")):
        assert in_terminal(json.loads(file.read_text(encoding="utf-8"))["text/plain"])


@pytest.mark.parametrize("name", ["of a user.html", "by altair.html", "as text.html", "demo/burn-down.html"])
def test_no_name_runs_in_a_chart_s_page(drawn: tuple[Path, object], name: str) -> None:
    """`</script>` in a name ends no script, in altair's own writer neither; the name is there all the same."""
    text = (drawn[0] / name).read_text(encoding="utf-8")
    assert Page(text).runs == []
    assert "<script>alert" not in text
    assert "<!--<script>Acme" not in text
    assert in_xml(text)


def test_the_names_are_in_the_page_of_a_chart(drawn: tuple[Path, object]) -> None:
    """Escaped for the script, and the same text for the reader."""
    assert r"\u003c/script>\u003cscript>alert(1)" in (drawn[0] / "of a user.html").read_text(encoding="utf-8")


def test_no_name_runs_in_a_report(drawn: tuple[Path, object]) -> None:
    """Neither that of Python nor that of the command line, charts included."""
    files = [drawn[0] / "report.html", *drawn[0].glob("reconciliation-*.html")]
    assert len(files) == 2
    for file in files:
        text = file.read_text(encoding="utf-8")
        page = Page(text)
        assert {"script", "img"} & set(page.tags) == set()
        assert page.handlers == []
        assert in_xml(text)


# --- workbook and table ----------------------------------------------------------------------------------------------


def test_a_workbook_holds_texts_and_nothing_else(account: ma.Account, tmp_path: Path) -> None:
    """Every part of it is XML, and no name became a formula."""
    customers = account.customers()
    path = ma.reports.workbook(
        tmp_path / "report.xlsx",
        title=HALF,
        invoices=account.invoices(customers),
        balances=account.balances(customers),
        customers=customers,
        as_of=account.now,
        filters=dict.fromkeys(EVERY.values(), HALF),
    )
    with ZipFile(path) as book:
        assert all(parses(book.read(part)) for part in book.namelist())
    sheets = openpyxl.load_workbook(path)
    cells = [cell for sheet in sheets for row in sheet.iter_rows() for cell in row]
    formulas = [str(cell.value) for cell in cells if cell.data_type in {"f", "e"}]
    assert formulas
    assert not [formula for formula in formulas for name in NAMES.values() if name in formula]
    texts = {cell.value for cell in cells if cell.data_type == "s"}
    assert {NAMES["formula"], NAMES["script"], NAMES["long"], "Acme Inc"} <= texts


def test_a_shown_table_is_text(account: ma.Account) -> None:
    """`ma.show`: every name in a cell and in the title, none of them an element."""
    for title in EVERY.values():
        text = ma.show(account.customers(), title=title).as_raw_html()
        page = Page(text)
        assert {"script", "img"} & set(page.tags) == set()
        assert page.handlers == []
        assert in_xml(text)


# --- widgets ---------------------------------------------------------------------------------------------------------


def test_a_picker_tells_names_as_lines(account: ma.Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hits, chips and what is left in a page: one line each, and the id where nothing of the name is seen."""
    customers = account.customers()
    picker: Any = ma.widgets.CustomerPicker(customers, value=customers, label=NAMES["script"])
    sent: list[Any] = []
    monkeypatch.setattr(picker, "send", lambda content, buffers=None: sent.append(content))
    for text in ("", *EVERY.values()):
        picker._handle_custom_msg({"type": "query", "view": "v", "number": 1, "text": drawable(text)}, [])
    picker._handle_custom_msg({"type": "hello"}, [])
    shown = [hit for message in sent for hit in message.get("hits", message.get("chips", []))]
    assert {hit["name"] for hit in shown} == {
        one_line(row["name"]) or row["id"] for row in customers.iter_rows(named=True)
    }
    assert all(in_terminal(hit["name"]) and in_terminal(hit.get("note", "")) for hit in shown)
    page = Page(picker._static())
    assert (set(page.tags), page.handlers) == ({"div", "strong", "ul", "li"}, [])
    assert in_terminal(picker._static())


def test_a_balance_picker_tells_names_as_lines(account: ma.Account) -> None:
    """Its options are one line each."""
    balances = account.balances(account.customers())
    for choice in balances.head(len(NAMES)).iter_rows(named=True):
        picker: Any = ma.widgets.BalancePicker(balances, customers=account.customers(), value=choice["id"])
        options = [text for field in picker._fields._fields() for _, text in field["options"]]
        assert options
        assert all(in_terminal(text) and "\n" not in text for text in options)


@pytest.mark.parametrize("text", EVERY.values(), ids=EVERY)
def test_what_a_widget_sends_a_browser_can_hold(account: ma.Account, text: str) -> None:
    """Its traits and what is left of it in a page: JSON, in UTF-8, of what XML can hold; its repr is one line."""
    customers, balances = account.customers(), account.balances(account.customers())
    named = customers.filter(pl.col("name") == text)["id"] if text != HALF else ()
    for widget in (
        ma.widgets.CustomerPicker(customers, value=named, label=text),
        ma.widgets.PeriodPicker(label=text, as_of=account.now),
        ma.widgets.BalancePicker(balances, customers=customers, label=text),
    ):
        held: Any = widget
        for sent in (held.get_state(), held._repr_mimebundle_()):
            whole = json.dumps(sent, default=str, ensure_ascii=False)
            whole.encode()
            assert in_xml(whole)
            assert "\\u0000" not in whole
        assert in_terminal(repr(held))


@pytest.mark.parametrize("text", EVERY.values(), ids=EVERY)
def test_what_an_object_says_of_itself_is_text(served: str, text: str, tmp_path: Path) -> None:
    """An account, an estimate, a mirror and an outcome, with a label of the user's and a message of the API's."""
    with ma.connect(SIMULATOR.token, base_url=served, environment=text, progress=False) as labelled:
        estimate = labelled.estimate("balances", ["c"])
        result = Result(0, Status.REFUSED, str(ma.RequestRejected(text)))
        outcome = Outcome(pl.DataFrame([result.row()], schema=OUTCOME_SCHEMA, orient="row"), "digest")
        for shown in (labelled, estimate, outcome, *mirrored(labelled, tmp_path)):
            assert in_terminal(repr(shown))
            assert not any(line.startswith("metronome-analytics: all is well") for line in repr(shown).splitlines())
            html = getattr(shown, "_repr_html_", str)()
            html.encode()
            assert in_xml(html)
            page = Page(html)
            assert {"script", "img"} & set(page.tags) == set()
            assert page.handlers == []


def mirrored(account: ma.Account, folder: Path) -> list[ma.Mirror]:
    """A mirror of one table, where a label of the user's can be kept."""
    if account.environment == HALF:
        return []
    mirror = account.sync(folder / "mirror", tables="credit_types")
    return [mirror]


@pytest.mark.parametrize("text", EVERY.values(), ids=EVERY)
def test_what_a_callback_raises_is_one_line(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it says: half a character could not even be sent."""
    picker: Any = ma.widgets.CustomerPicker(pl.DataFrame({"id": ["c"], "name": ["Acme"]}))
    sent: list[Any] = []
    monkeypatch.setattr(picker, "send", lambda content, buffers=None: sent.append(content))

    def fails(_: object) -> None:
        raise ValueError(text)

    picker.observe(fails, names="value")
    picker._handle_custom_msg({"type": "pick", "id": "c"}, [])
    said = [message["text"] for message in sent if message["type"] == "error"][-1]
    assert in_terminal(said)
    assert said.startswith("ValueError")


# --- entries ---------------------------------------------------------------------------------------------------------


def entries(account: ma.Account) -> list[dict[str, Any]]:
    """An entry for every balance that can take one, each with a hostile reason."""
    balances = account.balances().filter(pl.col("balance") > 0)
    now = account.now
    active = ma.segments(balances).filter(pl.col("starting_at") <= now, pl.col("ending_before") > now)
    places = active.unique("balance_id", maintain_order=True).select("customer_id", "balance_id", "segment_id")
    reasons = [name for name in NAMES.values() if len(name) < 1_000]
    return [
        {**place, "amount": "-1", "reason": f"{reasons[at % len(reasons)]} (reason {at})"}
        for at, place in enumerate(places.rows(named=True)[: len(NAMES)])
    ]


def test_a_plan_and_its_review_are_text(account: ma.Account) -> None:
    """The text, the phrase, the HTML and the review of a plan."""
    plan = account.plan_balance_entries(entries(account))
    assert in_terminal(repr(plan))
    assert in_terminal(plan.confirmation)

    def fails(*_: object, **__: object) -> None:
        raise ma.ServerError("".join(EVERY.values()))

    review: Any = ma.widgets.PlanReview(plan, apply=fails)
    review.submit(plan.confirmation)
    assert in_terminal(review.message)
    for text in (plan._repr_html_(), review.plan_html, review._static()):
        page = Page(text)
        assert {"script", "img"} & set(page.tags) == set()
        assert page.handlers == []
        assert in_terminal(text)


def test_entries_on_the_command_line_print_text(shell: Path, account: ma.Account, capsys: Capture) -> None:
    """Plan, apply, status; and no cell of the journal's CSV begins as a formula does."""
    with Path("entries.csv").open("w", encoding="utf-8", newline="") as file:
        rows = entries(account)
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    assert run("entries", "plan", "entries.csv", "--out", "plan.json") == 0, capsys.readouterr().err
    phrase = json.loads(Path("plan.json").read_text(encoding="utf-8"))["confirmation"]
    assert run("entries", "apply", "plan.json", "--confirm", phrase) == 0
    assert run("entries", "status") == 0
    assert run("journal", "export", "--out", "journal.csv") == 0
    told = capsys.readouterr()
    assert in_terminal(told.out)
    assert in_terminal(told.err)
    with Path("journal.csv").open(encoding="utf-8", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert len(cells) > 100
    assert [cell for cell in cells if cell[:1] in {"=", "+", "@", "\t", "\r"}] == []
    assert [cell for cell in cells if cell.startswith("-") and not cell[1:].replace(".", "").isdigit()] == []


@pytest.mark.parametrize("text", NAMES.values(), ids=NAMES)
def test_a_phrase_is_one_line_whatever_a_unit_is_called(account: ma.Account, text: str) -> None:
    """It is what a person types, so it holds nothing that cannot be typed."""
    plan = account.plan_balance_entries([entries(account)[0] | {"reason": "Of a unit with a name"}])
    named = replace(plan, changes=tuple(replace(each, credit_type_name=text) for each in plan.changes))
    assert in_terminal(named.confirmation)
    assert "\n" not in named.confirmation
    assert in_terminal(repr(named))


def test_any_change_is_text(account: ma.Account, shell: Path, capsys: Capture) -> None:
    """A plan of other operations, in Python and on the command line, before and after it was applied."""
    customers = account.customers()["id"].to_list()
    product = account.products().filter(pl.col("type") == "FIXED")["id"][0]
    with Path("credits.csv").open("w", encoding="utf-8", newline="") as file:
        names = [name for name in NAMES.values() if len(name) < 1_000 and name.strip("\u200b\x00 ")]
        rows = [
            {
                "customer_id": customers[at],
                "product_id": product,
                "amount": "1",
                "starting_at": f"{account.now:%Y-%m-%dT00:00:00Z}",
                "ending_before": "2030-01-01T00:00:00Z",
                "priority": "1",
                "name": name,
                "reason": f"{name} (reason {at})",
            }
            for at, name in enumerate(names)
        ]
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    assert run("changes", "plan", "credits.csv", "--operation", "credits.create", "--out", "plan.json") == 0, (
        capsys.readouterr().err
    )
    plan = ma.Plan.load("plan.json")
    for text in (repr(plan), plan.confirmation, plan._repr_html_()):
        assert in_terminal(text)
        assert not any(line.startswith("metronome-analytics: all is well") for line in text.splitlines())
    page = Page(plan._repr_html_())
    assert ({"script", "img"} & set(page.tags), page.handlers) == (set(), [])
    assert run("changes", "apply", "plan.json", "--confirm", plan.confirmation) in {0, 4, 5}
    assert run("changes", "status") in {0, 4, 5}
    told = capsys.readouterr()
    assert in_terminal(told.out)
    assert in_terminal(told.err)


def test_a_customer_without_a_name_can_be_planned_for(account: ma.Account) -> None:
    """Its id stands where the name would; the plan shows itself, is saved and read again."""
    nameless = Fault("mutate", "/v1/customers", times=None, change=_nameless)
    SIMULATOR.faults._rules.insert(0, nameless)
    try:
        plan = account.plan_balance_entries([entries(account)[0] | {"reason": "A nameless one"}])
    finally:
        SIMULATOR.faults._rules.remove(nameless)
    assert nameless.fired
    customer = plan.entries[0].customer_id
    assert plan.table["customer_name"].to_list() == [customer]
    assert customer in plan.confirmation
    assert customer in repr(plan)
    assert customer in plan._repr_html_()


def _nameless(payload: Any) -> Any:
    for row in payload["data"]:
        row["name"] = None
    return payload


# --- the terminal ----------------------------------------------------------------------------------------------------


def test_pull_prints_text(shell: Path, capsys: Capture) -> None:
    """Every summary of the account, with names in all of them."""
    assert run("pull", "--out", "pulled", "--max-requests-per-second", "1000") == 0, capsys.readouterr().err
    told = capsys.readouterr()
    assert in_terminal(told.out)
    assert in_terminal(told.err)
    assert "Acme" in told.out


@pytest.mark.parametrize("text", EVERY.values(), ids=EVERY)
def test_an_error_on_the_command_line_is_text(
    text: str, shell: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the API's message says: nothing in it looks like a line of ours."""
    refusal = Fault("status", "/v1/customers", times=None, status=400, message=text)
    SIMULATOR.faults._rules.insert(0, refusal)
    try:
        assert run("pull", "--out", "pulled", "--tables", "customers") == 2
    finally:
        SIMULATOR.faults._rules.remove(refusal)
    told = capsys.readouterr()
    lines = told.err.splitlines()
    assert in_terminal(told.err)
    begins = next(at for at, line in enumerate(lines) if line.startswith("metronome-analytics: "))
    assert all(line.startswith("  ") for line in lines[begins + 1 :])


@pytest.mark.parametrize("text", EVERY.values(), ids=EVERY)
def test_a_log_record_is_one_line_of_text(text: str) -> None:
    """A retry's cause is what a server said."""
    shown = Readable().format(logging.makeLogRecord({"msg": "%s", "args": (text,)}))
    assert in_terminal(shown)
    assert "\n" not in shown
    retry = logging.makeLogRecord({"name": "stamina", "stamina.caused_by": text, "stamina.wait_for": 1})
    assert in_terminal(Readable().format(retry))


@pytest.mark.parametrize("text", EVERY.values(), ids=EVERY)
def test_an_error_in_python_can_be_shown(text: str) -> None:
    """In a traceback, in a notebook, in UTF-8; an API's message is escaped where a terminal would obey it."""

    def refuses(_: Any) -> Any:
        return answer([]).__class__(400, json={"message": text})

    with account_of(refuses) as account, pytest.raises(ma.LoadError) as raised:
        account.customers()
    for error in (raised.value, raised.value.__cause__):
        shown = str(error)
        shown.encode()
        assert "\x1b" not in shown
        assert "\u202e" not in shown
        assert in_terminal(shown.replace("\t", "")) or text in {NAMES["emoji"], NAMES["blank"], NAMES["no character"]}
