"""What a writer remembers of a log between its transactions, so that an append does not read what it knows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from ledger.core.merkle import leaf_hash
from ledger.core.tile import WIDTH
from ledger.storage.sql import load

if TYPE_CHECKING:
    import asyncpg

    from ledger.core.batch import Batch

_SQL = load("append")
_COUNTERS_LIMIT = 500_000
# Leaves of other writers that are read to catch up; behind more, it is quicker to begin anew.
_DELTA_LIMIT = 20_000


@dataclass(slots=True)
class Memory:
    """Of the log up to `size`: the last tag of each key that was used ((segment, j)), and the leaf hashes behind the
    last full tile. Worthless once a transaction aborts.
    """

    size: int
    counters: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    pending: list[bytes] = field(default_factory=list)

    async def count(self, connection: asyncpg.Connection, ledger_id: int, batch: Batch) -> None:
        """Fills in the counters of the keys that the batch uses. Also of those whose rows in the vault were made for
        it: since then another writer may have appended the person's first entry.
        """
        if len(self.counters) > _COUNTERS_LIMIT:
            self.counters.clear()
        wanted = {
            slot.key_id
            for item in batch.items
            for slot in item.entry.slots
            if slot.key_id not in self.counters
        }
        if wanted:
            key_ids = [UUID(bytes=each) for each in wanted]
            for row in await connection.fetch(_SQL.counters, ledger_id, key_ids):
                self.counters[row["key_id"].bytes] = (row["seg"], row["j"])


async def glance(connection: asyncpg.Connection, ledger_id: int, size: int, growth: int) -> Memory:
    """Memory for one append of a few entries, at most `growth`, that is not kept: the leaves behind the last full tile
    are read only where the tile may fill, and no counter beforehand. Whoever appends seldom would else read, under the
    head's lock, all that others appended meanwhile.
    """
    memory = Memory(size=size)
    tile_start = size - size % WIDTH
    if size + growth >= tile_start + WIDTH:
        rows = await connection.fetch(_SQL.leaves_since, ledger_id, tile_start)
        memory.pending = [leaf_hash(row["leaf"]) for row in rows]
    return memory


async def recall(connection: asyncpg.Connection, ledger_id: int, size: int, memory: Memory | None) -> Memory:
    """Memory that fits the locked head of `size` leaves: as it was, or with what other writers appended since."""
    if memory is None or memory.size > size or size - memory.size > _DELTA_LIMIT:
        memory = Memory(size=size - size % WIDTH)
    elif memory.size < size:
        for row in await connection.fetch(_SQL.counters_since, ledger_id, memory.size):
            memory.counters[row["key_id"].bytes] = (row["seg"], row["j"])
    if memory.size < size:
        tile_start = size - size % WIDTH
        if memory.size < tile_start:
            memory.size, memory.pending = tile_start, []
        for row in await connection.fetch(_SQL.leaves_since, ledger_id, memory.size):
            memory.pending.append(leaf_hash(row["leaf"]))
        memory.size = size
    return memory
