"""Names that somebody else wrote: the one list that every outlet of ours is held to, and an account full of them."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import cycle
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from metronome_analytics.simulator import Fault, Simulator

if TYPE_CHECKING:
    from datetime import datetime

NAMES = {
    "vertical tab": "Acme\x0bInc",
    "nul": "Acme\x00Inc",
    "every control": "Acme" + "".join(map(chr, [*range(1, 32), *range(0x7F, 0xA0)])),
    "no character": "Acme\ufffe\uffff",
    "script": "</script><script>alert(1)</script>",
    "comment": "<!--<script>Acme",
    "html": "<img src=x onerror='alert(1)'>\"&lt;",
    "formula": '=HYPERLINK("http://192.0.2.1","Acme")',
    "plus": "+1+cmd|' /C calc'!A1",
    "minus": "-1+1",
    "at": "@SUM(1+1)",
    "right to left": "\u202eemcA\u2066\u200f",
    "emoji": "🚀 Acme 👩‍👩‍👧 \U0001f3f4\U000e0067",
    "long": "Acme " * 2_000,
    "ansi": "\x1b[2J\x1b[31mAcme\x1b]0;owned\x07\x9b31m",
    "newline": "Acme\r\nmetronome-analytics: all is well",
    "markup": "[bold]Acme[/bold] **Acme** {{ 7 * 7 }}",
    "blank": "\u200b\x00 ",
}
"""What a frame of ours can hold: polars and JSON take every one of them."""
HALF = "Acme\ud800"
"""Half a character: no frame can hold it, but Python's texts can (titles, filters, errors)."""
EVERY = {**NAMES, "half a character": HALF}

_NOT_XML = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_KEYS = {"name", "customer_name", "product_name", "reason", "description"}
_CURRENCY = re.compile(r"[A-Z]{3}( \(cents\))?")


class Renamed:
    """Gives every name and reason in an answer one of NAMES, the same one each time; currencies keep theirs."""

    def __init__(self) -> None:
        self._given: dict[str, str] = {}
        self._names = cycle(NAMES.values())

    def __call__(self, answer: Any) -> Any:
        """The answer with its names changed."""
        if isinstance(answer, list):
            return [self(each) for each in answer]
        if isinstance(answer, dict):
            return {key: self._name(each) if key in _KEYS else self(each) for key, each in answer.items()}
        return answer

    def _name(self, value: Any) -> Any:
        if not isinstance(value, str):
            return self(value)
        # What finds an entry again stands in its reason.
        if _CURRENCY.fullmatch(value) or "[ma:" in value:
            return value
        return self._given.setdefault(value, next(self._names))


def simulator(as_of: datetime) -> Simulator:
    """A simulated account of more customers than there are names, every one of them hostile."""
    made = Simulator(customers=len(NAMES) + 2, months=2, as_of=as_of)
    made.faults.add(Fault("mutate", "/v1/", times=None, change=Renamed()))
    return made


def in_terminal(text: str) -> bool:
    """Whether a terminal would print `text` and do nothing else."""
    return all(letter.isprintable() or letter == "\n" for letter in text)


def in_xml(text: str) -> bool:
    """Whether XML can hold `text`."""
    return _NOT_XML.search(text) is None


def parses(xml: str | bytes) -> bool:
    """Whether it is well-formed XML; otherwise an error that says where it is not."""
    return ET.fromstring(xml) is not None  # noqa: S314  # made by us a moment ago


class Page(HTMLParser):
    """What a browser would find in a page: its elements, the handlers on them, and the text of its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.handlers: list[str] = []
        self.scripts: list[str] = []
        self._in_script = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Count an element."""
        self.tags.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        if tag == "script":
            self.scripts.append("")
            self._in_script = True

    def handle_endtag(self, tag: str) -> None:
        """Notice the end of a script."""
        self._in_script = self._in_script and tag != "script"

    def handle_data(self, data: str) -> None:
        """Keep what a script says."""
        if self._in_script:
            self.scripts[-1] += data

    @property
    def runs(self) -> list[str]:
        """What of NAMES would do something here."""
        return [
            *self.handlers,
            *(tag for tag in self.tags if tag == "img"),
            *(s for s in self.scripts if s == "alert(1)"),
        ]
