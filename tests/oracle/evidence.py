"""What the oracle holds against each other, in SQLite: in memory for a test, in a file for a log of millions.

Rows go in once, in the order in which they were seen, and come out as ordered streams, so that a judgement needs no
more memory for a long log than for a short one.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.oracle.observed import SLOT, Acknowledgement, Partition, Position, Record

_TABLES = """
CREATE TABLE slot (id INTEGER PRIMARY KEY, topic_id TEXT, partition INTEGER, topic TEXT, start INTEGER, "end" INTEGER,
                   position INTEGER);
CREATE TABLE cover (slot INTEGER, at INTEGER, seq INTEGER, kind TEXT, "of" INTEGER, reason TEXT, topic TEXT,
                    received INTEGER, type TEXT, source TEXT, time TEXT);
CREATE TABLE record (slot INTEGER, at INTEGER, received INTEGER, digest BLOB, identity BLOB, content BLOB, type TEXT,
                     source TEXT, time TEXT, PRIMARY KEY (slot, at)) WITHOUT ROWID;
CREATE TABLE aborted (slot INTEGER, at INTEGER, PRIMARY KEY (slot, at)) WITHOUT ROWID;
CREATE TABLE acknowledged (slot INTEGER, at INTEGER, digest BLOB, sound INTEGER);
"""
_INDEXES = """
CREATE INDEX cover_at ON cover (slot, at);
CREATE INDEX cover_seq ON cover (seq) WHERE kind NOT IN ('duplicate', 'skipped');
"""
_RECORD = "r.at IS NOT NULL, r.received, r.digest, r.identity, r.content, r.type, r.source, r.time"


class Cover(NamedTuple):
    """How one offset is accounted for: by an entry of its own (`entry`, `event-rejected`, `event-conflict`), as a
    `duplicate` of the entry at `of`, or as `skipped` for a reason. The rest is what an entry says of itself."""

    seq: int
    kind: str
    of: int | None = None
    reason: str | None = None
    topic: str | None = None
    received: int | None = None
    type: str | None = None
    source: str | None = None
    time: str | None = None


class Seen(NamedTuple):
    """A record as it is kept here: digests of identity and content instead of themselves."""

    received: int
    digest: bytes
    identity: bytes | None
    content: bytes | None
    type: str | None
    source: str | None
    time: str | None


class Place(NamedTuple):
    """A partition: where it begins and ends in Kafka (None: its topic is no more), and the ledger's position in it."""

    number: int
    topic_id: str
    partition: int
    topic: str
    start: int | None
    end: int | None
    position: int | None

    @property
    def slot(self) -> SLOT:
        return self.topic_id, self.partition


class Covered(NamedTuple):
    """A cover with what lies at its offset."""

    place: Place
    offset: int
    cover: Cover
    record: Seen | None
    aborted: bool


class Evidence:
    """Everything about one ledger and the topics that feed it."""

    def __init__(self, path: Path | None = None) -> None:
        """`path`: a file that does not exist yet; without it all is kept in memory."""
        self._database = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
        # It is made from what lasts elsewhere, so it need not last itself.
        self._database.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;" + _TABLES + "BEGIN;")
        self._slots: dict[SLOT, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def _slot(self, slot: SLOT) -> int:
        number = self._slots.get(slot)
        if number is None:
            number = self._slots[slot] = len(self._slots)
            self._database.execute(
                "INSERT INTO slot (id, topic_id, partition, topic) VALUES (?, ?, ?, '')", (number, *slot)
            )
        return number

    def add_position(self, position: Position) -> None:
        self._database.execute(
            "UPDATE slot SET position = ? WHERE id = ?", (position.next_offset, self._slot(position.slot))
        )

    def add_partition(self, partition: Partition) -> None:
        """The partition with the records that it holds, if it holds any: others may be added one by one."""
        number = self._slot(partition.slot)
        self._database.execute(
            'UPDATE slot SET topic = ?, start = ?, "end" = ? WHERE id = ?',
            (partition.topic, partition.start, partition.end, number),
        )
        for record in partition.records.values():
            self.add_record(partition.slot, record)
        for offset in partition.aborted:
            self.add_aborted(partition.slot, offset)

    def add_record(self, slot: SLOT, record: Record) -> None:
        identity = None if record.identity is None else "\0".join(record.identity).encode()
        self._database.execute(
            "INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                self._slot(slot),
                record.offset,
                record.received,
                bytes.fromhex(record.digest),
                identity,
                None if record.content is None else bytes.fromhex(record.content),
                record.type,
                record.identity[0] if record.identity else None,
                record.time,
            ),
        )

    def add_aborted(self, slot: SLOT, offset: int) -> None:
        self._database.execute("INSERT INTO aborted VALUES (?, ?)", (self._slot(slot), offset))

    def add_visible(self, slot: SLOT, offset: int) -> None:
        """An offset that a reader of the uncommitted sees: aborted, unless the committed record is here already."""
        self._database.execute(
            "INSERT INTO aborted SELECT ?1, ?2 WHERE NOT EXISTS (SELECT 1 FROM record WHERE slot = ?1 AND at = ?2)",
            (self._slot(slot), offset),
        )

    def add_cover(self, slot: SLOT, offset: int, cover: Cover) -> None:
        self._database.execute(
            "INSERT INTO cover VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (self._slot(slot), offset, *cover)
        )

    def add_acknowledgement(self, each: Acknowledgement) -> None:
        self._database.execute(
            "INSERT INTO acknowledged VALUES (?, ?, ?, ?)",
            (self._slot(each.slot), each.offset, bytes.fromhex(each.digest), each.sound),
        )

    def complete(self) -> None:
        """Called once, when all is in and before anything is asked."""
        self._database.executescript(_INDEXES)

    def places(self) -> list[Place]:
        rows = self._database.execute(
            'SELECT id, topic_id, partition, topic, start, "end", position FROM slot ORDER BY id'
        )
        return [Place(*row) for row in rows]

    def counted(self, place: Place) -> Iterator[tuple[int, int, int, int]]:
        """(offset, times covered, first seq, last seq) of the offsets that are covered, rising."""
        return iter(
            self._database.execute(
                "SELECT at, count(*), min(seq), max(seq) FROM cover WHERE slot = ? GROUP BY at ORDER BY at",
                (place.number,),
            )
        )

    def covered(self) -> Iterator[Covered]:
        """Every cover in the order of the log."""
        places = {place.number: place for place in self.places()}
        for row in self._database.execute(
            f"SELECT c.*, EXISTS (SELECT 1 FROM aborted AS a WHERE a.slot = c.slot AND a.at = c.at), {_RECORD} "
            "FROM cover AS c LEFT JOIN record AS r ON r.slot = c.slot AND r.at = c.at ORDER BY c.rowid"
        ):
            record = Seen(*row[13:]) if row[12] else None
            yield Covered(places[row[0]], row[1], Cover(*row[2:11]), record, bool(row[11]))

    def repeated(self, seq: int) -> tuple[str, Seen | None] | None:
        """The kind of the entry `seq` that came from Kafka, and its record if it is still there."""
        row = self._database.execute(
            f"SELECT c.kind, {_RECORD} FROM cover AS c LEFT JOIN record AS r ON r.slot = c.slot AND r.at = c.at "
            "WHERE c.seq = ? AND c.kind NOT IN ('duplicate', 'skipped')",
            (seq,),
        ).fetchone()
        return None if row is None else (row[0], Seen(*row[2:]) if row[1] else None)

    def events(self) -> Iterator[tuple[int, str, bytes | None, bytes | None]]:
        """(seq, kind, identity, content) of entries that are no rejection, those of one identity together, by seq."""
        return iter(
            self._database.execute(
                "SELECT c.seq, c.kind, r.identity, r.content FROM cover AS c JOIN record AS r ON r.slot = c.slot AND r.at = c.at "
                "WHERE c.kind NOT IN ('duplicate', 'skipped', 'event-rejected') ORDER BY r.identity, c.seq"
            )
        )

    def promised(self) -> Iterator[tuple[int, Place, int, bytes, bool, bytes | None, Cover | None]]:
        """(number, place, offset, digest, sound, digest of the record there, cover) of each acknowledgement; one that
        is covered more than once comes more than once.
        """
        places = {place.number: place for place in self.places()}
        for number, slot, offset, digest, sound, there, *cover in self._database.execute(
            'SELECT a.rowid, a.slot, a.at, a.digest, a.sound, r.digest, c.seq, c.kind, c."of", c.reason '
            "FROM acknowledged AS a LEFT JOIN record AS r ON r.slot = a.slot AND r.at = a.at "
            "LEFT JOIN cover AS c ON c.slot = a.slot AND c.at = a.at ORDER BY a.rowid"
        ):
            found = None if cover[0] is None else Cover(*cover)
            yield number, places[slot], offset, digest, bool(sound), there, found
