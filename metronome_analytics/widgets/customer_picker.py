"""CustomerPicker: find customers among tens of thousands and choose some."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unicodedata import category, normalize

import traitlets

from metronome_analytics.arguments import customer_ids, flag
from metronome_analytics.errors import ArgumentError
from metronome_analytics.search import CustomerIndex, folded_text
from metronome_analytics.widgets.base import OfPython, Widget, asset, known, static_list
from metronome_analytics.wording import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from metronome_analytics.arguments import Customers

MOST_HITS = 50
"""Hits that travel to the browser for one query."""
MOST_CHIPS = 20
"""Chosen customers that are shown by name at first; the rest is counted."""
_MORE_CHIPS = 100
"""How many of the rest show at each wish to see more."""


class CustomerPicker(Widget):
    """Search `customers`, the frame of `account.customers()`, as you type, and choose one or several.

    `value` is a tuple of the chosen ids, in the order chosen; `selected` their rows. Nothing is chosen until somebody
    does. Every loader takes the picker as `customers=`, and `observe(..., names="value")` tells of each change; what a
    callback raises shows below the picker. The search runs in Python, see `find_customers`, and says what was
    searched where nothing is found.

    Keys: arrows move, Enter chooses or gives back, Backspace in the empty field gives the last one back, Escape clears.
    Raises ArgumentError for unknown arguments, unknown ids, and several ids without `multiple`.

    >>> customers = account.customers()
    >>> picker = ma.widgets.CustomerPicker(customers, value=[customers["id"][0]])
    >>> account.invoices(picker, month="2026-10").height
    2
    """

    _esm = asset("customer_picker.js")
    _css = asset("widgets.css")
    multiple = traitlets.Bool(default_value=True, read_only=True).tag(sync=True)
    value: OfPython[tuple[str, ...]] = OfPython(default_value=())

    def __init__(
        self,
        customers: pl.DataFrame | pl.LazyFrame,
        *,
        multiple: bool = True,
        value: Customers | None = (),
        label: str = "Customers",
        **options: Any,
    ) -> None:
        options = known("CustomerPicker", options)
        self._index = CustomerIndex(customers)
        ids = self._index.frame["id"]
        self._row = {id_: row for row, id_ in enumerate(ids)}
        if len(self._row) < len(ids):
            raise ArgumentError("customers has an id more than once.", advice="Pass one row per customer.")
        self._chosen: frozenset[str] = frozenset()
        self._most_chips = MOST_CHIPS
        super().__init__(label=label, **options)
        self.set_trait("multiple", bool(flag("multiple", multiple)))
        self.value = value

    @property
    def selected(self) -> pl.DataFrame:
        """The rows of the chosen customers, in the order chosen."""
        return self._index.frame[[self._row[id_] for id_ in self.value]]

    def _taken(self, value: Any) -> tuple[str, ...]:
        ids = customer_ids(() if value is None else value, argument="value") or []
        unknown = [id_ for id_ in ids if id_ not in self._row]
        if unknown:
            more = f" and {len(unknown) - 3:,} more" if len(unknown) > 3 else ""
            raise ArgumentError(
                f"value holds ids that are not among these customers: {', '.join(unknown[:3])}{more}.",
                advice="Pass ids of the frame the picker was made of.",
            )
        if len(ids) > 1 and not self.multiple:
            raise ArgumentError(f"value holds {len(ids):,} ids, and this picker takes one.")
        return tuple(ids)

    @traitlets.observe("value")
    def _tell(self, _: object = None) -> None:
        self._chosen = frozenset(self.value)
        self.send({"type": "chosen", "chips": self._chips(), "count": len(self.value)})

    def _chips(self) -> list[dict[str, object]]:
        rows = [self._row[id_] for id_ in self.value[: self._most_chips]]
        return [_named(row) for row in self._index.shown[rows].iter_rows(named=True)]

    # --- what the view asks ----------------------------------------------------------------------------------------

    def _on_hello(self, _: Mapping[str, Any]) -> None:
        self._tell()

    def _on_query(self, content: Mapping[str, Any]) -> None:
        text = str(content["text"])
        rows = self._index.rows(text)
        words = folded_text(text).split()
        hits = [
            {**_named(row), "note": _note(row, words), "chosen": row["id"] in self._chosen}
            for row in self._index.shown[rows.head(MOST_HITS)].iter_rows(named=True)
        ]
        answer = {"type": "hits", "view": content["view"], "number": content["number"], "query": text}
        searched = "" if hits or not words else f": {self._index.nothing_like(text)}"
        self.send({**answer, "hits": hits, "found": rows.len(), "total": self._index.height, "searched": searched})

    def _on_pick(self, content: Mapping[str, Any]) -> None:
        id_ = content["id"]
        if id_ in self._chosen:
            self.value = tuple(chosen for chosen in self.value if chosen != id_)
        else:
            self.value = (*self.value, id_) if self.multiple else (id_,)

    def _on_more(self, _: Mapping[str, Any]) -> None:
        self._most_chips += _MORE_CHIPS
        self._tell()

    def _on_last(self, _: Mapping[str, Any]) -> None:
        self.value = self.value[:-1]

    def _on_clear(self, _: Mapping[str, Any]) -> None:
        self.value = ()

    def _on_all(self, content: Mapping[str, Any]) -> None:
        found = self._index.frame["id"].gather(self._index.rows(str(content["text"])))
        self.value = tuple(dict.fromkeys((*self.value, *found)))

    # --- what is left without a kernel -----------------------------------------------------------------------------

    def _static(self) -> str:
        chips = [
            f"{chip['name']} ({chip['id']})" + (" · archived" if chip["archived"] else "") for chip in self._chips()
        ]
        title = f"{self.label}: {len(self.value):,} of {self._index.height:,} chosen"
        return static_list(title, chips, more=len(self.value) - len(chips))

    def __repr__(self) -> str:
        return f"CustomerPicker({len(self.value):,} of {self._index.height:,} chosen)"


def _named(row: Mapping[str, Any]) -> dict[str, object]:
    return {"id": row["id"], "name": one_line(row["name"]) or row["id"], "archived": row["archived"]}


def _note(row: Mapping[str, Any], words: list[str]) -> str:
    """What else the customer is known by: the id, and the other fields that the words were found in."""
    others = [part for part in row["more"].replace("\x1e", "\x1f").split("\x1f") if part]
    name = _folded(row["name"])
    missing = [word for word in words if word not in name and word not in row["id"]]
    hits = [part for part in others if any(word in _folded(part) for word in missing)] if missing else []
    return " · ".join(dict.fromkeys([*map(one_line, hits[:2]), row["id"]]))


def _folded(text: str) -> str:
    """`folded_text` for the few texts of a hit, without a round through polars for each."""
    return "".join(letter for letter in normalize("NFKD", text) if category(letter)[0] != "M").lower()
