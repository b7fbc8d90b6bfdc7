"""What one transaction appends: values that the preparation makes and the storage takes in."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID  # noqa: TC003 -- the structs' fields, which their decoder must find

import msgspec

from accountability_ledger.restricted_json import canonical
from ledger.core import base64url
from ledger.core.entry import PreparedEntry  # noqa: TC001
from ledger.core.registered import Registration  # noqa: TC001


class RecordPlace(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where a record stands in Kafka, by Kafka's own id of the topic; `received` is LogAppendTime in milliseconds."""

    topic: str
    topic_id: UUID
    partition: int
    offset: int
    received: int

    @property
    def topic_id_text(self) -> str:
        return topic_id_text(self.topic_id)

    def via(self) -> bytes:
        return canonical(
            {
                "topic": self.topic,
                "topic_id": self.topic_id_text,
                "partition": self.partition,
                "offset": self.offset,
                "received": self.received,
            }
        )


def topic_id_text(topic_id: UUID) -> str:
    """Kafka's own text of a topic id: base64url without padding."""
    return base64url.encode(topic_id.bytes)


class SeenKey(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The two keyed digests of an event: of its identity (16 bytes) and of its content (16 bytes)."""

    identity: bytes
    content: bytes
    conflict: bool = False


class Erasure(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Key ids whose links go; `erasure_id` tells a resumed erasure that its transaction had won."""

    erasure_id: UUID
    key_ids: tuple[UUID, ...]


class Item(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One entry to append, with what goes beside it."""

    entry: PreparedEntry
    place: RecordPlace | None = None
    seen: SeenKey | None = None
    registered: tuple[Registration, ...] = ()
    erasure: Erasure | None = None


class Duplicate(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A record that says again what an entry says: one of this batch (`item`, its index) or an earlier one (`seq`)."""

    place: RecordPlace
    seq: int | None = None
    item: int | None = None


class Move(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A partition's position moves from `start` to `end`; `probe` is the keyed digest of the record before `end`."""

    topic: str
    topic_id: UUID
    partition: int
    start: int
    end: int
    probe: bytes | None


@dataclass(frozen=True, slots=True)
class Batch:
    """What one transaction appends. `vault_epoch` was read before the first look into the vault; `epoch` is the
    lease's, None for the ledger's own entries.
    """

    items: tuple[Item, ...]
    vault_epoch: int
    epoch: int | None = None
    duplicates: tuple[Duplicate, ...] = ()
    moves: tuple[Move, ...] = ()
    retire: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of a batch: the seq of each item, the leaf hashes, and the log's size and root after it."""

    seqs: tuple[int, ...]
    hashes: tuple[bytes, ...]
    size: int
    root: bytes
