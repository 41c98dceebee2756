"""Words and figures for people: counted nouns, moments, thousands; and texts of others, safe to print and to draw."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

import polars as pl
import polars.selectors as cs

if TYPE_CHECKING:
    from collections.abc import Iterable

# All that XML, and so an SVG or a workbook, can hold; Python and polars read it alike.
_NO_XML = r"[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]"


def count(number: int, noun: str) -> str:
    """`1 row`, `2 rows`, `5,000 rows`."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def one_line(text: str) -> str:
    """`text` without line breaks and control characters: a name must not move the cursor, nor change what is typed."""
    return " ".join(printed(text).split())


def printed(text: str) -> str:
    """`text` as it may go to a terminal: line breaks stay, every other character that is not seen is a blank."""
    return "".join(letter if letter.isprintable() or letter == "\n" else " " for letter in text)


def drawable(text: str) -> str:
    """`text` as it may go into a picture, a page or a workbook: a blank for what XML forbids, and half characters."""
    return re.sub(_NO_XML, " ", text)


def drawable_column(text: pl.Expr) -> pl.Expr:
    """A column of text as `drawable` makes it."""
    return text.str.replace_all(_NO_XML, " ")


def harmless(text: pl.Expr) -> pl.Expr:
    """A column of text for a CSV in which nothing begins as a spreadsheet's formula does; a number below zero is none.

    What does begin so gets an apostrophe before it.
    """
    formula = text.str.contains(r"^[=+\-@\t\r]") & text.cast(pl.Decimal(38, 10), strict=False).is_null()
    return pl.when(~formula).then(text).otherwise(pl.concat_str(pl.lit("'"), text))


def harmless_texts(frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` with every column of text `harmless`."""
    return frame.with_columns(harmless(pl.col(name)).alias(name) for name in frame.select(cs.string()).columns)


def grouped(number: pl.Expr) -> pl.Expr:
    """The text of a whole number with its thousands separated."""
    backwards = number.str.reverse().str.replace_all(r"(\d{3})", "${1},")
    return backwards.str.reverse().str.strip_prefix(",")


def time_text(at: pl.Expr) -> pl.Expr:
    """A moment in UTC as text, without the time of day at midnight."""
    midnight = at.dt.truncate("1d") == at
    return pl.when(midnight).then(at.dt.strftime("%Y-%m-%d UTC")).otherwise(at.dt.strftime("%Y-%m-%d %H:%M UTC"))


def nearest(value: object, known: Iterable[str]) -> str:
    """Which of `known` was meant, as a piece of advice; empty where nothing is near."""
    spelt = {name.casefold(): name for name in known}
    meant = get_close_matches(str(value).casefold(), spelt, n=1)
    return f"Did you mean {spelt[meant[0]]!r}?" if meant else ""
