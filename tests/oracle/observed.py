"""What the oracle has seen with its own eyes, as values: acknowledgements, records, positions, heads, findings."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import uuid

SLOT = tuple[str, int]
"""A partition of one incarnation of a topic: (topic id as base64url, partition)."""


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What the broker promised to keep. `digest` is the SHA-256 of the record's value in hexadecimal; `sound` says
    whether the producer meant the event to be accepted (False: it was made to be refused)."""

    topic: str
    topic_id: str
    partition: int
    offset: int
    source: str
    id: str
    digest: str
    sound: bool = True

    @property
    def slot(self) -> SLOT:
        return self.topic_id, self.partition


@dataclass(frozen=True, slots=True)
class Record:
    """A committed record as read again. `identity` is (source, id), `content` a digest of the event whatever its
    Kafka mode; both None where the value is no CloudEvent. `received` is the broker's time stamp in milliseconds."""

    offset: int
    received: int
    digest: str
    identity: tuple[str, str] | None = None
    content: str | None = None
    type: str | None = None
    time: str | None = None


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition as it lies in Kafka now: offsets from `start` to before `end`, the committed records among them,
    and the offsets of aborted ones. What is neither is a transaction's marker."""

    topic: str
    topic_id: str
    partition: int
    start: int
    end: int
    records: dict[int, Record]
    aborted: frozenset[int] = frozenset()

    @property
    def slot(self) -> SLOT:
        return self.topic_id, self.partition


@dataclass(frozen=True, slots=True)
class Position:
    """A row of the ledger's intake: every offset before `next_offset` is said to be accounted for."""

    topic_id: str
    partition: int
    next_offset: int
    retired: bool = False

    @property
    def slot(self) -> SLOT:
        return self.topic_id, self.partition


@dataclass(frozen=True, slots=True)
class Head:
    """A size and root that the ledger claimed at some time."""

    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it must be. `seq` names the leaf, where there is one."""

    code: str
    detail: str
    seq: int | None = None


def topic_id_text(raw: bytes) -> str:
    """Kafka's 16 bytes of a topic's id, as leaves spell them: base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def topic_id_of(value: uuid.UUID) -> str:
    return topic_id_text(value.bytes)
