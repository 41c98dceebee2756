from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import polars as pl
import pytest

import metronome_analytics as ma
from metronome_analytics.reports.pictures import with_own_ids
from tests.reports.conftest import AS_OF, Account

if TYPE_CHECKING:
    from pathlib import Path


class Page(HTMLParser):
    """The tags, ids and words of a page."""

    VOID = frozenset({"meta", "br", "img", "link", "input", "hr", "col"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words: list[str] = []
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the tag and what it would fetch or run."""
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href", "xlink:href", "action"}]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element without content."""
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        """Every element is closed in order."""
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Words that are shown."""
        if self._open and self._open[-1] not in {"style", "script"} and data.strip():
            self.words.append(data.strip())


@pytest.fixture(scope="module")
def text(account: Account, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of the account."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    assert ma.reports.html(path, title="October", **account.given) == path
    return path.read_text("utf-8")


def plain(account: Account, path: Path, **changes: object) -> str:
    """A page without charts."""
    return ma.reports.html(path, charts=False, **(account.given | changes)).read_text("utf-8")


def test_the_page_is_whole_and_fetches_nothing(text: str) -> None:
    """Every tag is closed; no script, no style sheet, no address but of its own parts; a policy forbids the rest."""
    page = Page(text)
    assert {"script", "link", "iframe", "object", "embed", "img"} & set(page.tags) == set()
    assert [address for address in page.addresses if not address.startswith("#")] == []
    assert re.findall(r"@import|url\((?!#)", text) == []
    assert "default-src 'none'" in text


def test_it_says_whether_everything_ties_out(text: str) -> None:
    """In words, above everything else, with the counts."""
    assert re.search(r'class="verdict pass">Everything was checked and ties out\. \d+ passed, 0 failed, ', text)
    assert "As of 2026-11-18 09:30 UTC" in text


def test_every_chart_is_a_picture(text: str) -> None:
    """Five figures of SVG, and what they refer to is there once."""
    assert re.findall(r'<figure aria-label="([^"]+)">', text) == [
        *("revenue", "aging", "burn-down", "utilisation", "breakage")
    ]
    ids = re.findall(r'\bid="([^"]+)"', "".join(re.findall(r"<svg.*?</svg>", text, re.DOTALL)))
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"url\(#([^)]+)\)", text)) <= set(ids)


def test_ids_of_a_chart_are_its_own() -> None:
    """Clips and gradients, and what points to them."""
    svg = '<svg><clipPath id="c1"/><g clip-path="url(#c1)"/><use href="#c1"/><g class="c1" fill="url(#c12)"/></svg>'
    assert with_own_ids(svg, "a") == (
        '<svg><clipPath id="a-c1"/><g clip-path="url(#a-c1)"/><use href="#a-c1"/><g class="c1" fill="url(#c12)"/></svg>'
    )


def test_totals_are_in_major_units_and_apart_by_currency(text: str, account: Account) -> None:
    """What was invoiced of each type is there to its last digit, and its currency once, above the column."""
    words = Page(text).words
    final = account.invoices.filter(pl.col("status") == "FINALIZED").group_by("credit_type_name", "type")
    for name, _, total in final.agg(pl.col("total").sum()).iter_rows():
        amount = total / 100 if "cents" in name else total
        whole, _, decimals = f"{amount:,f}".partition(".")
        assert f"{whole}.{decimals.rstrip('0'):0<2}" in words
        assert f"in {name[:3]}" in words
    assert [word for word in words if re.fullmatch(r"(USD|EUR) -?[\d,.]+", word)] == []


def test_failures_are_listed_with_their_causes(account: Account, tmp_path: Path) -> None:
    """The customer, what is wrong and the likeliest cause, and a verdict that says so."""
    spoiled = pl.when(pl.int_range(pl.len()) == 3).then(pl.col("total") * 100 + 100).otherwise("total")
    found = ma.reconcile(account.invoices.with_columns(spoiled.alias("total")), account.balances, as_of=AS_OF)
    page = plain(account, tmp_path / "wrong.html", reconciliation=found)
    assert re.search(r'class="verdict fail">\d+ of [\d,]+ checks failed', page)
    assert f"invoice {account.invoices['id'][3]}" in page
    assert "net balances were not given" in page


def test_a_long_table_says_what_is_left_out(account: Account, tmp_path: Path) -> None:
    """The first hundred failures, and how many more the workbook has."""
    found = ma.reconcile(account.invoices.with_columns(pl.col("total") + 1), account.balances, as_of=AS_OF)
    assert found.exceptions.height > 100
    page = plain(account, tmp_path / "long.html", reconciliation=found)
    assert f"{found.exceptions.height - 100:,} more are in the workbook." in page


def test_names_are_shown_and_not_run(account: Account, tmp_path: Path) -> None:
    """What looks like markup is text, in tables, titles and charts."""
    evil = '<img src=x onerror="alert(1)"><script>x</script>'
    customers = account.customers.with_columns(pl.lit(evil).alias("name"))
    balances = account.balances.with_columns(pl.lit(evil).alias("name"))
    given = account.given | {"customers": customers, "balances": balances, "title": evil, "filters": {evil: evil}}
    page = Page(ma.reports.html(tmp_path / "evil.html", **given).read_text("utf-8"))
    assert {"script", "img"} & set(page.tags) == set()
    assert page.handlers == []
    assert evil in " ".join(page.words)


def test_an_empty_account_is_a_page(account: Account, tmp_path: Path) -> None:
    """No tables, no charts, and it says that nothing was reconciled."""
    path = ma.reports.html(
        tmp_path / "empty.htm", invoices=account.invoices.clear(), balances=account.balances.clear(), as_of=AS_OF
    )
    page = path.read_text("utf-8")
    assert "Not reconciled." in page
    assert Page(page).tags.count("svg") == 0


def test_it_opens_with_what_finance_reads_first(text: str) -> None:
    """The verdict, money by currency, what needs a decision; checks come after, in words and with what they prove."""
    heads = re.findall(r"<h2>(.*?)</h2>", text)
    assert heads[:2] == ["Money", "What needs a decision"]
    assert heads.index("Checks") > heads.index("Charts") > 1
    assert text.index('class="verdict') < text.index("<h2>")
    page = " ".join(Page(text).words)
    assert "Ledgers to balances" in page
    assert "ledger_balance" not in page
    assert "The entries of each ledger add up to the balance the API states." in page


def test_what_needs_a_decision_is_said_in_words(account: Account, tmp_path: Path) -> None:
    """What failed and by how much in all, drafts, and what deserves a look; nothing of it is a table of checks."""
    spoiled = pl.when(pl.int_range(pl.len()) == 3).then(pl.col("total") + 700).otherwise("total")
    found = ma.reconcile(account.invoices.with_columns(spoiled.alias("total")), account.balances, as_of=AS_OF)
    page = plain(account, tmp_path / "decide.html", reconciliation=found)
    listed = re.findall(r"<li>(.*?)</li>", page)
    assert listed[0].startswith("Invoice totals: 1 failed, off by ")
    assert any("not final yet" in each for each in listed)
    assert any(each.startswith("Net balances: 1 row that could not be checked") for each in listed)


def test_it_suits_a_dark_screen(text: str) -> None:
    """Colours are named once and change with the screen, those of tables and pictures too; paper is light."""
    dark, paper = text.index("prefers-color-scheme: dark"), text.index("@media print")
    assert dark < paper
    assert "color-scheme: light; --ink" in text[paper:]
    assert 'figure svg [fill="#FFFFFF"]' in text


def test_a_long_word_does_not_make_a_narrow_page_scroll(text: str) -> None:
    """The hash or the name of a file, in the title or among what was selected, breaks where the page ends."""
    rules = re.findall(r"([^{}]+)\{([^{}]*)\}", text[text.index("<style>") : text.index("</style>")])
    breaking = {name.strip() for names, what in rules if "overflow-wrap: anywhere" in what for name in names.split(",")}
    assert {"h1", "p"} <= breaking


def test_it_prints(text: str) -> None:
    """A style for paper: headings repeat, rows and figures stay whole."""
    assert "@media print" in text
    assert "table-header-group" in text


@pytest.mark.parametrize("missing", ["great_tables", "vl_convert"])
def test_without_the_extra_it_says_what_to_install(
    missing: str, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ConfigurationError names the extra."""
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ma.ConfigurationError, match=r"metronome-analytics\[report\]"):
        ma.reports.html(tmp_path / "report.html", **account.given)
