"""The chain: gives prepared entries their place, under the head lock.

One link, one log: the leaf carries the hash of the leaf before it, and that same hash is the RFC 6962 leaf hash.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from ledger.core import leaf as leaf_format
from ledger.core.entry import PreparedEntry  # noqa: TC001 -- a struct's field
from ledger.core.merkle import leaf_hash
from ledger.core.tag import Tagger

if TYPE_CHECKING:
    from datetime import datetime

    from ledger.core.entry import SealedSlot
    from ledger.core.merkle import Frontier

SEGMENT_LEAVES = 65_536
SEGMENT_TIME = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Head:
    """Where a log stands: `size` leaves, the hash of the last one, the tree's frontier, and the open segment (its
    number, its first leaf's seq and clock; None before the first leaf). `close_segment` asks for the next one.
    """

    size: int
    prev: bytes
    frontier: Frontier
    seg: int
    seg_first: int
    seg_began: datetime | None
    appended: datetime | None
    close_segment: bool = False


class LinkedSlot(msgspec.Struct, frozen=True, gc=False):
    """A row of the person-to-entry links, and the blob beside it."""

    slot: int
    role: str
    key_id: bytes
    j: int
    blob: bytes


class LinkedEntry(msgspec.Struct, frozen=True, gc=False):
    """A leaf at its place."""

    seq: int
    seg: int
    leaf: bytes
    hash: bytes
    slots: tuple[LinkedSlot, ...]
    prepared: PreparedEntry


class VariantMissing(Exception):  # noqa: N818 -- not an error of anyone's: the batch is prepared again
    """An entry was prepared for a key that was known then and is not any more (an erasure came between)."""


class Chain:
    """Links entries one after the other, from a head on. `counters` holds, for each key that was ever introduced,
    (segment, j) of its last tag; a key that is not in it has no leaf yet. The caller fills it for every key of a
    batch beforehand; it is changed in place, so whoever aborts the transaction must forget it.
    """

    def __init__(
        self, origin: str, head: Head, counters: dict[bytes, tuple[int, int]], tagger: Tagger | None = None
    ) -> None:
        self._tag = (tagger or Tagger()).tag
        self._ledger = origin.encode()
        self._counters = counters
        self._frontier = head.frontier.copy()
        self._size, self._prev = head.size, head.prev
        self._seg, self._seg_first, self._seg_began = head.seg, head.seg_first, head.seg_began
        self._appended = head.appended
        self._close_segment = head.close_segment
        self._clock: tuple[datetime | None, bytes] = (None, b"")

    @property
    def size(self) -> int:
        return self._size

    def head(self) -> Head:
        return Head(
            size=self._size,
            prev=self._prev,
            frontier=self._frontier.copy(),
            seg=self._seg,
            seg_first=self._seg_first,
            seg_began=self._seg_began,
            appended=self._appended,
            close_segment=self._close_segment,
        )

    def link(self, entry: PreparedEntry, appended: datetime) -> LinkedEntry:
        """Appends one entry and moves the head. `appended` never goes back: the caller takes the greater clock."""
        seq = self._size
        self._open_segment(seq, appended)
        seg = self._seg
        slots: list[LinkedSlot] = []
        who: list[bytes] = []
        for index, slot in enumerate(entry.slots):
            last = self._counters.get(slot.key_id)
            sealed: SealedSlot | None = slot.later if last else slot.first
            if sealed is None:
                raise VariantMissing
            j = last[1] + 1 if last and last[0] == seg else 1
            self._counters[slot.key_id] = (seg, j)
            who.append(leaf_format.complete_slot(sealed.head, self._tag(slot.tag_key, seg, j)))
            slots.append(LinkedSlot(index, slot.role, slot.key_id, j, sealed.blob))
        leaf = leaf_format.splice(
            appended=self._clock_text(appended),
            event=entry.event,
            ledger=self._ledger,
            prev=self._prev,
            seg=seg,
            seq=seq,
            via=entry.via,
            who=b",".join(who),
        )
        hashed = leaf_hash(leaf)
        self._frontier.append(hashed)
        self._size, self._prev, self._appended = seq + 1, hashed, appended
        return LinkedEntry(seq, seg, leaf, hashed, tuple(slots), entry)

    def _clock_text(self, appended: datetime) -> bytes:
        """A batch's entries share a clock, and so its text."""
        if self._clock[0] != appended:
            self._clock = (appended, leaf_format.encode_clock(appended))
        return self._clock[1]

    def _open_segment(self, seq: int, appended: datetime) -> None:
        """`seg` rises by 0 or 1; a segment that has no leaf is never closed."""
        began = self._seg_began
        if began is None:
            self._seg_began, self._close_segment = appended, False
        elif (
            self._close_segment or seq - self._seg_first >= SEGMENT_LEAVES or appended - began >= SEGMENT_TIME
        ):
            self._seg, self._seg_first, self._seg_began = self._seg + 1, seq, appended
            self._close_segment = False
