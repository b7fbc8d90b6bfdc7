"""The ledger that a command is about. Questions and proofs need the databases alone: they answer while Kafka is down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.services import databases
from ledger.storage.opening import open_ledger

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from ledger.cli.command import Call
    from ledger.storage.opening import OpenLedger


def open_of(call: Call) -> AbstractAsyncContextManager[OpenLedger]:
    """The ledger of this call, opened."""
    settings, found = call.settings, databases(call.settings)
    return open_ledger(settings.name, found.database_url, found.vault_url, settings.keys_directory)
