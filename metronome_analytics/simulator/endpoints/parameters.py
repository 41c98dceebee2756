"""Named parameters of a query string or a JSON body, read with the checks the API makes."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from metronome_analytics.simulator.endpoints.answers import ApiError
from metronome_analytics.simulator.world.days import parse_instant

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from metronome_analytics.simulator.rendering.scalars import Json


class Parameters:
    """Named parameters of a query string or a JSON body, read with the checks the API makes. Raises ApiError 400."""

    def __init__(
        self,
        values: Mapping[str, object],
        *,
        cursor_name: str = "next_page",
        reject_unknown: bool = False,
        cap_limits: bool = False,
    ) -> None:
        self._values = values
        self._reject_unknown = reject_unknown
        self._cap_limits = cap_limits
        self._read = {cursor_name}

    def raw(self, name: str) -> object:
        """A value as it came, None when absent or null."""
        self._read.add(name)
        return self._values.get(name)

    def text(self, name: str) -> str | None:
        """A string."""
        value = self.raw(name)
        if value is not None and not isinstance(value, str):
            raise ApiError(400, f"{name} must be a string")
        return value

    def required(self, name: str) -> str:
        """A string that must be there."""
        value = self.text(name)
        if value is None:
            raise ApiError(400, f"{name} is required")
        return value

    def uuid(self, name: str) -> str | None:
        """A UUID in canonical form."""
        value = self.text(name)
        return None if value is None else canonical_uuid(value, name)

    def required_uuid(self, name: str) -> str:
        """A UUID that must be there."""
        return canonical_uuid(self.required(name), name)

    def required_instant(self, name: str) -> datetime:
        """A timestamp that must be there."""
        return _instant(self.required(name), name)

    def instant(self, name: str) -> datetime | None:
        """A timestamp."""
        value = self.text(name)
        return None if value is None else _instant(value, name)

    def flag(self, name: str) -> bool:
        """A boolean; absent means false."""
        value = self.raw(name)
        if value in ("true", "false"):
            return value == "true"
        if value is not None and not isinstance(value, bool):
            raise ApiError(400, f"{name} must be a boolean")
        return bool(value)

    def choice(self, name: str, allowed: Sequence[str], default: str) -> str:
        """One of some words, in any case, in the case they are listed in."""
        value = self.text(name)
        if value is None:
            return default
        found = next((word for word in allowed if word.lower() == value.lower()), None)
        if found is None:
            raise ApiError(400, f"{name} must be one of {', '.join(allowed)}")
        return found

    def limit(self, maximum: int, default: int) -> int:
        """The page size."""
        value = self.raw("limit")
        if value is None:
            return default
        if isinstance(value, str) and value.isascii() and value.isdigit():
            value = int(value)
        if self._cap_limits and isinstance(value, int) and value > maximum:
            return maximum
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= maximum:
            raise ApiError(400, f"limit must be an integer between 1 and {maximum}")
        return value

    def strings(self, name: str, allowed: Sequence[str] | None = None) -> list[str] | None:
        """A JSON array of strings; with `allowed`, in the case they are listed in."""
        value = self.raw(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ApiError(400, f"{name} must be an array of strings")
        if allowed is None:
            return value
        known = {word.lower(): word for word in allowed}
        if any(item.lower() not in known for item in value):
            raise ApiError(400, f"{name} must be of {', '.join(allowed)}")
        return [known[item.lower()] for item in value]

    def uuids(self, name: str) -> list[str] | None:
        """A JSON array of UUIDs in canonical form."""
        values = self.strings(name)
        return None if values is None else [canonical_uuid(value, name) for value in values]

    def object(self, name: str) -> Json | None:
        """A JSON object."""
        value = self.raw(name)
        if value is not None and not isinstance(value, dict):
            raise ApiError(400, f"{name} must be an object")
        return value

    def objects(self, name: str) -> list[Json] | None:
        """A JSON array of objects."""
        value = self.raw(name)
        if value is not None and (not isinstance(value, list) or not all(isinstance(item, dict) for item in value)):
            raise ApiError(400, f"{name} must be an array of objects")
        return value

    def words(self, name: str, maximum: int) -> list[str] | None:
        """A list that came comma-joined, as repeated keys, or both."""
        value = self.text(name)
        if value is None:
            return None
        words = [word for word in value.split(",") if word]
        if len(words) > maximum:
            raise ApiError(400, f"{name} takes at most {maximum} values")
        return words

    def finish(self) -> None:
        """Refuse what no one asked for, when this server does."""
        unknown = sorted(self._values.keys() - self._read)
        if unknown and self._reject_unknown:
            raise ApiError(400, f"unknown parameter: {unknown[0]}")


def canonical_uuid(value: str, name: str) -> str:
    """A UUID in lower case with hyphens. Raises ApiError 400."""
    try:
        return str(UUID(value))
    except ValueError:
        raise ApiError(400, f"{name} must be a UUID") from None


def _instant(value: str, name: str) -> datetime:
    try:
        return parse_instant(value)
    except ValueError:
        raise ApiError(400, f"{name} must be an RFC 3339 timestamp") from None
