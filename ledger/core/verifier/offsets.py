"""Whether every Kafka offset is accounted for exactly once (entry-format, "Every offset is accounted for").

Offsets arrive almost in order, so what is kept of a partition is a handful of intervals however long the log is.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from ledger.core.batch import topic_id_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ledger.core.verifier.stored import IntakeRow
    from ledger.core.verifier.verdicts import Findings

Partition = tuple[str, int]  # Kafka's own id of the topic as base64url, and the partition's number


class Intervals:
    """A set of integers as sorted, disjoint, half-open intervals; neighbours are joined."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def add(self, start: int, end: int) -> bool:
        """Adds [start, end); False where some of it was there already."""
        if self._ends and start == self._ends[-1]:  # the common case: the next offset
            self._ends[-1] = end
            return True
        at = bisect_right(self._starts, start)
        first, last = at, at
        if at and self._ends[at - 1] >= start:
            first = at - 1
        while last < len(self._starts) and self._starts[last] <= end:
            last += 1
        overlaps = any(self._starts[i] < end and start < self._ends[i] for i in range(first, last))
        if first < last:
            start = min(start, self._starts[first])
            end = max(end, *self._ends[first:last])
        self._starts[first:last] = [start]
        self._ends[first:last] = [end]
        return not overlaps

    def missing(self, end: int) -> Iterator[tuple[int, int]]:
        """The intervals of [0, end) that are not in the set."""
        at = 0
        for start, stop in zip(self._starts, self._ends, strict=True):
            if at >= end:
                return
            if start > at:
                yield at, min(start, end)
            at = max(at, stop)
        if at < end:
            yield at, end

    def pairs(self) -> list[tuple[int, int]]:
        """The intervals, in order."""
        return list(zip(self._starts, self._ends, strict=True))

    def end(self) -> int:
        """One more than the greatest member; 0 for none."""
        return self._ends[-1] if self._ends else 0


class Offsets:
    """Follows which entry accounts for which offset."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._covered: dict[Partition, Intervals] = {}
        self._topics: dict[str, str] = {}
        self._last: dict[Partition, int] = {}

    def entry(self, seq: int, topic: str, partition: Partition, offset: int) -> None:
        """An entry of its own. Within a partition the order of offsets is the order of the log."""
        if offset <= self._last.get(partition, -1):
            self._findings.add(
                "reordered",
                seq,
                "The entry's offset is not after that of the entry before it in its partition.",
            )
        self._last[partition] = offset
        self.cover(seq, topic, partition, offset, offset + 1)

    def cover(self, seq: int, topic: str, partition: Partition, start: int, end: int) -> None:
        """The entry at `seq` accounts for the offsets [start, end)."""
        if self._topics.setdefault(partition[0], topic) != topic:
            self._findings.add(
                "offset-not-covered", seq, "The entry gives the topic another name than entries before it."
            )
        covered = self._covered.get(partition)
        if covered is None:
            covered = self._covered[partition] = Intervals()
        if start >= end or start < 0:
            self._findings.add(
                "offset-not-covered", seq, "The entry accounts for a range of offsets that is none."
            )
        elif not covered.add(start, end):
            self._findings.add(
                "offset-not-covered", seq, "The entry accounts for an offset that another entry accounts for."
            )

    def finish(self, intake: Iterable[IntakeRow], excused: int) -> None:
        """Compares with the positions. Up to `excused` offsets without an entry are explained by entries that are
        missing or changed, and have a verdict of their own.
        """
        positions = {(topic_id_text(row.topic_id), row.partition): row for row in intake}
        holes = [
            (partition, hole)
            for partition, row in positions.items()
            for hole in self._covered.get(partition, Intervals()).missing(row.next_offset)
        ]
        if sum(end - start for _, (start, end) in holes) > excused:
            for partition, (start, end) in holes:
                where = f"{positions[partition].topic}/{partition[1]}"
                self._findings.add(
                    "offset-not-covered",
                    None,
                    f"No entry accounts for the offsets {start} to {end - 1} of {where}.",
                )
        for partition, covered in self._covered.items():
            found = positions.get(partition)
            if found is None:
                self._findings.add(
                    "offset-not-covered", None, "Entries come from a partition that has no position."
                )
            elif covered.end() > found.next_offset:
                where = f"{found.topic}/{found.partition}"
                self._findings.add(
                    "offset-not-covered",
                    None,
                    f"Entries go beyond the position {found.next_offset} of {where}.",
                )
            elif self._topics.get(partition[0], found.topic) != found.topic:
                self._findings.add(
                    "offset-not-covered",
                    None,
                    f"The position of {found.topic} has another topic name than its entries.",
                )
