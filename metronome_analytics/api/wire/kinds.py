"""The kinds of field that wire schemas are made of.

Three polars dtypes carry a meaning that `decode` turns the JSON into, and JSON is a kind of its own:

- AMOUNT: money or a price in the API's unit; a JSON number, held exactly (see decode).
- INSTANT: an RFC 3339 string, held in UTC.
- MAP: a free-form object; values are kept as text, a nested value as its JSON text.
- JSON: any value at all, kept as its JSON text: settings that nobody adds up.

NUMBER is any other JSON number (quantities, priorities, fractions).
"""

from __future__ import annotations

import polars as pl


class JsonText(pl.String):
    """Declares a field of any shape; the frame holds a String with its JSON text."""


AMOUNT = pl.Decimal(38, 10)
INSTANT = pl.Datetime("us", "UTC")
TEXT = pl.String()
NUMBER = pl.Float64()
FLAG = pl.Boolean()
MAP = pl.Map(pl.String(), pl.String())
TEXTS = pl.List(pl.String())
JSON = JsonText()

CREDIT_TYPE = pl.Struct({"id": TEXT, "name": TEXT})
REFERENCE = pl.Struct({"id": TEXT})
NAMED_REFERENCE = pl.Struct({"id": TEXT, "name": TEXT})
