"""The worker's rows: the lease, the positions in Kafka, the events seen, the keys registered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from ledger.storage.database import translated
from ledger.storage.patience import end_blockers, patiently
from ledger.storage.sql import load

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    import asyncpg

    from ledger.core.registered import Registration

_SQL = load("intake")


@dataclass(frozen=True, slots=True)
class Position:
    """The next offset to read of one partition; `probe` is the keyed digest of the record before it, None where it held
    none or nobody asked for it.
    """

    topic: str
    topic_id: UUID
    partition: int
    next_offset: int
    probe: bytes | None = None


@dataclass(frozen=True, slots=True)
class SeenRow:
    """An event seen before: its content, or that of a conflict with it, and the entry that holds it."""

    conflict: bytes
    content: bytes
    seq: int


class Intake:
    """One ledger's intake, through a pool of the writer's role."""

    def __init__(self, pool: asyncpg.Pool, ledger_id: int) -> None:
        self._pool = pool
        self._ledger_id = ledger_id

    async def take_lease(self, owner: UUID, seconds: float) -> int | None:
        """Takes the lease if it is free, ours or over, by PostgreSQL's clock; the new epoch, or None. Raising the
        epoch locks the head: a transaction of the writer before us commits first, or is fenced, or, where that writer
        was stopped within it, is ended. The lease runs from then on.
        """
        with translated():
            async with self._pool.acquire() as connection, connection.transaction():
                pid = await connection.fetchval("SELECT pg_backend_pid()")
                return await patiently(
                    self._take_lease(connection, owner, timedelta(seconds=seconds)),
                    lambda: self._end_blockers(pid),
                )

    async def _take_lease(
        self, connection: asyncpg.pool.PoolConnectionProxy, owner: UUID, life: timedelta
    ) -> int | None:
        if not await connection.fetchval(_SQL.take_lease, self._ledger_id, owner, life):
            return None
        epoch = int(await connection.fetchval(_SQL.raise_epoch, self._ledger_id))
        await connection.execute(_SQL.renew_lease, self._ledger_id, owner, life)
        return epoch

    async def _end_blockers(self, pid: int) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute("SET LOCAL ROLE NONE")  # the login's own rights
            await end_blockers(connection, pid)

    async def renew_lease(self, owner: UUID, seconds: float) -> bool:
        with translated():
            row = await self._pool.fetchval(
                _SQL.renew_lease, self._ledger_id, owner, timedelta(seconds=seconds)
            )
        return row is not None

    async def release_lease(self, owner: UUID) -> None:
        with translated():
            await self._pool.execute(_SQL.release_lease, self._ledger_id, owner)

    async def vault_epoch(self) -> int:
        with translated():
            return int(await self._pool.fetchval(_SQL.vault_epoch, self._ledger_id))

    async def head(self, then: int) -> tuple[int, bytes | None]:
        """The head's size, and the root that the log had at size `then`, None where no batch ended there."""
        with translated():
            row = await self._pool.fetchrow(_SQL.head, self._ledger_id, then)
        return (row["size"], row["root"]) if row else (0, None)

    async def positions(self) -> list[Position]:
        with translated():
            return [Position(**row) for row in await self._pool.fetch(_SQL.positions, self._ledger_id)]

    async def add_partitions(self, partitions: Iterable[tuple[str, UUID, int]]) -> None:
        """Partitions that were not read before begin at 0: every offset is accounted for."""
        rows = [(self._ledger_id, topic_id, partition, topic) for topic, topic_id, partition in partitions]
        with translated():
            await self._pool.executemany(_SQL.add_partition, rows)

    async def seen(self, identities: Sequence[bytes]) -> dict[bytes, list[SeenRow]]:
        """What was seen of these events, by the digest of their identity."""
        found: dict[bytes, list[SeenRow]] = {}
        with translated():
            for row in await self._pool.fetch(_SQL.seen, self._ledger_id, identities):
                found.setdefault(row["id_digest"], []).append(
                    SeenRow(row["conflict"], row["content"], row["seq"])
                )
        return found

    async def latest_identities(self, count: int) -> list[bytes]:
        """The greatest identities seen, of ids that are UUIDv7; at most so many, from the greatest on."""
        with translated():
            rows = await self._pool.fetch(_SQL.latest_identities, self._ledger_id, count)
        return [row["id_digest"] for row in rows]

    async def registered(self) -> list[Registration]:
        with translated():
            return [
                (row["section"], row["key"])
                for row in await self._pool.fetch(_SQL.registered, self._ledger_id)
            ]

    async def retire(self, topic_ids: Iterable[UUID]) -> None:
        """Marks the rows of topics that are gone, where nothing of them is left to account for."""
        with translated():
            await self._pool.execute(_SQL.retire, self._ledger_id, list(topic_ids))

    async def advance_slice(self, capacity: int) -> int:
        """Opens the next slice of the large tables when the newest is full."""
        with translated():
            return int(await self._pool.fetchval(_SQL.advance_slice, capacity))
