"""The verifier of a whole stored log: a state machine that is fed with rows in order of seq and says what is wrong.

It keeps no more than two chunks, the counters of one segment, and what it found, however long the log is.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from msgspec import UNSET

from ledger.core.own import DUPLICATE, SKIPPED
from ledger.core.verifier.accounts import PERSON_ERASED, SEALED_EXPIRED, accounts, number_in
from ledger.core.verifier.beside import Blobs, Columns, Register, Seen
from ledger.core.verifier.links import Links
from ledger.core.verifier.offsets import Offsets
from ledger.core.verifier.order import Order
from ledger.core.verifier.places import Places
from ledger.core.verifier.stored import LinkRow, RegisterRow, SealedRow, SeenRow
from ledger.core.verifier.tree import Recorded, Tree, recorded_roots
from ledger.core.verifier.verdicts import Findings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ledger.core.checkpoint import Checkpoint
    from ledger.core.verifier.living import Living
    from ledger.core.verifier.places import Stored
    from ledger.core.verifier.read_leaf import Leaf
    from ledger.core.verifier.stored import Chunk, EntryRow, HeadRow, IntakeRow, SliceRow, Stray
    from ledger.core.verifier.tree import Place

_ANY_NUMBER = 2**53
_Row = TypeVar("_Row", SealedRow, LinkRow, SeenRow, RegisterRow)


class _Held(NamedTuple):
    chunk: Chunk
    stored: list[Stored]
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
        self._head, self._intake, self._checkpoint, self._origin = head, intake, checkpoint, origin
        self._slices = sorted(slices, key=lambda row: row.first_seq)
        self._slice_starts = [row.first_seq for row in self._slices]
        self._tree = Tree(self.findings, head.size, head.prev if head.size else None)
        self._order = Order(self.findings, origin)
        self._columns = Columns(self.findings)
        self._blobs = Blobs(self.findings)
        self._seen = Seen(self.findings)
        self._register = Register(self.findings)
        self.links = Links(self.findings, keep_tags=keep_tags)
        self._offsets = Offsets(self.findings)
        self._held: _Held | None = None
        self._places = Places(self.findings, head)
        self._excused = 0  # offsets that leaves with a verdict of their own may have accounted for
        self._covers: list[tuple[int, int]] = []

    # Feeding

    def feed(self, chunk: Chunk, living: Living | None = None) -> None:
        """Takes the next chunk, and judges the one before it: a leaf's hash is also told by the leaf after it."""
        stored = self._places.fill(chunk)
        self._tree.replaced.update(self._places.astray.values())
        self._look_for_losses()
        if self._held is not None:
            self._check(self._held, [each.place() for each in stored[:2]])
        self._held = _Held(chunk, stored, living)

    def _look_for_losses(self) -> None:
        if self._places.missing:
            self._excused = _ANY_NUMBER
            self.links.excuse()  # what is missing may have been an erasure
        if self._places.lost:
            self._tree.lose()

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

    def finish(self, strays: Sequence[Stray] = ()) -> None:
        """Judges the end of the log. `strays` are rows beyond the head or before 0, the first of each table."""
        if self._held is not None:
            self._check(self._held, [])
        head = self._head
        damaged = self._places.finish(strays)
        self._look_for_losses()
        self._tree.finish(head.root, head.frontier)
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

    @property
    def size(self) -> int:
        """How many leaves the log has."""
        return min(self._places.size, self._head.size)

    def root(self) -> bytes | None:
        """The root over the leaves; None where hashes are missing that nothing records."""
        return self._tree.root()

    def _finish_checkpoint(self) -> None:
        checkpoint = self._checkpoint
        if checkpoint is None:
            return
        if checkpoint.origin != self._origin:
            self.findings.add("bad-root", None, "The signed checkpoint is of another log.")
        elif checkpoint.size > self.size:
            detail = f"The log ends before the size {checkpoint.size} of the signed checkpoint."
            self.findings.add("truncated-tail", self.size, detail)

    # Judging one chunk

    def _check(self, held: _Held, following: list[Place]) -> None:
        chunk, stored = held.chunk, held.stored
        places = [each.place() for each in stored]
        unbelieved = self._tree.check(chunk.start, places, following, chunk.tiles, self._recorded(chunk))
        self._order.batches(list(chunk.batches))
        sealed, links, seen = _by_seq(chunk.sealed), _by_seq(chunk.links), _by_seq(chunk.seen)
        registered = _by_seq(chunk.registered)
        for index, (row, found, astray) in enumerate(stored):
            seq = chunk.start + index
            if row is None or found is None:
                self._order.skip()
                self.links.skip(links.get(seq, ()))
                continue
            leaf = found.leaf
            if seq in unbelieved or astray or leaf is None:
                if found.fault and seq not in unbelieved and not astray:
                    self.findings.add(found.fault, seq, found.detail)
                self._skip(row)
                self.links.skip(links.get(seq, ()))
                continue
            self._order.check(seq, leaf)
            slice_ = self._slice_of(seq)
            moment = _moment(leaf.event.time)
            self._columns.check(row, leaf, moment, slice_)
            self._blobs.check(seq, leaf, sealed.get(seq, ()), slice_)
            self.links.check(seq, leaf, moment, links.get(seq, ()), slice_)
            self._seen.check(seq, leaf, seen.get(seq, ()))
            self._register.check(seq, leaf, registered.get(seq, ()))
            self._account(seq, leaf)
            if held.living is not None:
                held.living.check(seq, leaf, sealed.get(seq, ()), links.get(seq, ()), seen.get(seq, ()))
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

    def _check_batches(self, chunk: Chunk, stored: list[Stored], unbelieved: set[int]) -> None:
        for batch in chunk.batches:
            last = stored[batch.size - 1 - chunk.start]
            if last.leaf and last.leaf.leaf and not last.astray and batch.size - 1 not in unbelieved:
                self._order.check_batch(batch, last.leaf.leaf)

    def _skip(self, row: EntryRow) -> None:
        """Follows a leaf that has a verdict already only so far that what comes after it is not blamed for it."""
        self._order.skip()
        if row.type == PERSON_ERASED:
            self.links.excuse()
        if row.topic_id is not None:
            self._excused += 1
        elif row.type in (DUPLICATE, SKIPPED):
            self._excused += _ANY_NUMBER

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
                for topic, partition, start, end in accounts(leaf):
                    self._offsets.cover(seq, topic, partition, start, end)
                if kind == DUPLICATE:
                    self._covers += [(seq, int(each)) for cover in data["covers"] for each in cover["seqs"]]
            elif kind == PERSON_ERASED:
                self.links.erased(number_in(data, "keys"), number_in(data, "linked") or 0)
            elif kind == SEALED_EXPIRED:
                self._blobs.expire(int(data["from"]), int(data["to"]))
        except (KeyError, TypeError, ValueError):
            self.findings.add(
                "changed-leaf", seq, "The data of an entry of the ledger's own is not as its type has it."
            )


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _by_seq(rows: Sequence[_Row]) -> dict[int, list[_Row]]:
    found: dict[int, list[_Row]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(row)
    return found
