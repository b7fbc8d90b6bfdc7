"""What a worker is made of: settings resolved to servers, keys and pools. Built at the entry point, handed down."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger.services import resolve
from ledger.storage.intake import Intake
from ledger.storage.opening import open_ledger
from streams.topics import Topics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ledger.keyring import Keyring
    from ledger.settings import Settings
    from ledger.storage.vault import Vault


@dataclass(frozen=True, slots=True)
class Parts:
    """A worker's parts for one ledger."""

    settings: Settings
    ledger_id: int
    origin: str
    database_url: str
    bootstrap: str
    keyring: Keyring
    topics: Topics
    intake: Intake
    vault: Vault


@asynccontextmanager
async def assemble(settings: Settings) -> AsyncIterator[Parts]:
    """Opens the ledger, makes its topics where that is allowed, and refuses topics that would break a promise."""
    addresses = resolve(settings)
    topics = Topics(settings, addresses.kafka_bootstrap)
    await topics.ready()
    async with open_ledger(
        settings.name, addresses.database_url, addresses.vault_url, settings.keys_directory
    ) as ledger:
        yield Parts(
            settings=settings,
            ledger_id=ledger.ledger_id,
            origin=ledger.origin,
            database_url=ledger.database_url,
            bootstrap=addresses.kafka_bootstrap,
            keyring=ledger.keyring,
            topics=topics,
            intake=Intake(ledger.writer, ledger.ledger_id),
            vault=ledger.vault,
        )
