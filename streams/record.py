"""A Kafka record as the append path takes it, and the positions it came from."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from ledger.core.batch import RecordPlace  # noqa: TC001 -- a struct's field


class Record(msgspec.Struct, frozen=True, gc=False):
    """A record and its place. `topic` is the name without the ledger's prefix."""

    topic: str
    place: RecordPlace
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Hole:
    """Offsets [start, end) of a partition that hold no record for us; `reason` as in `ledger.offsets-skipped`."""

    place: RecordPlace
    start: int
    end: int
    reason: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """What one fetch brought, in offset order within each partition: records, and the holes between them."""

    records: tuple[Record, ...]
    holes: tuple[Hole, ...] = ()

    def halves(self) -> tuple[Fetched, Fetched]:
        """The earlier and the later half of the records; a hole goes with the half that reads on behind it."""
        middle = len(self.records) // 2
        early, late = self.records[:middle], self.records[middle:]
        last = {(each.place.topic_id, each.place.partition): each.place.offset for each in early}
        before = [
            hole.start < last.get((hole.place.topic_id, hole.place.partition), -1) for hole in self.holes
        ]
        return (
            Fetched(early, tuple(hole for hole, first in zip(self.holes, before, strict=True) if first)),
            Fetched(late, tuple(hole for hole, first in zip(self.holes, before, strict=True) if not first)),
        )
