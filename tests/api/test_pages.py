from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import metronome_analytics as ma
from metronome_analytics.api import pages as pages_module
from tests.fakes import account_of, answer, asked, paged

ROWS = [{"id": f"b{n}", "type": "CREDIT", "balance": n / 10, "custom_fields": {"n": n}} for n in range(12)]


@st.composite
def splits(draw: st.DrawFn) -> list[list[dict[str, object]]]:
    """ROWS cut into pages anywhere."""
    cuts = sorted(draw(st.lists(st.integers(0, len(ROWS)), max_size=6)))
    return [ROWS[a:b] for a, b in zip([0, *cuts], [*cuts, len(ROWS)], strict=True)]


@given(splits())
def test_any_split_into_pages_gives_the_same_frame(pages: list[list[dict[str, object]]]) -> None:
    """How the API cuts a collection into pages, empty ones too, changes nothing but the receipt."""
    with account_of(paged([ROWS])) as whole, account_of(paged(pages)) as split:
        assert split.balances("c").equals(whole.balances("c"))
        assert split.receipts["pages"].to_list() == [len(pages)]
        assert split.receipts["rows"].to_list() == [len(ROWS)]


@pytest.mark.parametrize("count", [0, 1, 25, 26])
def test_page_boundaries(count: int) -> None:
    """Nothing, one row, exactly a page and a page plus one all arrive, in as few requests as there are pages."""
    rows = [{"id": f"b{n}", "type": "CREDIT"} for n in range(count)]
    with account_of(paged([rows[:25], rows[25:]] if count > 25 else [rows])) as account:
        frame = account.balances("c")
        assert frame["id"].to_list() == [row["id"] for row in rows]
        assert account.receipts["requests"].to_list() == [2 if count > 25 else 1]


@pytest.mark.parametrize(("loader", "limit"), [("invoices", "100"), ("balances", 25), ("commits", 25), ("credits", 25)])
def test_pages_are_as_large_as_documented_and_keep_their_parameters(loader: str, limit: object) -> None:
    """Every page asks for the largest size, and for all that the first one asked."""
    seen: list[dict[str, object]] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(asked(request))
        return answer([], "more" if len(seen) == 1 else None)

    with account_of(handler) as account:
        getattr(account, loader)("c")
    assert [page["limit"] for page in seen] == [limit, limit]
    assert seen[1] == {**seen[0], "next_page": "more"}


def test_a_cursor_that_repeats_is_an_error() -> None:
    """A server that goes in circles is found out, with endpoint, customer and page."""
    with account_of(lambda _: answer([{"id": "b"}], "again")) as account:
        with pytest.raises(ma.PaginationError, match="given before") as raised:
            account.balances("c-9")
    assert "customer c-9, page 2" in str(raised.value)


def test_a_cursor_that_repeats_after_a_while_is_an_error() -> None:
    """A longer circle is found out as well."""

    def handler(request: httpx.Request) -> httpx.Response:
        number = int(asked(request).get("next_page", "0"))
        return answer([{"id": f"b{number}"}], str((number + 1) % 5))

    with account_of(handler) as account, pytest.raises(ma.PaginationError, match="given before"):
        account.balances("c")


def test_empty_pages_without_end_are_an_error() -> None:
    """Empty pages with ever fresh cursors are followed up to a cap."""
    with account_of(lambda request: answer([], asked(request).get("next_page", "") + "x")) as account:
        with pytest.raises(ma.PaginationError, match=f"{pages_module.MAX_EMPTY_PAGES} empty pages"):
            account.balances("c")


def test_an_empty_page_less_than_too_many_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many in a row are legal, after rows and again after others; one more is a server in circles."""
    monkeypatch.setattr(pages_module, "MAX_EMPTY_PAGES", 4)
    gap: list[list[dict[str, object]]] = [[]] * 3
    with account_of(paged([*gap, ROWS[:1], *gap, ROWS[1:2]])) as account:
        assert account.balances("c").height == 2
    with account_of(paged([ROWS[:1], *gap, [], ROWS[1:2]])) as account:
        with pytest.raises(ma.PaginationError, match=r"4 empty pages.*page 5"):
            account.balances("c")


def test_a_list_whose_cursor_never_ends_ends_at_an_empty_page() -> None:
    """The audit log gives a cursor for ever; its dates go with the first page only."""
    seen: list[dict[str, object]] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(asked(request))
        return answer([{"id": "x"}] if len(seen) < 3 else [], f"after {len(seen)}")

    with account_of(handler) as account:
        assert account.audit_logs(starting_on="2026-10-01").height == 2
    assert [page.get("next_page") for page in seen] == [None, "after 1", "after 2"]
    assert [page.get("starting_on") for page in seen] == ["2026-10-01T00:00:00Z", None, None]


def test_an_answer_that_is_the_rows_themselves_is_read() -> None:
    """Some lists come without `data` around them."""
    with account_of(lambda _: httpx.Response(200, json=[{"id": "e", "transaction_id": "t"}])) as account:
        assert account.events("t")["transaction_id"].to_list() == ["t"]


def test_ten_million_rows_under_one_cursor_are_not_too_many() -> None:
    """Nor are 99 empty pages in a row: the caps are for a server that never ends."""
    assert pages_module.MAX_PAGES * 100 == 10_000_000
    assert pages_module.MAX_EMPTY_PAGES == 100


def test_pages_without_end_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ever fresh cursors with rows stop at the page cap rather than never; a list of that many pages is whole."""
    monkeypatch.setattr(pages_module, "MAX_PAGES", 7)
    seen: list[str] = []

    def endless(request: httpx.Request) -> httpx.Response:
        seen.append(asked(request).get("next_page", "") + "x")
        return answer([{"id": "b"}], seen[-1])

    with account_of(endless) as account, pytest.raises(ma.PaginationError, match="7 pages and still a cursor"):
        account.balances("c")
    assert len(seen) == 7
    with account_of(paged([[row] for row in ROWS[:7]])) as account:
        assert account.balances("c").height == 7


@pytest.mark.parametrize("end", [None, ""])
def test_a_null_or_empty_cursor_is_the_end(end: str | None) -> None:
    """Pages end at a cursor that is null or empty."""
    with account_of(lambda _: answer([{"id": "b"}], end)) as account:
        assert account.balances("c").height == 1


def test_an_absent_cursor_is_the_end() -> None:
    """An answer without next_page is the last."""
    with account_of(lambda _: httpx.Response(200, json={"data": [{"id": "b"}]})) as account:
        assert account.balances("c").height == 1


def test_a_page_that_arrived_is_never_fetched_again() -> None:
    """A failure on the second page repeats that page only, and doubles no row."""
    seen: list[str | None] = []

    def handler(request: httpx.Request) -> httpx.Response:
        cursor = asked(request).get("next_page")
        seen.append(cursor)
        if cursor is None:
            return answer([{"id": "b0"}], "two")
        return httpx.Response(500) if seen.count("two") == 1 else answer([{"id": "b1"}])

    with account_of(handler) as account:
        assert account.balances("c")["id"].to_list() == ["b0", "b1"]
    assert seen == [None, "two", "two"]
