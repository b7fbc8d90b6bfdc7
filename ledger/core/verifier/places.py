"""Puts the stored rows at the places of the log: what is missing, doubled, in another's place, renumbered, cut off."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ledger.core.verifier.read_leaf import read
from ledger.core.verifier.tree import Place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ledger.core.verifier.read_leaf import Read
    from ledger.core.verifier.stored import Chunk, EntryRow, HeadRow, Stray
    from ledger.core.verifier.verdicts import Findings

_KEPT = 1000
_ROWS_BESIDE = (
    ("sealed", "changed-blob"),
    ("entry_person", "changed-link"),
    ("seen", "changed-seen"),
    ("register", "changed-register"),
)


class Stored(NamedTuple):
    """What stands at one seq: the row and its leaf, None where no row does. `astray` marks a leaf that says that it
    belongs to another seq.
    """

    row: EntryRow | None
    leaf: Read | None
    astray: bool = False

    def place(self) -> Place:
        """What the tree is told of it."""
        if self.leaf is None:
            return Place(None, None)
        return Place(self.leaf.hash, self.leaf.prev, self.astray)


_NOTHING = Stored(None, None)


class Places:
    """Follows the seqs of rows and leaves. `size` is how many places are filled up to the last row; `lost` says that
    there are places whose hash nothing may record.
    """

    def __init__(self, findings: Findings, head: HeadRow) -> None:
        self._findings = findings
        self._head = head
        self._next = 0
        self._missing_from: int | None = None
        self._drift = 0  # leaves after a renumbering say a seq that is this much greater than their row's
        self.astray: dict[int, tuple[int, bytes]] = {}
        self.missing = False
        self.lost = False

    @property
    def size(self) -> int:
        return self._next if self._missing_from is None else self._missing_from

    def fill(self, chunk: Chunk) -> list[Stored]:
        """One item for each seq of the chunk."""
        if chunk.start > self._next:
            self._miss()
            self._next = chunk.start
            self.lost = True
        stored: list[Stored] = []
        rows = chunk.entries
        for index, row in enumerate(rows):
            if row.seq < self._next:
                self._findings.add("reordered", row.seq, "Two entries stand at the same place.")
                continue
            self._fill_up(stored, row.seq)
            self._end_miss()
            self._next += 1
            leaf = read(row.leaf)
            astray = self._drift != 0
            if leaf.seq is not None and leaf.seq != row.seq + self._drift:
                ahead = read(rows[index + 1].leaf).seq if index + 1 < len(rows) else None
                self._stray(row.seq, leaf.seq, leaf.hash, ahead)
                astray = True
            stored.append(Stored(row, leaf, astray))
        self._fill_up(stored, chunk.end)
        return stored

    def _fill_up(self, stored: list[Stored], to: int) -> None:
        if self._next < to:
            self._miss()
            stored += [_NOTHING] * (to - self._next)
            self._next = to

    def _miss(self) -> None:
        self.missing = True
        if self._missing_from is None:
            self._missing_from = self._next

    def _end_miss(self) -> None:
        first = self._missing_from
        if first is not None:
            many = self._next - first > 1
            detail = (
                f"The entries up to seq {self._next - 1} are missing." if many else "The entry is missing."
            )
            self._findings.add("gap", first, detail)
            self._missing_from = None

    def _stray(self, seq: int, leaf_seq: int, digest: bytes, ahead: int | None) -> None:
        """A leaf at `seq` says another seq. Where the leaf before or after it is off by as much, what follows was
        renumbered, else it is judged at the end, when it is known whether two were exchanged.
        """
        before = self.astray.get(seq - 1)
        if ahead != leaf_seq + 1 and (before is None or before[0] + 1 != leaf_seq):
            if len(self.astray) < _KEPT:
                self.astray[seq] = (leaf_seq, digest)
            return
        where = seq if before is None else seq - 1
        self.astray.pop(seq - 1, None)
        count = leaf_seq - seq - self._drift
        if count > 0:
            self._findings.add(
                "gap", where, f"Entries are missing: {count}. Those after them were renumbered."
            )
        else:
            self._findings.add("reordered", where, "The entries from here on stand at others' places.")
        self._drift = leaf_seq - seq
        self.missing = self.lost = True

    def finish(self, strays: Sequence[Stray]) -> bool:
        """Judges the end of the log and the rows outside it; True where leaves are missing or astray."""
        size = self._head.size
        beyond = {stray.table: stray.seq for stray in strays}
        if self._drift == 0 and self.size < size:
            self.missing = True
            self._findings.add(
                "truncated-tail", self.size, f"The log ends before the size {size} of its head."
            )
        elif "entry" in beyond:
            self._findings.add(
                "changed-head", beyond["entry"], "An entry stands outside the size of the head."
            )
        elif "batch" in beyond:
            self._findings.add("truncated-tail", size, f"The log had the size {beyond['batch']} once.")
        elif self._drift == 0:
            for table, verdict in _ROWS_BESIDE:
                if table in beyond:
                    self._findings.add(verdict, beyond[table], "A row belongs to no entry.")
            if "tile" in beyond:
                self._findings.add("changed-tile", None, "A tile is stored that the log cannot have filled.")
        self._judge_astray()
        return bool(self.astray) or self.missing

    def _judge_astray(self) -> None:
        claimed = {leaf_seq for leaf_seq, _ in self.astray.values()}
        for seq, (leaf_seq, digest) in self.astray.items():
            if seq in claimed or leaf_seq in self.astray:
                self._findings.add("reordered", seq, f"The leaf of seq {leaf_seq} stands here.")
            elif digest == self._head.prev and leaf_seq > seq:
                self._findings.add("gap", seq, "Entries are missing, and the last one was renumbered.")
                self.missing = self.lost = True
            else:
                self._findings.add("changed-leaf", seq, "The leaf says another seq than its place.")
