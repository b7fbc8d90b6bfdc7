"""The rows of a log as they lie in the tables: what the verifier is fed with. Columns keep the tables' names."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID


class EntryRow(NamedTuple):
    """A row of `entry`. `received` is in milliseconds since 1970."""

    seq: int
    slice: int
    appended: datetime
    time: datetime
    type: str
    topic_id: UUID | None
    partition: int | None
    offset: int | None
    received: int | None
    leaf: bytes


class SealedRow(NamedTuple):
    seq: int
    slot: int
    slice: int
    blob: bytes


class LinkRow(NamedTuple):
    """A row of `entry_person`."""

    seq: int
    slot: int
    slice: int
    key_id: UUID
    seg: int
    j: int
    role: str
    time: datetime


class SeenRow(NamedTuple):
    """A row of `seen`: keyed digests of 16 bytes; `conflict` is empty, or the content again."""

    seq: int
    id_digest: bytes
    conflict: bytes
    content: bytes


class RegisterRow(NamedTuple):
    """A row of `register`: the entry `seq` made this key of this section known."""

    seq: int
    section: str
    key: str


class TileRow(msgspec.Struct, frozen=True):
    """A row of `tile`: 256 hashes of 32 bytes, joined, and the root over them."""

    level: int
    index: int
    hashes: bytes
    root: bytes


class BatchRow(NamedTuple):
    size: int
    prev: bytes
    root: bytes
    appended: datetime


class HeadRow(NamedTuple):
    origin: str
    size: int
    prev: bytes
    frontier: bytes
    root: bytes
    seg: int
    seg_first: int
    seg_began: datetime | None
    appended: datetime | None
    slice: int


class IntakeRow(NamedTuple):
    topic_id: UUID
    partition: int
    topic: str
    next_offset: int


class SliceRow(NamedTuple):
    """A row of `slice_start`: from `first_seq` on the log's rows go into this slice."""

    slice: int
    first_seq: int


class Chunk(NamedTuple):
    """What the tables hold of the seqs [start, end). `start` is a multiple of 256, and so is `end` but for the last
    chunk. Every list is in order of seq (then slot); tiles in order of (level, index), those that the seqs fill:
    of level L every index i with start < (i + 1) * 256^(L+1) <= end; batches those with start < size <= end.
    """

    start: int
    end: int
    entries: Sequence[EntryRow]
    sealed: Sequence[SealedRow] = ()
    links: Sequence[LinkRow] = ()
    seen: Sequence[SeenRow] = ()
    tiles: Sequence[TileRow] = ()
    batches: Sequence[BatchRow] = ()
    registered: Sequence[RegisterRow] = ()


class Stray(NamedTuple):
    """Rows that stand at no place of the log, beyond the head's size or before 0, counted by table."""

    table: str
    seq: int
