"""Finding customers by what people know of them: a name, an alias, an id, a custom field."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

import polars as pl

from metronome_analytics.arguments import frame_with, whole_number
from metronome_analytics.errors import ArgumentError
from metronome_analytics.hits import NoHits
from metronome_analytics.wording import one_line

Given = pl.DataFrame | pl.LazyFrame

# Identifiers, in the order in which they are shown; a whole one found is the best match there is.
_KEYS = ("external_id", "ingest_aliases", "salesforce_account_id")
_SEARCHED = ("id", "name", *_KEYS, "custom_fields", "archived_at")
# Letters that Unicode does not take apart into a letter and a mark; a dotless i, a final sigma.
_LETTERS = {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "\u0131": "i", "\u03c2": "\u03c3"}
_SPELT = {"ae": "a", "oe": "o", "ue": "u"}
"""How umlauts are spelt out where there is no key for them, and what is left of them folded."""
_LEAST_TO_SLIP, _MOST_TO_SLIP = 5, 64
"""Letters of a word that may be a slip: many fewer are near everything, many more make a pattern that is refused."""
# What separates identifiers in one text, and the values of custom fields; nobody types them.
_BREAK, _FIELD = "\x1f", "\x1e"


def find_customers(customers: Given, query: str, *, limit: int | None = None) -> pl.DataFrame:
    """The rows of `customers` that match every word of `query`, the best match first.

    Searched are name, id, ingest aliases, external id, Salesforce id and the values of custom fields; accents and case
    do not matter. Best is a whole id, alias or name, then a name that begins with the query, then words that do, then
    any place; equally good ones keep their order, archived ones last. Where nothing matches, `oe` counts as `ö`, and
    then a word of letters may be a slip of one key away: `ospray` finds Osprey, `groessenwahn` Größenwahn. A blank
    query gives every row as it stands; `limit` keeps the first ones. The index of the last frame searched is kept, so
    further queries take milliseconds. Where nobody is found the frame has no rows, says what was searched, and is
    refused by a loader as `customers=`. Raises ArgumentError for a frame without `id` and `name`, or a query that is no
    text.

    >>> ma.find_customers(account.customers(), "ospray")["name"].to_list()
    ['Osprey Biotech Inc.']
    """
    if not isinstance(query, str):
        raise ArgumentError(f"query must be text, not {type(query).__name__}.")
    if limit is not None:
        whole_number("limit", limit)
    frame = _collected(customers)
    index = _index_of(frame)
    rows = index.rows(query)
    if rows.is_empty() and query.strip():
        nobody = NoHits(frame.clear())
        nobody.query, nobody.said = query, f"No customer: {index.nothing_like(query)}."
        return nobody
    return frame[rows if limit is None else rows.head(limit)]


class CustomerIndex:
    """The texts of customers, folded once, so that a query only looks."""

    def __init__(self, customers: Given) -> None:
        self.frame = _collected(customers)
        schema = self.frame.schema
        keys = [_joined(name, schema[name], _BREAK) for name in _KEYS if name in schema]
        fields = [_joined("custom_fields", schema["custom_fields"], _FIELD)] if "custom_fields" in schema else []
        archived = pl.col("archived_at").is_not_null() if "archived_at" in schema else pl.lit(value=False)
        self.shown = self.frame.select(
            "id",
            pl.col("name").fill_null(""),
            pl.concat_str(*keys, pl.lit(_FIELD), *fields, separator=_BREAK, ignore_nulls=True).alias("more"),
            archived.alias("archived"),
        )
        # Folded as one text: what stands between breaks is a whole name or identifier.
        whole = pl.concat_str(pl.lit(""), "name", "id", "more", separator=_BREAK)
        texts = self.shown.select(pl.int_range(pl.len(), dtype=pl.UInt32).alias("row"), "archived", text=folded(whole))
        self._texts = texts.with_columns(words=_spaced(pl.col("text")))

    @property
    def height(self) -> int:
        """How many customers there are."""
        return self.frame.height

    @property
    def searched(self) -> str:
        """The fields that are searched, in words."""
        names = [name.replace("_", " ") for name in ("id", "name", *_KEYS) if name in self.frame.columns]
        fields = ["the values of custom fields"] if "custom_fields" in self.frame.columns else []
        *first, last = [*names, *fields]
        return f"{', '.join(first)} and {last}"

    def nothing_like(self, query: str) -> str:
        """What is said of a query that found nobody."""
        return f"nothing like “{one_line(query)}” in {self.searched}"

    def rows(self, query: str) -> pl.Series:
        """The row numbers of what matches, the best first; where nothing does, of what is near."""
        words = folded_text(query).split()
        if not words:
            return self._texts["row"]
        found = self._matching(words)
        return found if found.len() else self._near(words)

    def _near(self, words: list[str]) -> pl.Series:
        """The rows in which every word stands when umlauts may be spelt out, or else one key may have slipped."""
        text = pl.col("text").str.replace_many(_SPELT)
        plain = [_spelt(word) for word in words]
        spelt = self._texts.filter(pl.all_horizontal(text.str.contains(word, literal=True) for word in plain))
        if spelt.height:
            return spelt.sort("archived", "row")["row"]
        if not any(map(_may_slip, plain)):
            return spelt["row"]
        slipped = pl.all_horizontal(text.str.contains(_slips(word)) for word in plain)
        return self._texts.filter(slipped).sort("archived", "row")["row"]

    def _matching(self, words: list[str]) -> pl.Series:
        every = pl.all_horizontal(pl.col("text").str.contains(word, literal=True) for word in words)
        starts = [pl.col("words").str.contains(f" {start}", literal=True) for word in words if (start := _plain(word))]
        begins = pl.all_horizontal(starts) if starts else pl.lit(value=False)
        whole = _BREAK + " ".join(words)
        rank = (
            pl.when(pl.col("text").str.contains(whole + _BREAK, literal=True))
            .then(0)
            .when(pl.col("text").str.starts_with(whole))
            .then(1)
            .when(begins)
            .then(2)
            .otherwise(3)
        )
        # Filtered first, so that only what is found is ranked.
        found = self._texts.filter(every).select("row", "archived", rank.alias("rank"))
        return found.sort("rank", "archived", "row")["row"]


def _spelt(word: str) -> str:
    """`word` with its umlauts as one plain letter, however they were typed."""
    for two, one in _SPELT.items():
        word = word.replace(two, one)
    return word


def _may_slip(word: str) -> bool:
    """Whether a word is forgiven a slip: an id is right or wrong, and a short word is near everything."""
    return _LEAST_TO_SLIP <= len(word) <= _MOST_TO_SLIP and word.isalpha()


def _slips(word: str) -> str:
    """A pattern of `word` with at most one letter changed, missing or too many, or two exchanged."""
    if not _may_slip(word):
        return re.escape(word)
    forms = {re.escape(word)}
    for at in range(len(word)):
        before, after = re.escape(word[:at]), re.escape(word[at + 1 :])
        forms |= {f"{before}.{after}", f"{before}{after}", f"{before}.{re.escape(word[at:])}"}
        if at + 1 < len(word):
            forms.add(before + re.escape(word[at + 1] + word[at] + word[at + 2 :]))
    # A slip is one within a word: it begins where the word begins.
    return rf"(?:^|[^\p{{L}}\p{{N}}])(?:{'|'.join(sorted(forms))})"


def folded(text: pl.Expr) -> pl.Expr:
    """`text` without accents and case: compatibility forms taken apart, marks dropped, small letters."""
    plain = text.str.normalize("NFKD").str.replace_all(r"\p{M}", "").str.to_lowercase()
    return plain.str.replace_many(_LETTERS)


# A picker asks for the words of one query several times, and the next query shares most of them.
@lru_cache(maxsize=256)
def folded_text(text: str) -> str:
    """One text as `folded` makes it."""
    return str(pl.select(folded(pl.lit(text.replace(_BREAK, " ")))).item())


def _spaced(text: pl.Expr) -> pl.Expr:
    return text.str.replace_all(r"[^\p{L}\p{N}]+", " ")


@lru_cache(maxsize=256)
def _plain(word: str) -> str:
    return str(pl.select(_spaced(pl.lit(word)).str.strip_chars()).item())


def _joined(name: str, dtype: pl.DataType, separator: str) -> pl.Expr:
    """A column as one text, whatever it is kept as; null stays null."""
    column = pl.col(name)
    if isinstance(dtype, pl.Map):
        return column.map.values().cast(pl.List(pl.String)).list.join(separator, ignore_nulls=True)
    if isinstance(dtype, pl.List):
        return column.cast(pl.List(pl.String)).list.join(separator, ignore_nulls=True)
    if isinstance(dtype, pl.Struct):
        return pl.concat_str(column.struct.field("*").cast(pl.String), separator=separator, ignore_nulls=True)
    return column.cast(pl.String)


def _collected(customers: Given) -> pl.DataFrame:
    frame_with(customers, "customers", "id", "name")
    return customers.lazy().collect()


class _Kept(NamedTuple):
    searched: pl.DataFrame
    made: CustomerIndex


_kept: list[_Kept] = []


def _index_of(frame: pl.DataFrame) -> CustomerIndex:
    """The index of `frame`: the last one made, if it was made of the same values."""
    searched = frame.select([name for name in _SEARCHED if name in frame.columns])
    for kept in _kept[:]:
        if kept.searched.schema == searched.schema and all(map(_same, kept.searched, searched)):
            return kept.made
    made = CustomerIndex(searched)
    _kept[:] = [_Kept(searched, made)]
    return made


def _same(one: pl.Series, other: pl.Series) -> bool:
    """Whether two columns are equal; lists by their parts, which is many times quicker."""
    if isinstance(one.dtype, pl.Map):
        one, other = one.map.values(), other.map.values()
    if isinstance(one.dtype, pl.List):
        lengths = one.list.len().equals(other.list.len())
        return lengths and one.explode().equals(other.explode())
    return one.equals(other)
