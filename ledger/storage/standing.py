"""Where a ledger stands: its head, who holds its lease, its positions in Kafka, when it was last verified. Read only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger.storage.database import translated
from ledger.storage.intake import Position
from ledger.storage.sql import load

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from uuid import UUID

    import asyncpg

_SQL = load("standing")


@dataclass(frozen=True, slots=True)
class Standing:
    """`lease_seconds`: how long the lease of `owner` still lives, 0 where nobody holds it. `now` is PostgreSQL's clock;
    `appended` and `verified` are None where there is no entry yet.
    """

    size: int
    appended: datetime | None
    verified: datetime | None
    now: datetime
    epoch: int
    owner: UUID | None
    lease_seconds: float
    positions: tuple[Position, ...]

    @property
    def offsets(self) -> Mapping[tuple[UUID, int], int]:
        """Positions by topic id and partition."""
        return {(each.topic_id, each.partition): each.next_offset for each in self.positions}


async def standing(reader: asyncpg.Pool, ledger_id: int) -> Standing:
    """Of one ledger, through a pool of the reader's role. Not a chained read: it names no person."""
    with translated():
        async with reader.acquire() as connection, connection.transaction(readonly=True):
            [head] = await connection.fetch(_SQL.head, ledger_id)
            verified = await connection.fetchval(_SQL.verified, ledger_id)
            positions = await connection.fetch(_SQL.positions, ledger_id)
    held = head["lease_seconds"] > 0
    return Standing(
        size=head["size"],
        appended=head["appended"],
        verified=verified,
        now=head["now"],
        epoch=head["epoch"],
        owner=head["owner"] if held else None,
        lease_seconds=head["lease_seconds"],
        positions=tuple(Position(**row) for row in positions),
    )


async def shared_topics(reader: asyncpg.Pool, ledger_id: int) -> list[tuple[str, str]]:
    """Topics of this ledger that another ledger of the database reads too, each with that ledger's name."""
    with translated():
        return [(row["topic"], row["name"]) for row in await reader.fetch(_SQL.shared, ledger_id)]


async def appended_at(reader: asyncpg.Pool, ledger_id: int, sizes: Iterable[int]) -> dict[int, datetime]:
    """When the batches that ended at these sizes were appended, by PostgreSQL's clock; sizes of no batch left out."""
    with translated():
        rows = await reader.fetch(_SQL.appended_at, ledger_id, list(sizes))
    return {row["size"]: row["appended"] for row in rows if row["appended"] is not None}
