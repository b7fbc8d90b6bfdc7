"""The verifier of a whole stored log: a state machine that is fed with rows in order of seq and says what is wrong.

It keeps no more than two chunks, the counters of one segment, and what it found, however long the log is.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import UNSET

from ledger.core.own import DUPLICATE, SKIPPED, type_name
from ledger.core.verifier.beside import Blobs, Columns, Seen
from ledger.core.verifier.links import Links
from ledger.core.verifier.offsets import Offsets
from ledger.core.verifier.order import Order
from ledger.core.verifier.read_leaf import Read, read
from ledger.core.verifier.tree import Place, Recorded, Tree, recorded_roots
from ledger.core.verifier.verdicts import Findings, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ledger.core.checkpoint import Checkpoint
    from ledger.core.verifier.living import Living
    from ledger.core.verifier.read_leaf import Leaf
    from ledger.core.verifier.stored import Chunk, EntryRow, HeadRow, IntakeRow, SealedRow, SliceRow, Stray

SEALED_EXPIRED = type_name("ledger.sealed-expired")
PERSON_ERASED = type_name("ledger.person-erased")


class _Stored(NamedTuple):
    """One seq of a chunk: the row and its leaf; None where no row stands there."""

    row: EntryRow | None
    leaf: Read | None
    astray: bool = False


class _Held(NamedTuple):
    chunk: Chunk
    stored: list[_Stored]
    living: Living | None


class LogVerifier:
    """Feed it the chunks of a log in order, then `finish`. `checkpoint` is a signed one whose signature was checked;
    with `keep_tags` the tags of slots without links are kept for whoever holds the vault (`links.take_closed`).
    """

    def __init__(
        self,
        head: HeadRow,
        intake: Sequence[IntakeRow],
        slices: Sequence[SliceRow],
        *,
        origin: str,
        checkpoint: Checkpoint | None = None,
        keep_tags: bool = False,
    ) -> None:
        self.findings = Findings()
        self.size = 0
        self._head, self._intake, self._checkpoint, self._origin = head, intake, checkpoint, origin
        self._slices = sorted(slices, key=lambda row: row.first_seq)
        self._slice_starts = [row.first_seq for row in self._slices]
        self._tree = Tree(self.findings, head)
        self._order = Order(self.findings, origin)
        self._columns = Columns(self.findings)
        self._blobs = Blobs(self.findings)
        self._seen = Seen(self.findings)
        self.links = Links(self.findings, keep_tags=keep_tags)
        self._offsets = Offsets(self.findings)
        self._held: _Held | None = None
        self._next = 0
        self._missing_from: int | None = None
        self._excused = 0
        self._astray: dict[int, tuple[int, bytes]] = {}
        self._drift = 0  # leaves after a renumbering say a seq that is this much greater than their row's
        self._covers: list[tuple[int, int]] = []

    # Feeding

    def feed(self, chunk: Chunk, living: Living | None = None) -> None:
        """Takes the next chunk, and judges the one before it: a leaf's hash is also told by the leaf after it."""
        stored = self._place(chunk)
        if self._held is not None:
            self._check(self._held, [_claims(each) for each in stored[:2]])
        self._held = _Held(chunk, stored, living)

    def take_covers(self) -> list[tuple[int, int]]:
        """What entries about duplicates claim, (seq of the claim, seq that was repeated), each handed out once; to be
        answered with `answer_cover`.
        """
        covers, self._covers = self._covers, []
        return covers

    def answer_cover(self, seq: int, *, is_event: bool) -> None:
        """Whether what the entry at `seq` calls repeated is an event from Kafka that was accepted, or a conflict."""
        if not is_event:
            self.findings.add(
                "offset-not-covered", seq, "An offset is called a duplicate of an entry that is no event."
            )

    def finish(self, strays: Sequence[Stray] = ()) -> tuple[Verdict, ...]:
        """Judges the end of the log. `strays` are rows beyond the head or before 0, the first of each table."""
        if self._held is not None:
            self._check(self._held, [])
        head = self._head
        damaged = self._finish_places(strays)
        self._tree.finish()
        if not damaged:
            self._order.finish(head)
        if head.origin != self._origin:
            self.findings.add("changed-head", None, "The head row names another origin than the leaves.")
        if self._slices and head.size and head.slice != self._slices[-1].slice:
            self.findings.add("changed-head", None, "The head row names another slice than the log's last.")
        self._finish_checkpoint()
        self._blobs.finish()
        self.links.finish()
        self._offsets.finish(self._intake, self._excused)
        return self.findings.sorted()

    # Places

    def _place(self, chunk: Chunk) -> list[_Stored]:
        """Puts the rows of a chunk at their seqs; says what is missing, doubled or in another's place."""
        stored: list[_Stored] = []
        if chunk.start > self._next:
            self._miss(self._next, chunk.start - self._next)
            self._tree.lose()
        self._next = chunk.start
        rows = chunk.entries
        for index, row in enumerate(rows):
            if row.seq < self._next:
                self.findings.add("reordered", row.seq, "Two entries stand at the same place.")
                continue
            while self._next < row.seq:
                self._miss(self._next, 1)
                stored.append(_Stored(None, None))
                self._next += 1
            self._end_miss()
            self._next += 1
            leaf = read(row.leaf)
            ahead = (
                read(rows[index + 1].leaf).seq
                if self._is_astray(row, leaf) and index + 1 < len(rows)
                else None
            )
            stored.append(_Stored(row, leaf, self._judge_place(row, leaf, ahead)))
        while self._next < chunk.end:
            self._miss(self._next, 1)
            stored.append(_Stored(None, None))
            self._next += 1
        return stored

    def _is_astray(self, row: EntryRow, leaf: Read) -> bool:
        return leaf.seq is not None and leaf.seq != row.seq + self._drift

    def _judge_place(self, row: EntryRow, leaf: Read, ahead: int | None) -> bool:
        """Whether a leaf says that it belongs elsewhere; a whole tail that does was renumbered after a deletion."""
        if leaf.seq is None:
            return False
        if self._is_astray(row, leaf):
            before = self._astray.get(row.seq - 1)
            if ahead == leaf.seq + 1 or (before is not None and before[0] + 1 == leaf.seq):
                missing = leaf.seq - row.seq - self._drift
                where = row.seq if before is None else row.seq - 1
                self._astray.pop(row.seq - 1, None)
                if missing > 0:
                    self.findings.add(
                        "gap", where, f"{missing} entries are missing, and those after them renumbered."
                    )
                else:
                    self.findings.add("reordered", where, "The entries from here on stand at others' places.")
                self._drift = leaf.seq - row.seq
                self._excused += max(missing, 0)
                self._tree.lose()
                return True
            if len(self._astray) < 1000:
                self._astray[row.seq] = (leaf.seq, leaf.hash)
            self._tree.replaced[leaf.seq] = leaf.hash
            self._excused += 1
            return True
        return self._drift != 0

    def _miss(self, seq: int, count: int) -> None:
        if self._missing_from is None:
            self._missing_from = seq
        self._excused += count

    def _end_miss(self) -> None:
        if self._missing_from is not None:
            self.findings.add(
                "gap",
                self._missing_from,
                "The entry is missing."
                if self._next - self._missing_from == 1
                else f"The entries up to seq {self._next - 1} are missing.",
            )
            self._missing_from = None

    def _finish_places(self, strays: Sequence[Stray]) -> bool:
        """What the end of the log and rows outside it say; True where leaves are missing or astray."""
        head = self._head
        by_table = {stray.table: stray.seq for stray in strays}
        end = self._next if self._missing_from is None else self._missing_from
        self.size = end
        if self._drift == 0 and end < head.size:
            self._excused += head.size - self._next
            self.findings.add("truncated-tail", end, f"The log ends before the size {head.size} of its head.")
        elif "entry" in by_table:
            self.findings.add(
                "changed-head", by_table["entry"], "An entry stands outside the size of the head."
            )
        elif "batch" in by_table:
            self.findings.add("truncated-tail", head.size, f"The log had the size {by_table['batch']} once.")
        else:
            for table, verdict in (
                ("sealed", "changed-blob"),
                ("entry_person", "changed-link"),
                ("seen", "changed-seen"),
            ):
                if table in by_table and not self._drift:
                    self.findings.add(verdict, by_table[table], "A row belongs to no entry.")
            if "tile" in by_table:
                self.findings.add("changed-tile", None, "A tile is stored that the log cannot have filled.")
        claimed = {leaf_seq for leaf_seq, _ in self._astray.values()}
        for seq, (leaf_seq, digest) in self._astray.items():
            if seq in claimed or leaf_seq in self._astray:
                self.findings.add("reordered", seq, f"The leaf of seq {leaf_seq} stands here.")
            elif digest == head.prev and leaf_seq > seq:
                self.findings.add("gap", seq, "Entries are missing, and the last one renumbered.")
            else:
                self.findings.add("changed-leaf", seq, "The leaf says another seq than its place.")
        return bool(self._astray or self._drift or end < head.size)

    def _finish_checkpoint(self) -> None:
        checkpoint = self._checkpoint
        if checkpoint is None:
            return
        if checkpoint.origin != self._origin:
            self.findings.add("bad-root", None, "The signed checkpoint is of another log.")
        elif checkpoint.size > min(self.size, self._head.size):
            detail = f"The log ends before the size {checkpoint.size} of the signed checkpoint."
            self.findings.add("truncated-tail", min(self.size, self._head.size), detail)

    # Judging one chunk

    def _check(self, held: _Held, following: list[Place]) -> None:
        chunk, stored = held.chunk, held.stored
        places = [_claims(each) for each in stored]
        unbelieved = self._tree.check(chunk.start, places, following, chunk.tiles, self._recorded(chunk))
        self._order.batches(list(chunk.batches))
        rows = _Beside(chunk)
        for index, (row, found, astray) in enumerate(stored):
            seq = chunk.start + index
            sealed, links, seen = rows.take(seq)
            if row is None or found is None:
                self._order.skip()
                continue
            leaf = found.leaf
            if seq in unbelieved or astray or leaf is None:
                if found.fault and seq not in unbelieved and not astray:
                    self.findings.add(found.fault, seq, found.detail)
                self._skip(row, leaf)
                self.links.skip(links)
                continue
            self._order.check(seq, leaf)
            slice_ = self._slice_of(seq)
            self._columns.check(row, leaf, slice_)
            self._blobs.check(seq, leaf, sealed, slice_)
            self.links.check(seq, leaf, links, slice_)
            self._seen.check(seq, leaf, seen)
            self._account(seq, leaf)
            if held.living is not None:
                held.living.check(seq, leaf, sealed, links, seen)
        self._check_batches(chunk, stored, unbelieved)

    def _recorded(self, chunk: Chunk) -> list[Recorded]:
        recorded = recorded_roots(chunk.batches)
        checkpoint = self._checkpoint
        if (
            checkpoint is not None
            and checkpoint.origin == self._origin
            and chunk.start < checkpoint.size <= chunk.end
        ):
            recorded.append(Recorded(checkpoint.size, "checkpoint", checkpoint.root, None))
            recorded.sort(key=lambda each: (each.size, each.kind != "checkpoint"))
        return recorded

    def _check_batches(self, chunk: Chunk, stored: list[_Stored], unbelieved: set[int]) -> None:
        for batch in chunk.batches:
            last = stored[batch.size - 1 - chunk.start]
            if last.leaf and last.leaf.leaf and not last.astray and batch.size - 1 not in unbelieved:
                self._order.check_batch(batch, last.leaf.leaf)

    def _skip(self, row: EntryRow, leaf: Leaf | None) -> None:
        """Follows a leaf that has a verdict already only so far that what comes after it is not blamed for it."""
        self._order.skip()
        if row.topic_id is not None:
            self._excused += 1
        elif leaf is None and row.type in (DUPLICATE, SKIPPED):
            self._excused += 2**53  # how many offsets it accounted for cannot be known
        if leaf is not None and leaf.via.api is UNSET:
            offset = int(leaf.via.offset or 0)
            self._offsets.unbelieved(
                (str(leaf.via.topic_id), int(leaf.via.partition or 0)), offset, offset + 1
            )
        elif leaf is not None and leaf.event.type in (DUPLICATE, SKIPPED):
            for _, partition, start, end in _accounts(leaf):
                self._offsets.unbelieved(partition, start, end)

    def _slice_of(self, seq: int) -> int:
        at = bisect_right(self._slice_starts, seq) - 1
        return self._slices[at].slice if at >= 0 else -1

    def _account(self, seq: int, leaf: Leaf) -> None:
        """What an entry says of offsets, of erasures and of expiry."""
        via = leaf.via
        if via.api is UNSET:
            partition = (str(via.topic_id), int(via.partition or 0))
            self._offsets.entry(seq, str(via.topic), partition, int(via.offset or 0))
            return
        kind, data = leaf.event.type, leaf.event.data
        try:
            if kind in (DUPLICATE, SKIPPED):
                for topic, partition, start, end in _accounts(leaf):
                    self._offsets.cover(seq, topic, partition, start, end)
                if kind == DUPLICATE:
                    self._covers += [(seq, int(each)) for cover in data["covers"] for each in cover["seqs"]]
            elif kind == PERSON_ERASED:
                keys = data.get("keys")
                self.links.erased(keys if isinstance(keys, int) else None)
            elif kind == SEALED_EXPIRED:
                self._blobs.expire(int(data["from"]), int(data["to"]))
        except (KeyError, TypeError, ValueError):
            self.findings.add(
                "changed-leaf", seq, "The data of an entry of the ledger's own is not as its type has it."
            )


def _accounts(leaf: Leaf) -> list[tuple[str, tuple[str, int], int, int]]:
    """(topic, partition, start, end) of the offsets that an entry about duplicates or skipped offsets accounts for.
    Raises KeyError, TypeError or ValueError where its data is not of that form.
    """
    data: dict[str, Any] = leaf.event.data
    if leaf.event.type == SKIPPED:
        return [
            (
                str(data["topic"]),
                (str(data["topic_id"]), int(data["partition"])),
                int(data["from"]),
                int(data["to"]),
            )
        ]
    found = []
    for cover in data["covers"]:
        if len(cover["offsets"]) != len(cover["seqs"]):
            raise ValueError("as many seqs as offsets")
        partition = (str(cover["topic_id"]), int(cover["partition"]))
        found += [
            (str(cover["topic"]), partition, int(offset), int(offset) + 1) for offset in cover["offsets"]
        ]
    return found


def _claims(stored: _Stored) -> Place:
    if stored.leaf is None:
        return Place(None, None)
    return Place(stored.leaf.hash, stored.leaf.prev, stored.astray)


class _Beside:
    """Walks the sealed, link and seen rows of a chunk beside its entries."""

    def __init__(self, chunk: Chunk) -> None:
        self._chunk = chunk
        self._at = [0, 0, 0]

    def take(self, seq: int) -> tuple[Sequence[SealedRow], Any, Any]:
        chunk = self._chunk
        return (
            self._slice(0, chunk.sealed, seq),
            self._slice(1, chunk.links, seq),
            self._slice(2, chunk.seen, seq),
        )

    def _slice(self, which: int, rows: Sequence[Any], seq: int) -> Sequence[Any]:
        start = end = self._at[which]
        count = len(rows)
        while end < count and rows[end][0] <= seq:
            end += 1
        self._at[which] = end
        return rows[start:end]
