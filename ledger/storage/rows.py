"""The rows that an entry leaves: copies of its leaf's public fields, its blobs, its links. Fed to COPY as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from accountability_ledger.moment import of_microseconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    import asyncpg

    from ledger.core.batch import Item
    from ledger.core.chain import LinkedEntry

Pair = tuple["LinkedEntry", "Item | None"]

COLUMNS: dict[str, tuple[str, ...]] = {
    "entry": (
        "ledger_id",
        "slice",
        "seq",
        "appended",
        "time",
        "type",
        "topic_id",
        "partition",
        "offset",
        "received",
        "leaf",
    ),
    "sealed": ("ledger_id", "slice", "seq", "slot", "blob"),
    "entry_person": ("ledger_id", "slice", "key_id", "seg", "j", "seq", "slot", "role", "time"),
    "seen": ("ledger_id", "id_digest", "conflict", "content", "seq"),
}


async def copy(connection: asyncpg.Connection, table: str, records: Iterable[tuple[Any, ...]]) -> None:
    """Binary COPY of one table's rows; no round trip where there are none."""
    iterator = iter(records)
    first = next(iterator, None)
    if first is not None:
        await connection.copy_records_to_table(
            table, schema_name="ledger", columns=COLUMNS[table], records=_chain(first, iterator)
        )


def _chain(first: tuple[Any, ...], rest: Iterator[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    yield first
    yield from rest


def entries(
    ledger_id: int, slice_: int, appended: datetime, pairs: Sequence[Pair]
) -> Iterator[tuple[Any, ...]]:
    for linked, item in pairs:
        place = item.place if item else None
        via = (
            (place.topic_id, place.partition, place.offset, place.received)
            if place
            else (None, None, None, None)
        )
        prepared = linked.prepared
        yield (
            ledger_id,
            slice_,
            linked.seq,
            appended,
            of_microseconds(prepared.time),
            prepared.type,
            *via,
            linked.leaf,
        )


def sealed(ledger_id: int, slice_: int, linked: Sequence[LinkedEntry]) -> Iterator[tuple[Any, ...]]:
    for each in linked:
        for slot in each.slots:
            yield ledger_id, slice_, each.seq, slot.slot, slot.blob


def links(ledger_id: int, slice_: int, linked: Sequence[LinkedEntry]) -> Iterator[tuple[Any, ...]]:
    for each in linked:
        if each.slots:
            time = of_microseconds(each.prepared.time)
            for slot in each.slots:
                key_id = UUID(bytes=slot.key_id)
                yield ledger_id, slice_, key_id, each.seg, slot.j, each.seq, slot.slot, slot.role, time


def seen(ledger_id: int, pairs: Sequence[Pair]) -> Iterator[tuple[Any, ...]]:
    for linked, item in pairs:
        if item and item.seen:
            key = item.seen
            yield ledger_id, key.identity, key.content if key.conflict else b"", key.content, linked.seq
