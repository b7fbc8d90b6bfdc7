"""Small logs as they lie in the tables, made by the real chain and seals: what verifier tests attack."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from accountability_ledger.moment import of_microseconds
from accountability_ledger.restricted_json import canonical
from ledger.core import leaf as leaf_format
from ledger.core import own
from ledger.core.batch import RecordPlace, topic_id_text
from ledger.core.chain import Chain, Head
from ledger.core.entry import Draft, PersonKey, SealedValue, prepare
from ledger.core.identity import Digester
from ledger.core.merkle import Frontier, leaf_hash
from ledger.core.seal import derive_seal_key
from ledger.core.tag import derive_tag_key
from ledger.core.tile import TileEdge
from ledger.core.verifier.living import Living
from ledger.core.verifier.log import LogVerifier
from ledger.core.verifier.read_leaf import hash_text
from ledger.core.verifier.stored import (
    BatchRow,
    Chunk,
    EntryRow,
    HeadRow,
    IntakeRow,
    LinkRow,
    SealedRow,
    SeenRow,
    SliceRow,
    Stray,
    TileRow,
)
from tests.unit.verifier_screen import is_right

if TYPE_CHECKING:
    from ledger.core.checkpoint import Checkpoint
    from ledger.core.entry import PreparedEntry

ORIGIN = "ledger.example/log/test"
TOPIC = "privacy.access"
TOPIC_ID = UUID(int=0x5EED)
DEDUP = bytes(range(32))
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
ACCESSED = "org.accountability-ledger.data.accessed.v1"


def person(name: str) -> PersonKey:
    """A person whose secret is fixed by the name."""
    secret = name.encode().ljust(32, b"\x01")
    return PersonKey(
        key_id=UUID(int=int.from_bytes(name.encode().ljust(15, b"\x02"), "big"), version=4).bytes,
        identifier=f"user:{name}",
        tag_key=derive_tag_key(secret),
        cipher=AESGCM(derive_seal_key(secret)),
    )


@dataclass
class StoredLog:
    """The tables of one log."""

    head: HeadRow
    entries: list[EntryRow] = field(default_factory=list)
    sealed: list[SealedRow] = field(default_factory=list)
    links: list[LinkRow] = field(default_factory=list)
    seen: list[SeenRow] = field(default_factory=list)
    tiles: list[TileRow] = field(default_factory=list)
    batches: list[BatchRow] = field(default_factory=list)
    intake: list[IntakeRow] = field(default_factory=list)
    slices: list[SliceRow] = field(default_factory=list)

    def chunk(self, start: int, end: int) -> Chunk:
        def part(rows: list[Any]) -> list[Any]:
            return sorted((row for row in rows if start <= row.seq < end), key=lambda row: row[:2])

        return Chunk(
            start,
            end,
            part(self.entries),
            part(self.sealed),
            part(self.links),
            part(self.seen),
            [row for row in self.tiles if start < (row.index + 1) * 256 ** (row.level + 1) <= end],
            sorted(row for row in self.batches if start < row.size <= end),
        )

    def strays(self) -> list[Stray]:
        size = self.head.size
        found = []
        for table, rows in (
            ("entry", self.entries),
            ("sealed", self.sealed),
            ("entry_person", self.links),
            ("seen", self.seen),
        ):
            found += [Stray(table, row.seq) for row in rows if not 0 <= row.seq < size][:1]
        found += [Stray("batch", row.size) for row in self.batches if row.size > size][-1:]
        found += [
            Stray("tile", row.index)
            for row in self.tiles
            if not 0 < (row.index + 1) * 256 ** (row.level + 1) <= size
        ][:1]
        return found

    def problems(
        self,
        *,
        step: int = 256,
        checkpoint: Checkpoint | None = None,
        keys: dict[bytes, PersonKey] | None = None,
    ) -> list[tuple[str, int | None]]:
        """(verdict, seq) of everything that the verifier finds."""
        verifier = LogVerifier(
            self.head,
            self.intake,
            self.slices,
            origin=ORIGIN,
            checkpoint=checkpoint,
            keep_tags=keys is not None,
        )
        last = max((row.seq for row in self.entries), default=-1)
        end = min(self.head.size, last + 1)
        for start in range(0, end, step):
            living = None
            if keys is not None:
                living = Living(verifier.findings, ORIGIN, keys, Digester(DEDUP).identity)
            verifier.feed(self.chunk(start, min(start + step, end)), living)
        verifier.finish(self.strays())
        events = {row.seq for row in self.entries if row.topic_id is not None and row.type != own.REJECTED}
        for seq, repeated in verifier.take_covers():
            verifier.answer_cover(seq, is_event=repeated in events)
        found = verifier.findings.sorted()
        assert all(len(each.detail) > 10 for each in found)
        if keys is None:  # whatever has no verdict the screen finds right, and nothing else
            for width in (256, 1 << 20):
                right = is_right(self, ORIGIN, step=step, width=width, checkpoint=checkpoint)
                assert right is not bool(found)
        return [(each.verdict, each.seq) for each in found]


class LogWriter:
    """Writes a log batch by batch, as the append transaction does."""

    def __init__(self, seed: int = 1) -> None:
        self._head = Head(0, bytes(32), Frontier(), 0, 0, None, None)
        self._counters: dict[bytes, tuple[int, int]] = {}
        self._random = Random(seed)
        self._edge = TileEdge()
        self._now = BEGAN
        self._offset = 0
        self.log = StoredLog(HeadRow(ORIGIN, 0, bytes(32), b"", Frontier().root(), 0, 0, None, None, 0))
        self.log.slices = [SliceRow(0, 0)]
        self._pending: list[tuple[PreparedEntry, RecordPlace | None, SeenRow | None]] = []

    @property
    def now(self) -> datetime:
        return self._now

    def event(self, *names: str, actor: str = "staff") -> None:
        """An accepted event about these persons."""
        persons = [("subject", person(name)) for name in names] + [("actor", person(actor))]
        event_id = f"event-{self._offset}"
        sealed = (SealedValue("id", event_id, "subject"), SealedValue("data.resource", "r/1", "subject"))
        public = {
            "type": ACCESSED,
            "source": "app",
            "time": "2026-01-01T09:00:00.5Z",
            "data": {"operation": "read"},
        }
        drafted = Draft(public, sealed, tuple((role, key.identifier) for role, key in persons))
        place = self._place()
        entry = prepare(
            drafted,
            [key for _, key in persons],
            introduced=[False] * len(persons),
            via=place.via(),
            origin=ORIGIN,
            random=self._random.randbytes,
        )
        identity = Digester(DEDUP).identity("app", event_id)
        self._pending.append((entry, place, SeenRow(0, identity, b"", self._random.randbytes(16))))

    def anonymous_event(self) -> None:
        """An accepted event without persons, its id in clear."""
        place = self._place()
        event_id = f"event-{place.offset}"
        event = {
            "type": ACCESSED,
            "source": "app",
            "id": event_id,
            "time": "2026-01-01T09:00:00Z",
            "data": {"record_count": 3},
        }
        entry = prepare(
            Draft(event, (), ()),
            [],
            introduced=[],
            via=place.via(),
            origin=ORIGIN,
            random=self._random.randbytes,
        )
        identity = Digester(DEDUP).identity("app", event_id)
        self._pending.append((entry, place, SeenRow(0, identity, b"", self._random.randbytes(16))))

    def refusal(self, kind: str) -> None:
        place = self._place()
        digest = topic_id_text(UUID(int=1)) + "A" * 21
        entry = own.refusal(
            kind, origin=ORIGIN, received_ms=place.received, reason="conflict", digest=digest, via=place.via()
        )
        content = self._random.randbytes(16)
        seen = SeenRow(0, self._random.randbytes(16), content, content) if kind == own.CONFLICT else None
        self._pending.append((entry, place, seen))

    def own_entry(self, short: str, data: dict[str, Any]) -> None:
        entry = own.plain_entry(
            own.type_name(short), origin=ORIGIN, time=own.clock_text(self._now), data=data
        )
        self._pending.append((entry, None, None))

    def duplicate(self, seq: int) -> None:
        """One offset that repeats what the entry at `seq` says."""
        place = self._place()
        cover = {
            "topic": TOPIC,
            "topic_id": topic_id_text(TOPIC_ID),
            "partition": 0,
            "offsets": [place.offset],
            "seqs": [seq],
        }
        self.own_entry("ledger.events-duplicate", {"covers": [cover]})

    def skip(self, count: int) -> None:
        start = self._offset
        self._offset += count
        data = {
            "topic": TOPIC,
            "topic_id": topic_id_text(TOPIC_ID),
            "partition": 0,
            "from": start,
            "to": self._offset,
            "reason": "aborted",
        }
        self.own_entry("ledger.offsets-skipped", data)

    def close_segment(self) -> None:
        self._head = replace(self._head, close_segment=True)

    def erase(self, *names: str) -> None:
        """Deletes the links of persons and says so."""
        gone = {UUID(bytes=person(name).key_id) for name in names}
        self.log.links = [row for row in self.log.links if row.key_id not in gone]
        self.own_entry("ledger.person-erased", {"keys": len(names)})

    def commit(self, after: timedelta = timedelta(seconds=1)) -> None:
        """Appends what is pending in one transaction."""
        if not self._pending:
            return
        log, slice_ = self.log, self.log.slices[-1].slice
        self._now += after
        chain = Chain(ORIGIN, self._head, self._counters)
        hashes = []
        for entry, place, seen in self._pending:
            linked = chain.link(entry, self._now)
            hashes.append(linked.hash)
            time = of_microseconds(entry.time)
            row = EntryRow(
                linked.seq, slice_, self._now, time, entry.type, None, None, None, None, linked.leaf
            )
            if place:
                row = row._replace(
                    topic_id=place.topic_id,
                    partition=place.partition,
                    offset=place.offset,
                    received=place.received,
                )
            log.entries.append(row)
            for slot in linked.slots:
                log.sealed.append(SealedRow(linked.seq, slot.slot, slice_, slot.blob))
                log.links.append(
                    LinkRow(
                        linked.seq,
                        slot.slot,
                        slice_,
                        UUID(bytes=slot.key_id),
                        linked.seg,
                        slot.j,
                        slot.role,
                        time,
                    )
                )
            if seen:
                log.seen.append(seen._replace(seq=linked.seq))
        self._pending.clear()
        self._head = head = chain.head()
        self._edge, full = self._edge.extend(hashes)
        log.tiles += [TileRow(tile.level, tile.index, tile.data, tile.root) for tile in full]
        root = head.frontier.root()
        log.batches.append(BatchRow(head.size, head.prev, root, self._now))
        log.head = HeadRow(
            ORIGIN,
            head.size,
            head.prev,
            head.frontier.to_bytes(),
            root,
            head.seg,
            head.seg_first,
            head.seg_began,
            self._now,
            slice_,
        )
        log.intake = [IntakeRow(TOPIC_ID, 0, TOPIC, self._offset)] if self._offset else []

    def _place(self) -> RecordPlace:
        self._offset += 1
        return RecordPlace(TOPIC, TOPIC_ID, 0, self._offset - 1, 1_767_225_600_000 + self._offset)


def varied_log(size: int = 60, seed: int = 1) -> StoredLog:
    """A log of about `size` leaves with every kind of entry and of row; `ann` is erased half-way."""
    writer = LogWriter(seed)
    writer.own_entry("ledger.queried", {"count": 1})
    writer.commit()
    names = ["ann", "bob", "cem", "dee"]
    turn = 0
    while writer.log.head.size < size:
        for _ in range(7):
            living = names if writer.log.head.size < size // 2 else names[1:]
            writer.event(*Random(turn).sample(living, 1 + turn % 2))
            turn += 1
        writer.anonymous_event()
        if turn % 3 == 0:
            writer.refusal(own.REJECTED)
            writer.refusal(own.CONFLICT)
        if turn % 4 == 0:
            writer.duplicate(1)
            writer.skip(3)
        if turn == 21:
            writer.close_segment()
        writer.commit()
        if size // 2 <= writer.log.head.size < size // 2 + 12:
            writer.erase("ann")
            writer.commit(timedelta(hours=25))
    return writer.log


def recompute(
    log: StoredLog,
    leaves: list[bytes],
    *,
    tiles: bool = True,
    batches: bool = True,
    head: bool = True,
    keep_prev_of: int = -1,
) -> StoredLog:
    """Puts `leaves` in the place of the log's, each with the `prev` that follows, and writes hashes anew."""

    prev, hashes, entries = bytes(32), [], []
    for row, old in zip(log.entries, leaves, strict=True):
        parsed = leaf_format.parse(old)
        if row.seq != keep_prev_of or parsed.get("prev") == leaf_format.parse(row.leaf)["prev"]:
            parsed["prev"] = hash_text(prev)
        text = canonical(parsed)
        prev = leaf_hash(text)
        hashes.append(prev)
        entries.append(row._replace(leaf=text))
    frontier, sizes = Frontier(), {}
    for size, each in enumerate(hashes, 1):
        frontier.append(each)
        sizes[size] = (each, frontier.root())
    _, full = TileEdge().extend(hashes)
    made = replace(log, entries=entries)
    if tiles:
        made.tiles = [TileRow(tile.level, tile.index, tile.data, tile.root) for tile in full]
    if batches:
        made.batches = [row._replace(prev=sizes[row.size][0], root=sizes[row.size][1]) for row in log.batches]
    if head:
        made.head = log.head._replace(prev=prev, root=frontier.root(), frontier=frontier.to_bytes())
    return made
