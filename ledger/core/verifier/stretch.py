"""What the screen says of a stretch of a log, and how stretches are joined.

A stretch was found right in itself. What it cannot know alone stands in its `Stretch`: what it took for granted at its
start, and what it leaves to the stretches after it. `Joiner` takes them in order and compares borders.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

from ledger.core.chain import SEGMENT_LEAVES, SEGMENT_TIME
from ledger.core.leaf import FIRST_PREV
from ledger.core.merkle import Frontier
from ledger.core.tile import TileEdge
from ledger.core.verifier.block import ACCEPTED, CONFLICTING, microseconds
from ledger.core.verifier.offsets import Intervals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ledger.core.tile import FullTile
    from ledger.core.verifier.block import Seen
    from ledger.core.verifier.stored import HeadRow, IntakeRow

HASH = 32
DAY = SEGMENT_TIME // type(SEGMENT_TIME)(microseconds=1)


class Doubt(Exception):  # noqa: N818 -- no error: the verifier judges what the screen cannot
    """What was read cannot be said for sure to be right; nothing more is known."""


def sure(condition: bool) -> None:
    """Raises Doubt unless the condition holds."""
    if not condition:
        raise Doubt


def topics_of(intake: Sequence[IntakeRow]) -> dict[bytes, str]:
    """The names of the topics by Kafka's id. Raises Doubt where one has two names."""
    found: dict[bytes, str] = {}
    for row in intake:
        sure(found.setdefault(row.topic_id.bytes, row.topic) == row.topic)
    return found


class Run(msgspec.Struct):
    """The leaves of one segment that follow each other in a stretch; moments as in `block`."""

    seg: int
    first: int
    began: int
    last: int
    ended: int

    def holds(self) -> bool:
        """Whether a segment may be as long as this."""
        return self.last - self.first < SEGMENT_LEAVES and self.ended - self.began < DAY


class Covered(msgspec.Struct):
    """The offsets of one partition that a stretch accounts for, and the first and last of those with entries of their
    own (-1 for none).
    """

    topic_id: bytes
    partition: int
    first: int
    last: int
    intervals: list[tuple[int, int]]


class Erasures(msgspec.Struct):
    """What a stretch says of slots without links and of erasures; seqs are -1 where there is none."""

    unlinked: int = -1  # the last seq with a slot that no row links
    introduced: int = 0  # how many of these slots introduced their key
    erasure: int = -1  # the last seq of a `ledger.person-erased`
    keys: int = 0  # how many keys these erased,
    unsaid: bool = False  # unless one does not say,
    linked: int = 0  # and how many of the keys had links, at least
    lack: int = 0  # how far `introduced` fell behind `linked` at an erasure, at most


class Stretch(msgspec.Struct):
    """The leaves [start, end). `before` and `after` are the frontier's nodes at its ends, `tiles` the roots of its full
    tiles, joined; `first_j` and `last_j` the counters of keys in its first and its last run; `unseen` the leaves that are
    no events.
    """

    start: int
    end: int
    first_prev: str
    last_hash: bytes
    before: list[bytes]
    after: list[bytes]
    tiles: bytes
    last_batch: int
    first_run: Run
    last_run: Run
    first_j: dict[bytes, int]
    last_j: dict[bytes, int]
    erasures: Erasures
    missing: list[tuple[int, int]]
    expired: list[tuple[int, int]]
    covered: list[Covered]
    unseen: list[int]
    conflicts: list[int]

    def check_seen(self, seen: Seen) -> None:
        """The memory of events seen holds a row for each leaf of the stretch but `unseen`, for `conflicts` one of a
        conflict, and none besides. Raises Doubt.
        """
        unseen, conflicts = set(self.unseen), set(self.conflicts)
        expected = [seq for seq in range(self.start, self.end) if seq not in unseen]
        sure(seen.seq == expected)
        sure(seen.kind == [CONFLICTING if seq in conflicts else ACCEPTED for seq in expected])


class Joiner:
    """Joins the stretches of one log, in order of seq; every method raises Doubt."""

    def __init__(self) -> None:
        self._end = 0
        self._hash = FIRST_PREV
        self._nodes: list[bytes] = []
        self._edge = TileEdge()
        self._batch = 0
        self._run: Run | None = None
        self._j: dict[bytes, int] = {}
        self._erasures = Erasures()
        self._missing: list[tuple[int, int]] = []
        self._expired = Intervals()
        self._covered: dict[tuple[bytes, int], Intervals] = {}
        self._last: dict[tuple[bytes, int], int] = {}

    def add(self, stretch: Stretch, prev: str) -> list[FullTile]:
        """Joins the next stretch; `prev` is `hash_text(joiner.last_hash)`. The tiles of level 1 and above that it fills."""
        sure(stretch.start == self._end and stretch.first_prev == prev and stretch.before == self._nodes)
        self._join_runs(stretch)
        self._join_erasures(stretch.erasures)
        self._join_offsets(stretch.covered)
        self._missing += stretch.missing
        for start, end in stretch.expired:
            self._expired.add(start, end)
        self._end, self._hash, self._nodes = stretch.end, stretch.last_hash, stretch.after
        self._batch = stretch.last_batch or self._batch
        roots = [stretch.tiles[at : at + HASH] for at in range(0, len(stretch.tiles), HASH)]
        self._edge, full = self._edge.extend(roots)
        return full

    @property
    def last_hash(self) -> bytes:
        return self._hash

    def _join_runs(self, stretch: Stretch) -> None:
        before, first = self._run, stretch.first_run
        if before is None:
            sure(first.seg == 0 and first.holds())
            same, last_j = False, dict[bytes, int]()
        else:
            sure(first.began >= before.ended)
            sure(first.began == before.ended or self._batch == stretch.start)
            same = first.seg == before.seg
            sure(same or first.seg == before.seg + 1)
            last_j = self._j if same else {}
        if same and before is not None:
            first = Run(first.seg, before.first, before.began, first.last, first.ended)
            sure(first.holds())
        sure(all(last_j.get(key, 0) + 1 == j for key, j in stretch.first_j.items()))
        if stretch.first_run.seg == stretch.last_run.seg:
            self._run, self._j = first, last_j | stretch.last_j
        else:
            self._run, self._j = stretch.last_run, stretch.last_j

    def _join_erasures(self, found: Erasures) -> None:
        known = self._erasures
        known.lack = max(known.lack, found.lack - (known.introduced - known.linked) if found.lack else 0)
        known.unlinked = max(known.unlinked, found.unlinked)
        known.erasure = max(known.erasure, found.erasure)
        known.introduced += found.introduced
        known.keys += found.keys
        known.linked += found.linked
        known.unsaid |= found.unsaid

    def _join_offsets(self, stretches: Sequence[Covered]) -> None:
        for each in stretches:
            key = (each.topic_id, each.partition)
            if each.first >= 0:
                sure(each.first > self._last.get(key, -1))
                self._last[key] = each.last
            covered = self._covered.setdefault(key, Intervals())
            sure(all(covered.add(start, end) for start, end in each.intervals))

    def finish(self, head: HeadRow, origin: str, slice_: int | None, intake: Sequence[IntakeRow]) -> bytes:
        """Compares the end of the log with its head, and what only the whole log shows; the root over the leaves."""
        sure((head.origin, head.size, head.prev) == (origin, self._end, self._hash))
        frontier = Frontier(self._end, self._nodes)
        root = frontier.root()
        sure((head.root, head.frontier) == (root, frontier.to_bytes()))
        sure(slice_ is None or not head.size or head.slice == slice_)
        self._finish_clock(head)
        self._finish_erasures()
        sure(not any(self._expired_misses(start, end) for start, end in self._missing))
        positions = {(row.topic_id.bytes, row.partition): row.next_offset for row in intake}
        sure(self._covered.keys() <= positions.keys())
        for key, position in positions.items():
            covered = self._covered.get(key, Intervals())
            sure(covered.end() <= position and not any(covered.missing(position)))
        return root

    def _finish_clock(self, head: HeadRow) -> None:
        run = self._run
        stored = (
            head.seg,
            head.seg_first,
            None if head.seg_began is None else microseconds(head.seg_began),
            None if head.appended is None else microseconds(head.appended),
        )
        sure(stored == ((0, 0, None, None) if run is None else (run.seg, run.first, run.began, run.ended)))

    def _finish_erasures(self) -> None:
        found = self._erasures
        sure(found.unlinked <= found.erasure and found.lack <= 0)
        sure(found.erasure < 0 or found.unsaid or found.introduced <= found.keys)

    def _expired_misses(self, start: int, end: int) -> bool:
        return any(stop > start for _, stop in self._expired.missing(end))


def partial_nodes(rows: Sequence[Sequence[bytes]], count: int) -> list[bytes]:
    """The frontier over the first `count` leaves of a tile, widest first, out of its rows of nodes."""
    nodes, at = [], 0
    for level in range(count.bit_length() - 1, -1, -1):
        if count >> level & 1:
            nodes.append(rows[level][at >> level])
            at += 1 << level
    return nodes


def is_rising(numbers: Sequence[int]) -> bool:
    return all(a < b for a, b in pairwise(numbers))
