"""Reading for answers: one snapshot of the log, and the entries in it, opened under the keys that still live."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias
from uuid import UUID

from accountability_ledger.restricted_json import canonical
from ledger.core import base64url
from ledger.core.answer import Pin
from ledger.core.answer_open import LivingSlot, OpenedEntry, SealedMissing, StoredEntry, open_entry
from ledger.core.errors import BadAnswer
from ledger.core.merkle import Frontier
from ledger.storage.database import translated
from ledger.storage.sql import load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Sequence

    import asyncpg

    from ledger.core.answer import Period
    from ledger.core.entry import PersonKey
    from ledger.storage.opening import OpenLedger

ReadBlobs: TypeAlias = (
    "Callable[[Sequence[Row], set[tuple[int, int]]], Awaitable[dict[tuple[int, int], bytes]]]"
)
_SQL = load("questions")
# The whole range of an event's `time`, years 0001 to 9999: bounds that bound nothing keep the statement one.
EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
FOR_EVER = 2**63 - 1
_FIRST_SLOT_ROLES = ("subject", "participant")


class ChangedHead(BadAnswer):
    """The head's root is not that of its own frontier."""

    code = "changed-head"


@dataclass(frozen=True, slots=True)
class Row:
    """A stored entry and the slice that it lies in."""

    slice: int
    stored: StoredEntry


class Slot(NamedTuple):
    """A link of an entry, with its blob where that was read along."""

    seq: int
    slot: int
    role: str
    key_id: bytes
    seg: int
    j: int
    blob: bytes | None


@dataclass(frozen=True, slots=True)
class Place:
    """A place in an answer's order: the event's `time`, then `seq`."""

    time: datetime
    seq: int


BEGINNING = Place(EARLIEST, -1)


class Snapshot:
    """One state of the log: everything read through it agrees, whatever is appended meanwhile."""

    def __init__(
        self, ledger: OpenLedger, connection: asyncpg.pool.PoolConnectionProxy, pin: Pin, last_hash: bytes
    ) -> None:
        self._ledger = ledger
        self.connection = connection
        self.pin = pin
        self._last_hash = last_hash

    async def acts(
        self,
        keys: Collection[bytes],
        roles: Sequence[str],
        period: Period,
        *,
        types: Sequence[str] | None,
        size: int,
        after: Place,
        limit: int,
    ) -> list[Row]:
        """The entries below `size` in which one of the keys has one of the roles, in the order of `Place`, at most
        `limit`: [since, until) of the event's time, known at `known_at` (received, or appended for the ledger's own).
        """
        known = period.known_at
        with translated():
            rows = await self.connection.fetch(
                _SQL.acts,
                self._ledger.ledger_id,
                [UUID(bytes=each) for each in keys],
                list(roles),
                size,
                period.since or EARLIEST,
                period.until,
                after.time,
                after.seq,
                None if types is None else list(types),
                known or LATEST,
                FOR_EVER if known is None else milliseconds(known),
                limit,
            )
        return [row_of(each, self.pin.size, self._last_hash) for each in rows]

    async def service_acts(
        self, service: str, period: Period, *, size: int, after: Place, limit: int
    ) -> list[Row]:
        """The entries below `size` in which a registered service acted, as `acts` gives them. The log is read through."""
        known = period.known_at
        named = canonical({"id": service, "kind": "service"}).removesuffix(b"}")
        with translated():
            rows = await self.connection.fetch(
                _SQL.service_acts,
                self._ledger.ledger_id,
                b'"actor":' + named,
                size,
                period.since or EARLIEST,
                period.until,
                after.time,
                after.seq,
                known or LATEST,
                FOR_EVER if known is None else milliseconds(known),
                limit,
            )
        return [row_of(each, self.pin.size, self._last_hash) for each in rows]

    async def entries(self, start: int, end: int, kind: str | None, limit: int) -> list[Row]:
        """The entries [start, end) by seq, of one type or of all, at most `limit`."""
        with translated():
            rows = await self.connection.fetch(_SQL.entries, self._ledger.ledger_id, start, end, kind, limit)
        return [row_of(each, self.pin.size, self._last_hash) for each in rows]

    async def open(
        self, rows: Sequence[Row], asked: Collection[bytes], *, everyone: bool
    ) -> list[tuple[OpenedEntry, list[int]]]:
        """Opens entries, and says which slots are the asked person's.

        The asked person's slots are opened, and the actor's and the recipient's. With `everyone` every subject and
        participant is named too, and the first of them that lives discloses the fields that are the subjects'.
        """
        # Of an answer about one person every slot that is read is opened, so the blobs come along.
        slots = await self._slots(rows, None if everyone else asked, blobs=not everyone) if rows else []
        blobs = self._blobs if everyone else None
        return await open_rows(self._ledger, rows, slots, asked, blobs)

    async def _slots(self, rows: Sequence[Row], keys: Collection[bytes] | None, *, blobs: bool) -> list[Slot]:
        with translated():
            found = await self.connection.fetch(
                _SQL.slots,
                self._ledger.ledger_id,
                [each.slice for each in rows],
                [each.stored.seq for each in rows],
                None if keys is None else [UUID(bytes=each) for each in keys],
                blobs,
            )
        return [
            Slot(seq, slot, role, key_id.bytes, seg, j, blob)
            for seq, slot, role, key_id, seg, j, blob in found
        ]

    async def _blobs(self, rows: Sequence[Row], wanted: set[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
        slice_of = {each.stored.seq: each.slice for each in rows}
        places = sorted(wanted)
        with translated():
            found = await self.connection.fetch(
                _SQL.blobs,
                self._ledger.ledger_id,
                [slice_of[seq] for seq, _ in places],
                [seq for seq, _ in places],
                [slot for _, slot in places],
            )
        return {(each["seq"], each["slot"]): each["blob"] for each in found}


async def open_rows(
    ledger: OpenLedger,
    rows: Sequence[Row],
    slots: Sequence[Slot],
    asked: Collection[bytes],
    read_blobs: ReadBlobs | None,
) -> list[tuple[OpenedEntry, list[int]]]:
    """Opens entries with their slots, and says which slots are the asked person's. `read_blobs` reads the blobs that
    are wanted; without it they came along with the slots.
    """
    living = await ledger.vault.by_key_id(each.key_id for each in slots)
    by_seq: dict[int, list[Slot]] = {}
    for each in slots:
        by_seq.setdefault(each.seq, []).append(each)
    wanted = set(_to_unseal(slots, living, asked))
    if read_blobs is None:
        found = {(each.seq, each.slot): each.blob for each in slots if each.blob is not None}
    else:
        found = await read_blobs(rows, wanted) if wanted else {}
    opened = []
    for row in rows:
        mine = by_seq.get(row.stored.seq, [])
        entry = open_entry(
            row.stored,
            [_living(each, living, wanted, found) for each in mine if each.key_id in living],
            ledger.origin,
        )
        opened.append((entry, [each.slot for each in mine if each.key_id in asked]))
    return opened


def row_of(record: asyncpg.Record, size: int, last_hash: bytes) -> Row:
    """An entry's row, of a log of this size and last leaf hash."""
    seq = record["seq"]
    said = record["next_prev"]
    next_prev: str | None
    if said is None and seq == size - 1:  # nothing follows the last leaf but the head
        next_prev = base64url.encode(last_hash)
    else:
        next_prev = None if said is None else said.decode("ascii", "replace")
    return Row(
        record["slice"],
        StoredEntry(
            seq=seq,
            appended=record["appended"],
            time=record["time"],
            type=record["type"],
            topic_id=record["topic_id"],
            partition=record["partition"],
            offset=record["offset"],
            received=record["received"],
            leaf=record["leaf"],
            next_prev=next_prev,
        ),
    )


@asynccontextmanager
async def snapshot(ledger: OpenLedger) -> AsyncIterator[Snapshot]:
    """A read-only snapshot with its head. Raises ChangedHead where the head does not agree with itself."""
    with translated():
        async with (
            ledger.reader.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            [row] = await connection.fetch(_SQL.head, ledger.ledger_id)
            yield Snapshot(ledger, connection, checked_head(row), row["prev"])


def checked_head(row: Any) -> Pin:
    """Size and root of a head row, the root computed again from the frontier."""
    if row is None or Frontier.from_bytes(row["size"], row["frontier"]).root() != row["root"]:
        raise ChangedHead("The head of the log does not agree with itself: run `ledger verify`.")
    return Pin(row["size"], row["root"])


def milliseconds(moment: datetime) -> int:
    """Whole milliseconds since 1970, as brokers count: what came later within the same millisecond is not known yet."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _to_unseal(
    slots: Sequence[Slot], living: dict[bytes, PersonKey], asked: Collection[bytes]
) -> Iterator[tuple[int, int]]:
    fields_opened: set[int] = set()
    for each in slots:
        if each.key_id not in living:
            continue
        if each.role in _FIRST_SLOT_ROLES and each.seq not in fields_opened:
            fields_opened.add(each.seq)
        elif each.key_id not in asked and each.role not in ("actor", "recipient"):
            continue
        yield each.seq, each.slot


def _living(
    slot: Slot,
    living: dict[bytes, PersonKey],
    wanted: set[tuple[int, int]],
    blobs: dict[tuple[int, int], bytes],
) -> LivingSlot:
    place = (slot.seq, slot.slot)
    if place in wanted and place not in blobs:
        raise SealedMissing(f"A sealed blob of entry {slot.seq} is missing: run `ledger verify`.")
    return LivingSlot(slot.slot, slot.role, living[slot.key_id], slot.seg, slot.j, blobs.get(place))
