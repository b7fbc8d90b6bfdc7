"""Which hashes a log had when it was appended, and where what is stored now departs from them.

Each leaf's hash has up to three witnesses: the stored leaf, the tile that holds its hash, and the `prev` of the leaf
after it. Where they agree, nothing is to be decided. Where they do not, one reading is taken as the likelier and the
other is kept; the next recorded root (of a batch, the head, a signed checkpoint) says which holds. So one edited leaf
is one verdict, and what comes after it is still verified.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from ledger.core import base64url
from ledger.core.errors import BadInput
from ledger.core.leaf import FIRST_PREV
from ledger.core.merkle import Frontier
from ledger.core.tile import WIDTH, TileEdge, tile_path
from ledger.core.verifier.read_leaf import hash_text
from ledger.core.verifier.verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ledger.core.verifier.stored import BatchRow, TileRow
    from ledger.core.verifier.verdicts import Findings

_FIRST_PREV = hash_text(FIRST_PREV)
_HASH = 32
# Only a damaged log comes here, and it must not take for ever: how many doubts are tried in every combination, on how
# many recorded roots, how many leaves a doubt may wait for one, and how many unmatched roots are kept.
_MOST_DOUBTS = 6
_MOST_TRIES = 8
_LONGEST_DOUBT = 4096
_MOST_UNMATCHED = 1000


class Place(NamedTuple):
    """What stands at one seq: the stored leaf's hash and the `prev` it claims. `hash` is None where no row stands
    there; `astray` marks a leaf that says it belongs to another seq, whose claims count for nothing here.
    """

    hash: bytes | None
    prev: str | None
    astray: bool = False


class Recorded(NamedTuple):
    """A root that was written down for a size: `kind` is batch, checkpoint or head. `prev` is None for a checkpoint."""

    size: int
    kind: str
    root: bytes
    prev: bytes | None


class _Doubt(NamedTuple):
    """A place with two readings: the hash of the less likely one, and the verdict that each of them comes to."""

    seq: int
    other: bytes
    if_likely: Verdict | None
    if_other: Verdict | None


def tile_verdict(level: int, index: int) -> Verdict:
    return Verdict(
        "changed-tile", None, f"{tile_path(level, index)} does not hold the hashes of the leaves below it."
    )


def _leaf_verdict(seq: int) -> Verdict:
    return Verdict("changed-leaf", seq, "The leaf is not the one whose hash was recorded.")


class Tree:
    """Follows the hashes of a log from its first leaf on."""

    def __init__(self, findings: Findings, size: int, prev: bytes | None = None) -> None:
        """`size` is that of the head, `prev` the hash of the last leaf where the head has it."""
        self._findings = findings
        self._size = size
        self._prev = prev
        self._settled = Frontier()  # what is beyond doubt, and the likelier hashes since then
        self._since: list[bytes] = []
        self._edge = TileEdge()
        self._edge_holds = True
        self._explained = False
        self._doubts: list[_Doubt] = []
        self._unmatched: list[Recorded] = []
        self._tries = 0
        self._recomputed = False  # the last place judged was changed, and the chain computed again after it
        self.replaced: dict[int, bytes] = {}  # hashes of leaves that stand astray, by the seq that they claim
        self.lost = False

    def lose(self) -> None:
        """Hashes are missing that nothing records: no root from here on can be computed."""
        self.lost = True

    def check(
        self,
        start: int,
        places: Sequence[Place],
        following: Sequence[Place],
        tiles: Iterable[TileRow],
        recorded: Sequence[Recorded],
    ) -> set[int]:
        """Judges the places [start, start + len(places)) and answers the seqs whose leaves are not to be believed.
        `following` are the next two places; `recorded` is sorted by size.
        """
        by_tile = {(tile.level, tile.index): tile for tile in tiles}
        if self._is_plain(start, places, following, by_tile):
            hashes = [place.hash for place in places if place.hash is not None]
            self._explained |= self._recomputed and len(hashes) < WIDTH
            self._recomputed = False
            suspects = set[int]()
        else:
            hashes, suspects = self._judge(start, places, following, by_tile)
        if not self.lost:
            self._advance(start, hashes, recorded)
            self._compare_tiles(hashes, by_tile)
        return suspects

    def _is_plain(
        self,
        start: int,
        places: Sequence[Place],
        following: Sequence[Place],
        tiles: Mapping[tuple[int, int], TileRow],
    ) -> bool:
        """Whether every witness agrees with every other: the common case, in a few passes."""
        hashes = []
        for place in places:
            if place.hash is None or place.astray:
                return False
            hashes.append(place.hash)
        if not places or (start == 0 and places[0].prev != _FIRST_PREV):
            return False
        claims = [place.prev for place in places[1:]]
        claims.append(self._claim(start + len(places), following))
        if claims != list(map(hash_text, hashes)):
            return False
        joined = b"".join(hashes)
        for at in range(0, len(hashes) - WIDTH + 1, WIDTH):
            tile = tiles.get((0, (start + at) // WIDTH))
            if tile is None or tile.hashes != joined[at * _HASH : (at + WIDTH) * _HASH]:
                return False
        return True

    def _claim(self, seq: int, following: Sequence[Place]) -> str | None:
        """The `prev` that the place at `seq`, just behind a chunk, claims; the head's, behind the last leaf."""
        if seq == self._size:
            return hash_text(self._prev) if self._prev is not None else None
        return following[0].prev if following and not following[0].astray else None

    def _judge(
        self,
        start: int,
        places: Sequence[Place],
        following: Sequence[Place],
        tiles: Mapping[tuple[int, int], TileRow],
    ) -> tuple[list[bytes], set[int]]:
        """The likelier hashes, and the places whose leaves are not to be believed."""
        around = [*places, *following]
        witnesses = [self._witnesses(start, index, around, tiles) for index in range(len(around))]
        if start == 0 and places and places[0].prev != _FIRST_PREV and not self._is_changed(witnesses, 0):
            self._findings.add("broken-link", 0, "The first leaf names a leaf before it.")
        likely: list[bytes] = []
        suspects: set[int] = set()
        for index, place in enumerate(places):
            seq = start + index
            _, tile, claim = witnesses[index]
            if place.hash is None or place.astray:
                known = tile or claim or self.replaced.get(seq)
                suspects.add(seq)
                if known is None:
                    self.lose()
                likely.append(known or b"")
                self._recomputed = False
            else:
                next_changed = self._is_changed(witnesses, index + 1)
                likely.append(self._weigh(seq, place.hash, tile, claim, next_changed, suspects))
        return likely, suspects

    def _witnesses(
        self, start: int, index: int, around: Sequence[Place], tiles: Mapping[tuple[int, int], TileRow]
    ) -> tuple[bytes | None, bytes | None, bytes | None]:
        """What the stored leaf, the tile and the following leaf say of a hash; None where one says nothing."""
        place, seq = around[index], start + index
        tile = tiles.get((0, seq // WIDTH))
        at = seq % WIDTH * _HASH
        in_tile = (tile.hashes[at : at + _HASH] or None) if tile else None
        if index + 1 < len(around):
            following = around[index + 1]
            claim = None if following.astray else following.prev
        else:
            claim = self._claim(seq + 1, ())
        return (None if place.astray else place.hash), in_tile, _decoded(claim)

    @staticmethod
    def _is_changed(witnesses: Sequence[tuple[bytes | None, bytes | None, bytes | None]], index: int) -> bool:
        if index >= len(witnesses):
            return False
        own, tile, claim = witnesses[index]
        return own is None or (tile is not None and own != tile) or (claim is not None and own != claim)

    def _weigh(
        self,
        seq: int,
        own: bytes,
        tile: bytes | None,
        claim: bytes | None,
        next_changed: bool,
        suspects: set[int],
    ) -> bytes:
        """The likelier hash of one leaf; what is left open becomes a doubt."""
        recomputed, self._recomputed = self._recomputed, False
        if own == (tile or own) == (claim or own):
            self._explained |= recomputed and tile is None
            return own
        if tile is None:
            if claim is None or self._explained:
                return own
            suspects.add(seq)
            otherwise = None if next_changed else self._link_verdict(seq + 1)
            self._doubts.append(_Doubt(seq, own, _leaf_verdict(seq), otherwise))
            return claim
        if own == tile:
            if claim is not None and not next_changed:
                self._doubts.append(_Doubt(seq, claim, self._link_verdict(seq + 1), _leaf_verdict(seq)))
            return own
        suspects.add(seq)
        if claim is not None and own != claim:
            if not recomputed:
                self._say(_leaf_verdict(seq))
            return tile
        # The chain says this leaf, the tile says another: the chain was computed again, or the tile was changed.
        self._recomputed = True
        changed = None if recomputed else _leaf_verdict(seq)
        self._doubts.append(_Doubt(seq, own, changed, tile_verdict(0, seq // WIDTH)))
        return tile

    def _link_verdict(self, seq: int) -> Verdict:
        if seq == self._size:
            return Verdict("changed-head", None, "The head does not hold the hash of the last leaf.")
        return Verdict("broken-link", seq, "The leaf names another leaf than the one before it.")

    def _say(self, verdict: Verdict | None) -> None:
        if verdict is not None:
            self._findings.add(verdict.verdict, verdict.seq, verdict.detail)

    def _advance(self, start: int, hashes: list[bytes], recorded: Sequence[Recorded]) -> None:
        """Hashes on, and compares at each recorded size. Leaves in `hashes` the readings that hold."""
        at = 0
        for mark in recorded:
            to = mark.size - start
            self._extend(hashes[at:to])
            at = to
            for seq, digest in self._compare(mark, hashes[to - 1] if to > 0 else None).items():
                if seq >= start:
                    hashes[seq - start] = digest
                else:
                    self._edge_holds = False  # tiles were hashed already that take up the other reading
        self._extend(hashes[at:])
        if len(self._since) > _LONGEST_DOUBT:  # the leaves that are named then explain why no root fits
            self._settle(start + len(hashes), {})
            self._explained = True

    def _extend(self, hashes: list[bytes]) -> None:
        if self._doubts:
            self._since += hashes
        else:
            self._settled.extend(hashes)

    def _compare(self, mark: Recorded, last: bytes | None) -> dict[int, bytes]:
        """Compares with a recorded root, `last` being the hash of the last leaf before it. Answers which doubts are
        settled against the likelier hash, as {seq: hash}.
        """
        reading = self._reading(mark)
        if reading is None:
            self._tries += 1
            if len(self._unmatched) > _MOST_UNMATCHED and mark.kind == "batch":
                self._unmatched.pop()
            self._unmatched.append(mark)
            return {}
        self._settle(mark.size, reading)
        if mark.kind == "batch" and last is not None and mark.prev != reading.get(mark.size - 1, last):
            self._findings.add(
                "changed-batch", None, f"The recorded last hash of size {mark.size} is another."
            )
        batches = [each for each in self._unmatched if each.kind == "batch"]
        self._unmatched = [each for each in self._unmatched if each.kind == "checkpoint"]
        if mark.kind == "head" and len(batches) > 1 and batches[-1].size == mark.size:
            self._bad_root(batches[0].size, "recorded head")
            return reading
        for each in batches:
            self._findings.add("changed-batch", None, f"The recorded root of size {each.size} is another.")
        return reading

    def _reading(self, mark: Recorded) -> dict[int, bytes] | None:
        """Which readings of the doubts before it a recorded root confirms: {} for the likelier ones throughout, None
        where no reading leads to that root.
        """
        open_doubts = [doubt for doubt in self._doubts if doubt.seq < mark.size]
        count = len(open_doubts)
        choices: Iterable[tuple[bool, ...]] = dict.fromkeys([(False,) * count, (True,) * count])
        if count <= _MOST_DOUBTS and self._tries < _MOST_TRIES:
            choices = product((False, True), repeat=count)
        start = self._settled.size
        for choice in choices:
            others = {
                doubt.seq: doubt.other for doubt, taken in zip(open_doubts, choice, strict=True) if taken
            }
            hashes = self._since.copy()
            for seq, digest in others.items():
                hashes[seq - start] = digest
            frontier = self._settled.copy()
            frontier.extend(hashes)
            if frontier.root() == mark.root:
                return others
        return None

    def _settle(self, size: int, reading: Mapping[int, bytes]) -> None:
        """Says what the doubts before `size` come to, and hashes on to there."""
        start = self._settled.size
        for doubt in self._doubts:
            if doubt.seq < size:
                self._say(doubt.if_other if doubt.seq in reading else doubt.if_likely)
        for seq, digest in reading.items():
            self._since[seq - start] = digest
        self._settled.extend(self._since)
        self._since = []
        self._tries = 0
        self._doubts = [doubt for doubt in self._doubts if doubt.seq >= size]

    def _compare_tiles(self, hashes: list[bytes], stored: Mapping[tuple[int, int], TileRow]) -> None:
        self._edge, full = self._edge.extend(hashes)
        for tile in full:
            found = stored.get((tile.level, tile.index))
            if (tile.level == 0 or self._edge_holds) and (
                found is None or found.root != tile.root or found.hashes != tile.data
            ):
                self._say(tile_verdict(tile.level, tile.index))

    def finish(self, root: bytes | None = None, frontier: bytes | None = None) -> None:
        """Compares the head's root and frontier where it has them, and says what no recorded root could settle."""
        size = self._size
        if self.lost or self._settled.size + len(self._since) != size:
            if self._doubts:
                self._settle(self._doubts[-1].seq + 1, {})
            return
        if root is not None:
            self._compare(Recorded(size, "head", root, self._prev), None)
        doubted = min((doubt.seq for doubt in self._doubts), default=None)
        self._settle(size, {})
        for each in self._unmatched:
            if each.kind == "checkpoint":
                self._bad_root(each.size, "signed checkpoint")
        # Leaves that are named already explain why no root after them fits.
        explained = 0 if self._explained else doubted
        unmatched = [each for each in self._unmatched if each.kind != "checkpoint"]
        unmatched = [each for each in unmatched if explained is None or each.size <= explained]
        if unmatched and unmatched[0].kind == "head":
            self._findings.add("changed-head", None, "The head's root is not that of the leaves.")
        elif unmatched:
            self._bad_root(unmatched[0].size, "recorded head")
        elif not self._unmatched and frontier is not None and frontier != self._settled.to_bytes():
            self._findings.add("changed-head", None, "The head's frontier is not that of the leaves.")

    def root(self) -> bytes | None:
        """The root over the leaves up to the last one, None after a loss. Of use after `finish`."""
        return None if self.lost else self._settled.root()

    def _bad_root(self, size: int, what: str) -> None:
        self._findings.add(
            "bad-root", None, f"The leaves do not hash to the root of the {what} of size {size}."
        )


def recorded_roots(batches: Iterable[BatchRow]) -> list[Recorded]:
    return [Recorded(batch.size, "batch", batch.root, batch.prev) for batch in batches]


def _decoded(claim: str | None) -> bytes | None:
    """The hash behind a claimed `prev`; a text that is none claims a hash that no leaf has."""
    if claim is None:
        return None
    try:
        return base64url.decode(claim) or b"?"
    except BadInput:
        return b"?"
