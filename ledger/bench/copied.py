"""The measure: a plain COPY of the same rows into the same tables, with the same indexes, triggers and slices."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from ledger.bench.append import Window
from ledger.storage.database import connect
from ledger.storage.rows import COLUMNS
from ledger.storage.sql import load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    import asyncpg

    from ledger.bench.ground import Ground, Site

_SQL = load("append", "ledger.bench.sql")
_SOURCES = {
    "entry": "ledger.entry",
    "sealed": "ledger.sealed",
    "entry_person": "ledger.entry_person",
    "seen": "seen_in_order",
}


@dataclass(frozen=True, slots=True)
class Chunk:
    """The rows of the entries `first` <= seq < `end`, by table, as PostgreSQL's binary COPY takes them."""

    first: int
    end: int
    tables: dict[str, bytes]


async def rows_of(site: Site, window: Window, per_transaction: int) -> list[Chunk]:
    """Takes all rows of the entries up to the window's end out of a ledger: first those before the window, then the
    window's, `per_transaction` entries at a time.
    """
    bounds = [0, *range(window.first, window.end, per_transaction), window.end]
    connection = await site.connect()
    try:
        await connection.execute(_SQL.order_seen)
        return [
            Chunk(first, end, {table: await _copied_out(connection, table, first, end) for table in COLUMNS})
            for first, end in pairwise(bounds)
            if end > first
        ]
    finally:
        await connection.close()


async def _copied_out(connection: asyncpg.Connection, table: str, first: int, end: int) -> bytes:
    columns = ", ".join(f'"{name}"' for name in COLUMNS[table])
    parts: list[bytes] = []

    async def keep(data: bytes) -> None:
        parts.append(data)

    # The names are this module's own.
    query = f"SELECT {columns} FROM {_SOURCES[table]} WHERE seq >= $1 AND seq < $2 ORDER BY seq"  # noqa: S608
    await connection.copy_from_query(query, first, end, output=keep, format="binary")
    return b"".join(parts)


async def run_copy(
    ground: Ground, site: Site, chunks: Sequence[Chunk], window: Window, *, bulk: bool
) -> Window:
    """Copies the chunks into a fresh ledger's tables over one connection, each commit durable; how long the window's
    chunks took: a transaction a chunk, or with `bulk` one for all of them.
    """
    before = [chunk for chunk in chunks if chunk.end <= window.first]
    counted = list(chunks[len(before) :])
    connection = await connect(site.settings.database_url, "ledger_writer")
    try:
        await _copy_in(connection, before)
        await ground.checkpoint()
        began = time.perf_counter()
        for together in [counted] if bulk else [[chunk] for chunk in counted]:
            await _copy_in(connection, together)
        return Window(window.first, window.end, time.perf_counter() - began)
    finally:
        await connection.close()


async def _copy_in(connection: asyncpg.Connection, chunks: Sequence[Chunk]) -> None:
    async with connection.transaction():
        for chunk in chunks:
            for table, data in chunk.tables.items():
                await connection.copy_to_table(
                    table, schema_name="ledger", columns=COLUMNS[table], source=_whole(data), format="binary"
                )


async def _whole(data: bytes) -> AsyncIterator[bytes]:
    yield data
