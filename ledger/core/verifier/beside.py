"""What is stored beside a leaf: the columns that are copies of it, the sealed blobs, the memory of events seen."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import UUID

from msgspec import UNSET

from accountability_ledger.catalog import EVENT_TYPES
from ledger.core import base64url
from ledger.core.leaf import encode_clock
from ledger.core.own import CONFLICT, REJECTED
from ledger.core.registered import registrations_of
from ledger.core.verifier.offsets import Intervals
from ledger.core.verifier.read_leaf import hash_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ledger.core.verifier.read_leaf import Leaf
    from ledger.core.verifier.stored import EntryRow, RegisterRow, SealedRow, SeenRow
    from ledger.core.verifier.verdicts import Findings

_DIGEST = 16
_NO_PLACE = (None, None, None, None)
_COLUMNS = ("appended", "time", "type", "slice", "topic_id", "partition", "offset", "received")


class Columns:
    """Compares the columns of `entry` with the leaf they are copied from."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._topics: dict[str, UUID] = {}
        self._clock: tuple[datetime | None, str] = (None, "")

    def check(self, row: EntryRow, leaf: Leaf, moment: datetime | None, slice_: int) -> None:
        """`moment` is the leaf's `event.time`, `slice_` the slice that the row should lie in."""
        if row.appended != self._clock[0]:
            self._clock = (row.appended, encode_clock(row.appended).decode())
        via = leaf.via
        if via.api is UNSET:
            topic_id = self._topic(str(via.topic_id))
            place: tuple[Any, ...] = (topic_id, via.partition, via.offset, via.received)
        else:
            place = _NO_PLACE
        expected = (leaf.appended, moment, leaf.event.type, slice_, *place)
        found = (
            self._clock[1],
            row.time,
            row.type,
            row.slice,
            row.topic_id,
            row.partition,
            row.offset,
            row.received,
        )
        if found != expected:
            wrong = [name for name, a, b in zip(_COLUMNS, found, expected, strict=True) if a != b]
            self._findings.add("changed-column", row.seq, f"Not as in the leaf: {', '.join(wrong)}.")

    def _topic(self, text: str) -> UUID:
        topic_id = self._topics.get(text)
        if topic_id is None:
            topic_id = self._topics[text] = UUID(bytes=base64url.decode(text))
        return topic_id


class Blobs:
    """Compares the sealed blobs with the digests in the leaf. Missing ones are judged at the end, when it is known
    which ranges of the log expired.
    """

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._missing: list[tuple[int, int]] = []  # [start, end) of seqs in which blobs are missing
        self._expired = Intervals()
        self._neutral = 0  # entries from here on have no slot at all

    def expire(self, start: int, end: int) -> None:
        """A `ledger.sealed-expired` entry over the seqs [start, end)."""
        if 0 <= start < end:
            self._expired.add(start, end)

    def check(self, seq: int, leaf: Leaf, rows: Sequence[SealedRow], slice_: int) -> None:
        who = leaf.who
        if not who and not rows:
            return
        at, count, missing = 0, len(rows), False
        for slot, person in enumerate(who):
            if at == count or rows[at].slot != slot:
                missing = True
                continue
            row = rows[at]
            at += 1
            if hash_text(sha256(row.blob).digest()) != person.s:
                detail = f"The blob of slot {slot} is not the one that the leaf names."
                self._findings.add("changed-blob", seq, detail)
            elif row.slice != slice_:
                detail = f"The blob of slot {slot} lies in another slice than its entry."
                self._findings.add("changed-column", seq, detail)
            while at < count and rows[at].slot == slot:  # in another slice
                at = self._too_many(seq, at)
        while at < count:
            at = self._too_many(seq, at)
        if missing:
            self._miss(seq)
        elif who:
            self._neutral = seq + 1

    def _too_many(self, seq: int, at: int) -> int:
        self._findings.add("changed-blob", seq, "There is a blob that belongs to no slot of the leaf.")
        return at + 1

    def _miss(self, seq: int) -> None:
        # Only entries without slots since the last missing one: the same run goes on.
        if self._missing and self._neutral <= self._missing[-1][1]:
            self._missing[-1] = (self._missing[-1][0], seq + 1)
        else:
            self._missing.append((seq, seq + 1))

    def finish(self) -> None:
        for start, end in self._missing:
            for gap in _outside(self._expired, start, end):
                count = gap[1] - gap[0]
                detail = (
                    "A sealed blob is missing."
                    if count == 1
                    else f"Sealed blobs are missing up to seq {gap[1] - 1}."
                )
                self._findings.add("sealed-missing", gap[0], detail)


def _outside(intervals: Intervals, start: int, end: int) -> list[tuple[int, int]]:
    return [(max(a, start), b) for a, b in intervals.missing(end) if b > start]


class Seen:
    """Exactly one row for each event that was accepted, and for each conflict; none for anything else."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings

    def check(self, seq: int, leaf: Leaf, rows: Sequence[SeenRow]) -> None:
        kind = leaf.event.type
        expected = leaf.via.api is UNSET and kind != REJECTED
        if len(rows) != expected:
            detail = f"There are {len(rows)} rows of events seen for this entry, not {int(expected)}."
            self._findings.add("changed-seen", seq, detail)
        for row in rows:
            conflict = row.content if kind == CONFLICT else b""
            if row.conflict != conflict or len(row.id_digest) != _DIGEST or len(row.content) != _DIGEST:
                self._findings.add(
                    "changed-seen", seq, "The row of the event seen is not as this entry's kind has it."
                )


class Register:
    """The keys that are known are those that entries registered: a forged row would put values in clear."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings

    def check(self, seq: int, leaf: Leaf, rows: Sequence[RegisterRow]) -> None:
        found = EVENT_TYPES.get(leaf.event.type)
        expected = registrations_of(found.short, leaf.event.data) if found and found.registers else []
        if sorted((row.section, row.key) for row in rows) != sorted(expected):
            detail = "The rows of keys registered by this entry are not what it registers."
            self._findings.add("changed-register", seq, detail)
