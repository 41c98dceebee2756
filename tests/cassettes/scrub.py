"""What a recording of a real account must not keep: tokens, names, addresses, notes, and the ids themselves."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import uuid4, uuid5

# Text under these keys is somebody's; amounts, states and times stay, or the cassette would be worth nothing.
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
        "metadata",
        "message",
    }
)
# Free-form objects: the keys stay, every value goes.
FREE = frozenset({"custom_fields", "pricing_group_values", "presentation_group_values"})
# A credit type's name is its unit, and a table without units is no use.
_UNITS = re.compile(r"[A-Z]{3}( \(cents\))?")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


class Scrubber:
    """Replaces what is private; the same id becomes the same other id throughout one recording, and in no other."""

    def __init__(self) -> None:
        self._salt = uuid4()

    def text(self, text: str) -> str:
        """`text` with every UUID replaced."""
        return _UUID.sub(lambda found: str(uuid5(self._salt, found[0].lower())), text)

    def body(self, body: bytes) -> bytes:
        """A JSON body without what is private; a body that is no JSON is dropped."""
        if not body:
            return body
        try:
            value = json.loads(body)
        except ValueError:
            return b""
        return json.dumps(self._value(value)).encode()

    def _value(self, value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            if key in FREE or key.endswith("_custom_fields"):
                return dict.fromkeys(value, "scrubbed")
            return {name: self._value(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._value(inner, key) for inner in value]
        if isinstance(value, str):
            if key in PRIVATE and not (key == "name" and _UNITS.fullmatch(value)):
                return "scrubbed"
            return self.text(value)
        return value
