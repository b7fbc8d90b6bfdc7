"""Bytes that an entry takes on disk, by table and index."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg

from ledger.storage.database import translated
from ledger.storage.sql import load

if TYPE_CHECKING:
    from ledger.bench.ground import Site

_SQL = load("sizes", "ledger.bench.sql")
_SMALL = 5.0


async def bytes_per_event(site: Site) -> dict[str, float]:
    """Bytes an entry of each table and index of the ledger's database, and of the vault as a whole, largest first.

    Partitions count for their parent; a table's bytes are its rows with their TOAST, without its indexes.
    """
    connection = await site.connect()
    try:
        entries = int(await connection.fetchval("SELECT size FROM head"))
        found = {row["name"]: int(row["bytes"]) for row in await connection.fetch(_SQL.relations, "ledger")}
    finally:
        await connection.close()
    with translated():
        vault = await asyncpg.connect(site.superuser.replace("/ledger_", "/vault_"))
    try:
        found["vault"] = sum(int(row["bytes"]) for row in await vault.fetch(_SQL.relations, "vault"))
    finally:
        await vault.close()
    each = {name: size / entries for name, size in sorted(found.items(), key=lambda pair: -pair[1])}
    small = sum(size for size in each.values() if size < _SMALL)
    return {name: round(size, 1) for name, size in each.items() if size >= _SMALL} | {
        "others": round(small, 1)
    }
