"""The first page about a person whom no identity link names, which is nearly everybody: read in one round trip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from ledger.storage.closure import LINKED, UNLINKED
from ledger.storage.database import translated
from ledger.storage.reading import EARLIEST, FOR_EVER, LATEST, Row, Slot, checked_head, milliseconds, row_of
from ledger.storage.sql import load

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg

    from ledger.core.answer import Period, Pin
    from ledger.storage.opening import OpenLedger

_SQL = load("questions")


@dataclass(frozen=True, slots=True)
class FirstPage:
    """Rows and slots of one snapshot: of a slot the blob too. `rows` are in the order of `Place`."""

    pin: Pin
    rows: list[Row]
    slots: list[Slot]


async def first_page(
    ledger: OpenLedger,
    key_id: bytes,
    roles: Sequence[str],
    types: Sequence[str],
    period: Period,
    limit: int,
) -> FirstPage | None:
    """What `Snapshot.acts` and the slots behind it give for this key alone, at most `limit` entries; None where an
    identity link names the person: the person may be more than this key. Raises ChangedHead.
    """
    known = period.known_at
    with translated():
        found = await ledger.reader.fetch(
            _SQL.first_page,
            ledger.ledger_id,
            UUID(bytes=key_id),
            [LINKED, UNLINKED],
            list(roles),
            period.since or EARLIEST,
            period.until,
            list(types),
            known or LATEST,
            FOR_EVER if known is None else milliseconds(known),
            limit,
        )
    head = found[0] if found else None
    pin = checked_head(head)
    if head is None or head["joined"]:
        return None
    rows = [row_of(each, pin.size, head["last_hash"]) for each in found if each["seq"] is not None]
    return FirstPage(pin, rows, [slot for each in found if each["seq"] is not None for slot in _slots(each)])


def _slots(record: asyncpg.Record) -> list[Slot]:
    """An entry's slots in their order."""
    names = ("slots", "roles", "key_ids", "segs", "js", "blobs")
    columns = [record[name] or () for name in names]
    return sorted(
        Slot(record["seq"], slot, role, key_id.bytes, seg, j, blob)
        for slot, role, key_id, seg, j, blob in zip(*columns, strict=True)
    )
