"""The body of an answer, read and inflated piece by piece up to a limit: a small one can inflate a thousandfold."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from metronome_analytics.errors import MalformedResponse, TransportError

if TYPE_CHECKING:
    import httpx

# What we ask for; httpx would also ask for what its optional packages inflate, without a limit.
ACCEPTED_ENCODING = "gzip"
# zlib finds out itself whether a header is gzip's or its own.
_ANY_HEADER = zlib.MAX_WBITS | 32


async def read_body(response: httpx.Response, most: int) -> bytes:
    """The whole inflated body of `response`; MalformedResponse as soon as it exceeds `most` bytes."""
    if response.is_stream_consumed:
        # A transport that was given may answer with a response that is whole already.
        pieces = _Pieces(most)
        pieces.add(response.content)
        return pieces.whole()
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in {"", "identity", "gzip", "x-gzip", "deflate"}:
        raise TransportError(f"The answer is compressed as {encoding!r}, which nobody asked for.")
    arriving = _Pieces(most) if encoding in {"", "identity"} else _Inflated(most)
    async for piece in response.aiter_raw():
        arriving.add(piece)
    return arriving.whole()


class _Pieces:
    """What has arrived of a body."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._most = most
        self._pieces: list[bytes] = []

    def add(self, piece: bytes) -> None:
        self._left -= len(piece)
        if self._left < 0:
            raise MalformedResponse(
                f"The answer is larger than {self._most:,} bytes (max_bytes_per_answer).",
                advice="If that is no fault, raise max_bytes_per_answer in connect().",
            )
        self._pieces.append(piece)

    def whole(self) -> bytes:
        return b"".join(self._pieces)


class _Inflated(_Pieces):
    """What has arrived of a compressed body, inflated no further than the limit."""

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self._inflate = zlib.decompressobj(_ANY_HEADER)

    def add(self, piece: bytes) -> None:
        while piece:
            if self._inflate.eof:
                # gzip may come in several members.
                self._inflate = zlib.decompressobj(_ANY_HEADER)
            try:
                inflated = self._inflate.decompress(piece, self._left + 1)
            except zlib.error as error:
                raise TransportError(f"The answer's compression is broken: {error}.") from error
            super().add(inflated)
            piece = self._inflate.unconsumed_tail or self._inflate.unused_data

    def whole(self) -> bytes:
        if self._pieces and not self._inflate.eof:
            raise TransportError("The answer's compression is broken: it is cut short.")
        return super().whole()
