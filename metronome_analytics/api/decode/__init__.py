"""Bytes to a wire frame: strict, exact, and without a Python object per row.

polars reads JSON fast, but alone it is neither exact nor strict: a Decimal column goes through float arithmetic, a
number is taken for a string, a scalar for a list, `true` for 1.0, an unreadable timestamp becomes null. So, in steps:

    surprises   is there anything in the body that polars would convert without a word?
    reading     no: polars reads it, into the dtypes that `dtypes` names, and columns are converted exactly
    explain     yes, or it failed: read again in Python, which names the wrong field or hands the page back
    drift       which fields nobody declared
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.api.decode.drift import undeclared_fields
from metronome_analytics.api.decode.dtypes import held, kind
from metronome_analytics.api.decode.explain import Undecodable, explain
from metronome_analytics.api.decode.reading import Completion, Page, Unusual, read, schema_of

if TYPE_CHECKING:
    from metronome_analytics.api.endpoints import Endpoint

__all__ = ["Completion", "Page", "Undecodable", "decode", "held", "kind", "undeclared_fields"]


def decode(body: bytes, endpoint: Endpoint) -> Page:
    """The page in `body`; MalformedResponse names the field that is wrong."""
    schema = schema_of(endpoint)
    try:
        return read(body, schema, schema.reading_of(body))
    except (pl.exceptions.PolarsError, UnicodeDecodeError, Unusual):
        return explain(body, endpoint)
