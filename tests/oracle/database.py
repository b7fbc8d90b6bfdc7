"""What the oracle takes from the ledger's database: leaf bytes, and the claims that it holds against them."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import asyncpg

from tests.oracle.observed import Head, Position, topic_id_of

_COPY_HEADER = b"PGCOPY\n\xff\r\n\x00"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One consistent view: the leaves in the order of `seq`, the head, the heads of all batches, the positions."""

    leaves: list[bytes]
    head: Head
    batches: list[Head]
    positions: list[Position]


async def snapshot(url: str, ledger: str) -> Snapshot:
    """Read in one transaction. Raises LookupError when the database has no such ledger."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            ledger_id = await connection.fetchval(
                "SELECT ledger_id FROM ledger.ledger WHERE name = $1", ledger
            )
            if ledger_id is None:
                raise LookupError(f"There is no ledger {ledger!r} in this database.")
            copied = bytearray()

            async def take(chunk: bytes) -> None:
                copied.extend(chunk)

            await connection.copy_from_query(
                f"SELECT leaf FROM ledger.entry WHERE ledger_id = {int(ledger_id)} ORDER BY seq",
                output=take,
                format="binary",
            )
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
    finally:
        await connection.close()
    if head is None:
        raise LookupError(f"The ledger {ledger!r} has no head.")
    return Snapshot(
        leaves=single_column(bytes(copied)),
        head=Head(head["size"], bytes(head["root"])),
        batches=[Head(row["size"], bytes(row["root"])) for row in batches],
        positions=[
            Position(topic_id_of(row["topic_id"]), row["partition"], row["next_offset"], row["retired"])
            for row in intake
        ],
    )


def single_column(copied: bytes) -> list[bytes]:
    """The values of a binary COPY of one column that is never null."""
    if not copied.startswith(_COPY_HEADER):
        raise ValueError("This is not PostgreSQL's binary COPY.")
    (extension,) = struct.unpack_from(">i", copied, 15)
    at = 19 + extension
    values: list[bytes] = []
    while True:
        (columns,) = struct.unpack_from(">h", copied, at)
        if columns == -1:
            return values
        (length,) = struct.unpack_from(">i", copied, at + 2)
        values.append(copied[at + 6 : at + 6 + length])
        at += 6 + length
