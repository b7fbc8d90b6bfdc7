"""What is stored beside a leaf: the columns that are copies of it, the sealed blobs, the memory of events seen."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING
from uuid import UUID

from msgspec import UNSET

from ledger.core import base64url
from ledger.core.leaf import encode_clock
from ledger.core.own import CONFLICT, REJECTED
from ledger.core.verifier.offsets import Intervals
from ledger.core.verifier.read_leaf import hash_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ledger.core.verifier.read_leaf import Leaf
    from ledger.core.verifier.stored import EntryRow, SealedRow, SeenRow
    from ledger.core.verifier.verdicts import Findings

_DIGEST = 16


class Columns:
    """Compares the columns of `entry` with the leaf they are copied from."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._topics: dict[str, UUID] = {}
        self._clock: tuple[datetime | None, str] = (None, "")

    def check(self, row: EntryRow, leaf: Leaf, slice_: int) -> None:
        wrong = []
        if row.appended != self._clock[0]:
            self._clock = (row.appended, encode_clock(row.appended).decode())
        if self._clock[1] != leaf.appended:
            wrong.append("appended")
        if row.time != _moment(leaf.event.time):
            wrong.append("time")
        if row.type != leaf.event.type:
            wrong.append("type")
        via = leaf.via
        if via.api is not UNSET:
            expected = (None, None, None, None)
        else:
            expected = (self._topic(str(via.topic_id)), via.partition, via.offset, via.received)  # type: ignore[assignment]
        found = (row.topic_id, row.partition, row.offset, row.received)
        if found != expected:
            names = ("topic_id", "partition", "offset", "received")
            wrong += [name for name, a, b in zip(names, found, expected, strict=True) if a != b]
        if row.slice != slice_:
            wrong.append("slice")
        if wrong:
            self._findings.add("changed-column", row.seq, f"Not as in the leaf: {', '.join(wrong)}.")

    def _topic(self, text: str) -> UUID:
        topic_id = self._topics.get(text)
        if topic_id is None:
            topic_id = self._topics[text] = UUID(bytes=base64url.decode(text))
        return topic_id


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


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
        found = {row.slot: row for row in rows}
        missing = False
        for slot, person in enumerate(who):
            row = found.pop(slot, None)
            if row is None:
                missing = True
            elif hash_text(sha256(row.blob).digest()) != person.s:
                self._findings.add(
                    "changed-blob", seq, f"The blob of slot {slot} is not the one that the leaf names."
                )
            elif row.slice != slice_:
                self._findings.add(
                    "changed-column", seq, f"The blob of slot {slot} lies in another slice than its entry."
                )
        if found or len(rows) > len(who):
            self._findings.add("changed-blob", seq, "There is a blob that belongs to no slot of the leaf.")
        if missing:
            self._miss(seq)
        elif who:
            self._neutral = seq + 1

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
