"""Stores full tiles, in the transaction that fills them; partial ones are computed when they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.core.errors import InvariantBroken
from ledger.core.merkle import root_of
from ledger.core.tile import WIDTH
from ledger.storage.sql import load

if TYPE_CHECKING:
    import asyncpg

_SQL = load("append")


async def store_full_tiles(
    connection: asyncpg.Connection, ledger_id: int, size: int, hashes: list[bytes]
) -> list[bytes]:
    """Stores the tiles that these leaf hashes fill, each with its root, and the higher ones that follow; the hashes
    that are left. `size` is the log's before the append, and the hashes begin behind its last full tile.
    """
    index = size // WIDTH
    while len(hashes) >= WIDTH:
        full, hashes = hashes[:WIDTH], hashes[WIDTH:]
        await _store(connection, ledger_id, 0, index, full)
        index += 1
    return hashes


async def _store(
    connection: asyncpg.Connection, ledger_id: int, level: int, index: int, hashes: list[bytes]
) -> None:
    await connection.execute(_SQL.insert_tile, ledger_id, level, index, b"".join(hashes), root_of(hashes))
    if (index + 1) % WIDTH == 0:
        first = index + 1 - WIDTH
        found = await connection.fetch(_SQL.tile_roots, ledger_id, level, first, index + 1)
        if len(found) != WIDTH:
            raise InvariantBroken("A tile below a full one is missing: halt, run `ledger verify`.")
        await _store(connection, ledger_id, level + 1, first // WIDTH, [row["root"] for row in found])
