"""What the oracle takes from the ledger's database: leaf bytes, and the claims that it holds against them."""

from __future__ import annotations

import struct
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg

from tests.oracle.observed import Head, Position, topic_id_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

_COPY_HEADER = b"PGCOPY\n\xff\r\n\x00"


@dataclass(frozen=True, slots=True)
class Claims:
    """What the ledger says of itself: the head, the heads of all batches, the positions in Kafka."""

    head: Head
    batches: list[Head]
    positions: list[Position]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One consistent view: the leaves in the order of `seq`, and the claims."""

    leaves: list[bytes]
    head: Head
    batches: list[Head]
    positions: list[Position]

    @property
    def claims(self) -> Claims:
        return Claims(self.head, self.batches, self.positions)


@dataclass(frozen=True, slots=True)
class View:
    """One consistent view that is read as it goes, for a log that need not fit in memory."""

    claims: Claims
    _connection: asyncpg.Connection
    _ledger_id: int

    async def read_leaves(self, take: Callable[[bytes], object]) -> None:
        """Gives each leaf in the order of `seq`."""
        column = Column()

        async def chunk(copied: bytes) -> None:
            for value in column.feed(copied):
                take(value)

        await self._connection.copy_from_query(
            f"SELECT leaf FROM ledger.entry WHERE ledger_id = {self._ledger_id} ORDER BY seq",
            output=chunk,
            format="binary",
        )
        if not column.ended:
            raise ValueError("PostgreSQL's binary COPY has no end.")


@asynccontextmanager
async def view(url: str, ledger: str) -> AsyncIterator[View]:
    """Reads in one transaction. Raises LookupError when the database has no such ledger."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            ledger_id = await connection.fetchval(
                "SELECT ledger_id FROM ledger.ledger WHERE name = $1", ledger
            )
            if ledger_id is None:
                raise LookupError(f"There is no ledger {ledger!r} in this database.")
            head = await connection.fetchrow(
                "SELECT size, root FROM ledger.head WHERE ledger_id = $1", ledger_id
            )
            batches = await connection.fetch(
                "SELECT size, root FROM ledger.batch WHERE ledger_id = $1 ORDER BY size", ledger_id
            )
            intake = await connection.fetch(
                "SELECT topic_id, partition, next_offset, retired FROM ledger.intake WHERE ledger_id = $1",
                ledger_id,
            )
            if head is None:
                raise LookupError(f"The ledger {ledger!r} has no head.")
            claims = Claims(
                head=Head(head["size"], bytes(head["root"])),
                batches=[Head(row["size"], bytes(row["root"])) for row in batches],
                positions=[
                    Position(
                        topic_id_of(row["topic_id"]), row["partition"], row["next_offset"], row["retired"]
                    )
                    for row in intake
                ],
            )
            yield View(claims, connection, int(ledger_id))
    finally:
        await connection.close()


async def snapshot(url: str, ledger: str) -> Snapshot:
    """The whole view in memory. Raises LookupError when the database has no such ledger."""
    leaves: list[bytes] = []
    async with view(url, ledger) as opened:
        await opened.read_leaves(leaves.append)
        claims = opened.claims
    return Snapshot(leaves, claims.head, claims.batches, claims.positions)


class Column:
    """Takes a binary COPY of one column that is never null, in pieces of any size, and gives its values."""

    def __init__(self) -> None:
        self._left = b""
        self._begun = False
        self.ended = False

    def feed(self, copied: bytes) -> Iterator[bytes]:
        """The values that are whole by now. Raises ValueError where it is no such COPY."""
        data, at = self._left + copied, 0
        if not self._begun:
            if len(data) < 19:
                self._left = data
                return
            if not data.startswith(_COPY_HEADER):
                raise ValueError("This is not PostgreSQL's binary COPY.")
            (extension,) = struct.unpack_from(">i", data, 15)
            if len(data) < 19 + extension:
                self._left = data
                return
            self._begun, at = True, 19 + extension
        while len(data) - at >= 2:
            (columns,) = struct.unpack_from(">h", data, at)
            if columns == -1:
                self.ended = True
                break
            if len(data) - at < 6:
                break
            (length,) = struct.unpack_from(">i", data, at + 2)
            if len(data) - at < 6 + length:
                break
            yield data[at + 6 : at + 6 + length]
            at += 6 + length
        self._left = data[at:]
