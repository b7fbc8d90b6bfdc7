"""The screen: says of a stretch of a log, quickly, that all of it is right, or that it cannot say so.

It knows no verdicts. What it finds right is right by every rule of the verifier (`log.LogVerifier`), which judges
whatever the screen is in doubt about: so a log without a fault, the common case, is verified at the speed of hashing,
and a fault has the verdict, and the seq, that it always had.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from accountability_ledger.catalog import EVENT_TYPES
from ledger.core import base64url
from ledger.core.errors import BadInput
from ledger.core.leaf import FIRST_PREV, MAX_LEAF_BYTES, encode_clock
from ledger.core.merkle import Frontier, node_hash
from ledger.core.own import CONFLICT, DUPLICATE, REJECTED, SKIPPED
from ledger.core.registered import registrations_of
from ledger.core.tile import WIDTH
from ledger.core.verifier.accounts import PERSON_ERASED, SEALED_EXPIRED, accounts, number_in
from ledger.core.verifier.block import EPOCH, ROLES, microseconds
from ledger.core.verifier.leaf_form import LeafForm, hash_texts
from ledger.core.verifier.offsets import Intervals
from ledger.core.verifier.read_leaf import read
from ledger.core.verifier.stretch import (
    Covered,
    Doubt,
    Erasures,
    Run,
    Stretch,
    is_rising,
    partial_nodes,
    sure,
)
from ledger.core.verifier.walk import walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ledger.core.verifier.block import Block, Entry
    from ledger.core.verifier.read_leaf import Leaf
    from ledger.core.verifier.stored import BatchRow, TileRow
    from ledger.core.verifier.walk import Slots

_MOST = 2**53 - 1
_REGISTERING = frozenset(name.encode() for name, found in EVENT_TYPES.items() if found.registers)
_NO_PLACE = (None, None, None, None)
_FIRST_PREV = base64url.encode_bytes(FIRST_PREV)


class Screen:
    """Feed it the blocks of a stretch in order, then `finish`. Every method raises Doubt.

    `nodes` is the frontier before the stretch, which begins at a full tile; `topics` are the names of topics by Kafka's
    id; `roots` are signed roots by size, to which the log must hold.
    """

    def __init__(
        self,
        start: int,
        nodes: Sequence[bytes],
        *,
        origin: str,
        topics: Mapping[bytes, str],
        roots: Mapping[int, bytes],
    ) -> None:
        self._start = self._next = start
        self._origin, self._topics, self._roots = origin, topics, roots
        self.form = LeafForm(origin, topics, _REGISTERING)
        self.seg = -1
        self.before = 0  # the clock of the leaf before the next one
        self.prev: bytes | None = None if start else _FIRST_PREV
        self._before = list(nodes)
        self._frontier = Frontier(start // WIDTH, nodes)  # of full tiles
        self._partial: list[bytes] = []
        self._tiles = bytearray()
        self._first_prev = "" if start else _FIRST_PREV.decode()
        self._clock = 0
        self._hash = b""
        self._batch = 0
        self._run: Run | None = None
        self._first_run: Run | None = None
        self._first_j: dict[bytes, int] = {}
        self._last_j: dict[bytes, int] = {}
        self._erasures = Erasures()
        self._missing: list[tuple[int, int]] = []
        self.neutral = start  # entries from here on have no slot at all
        self._expired: list[tuple[int, int]] = []
        self._covered: dict[tuple[bytes, int], Intervals] = {}
        self._entries_of: dict[tuple[bytes, int], tuple[int, int]] = {}
        self._covers: list[tuple[int, int]] = []
        self._unseen: list[int] = []
        self._conflicts: list[int] = []
        self._registered: list[tuple[int, str, str]] = []

    def block(self, block: Block) -> list[tuple[int, int]]:
        """Takes the next block. Answers what entries about duplicates claim, (seq of the claim, seq that was repeated):
        each repeated one must be an earlier event from Kafka that was accepted, or a conflict.
        """
        entries, start = block.entries, block.start
        sure(start == self._next < block.end and len(entries) == block.end - start)
        seqs, clocks, times, topic_ids, partitions, offsets, received, _, leaves = zip(*entries, strict=True)
        sure(seqs == tuple(range(start, block.end)))
        sure(max(map(len, leaves)) <= MAX_LEAF_BYTES)
        hashes = [sha256(b"\0" + leaf).digest() for leaf in leaves]
        self._climb(block, hashes, clocks)
        walk(self, block, hash_texts(hashes), times)
        sure(self.form.settle())
        self._check_registered(block)
        sure(all(0 <= each <= _MOST for each in received if each is not None))
        self._cover_offsets(zip(topic_ids, partitions, strict=True), offsets)
        self._next = block.end
        covers, self._covers = self._covers, []
        return covers

    # Tree

    def _climb(self, block: Block, hashes: list[bytes], clocks: Sequence[int]) -> None:
        """Hashes on to the tiles' roots, and compares these, each recorded root, and the clocks between them."""
        tiles = {(tile.level, tile.index): tile for tile in block.tiles}
        sure(not self._partial and len(tiles) == len(hashes) // WIDTH)
        recorded: dict[int, list[BatchRow]] = defaultdict(list)
        for batch in block.batches:
            recorded[(batch.size - 1) // WIDTH].append(batch)
        for at in range(0, len(hashes), WIDTH):
            index = (block.start + at) // WIDTH
            self._climb_tile(
                index,
                hashes[at : at + WIDTH],
                clocks[at : at + WIDTH],
                tiles.get((0, index)),
                recorded[index],
            )
        self._hash = hashes[-1]

    def _climb_tile(
        self,
        index: int,
        hashes: list[bytes],
        clocks: Sequence[int],
        tile: TileRow | None,
        batches: Sequence[BatchRow],
    ) -> None:
        rows = [hashes]
        while len(rows[-1]) > 1:
            row = rows[-1]
            rows.append([sha256(b"\x01" + a + b).digest() for a, b in zip(row[::2], row[1::2], strict=False)])
        start = index * WIDTH
        for batch in batches:
            at = batch.size - start
            sure(batch.prev == hashes[at - 1] and microseconds(batch.appended) == clocks[at - 1])
            sure(batch.root == self._root(rows, at))
        for size, root in self._roots.items():
            if start < size <= start + len(hashes):
                sure(root == self._root(rows, size - start))
        self._check_clocks(start, clocks, {batch.size for batch in batches})
        if len(hashes) == WIDTH:
            root = rows[-1][0]
            sure(tile is not None and tile.hashes == b"".join(hashes) and tile.root == root)
            self._tiles += root
            self._frontier.append(root)
        else:
            self._partial = partial_nodes(rows, len(hashes))

    def _root(self, rows: Sequence[Sequence[bytes]], count: int) -> bytes:
        """The root over the tiles before this one and `count` leaves of it."""
        *lefts, root = (*self._frontier.nodes, *partial_nodes(rows, count))
        for left in reversed(lefts):
            root = node_hash(left, root)
        return root

    def _check_clocks(self, start: int, clocks: Sequence[int], sizes: set[int]) -> None:
        """One transaction has one clock: where it moves, on and never back, a batch begins."""
        if start > self._start:
            clocks = (self._clock, *clocks)
            start -= 1
            sizes.add(self._batch)
        moved = [at for at, (a, b) in enumerate(pairwise(clocks), start + 1) if a != b]
        sure(sizes.issuperset(moved) and (not moved or clocks == tuple(sorted(clocks))))
        self._clock = clocks[-1]
        self._batch = max(self._batch, *sizes) if sizes else self._batch

    # Segments and the counters of keys

    def enter(self, seq: int, seg: int, appended: int, before: int) -> None:
        """The leaf at `seq` is of segment `seg`; `before` is the clock of the leaf before it."""
        if self._run is not None:
            sure(seg == self.seg + 1)
            self._close_run(seq - 1, before)
        self._run = Run(seg, seq, appended, seq, appended)
        self.seg = seg

    def _close_run(self, last: int, ended: int) -> Run:
        run = self._run
        if run is None:
            raise Doubt
        run.last, run.ended = last, ended
        sure(run.holds())
        if self._first_run is None:
            self._first_run = run
        self._last_j = {}
        return run

    def count(self, keys: Sequence[bytes], js: Sequence[int]) -> None:
        """The links of the next entries of the segment that is open: each key counts 1, 2, 3 ... in it."""
        last = self._last_j
        if self._first_run is not None or self._start == 0:
            for key, j in zip(keys, js, strict=True):
                if last.get(key, 0) + 1 != j:
                    raise Doubt
                last[key] = j
            return
        for key, j in zip(keys, js, strict=True):
            if last.get(key, j - 1) + 1 != j:
                raise Doubt
            if key not in last:
                self._first_j[key] = j
            last[key] = j

    # Entries

    def read(self, entry: Entry, prev: bytes | None, slots: Slots) -> int:
        """An entry that the form does not fit: read it, compare piece by piece, note what it says; its segment."""
        seq, appended, time, topic_id, partition, offset, received, kind, data = entry
        leaf = read(data).leaf
        if leaf is None:
            raise Doubt
        if prev is None:
            self._first_prev = leaf.prev
        sure(prev is None or leaf.prev == prev.decode())
        found = (leaf.seq, leaf.ledger, leaf.appended, leaf.event.type.encode())
        sure(found == (seq, self._origin, _clock_text(appended), kind))
        sure(_moment(leaf.event.time) == time)
        via, place = leaf.via, (topic_id, partition, offset, received)
        if via.api is UNSET:
            named = base64url.decode(str(via.topic_id))
            sure(place == (named, via.partition, via.offset, via.received))
            sure(self._topics.get(named) == via.topic)
        else:
            sure(place == _NO_PLACE)
        self._compare_slots(seq, time, leaf, slots)
        self._note(seq, leaf)
        if kind in _REGISTERING:
            rows = registrations_of(EVENT_TYPES[leaf.event.type].short, leaf.event.data)
            self._registered += [(seq, *row) for row in rows]
        return leaf.seg

    def _compare_slots(self, seq: int, time: int, leaf: Leaf, slots: Slots) -> None:
        missing = False
        for slot, person in enumerate(leaf.who):
            digest = slots.digests.pop(slot, None)
            missing |= digest is None
            sure(digest is None or digest.decode() == person.s)
            link = slots.links.pop(slot, None)
            introduces = person.n is not UNSET
            if link is None:
                self._erasures.unlinked = seq
                self._erasures.introduced += introduces
            else:
                role, seg, j, moment = link
                sure((role, seg, moment) == (ROLES.index(person.r), leaf.seg, time))
                sure(j == 1 or not introduces)
        sure(not slots.digests and not slots.links)
        if missing:
            self._miss(seq)
        elif leaf.who:
            self.neutral = seq + 1

    def _miss(self, seq: int) -> None:
        # Only entries without slots since the last missing blob: the same run goes on.
        if self._missing and self.neutral <= self._missing[-1][1]:
            self._missing[-1] = (self._missing[-1][0], seq + 1)
        else:
            self._missing.append((seq, seq + 1))

    def _note(self, seq: int, leaf: Leaf) -> None:
        """What an entry says of events seen, keys, offsets, erasures and expiry."""
        kind, data = leaf.event.type, leaf.event.data
        if leaf.via.api is UNSET:
            if kind == REJECTED:
                self._unseen.append(seq)
            elif kind == CONFLICT:
                self._conflicts.append(seq)
            return
        self._unseen.append(seq)
        try:
            if kind in (DUPLICATE, SKIPPED):
                for topic, partition, start, end in accounts(leaf):
                    self._cover(topic, partition, start, end)
                if kind == DUPLICATE:
                    self._covers += [(seq, int(each)) for cover in data["covers"] for each in cover["seqs"]]
            elif kind == PERSON_ERASED:
                self._erase(seq, data)
            elif kind == SEALED_EXPIRED and 0 <= int(data["from"]) < int(data["to"]):
                self._expired.append((int(data["from"]), int(data["to"])))
        except (KeyError, TypeError, ValueError, BadInput):
            raise Doubt from None

    def _erase(self, seq: int, data: Mapping[str, Any]) -> None:
        found = self._erasures
        found.erasure = seq
        keys = number_in(data, "keys")
        found.unsaid |= keys is None
        found.keys += keys or 0
        found.linked += number_in(data, "linked") or 0
        found.lack = max(found.lack, found.linked - found.introduced)

    # Offsets, keys registered

    def _cover(self, topic: str, partition: tuple[str, int], start: int, end: int) -> None:
        topic_id = base64url.decode(partition[0])
        sure(self._topics.get(topic_id) == topic and 0 <= start < end)
        sure(self._covered.setdefault((topic_id, partition[1]), Intervals()).add(start, end))

    def _cover_offsets(self, partitions: Iterable[tuple[Any, Any]], offsets_: Iterable[Any]) -> None:
        """Within a partition the order of offsets is the order of the log."""
        found: dict[tuple[Any, Any], list[Any]] = defaultdict(list)
        for key, offset in zip(partitions, offsets_, strict=True):
            found[key].append(offset)
        found.pop((None, None), None)
        for key, offsets in found.items():
            first, last = self._entries_of.get(key, (offsets[0], -1))
            sure(offsets[0] > last and offsets[-1] <= _MOST and 0 <= key[1] <= _MOST)
            self._entries_of[key] = (first, offsets[-1])
            covered = self._covered.setdefault(key, Intervals())
            sure(is_rising(offsets))
            past = [at for at, (a, b) in enumerate(pairwise(offsets), 1) if b != a + 1]
            for start, end in zip([0, *past], [*past, len(offsets)], strict=True):
                sure(covered.add(offsets[start], offsets[end - 1] + 1))

    def _check_registered(self, block: Block) -> None:
        sure(sorted(self._registered) == sorted(map(tuple, block.registered)))
        self._registered.clear()

    def finish(self) -> Stretch:
        """The stretch, once its last block was taken; it has at least one."""
        first_run = self._first_run
        last_j = self._last_j
        run = self._close_run(self._next - 1, self._clock)
        return Stretch(
            start=self._start,
            end=self._next,
            first_prev=self._first_prev,
            last_hash=self._hash,
            before=self._before,
            after=[*self._frontier.nodes, *self._partial],
            tiles=bytes(self._tiles),
            last_batch=self._batch,
            first_run=first_run or run,
            last_run=run,
            first_j=self._first_j,
            last_j=last_j,
            erasures=self._erasures,
            missing=self._missing,
            unseen=self._unseen,
            conflicts=self._conflicts,
            expired=self._expired,
            covered=[
                Covered(
                    topic_id, partition, *self._entries_of.get((topic_id, partition), (-1, -1)), found.pairs()
                )
                for (topic_id, partition), found in self._covered.items()
            ],
        )


def _moment(text: str) -> int | None:
    try:
        return microseconds(datetime.fromisoformat(text))
    except (ValueError, TypeError):  # without a time zone it cannot be told from which moment on it counts
        return None


def _clock_text(appended: int) -> str:
    try:
        return encode_clock(EPOCH + timedelta(microseconds=appended)).decode()
    except OverflowError:
        raise Doubt from None
