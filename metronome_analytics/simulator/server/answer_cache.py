"""Answers that were given before: the same request of the same account at the same moment has the same answer.

An answer follows from the request and from what the account is: its clock, its switches, and what has happened, to the
customer the request is about or, where it is about none, to anybody. All of that is part of the key, so nothing has to
be thrown away when something changes: old answers are just never asked for again, and go when room is needed.
"""

from __future__ import annotations

import zlib
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.answers import Answer, ApiError, Page

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from metronome_analytics.simulator.endpoints.request import Request
    from metronome_analytics.simulator.world.account import Account

MOST_BYTES = 64 * 2**20
_OVERHEAD = 1024
"""About what an answer takes besides its text."""
_SEPARATOR = "\n"
"""Stands in no item of a page: JSON writes it as an escape."""


class AnswerCache:
    """The answers of one account that were asked for last, compressed, up to `most_bytes` of them."""

    def __init__(self, account: Account, most_bytes: int = MOST_BYTES) -> None:
        self.account = account
        self.most_bytes = most_bytes
        self.size = 0
        """Bytes that are held."""
        self.hits = 0
        self._kept: OrderedDict[Hashable, tuple[Answer, bytes]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def answer(self, request: Request, handler: Callable[[Account, Request], Answer]) -> Answer:
        """What `handler` answers to a read; it is asked once for each moment. Its errors are not kept."""
        key = self._key(request)
        if key is None:
            return handler(self.account, request)
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
            self.hits += 1
            return _restored(*kept)
        answer = handler(self.account, request)
        self._keep(key, answer)
        return answer

    def _key(self, request: Request) -> Hashable | None:
        """What an answer follows from; None for a request that cannot even be read."""
        try:
            identity, named = request.identity, request.customer_id
        except ApiError:
            return None
        account = self.account
        index = None if named is None else account.index(named)
        moment = (account.clock.now, len(account.happened)) if index is None else account.moment(index)
        return identity, index, moment, account.switches

    def _keep(self, key: Hashable, answer: Answer) -> None:
        frame: Answer
        if isinstance(answer, Page):
            text, frame = _SEPARATOR.join(answer.items), replace(answer, items=[""] * bool(answer.items))
        else:
            text, frame = answer.body, replace(answer, body="")
        packed = zlib.compress(text.encode(), 1)
        self._kept[key] = frame, packed
        self.size += len(packed) + _OVERHEAD
        while self.size > self.most_bytes and self._kept:
            _, (_, dropped) = self._kept.popitem(last=False)
            self.size -= len(dropped) + _OVERHEAD


def _restored(frame: Answer, packed: bytes) -> Answer:
    """An answer as it was given first."""
    text = zlib.decompress(packed).decode()
    if isinstance(frame, Page):
        return replace(frame, items=text.split(_SEPARATOR) if frame.items else [])
    return replace(frame, body=text)
