"""The rows of a stretch of a log as columns: what the screen is fed with. Columns keep the tables' names.

Moments are microseconds since 2000-01-01 UTC, hashes and ids raw bytes, as PostgreSQL's binary form has them: so they
are compared without being turned into objects, which would take longer than everything else that is done with them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ledger.core.verifier.stored import BatchRow, RegisterRow, TileRow

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# In this order roles are counted in `Links.role`; what stands for none of them is OTHER_ROLE.
ROLES = ("subject", "participant", "recipient", "actor", "old", "new")
OTHER_ROLE = 255
# What `Seen.kind` counts: the memory of an accepted event, of a conflict, and what is neither.
ACCEPTED, CONFLICTING, MALFORMED = 0, 1, 2


def microseconds(moment: datetime) -> int:
    """A moment as the columns have it."""
    return (moment - EPOCH) // _MICROSECOND


# A row of `entry`: seq, appended, time, topic_id, partition, offset, received, type, leaf. The place in Kafka is None for
# the ledger's own. A plain tuple: there is one for each leaf, and naming its fields would take as long as a hash.
Entry = tuple[int, int, int, bytes | None, int | None, int | None, int | None, bytes, bytes]


class Blobs(NamedTuple):
    """The rows of `sealed`, in order of seq and slot."""

    seq: list[int]
    slot: list[int]
    blob: list[bytes]


class Links(NamedTuple):
    """The rows of `entry_person`, in order of seq and slot; `role` as its place in ROLES."""

    seq: list[int]
    slot: list[int]
    seg: list[int]
    j: list[int]
    role: list[int]
    time: list[int]
    key_id: list[bytes]


class Seen(NamedTuple):
    """The rows of `seen`, in order of seq."""

    seq: list[int]
    kind: list[int]


class Block(NamedTuple):
    """What the tables hold of the seqs [start, end), each row in the slice where it belongs. `start` is a multiple of 256; tiles are those of
    level 0 that the seqs fill, batches those with start < size <= end.
    """

    start: int
    end: int
    entries: list[Entry]
    blobs: Blobs
    links: Links
    tiles: Sequence[TileRow]
    batches: Sequence[BatchRow]
    registered: Sequence[RegisterRow]
