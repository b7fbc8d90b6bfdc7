"""Preparation: from records to a batch, outside the head lock.

What goes in are records, what comes out is a `Batch` of plain values. Nothing here needs the head, so it runs beside the
writer, in a process of its own (`streams.preparing`) or in the same one.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from accountability_ledger.accept import Event, accept
from accountability_ledger.errors import Refused
from ledger.core import base64url, own
from ledger.core.batch import Batch, Duplicate, Item, Move, SeenKey
from ledger.core.entry import Draft, PersonKey, Unsealed, draft, fits, prepare_all
from ledger.core.randomness import RandomBytes, system_randomness
from ledger.core.registered import RegisteredKeys, registrations
from streams import dead_letters
from streams.metrics import DEDUP_LOOKUPS
from streams.recent import RecentIdentities
from streams.record import Hole

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

    from ledger.core.batch import RecordPlace
    from ledger.core.identity import Digester
    from ledger.core.registered import Registration
    from ledger.storage.intake import Intake
    from ledger.storage.vault import Vault
    from streams.record import Fetched, Record

_SALT_BYTES = 16
_CONFLICT = "conflict"
_INTRODUCED_LIMIT = 500_000
_LATEST = 200_000
# Records that go through all steps together: few enough to stay in the processor's cache, many enough for one look-up.
_AT_ONCE = 500
# A slot takes 155 bytes of leaf and 46 of digest for at least 5 bytes of event, a sealed value 46 for at least 6: below
# this, no event can exceed the limit.
_SURELY_SMALL = 1500


@dataclass(slots=True)
class _Accepted:
    """An event that was accepted; whether it is new is not known yet."""

    record: Record
    event: Event
    seen: SeenKey


@dataclass(slots=True)
class _Drafted:
    """An event that becomes an entry, before it is sealed."""

    record: Record
    event: Event
    drafted: Draft
    seen: SeenKey


@dataclass(slots=True)
class _Refusal:
    """A record that becomes a rejected or conflict entry."""

    record: Record
    kind: str
    reason: str
    seen: SeenKey | None


# What was seen of an event, by the digest of its identity: the seq of each content.
Known = dict[bytes, dict[bytes, int]]


@dataclass(slots=True)
class _Made:
    """What the records of a batch have become so far."""

    items: list[Item] = field(default_factory=list)
    duplicates: list[Duplicate] = field(default_factory=list)
    letters: list[bytes] = field(default_factory=list)
    known: Known = field(default_factory=dict)


class Preparer:
    """Prepares batches for one ledger. `send_letters` produces dead letters with acks=all and returns afterwards."""

    def __init__(
        self,
        *,
        origin: str,
        intake: Intake,
        vault: Vault,
        digester: Digester,
        letter_key: X25519PublicKey,
        send_letters: Callable[[list[bytes]], Awaitable[None]],
    ) -> None:
        self._origin = origin
        self._intake = intake
        self._vault = vault
        self._digester = digester
        self._letter_key = letter_key
        self._send_letters = send_letters
        self._random: RandomBytes = system_randomness()
        self._registered: RegisteredKeys | None = None
        self._introduced: set[bytes] = set()
        self._in_flight: set[bytes] = set()
        self._recent: RecentIdentities | None = None
        self._vault_epoch = -1
        self._refused: set[RecordPlace] = set()

    def forget(self) -> None:
        """Drops what rests on batches that may not have been appended."""
        self._registered = None
        self._recent = None
        self._in_flight.clear()
        self._introduced.clear()

    def refuse(self, place: RecordPlace) -> None:
        """Has one record rejected: PostgreSQL does not take a value of it."""
        self._refused.add(place)

    def appended(self, batch: Batch) -> None:
        """Tells that a batch is in the ledger: its events are found there from now on, its keys are introduced."""
        self._in_flight.difference_update([item.seen.identity for item in batch.items if item.seen])
        self._introduced.update([slot.key_id for item in batch.items for slot in item.entry.slots])
        if len(self._introduced) > _INTRODUCED_LIMIT:
            self._introduced.clear()  # then both variants are prepared for a while

    async def prepare(
        self, fetched: Fetched, *, epoch: int, now: datetime, drained: Callable[[], Awaitable[None]]
    ) -> Batch:
        """The batch of what was fetched. `drained` returns when no batch is in flight any more: a record that repeats
        an event in flight waits for it, since its seq is not known yet. The vault's epoch is read before the first look
        into the vault; where it moved, every cached key is forgotten. Duplicates are recognised before persons are
        looked up, or a replay would bring an erased person back.
        """
        vault_epoch = await self._intake.vault_epoch()
        if vault_epoch != self._vault_epoch:
            self._vault.forget()
            self._introduced.clear()
            self._vault_epoch = vault_epoch
        if self._registered is None:
            self._registered = RegisteredKeys(await self._intake.registered())
        if self._recent is None:
            latest = await self._intake.latest_identities(_LATEST)
            self._recent = RecentIdentities(latest, all_there=len(latest) < _LATEST)
        registered, recent, made = self._registered, self._recent, _Made()
        for start in range(0, len(fetched.records), _AT_ONCE):
            part = fetched.records[start : start + _AT_ONCE]
            await self._prepare(part, made, registered, recent, drained)
            await asyncio.sleep(0)  # the next records are fetched meanwhile
        if made.letters:
            await self._send_letters(made.letters)
        made.items += [skipped(hole, self._origin, now) for hole in fetched.holes]
        identities = [item.seen.identity for item in made.items if item.seen]
        self._in_flight.update(identities)
        recent.add(identities)
        return Batch(
            items=tuple(made.items),
            vault_epoch=vault_epoch,
            epoch=epoch,
            duplicates=tuple(made.duplicates),
            moves=tuple(self._moves(fetched)),
        )

    async def _prepare(
        self,
        records: Sequence[Record],
        made: _Made,
        registered: RegisteredKeys,
        recent: RecentIdentities,
        drained: Callable[[], Awaitable[None]],
    ) -> None:
        """Some of a batch's records, from the first step to the last."""
        judged = [self._judge(record) for record in records]
        if any(isinstance(each, _Accepted) and each.seen.identity in self._in_flight for each in judged):
            await drained()
        await self._look_up(judged, made.known, recent)
        outcomes: list[_Drafted | _Refusal] = []
        for each in judged:
            outcome = self._place(each, made.known, len(made.items) + len(outcomes), registered)
            if isinstance(outcome, Duplicate):
                made.duplicates.append(outcome)
            else:
                outcomes.append(outcome)
        looked = await self._vault.keys(
            identifier
            for each in outcomes
            if isinstance(each, _Drafted)
            for _, identifier in each.drafted.persons
        )
        sealed = iter(self._sealed([each for each in outcomes if isinstance(each, _Drafted)], looked))
        made.items += [
            next(sealed) if isinstance(each, _Drafted) else self._refusal(each, made.letters)
            for each in outcomes
        ]

    def _judge(self, record: Record) -> _Accepted | _Refusal:
        """Accepts a record's event, or says why not."""
        if record.place in self._refused:
            return _Refusal(record, own.REJECTED, "wrong-value", None)
        try:
            event = accept(
                record.value, topic=record.topic, received_ms=record.place.received, headers=record.headers
            )
        except Refused as refused:
            return _Refusal(record, own.REJECTED, refused.reason, None)
        identity = self._digester.identity(event.attributes["source"], event.attributes["id"])
        return _Accepted(record, event, SeenKey(identity, self._digester.content(event.canonical)))

    async def _look_up(
        self, judged: Iterable[_Accepted | _Refusal], known: Known, recent: RecentIdentities
    ) -> None:
        """Adds to `known` what was seen of these events before; those that are surely new are not looked up."""
        accepted = [each.seen.identity for each in judged if isinstance(each, _Accepted)]
        identities = [each for each in accepted if not recent.is_new(each)]
        DEDUP_LOOKUPS.labels("made").inc(len(identities))
        DEDUP_LOOKUPS.labels("avoided").inc(len(accepted) - len(identities))
        if identities:
            for identity, rows in (await self._intake.seen(identities)).items():
                known.setdefault(identity, {}).update({row.content: row.seq for row in rows})

    def _place(
        self,
        each: _Accepted | _Refusal,
        known: Known,
        index: int,
        registered: RegisteredKeys,
    ) -> _Drafted | _Refusal | Duplicate:
        """A first event becomes an entry; the same content again is a duplicate, other content a conflict. Entries
        of this batch stand in `known` as -1 - their index. What is refused takes no identity. The keys that an entry
        registers are known from here on; a conflict registers none.
        """
        if isinstance(each, _Refusal):
            return each
        record, event, seen = each.record, each.event, each.seen
        contents = known.setdefault(seen.identity, {})
        seq = contents.get(seen.content)
        if seq is not None:
            return Duplicate(record.place, seq=seq) if seq >= 0 else Duplicate(record.place, item=-1 - seq)
        try:
            drafted = draft(event, registered)
        except Refused as refused:
            return _Refusal(record, own.REJECTED, refused.reason, None)
        if len(event.canonical) > _SURELY_SMALL and not fits(drafted, record.place.via(), self._origin):
            return _Refusal(record, own.REJECTED, "leaf-too-large", None)
        conflict = bool(contents)
        contents[seen.content] = -1 - index
        if conflict:
            return _Refusal(
                record, own.CONFLICT, _CONFLICT, SeenKey(seen.identity, seen.content, conflict=True)
            )
        if event.type.registers:
            registered.add(registrations(event))
        return _Drafted(record, event, drafted, seen)

    def _sealed(self, drafted: Sequence[_Drafted], looked: dict[str, PersonKey]) -> list[Item]:
        unsealed = []
        for each in drafted:
            keys = [looked[identifier] for _, identifier in each.drafted.persons]
            introduced = [key.key_id in self._introduced for key in keys]
            unsealed.append(Unsealed(each.drafted, keys, introduced, each.record.place.via()))
        entries = prepare_all(unsealed, origin=self._origin, random=self._random)
        return [
            Item(entry, each.record.place, each.seen, _registered_by(each.event))
            for entry, each in zip(entries, drafted, strict=True)
        ]

    def _refusal(self, each: _Refusal, letters: list[bytes]) -> Item:
        """The entry of what is refused; its value goes to the dead letters, with the salt of the digest."""
        record = each.record
        value = record.value or b""
        salt = self._random(_SALT_BYTES)
        letters.append(
            dead_letters.write(
                self._letter_key,
                salt=salt,
                value=value,
                headers=list(record.headers),
                reason=each.reason,
                place=record.place,
            )
        )
        entry = own.refusal(
            each.kind,
            origin=self._origin,
            received_ms=record.place.received,
            reason=each.reason,
            digest=base64url.encode(hashlib.sha256(salt + value).digest()),
            via=record.place.via(),
        )
        return Item(entry, record.place, each.seen)

    def _moves(self, fetched: Fetched) -> Sequence[Move]:
        """How far each partition's position moves: over its records and its holes, which come in order."""
        first: dict[tuple[UUID, int], int] = {}
        last: dict[tuple[UUID, int], Record | Hole] = {}
        both: list[Record | Hole] = [*fetched.holes, *fetched.records]
        for each in sorted(both, key=_start):
            key = (each.place.topic_id, each.place.partition)
            first.setdefault(key, _start(each))
            last[key] = each
        return [self._move(start, last[key]) for key, start in first.items()]

    def _move(self, start: int, last: Record | Hole) -> Move:
        place = last.place
        if isinstance(last, Hole):
            return Move(place.topic, place.topic_id, place.partition, start, last.end, None)
        digest = self._digester.probe(last.value)
        return Move(place.topic, place.topic_id, place.partition, start, place.offset + 1, digest)


def skipped(hole: Hole, origin: str, now: datetime) -> Item:
    """The entry that accounts for offsets without a record for us."""
    return Item(
        own.offsets_skipped(
            origin=origin, now=now, place=hole.place, start=hole.start, end=hole.end, reason=hole.reason
        )
    )


def _registered_by(event: Event) -> tuple[Registration, ...]:
    return tuple(registrations(event)) if event.type.registers else ()


def _start(each: Record | Hole) -> int:
    return each.start if isinstance(each, Hole) else each.place.offset
