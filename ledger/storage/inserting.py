"""INSERT of a few entries without a record in Kafka, all their rows in one statement."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from accountability_ledger.moment import of_microseconds
from ledger.storage.sql import load

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import asyncpg

    from ledger.core.chain import LinkedEntry

_SQL = load("append")


async def insert_own(
    connection: asyncpg.Connection,
    ledger_id: int,
    slice_: int,
    appended: datetime,
    linked: Sequence[LinkedEntry],
) -> None:
    """Inserts entries with their links and blobs. Entries of records have further columns: see `copying`."""
    times = [of_microseconds(each.prepared.time) for each in linked]
    slots = [
        (each.seq, slot.slot, slot.role, UUID(bytes=slot.key_id), each.seg, slot.j, time, slot.blob)
        for each, time in zip(linked, times, strict=True)
        for slot in each.slots
    ]
    await connection.execute(
        _SQL.insert_own,
        ledger_id,
        slice_,
        appended,
        [each.seq for each in linked],
        times,
        [each.prepared.type for each in linked],
        [each.leaf for each in linked],
        *([slot[column] for slot in slots] for column in range(8)),
    )
