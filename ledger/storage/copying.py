"""COPY of rows that are packed already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.storage.rows import COLUMNS, HEADER, TRAILER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    import asyncpg

_CHUNK_BYTES = 128 * 1024


async def copy(connection: asyncpg.Connection, table: str, rows: Sequence[bytes]) -> None:
    """Copies rows into one of the ledger's tables; no round trip where there are none."""
    if rows:
        await copy_as_made(connection, table, rows)


async def copy_as_made(connection: asyncpg.Connection, table: str, rows: Iterable[bytes]) -> None:
    """Copies rows as they come: PostgreSQL takes in the first while the later ones are made."""
    await connection.copy_to_table(
        table, schema_name="ledger", columns=COLUMNS[table], format="binary", source=_chunks(rows)
    )


async def _chunks(rows: Iterable[bytes]) -> AsyncIterator[bytes]:
    chunk, size = [HEADER], 0
    for row in rows:
        chunk.append(row)
        size += len(row)
        if size >= _CHUNK_BYTES:
            yield b"".join(chunk)
            chunk, size = [], 0
    chunk.append(TRAILER)
    yield b"".join(chunk)
