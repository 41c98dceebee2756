"""Numbers and ids that depend on nothing but what they are made of, so one seed gives one account."""

from __future__ import annotations

import hashlib


def digest(*parts: object) -> int:
    """A 64-bit number that depends on nothing but the parts."""
    return int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=8).digest(), "big")


def uuid_text(raw: bytes) -> str:
    """Sixteen bytes as the text of a version 5 UUID."""
    h = raw.hex()
    return f"{h[:8]}-{h[8:12]}-5{h[13:16]}-{'89ab'[raw[8] & 3]}{h[17:20]}-{h[20:]}"


def make_id(*parts: object) -> str:
    """The UUID that belongs to the parts, always the same one."""
    return uuid_text(hashlib.blake2b(repr(parts).encode(), digest_size=16).digest())
