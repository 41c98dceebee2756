"""replay(): an account that answers from a recording of another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import SecretStr

from metronome_analytics.account import Account
from metronome_analytics.recording.player import Player
from metronome_analytics.recording.recorder import ADDRESS
from metronome_analytics.session import Clock, Connection, Session

if TYPE_CHECKING:
    import os


def replay(path: str | os.PathLike[str]) -> Account:
    """The account that `account.record(path)` recorded: no token, no network, its clock as at the first answer.

    It answers what was asked then and nothing else (ConfigurationError); ids and names are the scrubbed ones, so begin
    with `customers()`. Raises ArgumentError for a file that is no recording.

    >>> with account.record("account.yaml"):
    ...     customers = account.customers()
    >>> ma.replay("account.yaml").customers()["name"][0]
    'scrubbed'
    """
    player = Player(path)
    connection = Connection(
        SecretStr("replayed-without-one"),
        ADDRESS,
        max_requests_per_second=None,
        max_concurrency=16,
        timeout=60.0,
        transport=player,
    )
    return Account(Session(connection, environment="replay", progress=False, clock=Clock(now=lambda: player.now)))
