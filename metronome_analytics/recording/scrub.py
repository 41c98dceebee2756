"""What a recording of a real account must not keep: tokens, names, addresses, notes, and the ids themselves."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit
from uuid import UUID, uuid4, uuid5

# Text under these keys is somebody's, and nothing depends on which text is the same as which.
PRIVATE = frozenset(
    {
        "name",
        "description",
        "reason",
        "memo",
        "external_id",
        "ingest_aliases",
        "salesforce_account_id",
        "salesforce_opportunity_id",
        "netsuite_sales_order_id",
        "netsuite_reseller_id",
        "uniqueness_key",
        "created_by",
        "pdf_url",
        "url",
        "metadata",
        "message",
        "email",
        "ip",
        "user_agent",
    }
)
# Free-form objects: the keys stay, every value goes.
FREE = frozenset(
    {
        "custom_fields",
        "pricing_group_values",
        "presentation_group_values",
        "properties",
        "configuration",
        "delivery_method_configuration",
    }
)
# Objects whose very keys are values of the account's events, such as seats.
_KEYED_BY_VALUES = frozenset({"groups", "per_group_amounts", "value_display_names"})
# Words of the API stay: enumerations, by what their keys end with; the type of an event is the account's own word.
_WORDS = re.compile(
    r"(?:^|_)(?:type|types|status|statuses|frequency|mode|behavior|allocation|proration|unit|size|distribution|filter"
    r"|sort|code|provider|method|target|prioritization|action|entity|entities|payer|schedule|invoices|contracts)$"
)
_OWN_WORDS = frozenset({"event_type", "event_types"})
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,60}")
# Numbers that the API writes as text.
_NUMBERS = frozenset({"size", "starting_at", "fraction", "fiat_per_custom_credit", "limit"})
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_TIME = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[-+]\d\d:?\d\d)?)?")
# A credit type's name is its unit, and a table without units is no use.
_UNITS = re.compile(r"[A-Z]{3}( \(cents\))?")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
# A part of a path that is the API's own.
_SEGMENT = re.compile(r"v\d|[A-Za-z][A-Za-z_-]*")
# Around the digits of a number while its document is rewritten: they stay as they were, however many.
_OPEN, _CLOSE = "\ue0f0", "\ue0f1"
_KEPT_NUMBER = re.compile(rf'"\\ue0f0({_NUMBER.pattern})\\ue0f1"')


class Scrubber:
    """Replaces what is private; the same id becomes the same other id throughout one recording, and in no other."""

    def __init__(self) -> None:
        self._salt: UUID = uuid4()

    def text(self, text: str) -> str:
        """`text` with every UUID replaced."""
        return _UUID.sub(lambda found: str(uuid5(self._salt, found[0].lower())), text)

    def alias(self, text: str) -> str:
        """What stands for `text`, which tells nothing but whether two texts are the same."""
        # A lone half of a surrogate pair is no UTF-8.
        return f"scrubbed-{uuid5(self._salt, text.encode(errors='backslashreplace').decode()).hex[:12]}"

    def address(self, url: str) -> str:
        """The path and query of a URL, without its host; of the path only words stay."""
        parts = urlsplit(url)
        query = [(name, self.parameter(name, value)) for name, value in parse_qsl(parts.query, keep_blank_values=True)]
        path = "/".join(
            segment if _SEGMENT.fullmatch(segment) else self._string(segment, "") for segment in parts.path.split("/")
        )
        path = quote(path, safe="/%")
        return path + (f"?{urlencode(query)}" if query else "")

    def parameter(self, name: str, value: str) -> str:
        """A query parameter, whose numbers and booleans are text too; a number elsewhere is somebody's."""
        if value in {"true", "false"}:
            return value
        return ",".join(str(self._value(part, name)) for part in value.split(","))

    def body(self, body: bytes) -> bytes:
        """A JSON body without what is private; a body that is no JSON, or too deep to be read, is dropped."""
        if not body:
            return body
        try:
            return _KEPT_NUMBER.sub(r"\1", json.dumps(self._value(json.loads(body, parse_float=_kept)))).encode()
        except (ValueError, RecursionError):
            return b""

    def _value(self, value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            if key in FREE or key.endswith("_custom_fields"):
                return dict.fromkeys(value, "scrubbed")
            rename = self.alias if key in _KEYED_BY_VALUES else self.text
            return {rename(name): self._value(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._value(inner, key) for inner in value]
        return self._string(value, key) if isinstance(value, str) else value

    def _string(self, value: str, key: str) -> str:
        if value.startswith(_OPEN) and value.endswith(_CLOSE) and _NUMBER.fullmatch(value[1:-1]):
            return value
        if key in PRIVATE and not (key == "name" and _UNITS.fullmatch(value)):
            return "scrubbed"
        if _UUID.fullmatch(value):
            return self.text(value)
        is_word = key not in _OWN_WORDS and _WORDS.search(key) and _WORD.fullmatch(value)
        is_number = key in _NUMBERS and _NUMBER.fullmatch(value)
        is_unit = key in {"name", "credit_type_name"} and _UNITS.fullmatch(value)
        if not value or is_word or is_number or is_unit or _TIME.fullmatch(value):
            return value
        return self.alias(value)


def _kept(digits: str) -> str:
    return f"{_OPEN}{digits}{_CLOSE}"
