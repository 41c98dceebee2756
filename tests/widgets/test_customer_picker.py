from __future__ import annotations

import json
from typing import Any

import ipywidgets
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import metronome_analytics as ma
from tests.fakes import account_of, answer, asked
from tests.widgets.support import a_few, many

Sent = list[dict[str, Any]]


def picker_of(monkeypatch: pytest.MonkeyPatch, **options: Any) -> tuple[Any, Sent]:
    """A picker over the six customers, and what it sends to its view."""
    picker: Any = ma.widgets.CustomerPicker(options.pop("customers", a_few()), **options)
    sent: Sent = []
    monkeypatch.setattr(picker, "send", lambda content, buffers=None: sent.append(content))
    return picker, sent


def say(picker: Any, kind: str, **content: Any) -> None:
    """A message of the view, as the kernel delivers it."""
    picker._handle_custom_msg({"type": kind, "view": "v", **content}, [])


def last(sent: Sent, kind: str) -> dict[str, Any]:
    """The last message of a kind."""
    return [message for message in sent if message["type"] == kind][-1]


def test_nothing_is_chosen_until_somebody_does() -> None:
    """A new picker has no value, and its selection every column and no rows."""
    picker = ma.widgets.CustomerPicker(a_few())
    assert picker.value == ()
    assert_frame_equal(picker.selected, a_few().clear())


def test_selected_are_the_rows_in_the_order_chosen() -> None:
    """The frame given, row by row."""
    picker = ma.widgets.CustomerPicker(a_few(), value=["c-4", "c-2", "c-4"])
    assert picker.value == ("c-4", "c-2")
    assert_frame_equal(picker.selected, a_few()[[3, 1]])


@pytest.mark.parametrize(
    "value", ["c-2", ["c-2"], a_few()[[1]], a_few()["id"][[1]]], ids=["id", "list", "frame", "ids"]
)
def test_a_value_is_whatever_customers_may_be(value: Any) -> None:
    """An id, several, a series or a frame; None clears."""
    picker = ma.widgets.CustomerPicker(a_few(), value=value)
    assert picker.value == ("c-2",)
    picker.value = None
    assert picker.value == ()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"value": ["c-1", "nobody"]}, "not among these customers: nobody"),
        ({"value": 3}, "value cannot be int"),
        ({"value": ["c-1", "c-2"], "multiple": False}, "takes one"),
        ({"multiple": "no"}, "multiple must be"),
        ({"colour": "red"}, "takes no colour"),
    ],
)
def test_what_cannot_be_used_raises(options: dict[str, Any], words: str) -> None:
    """Unknown ids, unknown arguments, several for one: an ArgumentError that names it."""
    with pytest.raises(ma.ArgumentError, match=words):
        ma.widgets.CustomerPicker(a_few(), **options)


def test_an_unknown_id_is_refused_later_too_and_changes_nothing() -> None:
    """The value stays what it was."""
    picker = ma.widgets.CustomerPicker(a_few(), value="c-1")
    with pytest.raises(ma.ArgumentError, match="nobody"):
        picker.value = ("nobody",)
    assert picker.value == ("c-1",)


def test_customers_are_listed_once() -> None:
    """Two rows of one id could not be told apart."""
    with pytest.raises(ma.ArgumentError, match="more than once"):
        ma.widgets.CustomerPicker(a_few()[[0, 0]])


def test_a_query_is_answered_with_its_number_and_the_best_hits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer says whose it is, how many there are, what is archived and what is chosen."""
    picker, sent = picker_of(monkeypatch, value="c-3")
    say(picker, "query", text="ACMÉ", number=7)
    hits = last(sent, "hits")
    assert [hits[name] for name in ("number", "view", "query", "found", "total")] == [7, "v", "ACMÉ", 5, 6]
    assert [hit["id"] for hit in hits["hits"]] == ["c-5", "c-4", "c-3", "c-1", "c-2"]
    assert [hit["chosen"] for hit in hits["hits"]] == [False, False, True, False, False]
    assert [hit["archived"] for hit in hits["hits"]] == [False, False, False, True, False]
    assert hits["hits"][0]["note"] == "acme · c-5"


def test_no_hits_say_what_was_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fields by name, so that one knows where it cannot be; with hits nothing is said."""
    picker, sent = picker_of(monkeypatch)
    say(picker, "query", text="nobody of that name", number=1)
    assert last(sent, "hits")["searched"] == (
        ": nothing like “nobody of that name” in id, name, external id, ingest aliases, salesforce account id"
        " and the values of custom fields"
    )
    say(picker, "query", text="acme", number=2)
    assert last(sent, "hits")["searched"] == ""


def test_the_rest_of_those_chosen_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    """More chips at each wish, until all are there."""
    picker, sent = picker_of(monkeypatch, customers=many(300), value=many(300)["id"][:150])
    say(picker, "hello")
    assert len(last(sent, "chosen")["chips"]) == 20
    say(picker, "more")
    assert len(last(sent, "chosen")["chips"]) == 120
    say(picker, "more")
    assert (len(last(sent, "chosen")["chips"]), last(sent, "chosen")["count"]) == (150, 150)


def test_a_customer_without_a_name_goes_by_its_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is always something to read."""
    picker, sent = picker_of(monkeypatch)
    say(picker, "query", text="c-6", number=1)
    assert last(sent, "hits")["hits"][0]["name"] == "c-6"


def test_picking_and_giving_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pick toggles, the last goes first, clear takes all; each is told to the view and to observers."""
    picker, sent = picker_of(monkeypatch)
    seen: list[tuple[str, ...]] = []
    picker.observe(lambda change: seen.append(change["new"]), names="value")
    for id_ in ("c-2", "c-4", "c-2", "c-1"):
        say(picker, "pick", id=id_)
    say(picker, "last")
    say(picker, "clear")
    assert seen == [("c-2",), ("c-2", "c-4"), ("c-4",), ("c-4", "c-1"), ("c-4",), ()]
    assert last(sent, "chosen") == {"type": "chosen", "chips": [], "count": 0}


def test_one_choice_replaces_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """With multiple=False a pick is the only one."""
    picker, _ = picker_of(monkeypatch, multiple=False)
    say(picker, "pick", id="c-2")
    say(picker, "pick", id="c-4")
    assert picker.value == ("c-4",)


def test_all_hits_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every hit, also those beyond the ones that travelled, after what was chosen before."""
    picker, sent = picker_of(monkeypatch, customers=many(300), value=many(300)["id"][299])
    say(picker, "all", text="cafe")
    assert len(picker.value) == 61
    assert picker.value[0].startswith("00000299")
    assert (len(last(sent, "chosen")["chips"]), last(sent, "chosen")["count"]) == (20, 61)


def test_an_error_in_a_callback_shows_and_a_look_does_not_hide_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The view is told what the callback raised; the next choice clears it, a query does not."""
    picker, sent = picker_of(monkeypatch)

    def fail(change: Any) -> None:
        raise RuntimeError(f"cannot use {change['new']}")

    picker.observe(fail, names="value")
    say(picker, "pick", id="c-2")
    assert last(sent, "error")["text"] == "RuntimeError: cannot use ('c-2',)"
    assert picker.value == ("c-2",)
    picker.unobserve(fail, names="value")
    say(picker, "query", text="a", number=1)
    assert last(sent, "error")["text"]
    say(picker, "pick", id="c-4")
    assert last(sent, "error")["text"] == ""


def test_a_message_that_makes_no_sense_is_shown_or_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither an unknown id nor an unknown type breaks the picker."""
    picker, sent = picker_of(monkeypatch)
    say(picker, "pick", id="nobody")
    assert "nobody" in last(sent, "error")["text"]
    say(picker, "nonsense")
    assert picker.value == ()


def test_fifty_thousand_customers_cost_little_state_and_fifty_hits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under 8 KB whatever is chosen, and an answer that does not grow with the account."""
    picker, sent = picker_of(monkeypatch, customers=many())
    say(picker, "all", text="")
    say(picker, "query", text="c", number=1)
    state = len(json.dumps(picker.get_state(), default=str).encode())
    assert len(picker.value) == 50_000
    assert len(last(sent, "hits")["hits"]) == 50
    assert state < 8_000
    assert max(len(json.dumps(message)) for message in sent) < 16_000


def test_it_is_an_ordinary_widget() -> None:
    """It sits in a box, has traits, and takes a layout."""
    picker = ma.widgets.CustomerPicker(a_few(), layout=ipywidgets.Layout(width="50%"))
    assert ipywidgets.HBox([picker]).children == (picker,)
    assert picker.has_trait("value")
    assert repr(picker) == "CustomerPicker(0 of 6 chosen)"


def test_without_a_kernel_a_list_of_what_was_chosen_stays() -> None:
    """Plain HTML beside the widget's view: escaped, archived ones marked, the rest counted."""
    rude = a_few().with_columns(name=pl.format("<b>{}", "id"))
    page = ma.widgets.CustomerPicker(rude, value=["c-1", "c-2"])._repr_mimebundle_()[0]["text/html"]
    assert "2 of 6 chosen" in page
    assert "&lt;b&gt;c-1 (c-1) · archived" in page
    assert "<b>" not in page
    longer = ma.widgets.CustomerPicker(many(60), value=many(60))._repr_mimebundle_()[0]["text/html"]
    assert "and 40 more" in longer


def test_every_loader_takes_it_as_customers() -> None:
    """The chosen customers are asked for; when nobody is chosen it says so, and nobody is."""
    seen: list[str] = []

    def handler(request: Any) -> Any:
        seen.append(str(asked(request).get("customer_id") or request.url.path))
        return answer([])

    picker = ma.widgets.CustomerPicker(a_few(), value=["c-4", "c-2"])
    with account_of(handler) as account:
        account.balances(picker)
        assert sorted(seen) == ["c-2", "c-4"]
        seen.clear()
        picker.value = ()
        with pytest.raises(ma.ArgumentError, match="nothing is chosen in the picker yet"):
            account.balances(picker)
    assert seen == []
