"""What of deltalake the mirror uses: it is an extra, and whoever lacks it is told so here."""

from __future__ import annotations

from metronome_analytics.extras import missing

try:
    from deltalake import CommitProperties, DeltaTable, Schema, Transaction
    from deltalake._internal import DeltaFileSystemHandler  # only it writes a stream to wherever Delta Lake can
    from deltalake.exceptions import DeltaError, TableNotFoundError
    from deltalake.transaction import AddAction, RemoveAction
except ImportError as error:
    raise missing("lake", "deltalake") from error

__all__ = [
    "AddAction",
    "CommitProperties",
    "DeltaError",
    "DeltaFileSystemHandler",
    "DeltaTable",
    "RemoveAction",
    "Schema",
    "TableNotFoundError",
    "Transaction",
]
