"""One ledger of a database, opened: pools under least roles, keys, vault, and the way to append its own entries."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger.core.errors import NotFound
from ledger.keyring import Keyring
from ledger.storage.database import pool, translated
from ledger.storage.own_entries import OwnEntries
from ledger.storage.vault import Vault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import asyncpg


@dataclass(frozen=True, slots=True)
class OpenLedger:
    """A ledger in use: `reader` answers questions, `writer` serves the intake's rows; both are lazy pools."""

    name: str
    ledger_id: int
    origin: str
    database_url: str
    vault_url: str
    keyring: Keyring
    reader: asyncpg.Pool
    writer: asyncpg.Pool
    vault: Vault
    own: OwnEntries


@asynccontextmanager
async def open_ledger(name: str, database_url: str, vault_url: str, keys: Path) -> AsyncIterator[OpenLedger]:
    """Opens a ledger that `ledger migrate` has made; raises NotFound for another name."""
    async with AsyncExitStack() as stack:
        reader = await stack.enter_async_context(_closing(await pool(database_url, "ledger_reader")))
        writer = await stack.enter_async_context(_closing(await pool(database_url, "ledger_writer")))
        keeper = await stack.enter_async_context(_closing(await pool(vault_url, "vault_keeper")))
        with translated():
            row = await reader.fetchrow(
                "SELECT ledger_id, origin, size FROM ledger JOIN head USING (ledger_id) WHERE name = $1", name
            )
        if row is None:
            raise NotFound(
                f"There is no ledger named {name} here: `ledger migrate --ledger {name}` opens it."
            )
        ledger_id, origin = row["ledger_id"], row["origin"]
        keyring = Keyring(keys, name, origin, create=row["size"] == 0)
        vault = Vault(keeper, ledger_id, keyring)
        own = OwnEntries(database_url, ledger_id, origin, vault, writer)
        stack.push_async_callback(own.close)
        yield OpenLedger(
            name, ledger_id, origin, database_url, vault_url, keyring, reader, writer, vault, own
        )


@asynccontextmanager
async def _closing(opened: asyncpg.Pool) -> AsyncIterator[asyncpg.Pool]:
    try:
        yield opened
    finally:
        opened.terminate()
