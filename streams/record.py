"""A Kafka record as the append path takes it, and the positions it came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ledger.core.batch import RecordPlace


@dataclass(frozen=True, slots=True)
class Record:
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
