"""The person-to-entry links: each fits its leaf, and each slot has one unless an erasure took it.

Without the vault a link's person cannot be checked, only that the rows of each key count j = 1, 2, 3 ... within each
segment, so that none was taken out or put in between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from ledger.core.verifier.read_leaf import Leaf
    from ledger.core.verifier.stored import LinkRow
    from ledger.core.verifier.verdicts import Findings

_KEPT = 1000


class Links:
    """Follows the links of a log. `unlinked` holds, by segment, the tags of slots that no row links, with their seqs,
    until whoever holds the vault has judged them (`take_closed`).
    """

    def __init__(self, findings: Findings, *, keep_tags: bool = False) -> None:
        self._findings = findings
        self._keep_tags = keep_tags
        self._seg = 0
        self._counters: dict[UUID, tuple[int, ...]] = {}
        self._tags: dict[str, int] = {}
        self._closed: list[tuple[int, dict[str, int], dict[UUID, int]]] = []
        self._unexplained: list[int] = []
        self._jumps: list[int] = []
        self._erasures = False
        self._introduced = 0
        self._keys_erased: int | None = 0
        self._linked_erased = 0
        self._returned = 0
        self._excused = False

    def check(
        self, seq: int, leaf: Leaf, moment: datetime | None, rows: Sequence[LinkRow], slice_: int
    ) -> None:
        """`moment` is the leaf's `event.time`; `rows` are sorted by slot."""
        who = leaf.who
        if not who and not rows:
            return
        seg = leaf.seg
        if seg != self._seg:
            self._close(seg)
        at, count = 0, len(rows)
        for slot, person in enumerate(who):
            if at == count or rows[at].slot != slot:
                self._unlinked(seq, person.t, introduces=person.n is not UNSET)
                continue
            row = rows[at]
            at += 1
            if (
                row.role != person.r
                or row.seg != seg
                or row.time != moment
                or row.slice != slice_
                or (row.j != 1 and person.n is not UNSET)
            ):
                self._findings.add("changed-link", seq, f"The link of slot {slot} does not fit the leaf.")
            self._count(seq, row)
            while at < count and rows[at].slot == slot:  # in another slice
                at = self._too_many(seq, rows[at], at)
        while at < count:
            at = self._too_many(seq, rows[at], at)

    def _too_many(self, seq: int, row: LinkRow, at: int) -> int:
        self._findings.add("changed-link", seq, "There is a link that belongs to no slot of the leaf.")
        self._count(seq, row)
        return at + 1

    def skip(self, rows: Sequence[LinkRow]) -> None:
        """Links of a leaf that cannot be believed: only their counters are followed."""
        if rows and rows[0].seg == self._seg + 1:
            self._close(rows[0].seg)
        for row in rows:
            if row.seg == self._seg:
                self._counters[row.key_id] = (row.j,)

    def _count(self, seq: int, row: LinkRow) -> None:
        last = self._counters.get(row.key_id, (0,))
        if row.j - 1 in last:
            self._counters[row.key_id] = (row.j,)
            return
        # Either this row's j was changed, or a row before it is gone: the next one may go on from both.
        self._counters[row.key_id] = (last[0] + 1, row.j)
        if len(self._jumps) < _KEPT:
            self._jumps.append(seq)

    def _unlinked(self, seq: int, tag: str, *, introduces: bool) -> None:
        if len(self._unexplained) < _KEPT:
            self._unexplained.append(seq)
        self._introduced += introduces
        if self._keep_tags:
            self._tags[tag] = seq

    def erased(self, keys: int | None, linked: int = 0) -> None:
        """A `ledger.person-erased` entry: it explains slots without links before it. `keys` is how many it erased,
        None where it does not say, `linked` how many of these had links, at least: so many slots before it that
        introduce a key have none any more.
        """
        self._linked_erased += linked
        self._returned = max(self._returned, self._linked_erased - self._introduced)
        self._erasures = True
        self._unexplained.clear()
        self._report_jumps()
        if keys is None or self._keys_erased is None:
            self._keys_erased = None
        else:
            self._keys_erased += keys

    def excuse(self) -> None:
        """An entry is missing or changed that may have been an erasure: slots before it may be without links."""
        self._unexplained.clear()
        self._keys_erased = None
        self._excused = True

    def _report_jumps(self) -> None:
        for seq in self._jumps:
            self._findings.add(
                "changed-link", seq, "The links of a person do not count up: one was changed or taken out."
            )
        self._jumps.clear()

    def _close(self, seg: int) -> None:
        if self._tags:
            self._closed.append(
                (self._seg, self._tags, {key: last[-1] for key, last in self._counters.items()})
            )
            self._tags = {}
        self._counters = {}
        self._seg = seg

    def take_closed(self) -> list[tuple[int, dict[str, int], dict[UUID, int]]]:
        """For each segment that has ended with slots that no row links: its number, the seq of each such tag, and how
        many rows each key has in it. Each is handed out once.
        """
        closed, self._closed = self._closed, []
        return closed

    def finish(self) -> None:
        for seq in self._unexplained:
            self._findings.add(
                "changed-link", seq, "A slot has no link, and no erasure after it explains that."
            )
        if not self._unexplained:
            self._report_jumps()
        if self._erasures and self._keys_erased is not None and self._introduced > self._keys_erased:
            detail = f"The links of {self._introduced} keys are gone, but {self._keys_erased} were erased."
            self._findings.add("changed-link", None, detail)
        # What introduced a key may be among the leaves that are missing or changed.
        if self._returned and not self._excused:
            self._findings.add(
                "erased-returned", None, f"The links of keys that were erased are back: {self._returned}."
            )
        self._close(self._seg + 1)
