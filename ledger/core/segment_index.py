"""The segment index: what proves that no leaf with a given tag was left out of a segment.

For each segment of the log the index holds one root over the *gaps* between the sorted tags in it. A tag that is not
there lies within exactly one gap, and that gap has an inclusion proof. The root is computed from the leaves alone.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from typing import TYPE_CHECKING

from ledger.core import base64url
from ledger.core.errors import BadInput
from ledger.core.merkle import HASH_SIZE, ProofError, inclusion_proof, leaf_hash, root_of, verify_inclusion

if TYPE_CHECKING:
    from collections.abc import Iterable

GAP_LABEL = b"ledger/gap/v1\x00"
TYPE_LABEL = b"ledger/type/v1\x00"
ACTOR_LABEL = b"ledger/actor/v1\x00"
_ORIGIN = re.compile(r'[^\s"+\\\x00-\x1f]+')
_NUMBER = "(0|[1-9][0-9]{0,15})"
_LEAF = re.compile(
    rf'\{{"from":{_NUMBER},"log":"({_ORIGIN.pattern})","root":"([A-Za-z0-9_-]{{43}})"'
    rf',"seg":{_NUMBER},"tags":{_NUMBER},"to":{_NUMBER},"v":1\}}',
)
LOWEST = bytes(HASH_SIZE)
HIGHEST = b"\xff" * HASH_SIZE


def type_tag(event_type: str, segment: int, k: int) -> bytes:
    """The tag of the k-th leaf (from 1) of a full type name in a segment; anyone can compute it."""
    return _public_tag(TYPE_LABEL, event_type, segment, k)


def actor_tag(service: str, segment: int, k: int) -> bytes:
    """The tag of the k-th leaf (from 1) in a segment whose actor is this registered service."""
    return _public_tag(ACTOR_LABEL, service, segment, k)


def _public_tag(label: bytes, name: str, segment: int, k: int) -> bytes:
    if k < 1:
        raise BadInput("The leaves of a segment are counted from 1.")
    return sha256(
        label + name.encode() + b"\x00" + segment.to_bytes(8, "big") + k.to_bytes(4, "big")
    ).digest()


@dataclass(frozen=True, slots=True)
class Gap:
    """Two neighbours among the sorted tags with nothing between them, and the proof that the root says so."""

    lo: bytes
    hi: bytes
    index: int
    proof: tuple[bytes, ...]


class SegmentTags:
    """The distinct tags of one segment, sorted, and the tree over the gaps between them."""

    def __init__(self, tags: Iterable[bytes]) -> None:
        """Raise BadInput for a tag that is not of 32 bytes or equals one of the bounds."""
        self._tags = sorted(set(tags))
        if any(len(tag) != HASH_SIZE for tag in self._tags) or {LOWEST, HIGHEST} & set(self._tags):
            raise BadInput("A tag has 32 bytes, neither all zeros nor all ones.")
        bounds = [LOWEST, *self._tags, HIGHEST]
        self._hashes = [leaf_hash(gap_leaf(lo, hi)) for lo, hi in pairwise(bounds)]

    @property
    def count(self) -> int:
        """How many distinct tags: `tags` of the index leaf. There is one gap more."""
        return len(self._tags)

    def root(self) -> bytes:
        """The RFC 6962 root over the gaps: `root` of the index leaf."""
        return root_of(self._hashes)

    def gap(self, tag: bytes) -> Gap:
        """The gap in which a tag would lie, with its proof. Raise BadInput when the tag is in the segment."""
        index = bisect_left(self._tags, tag)
        if not LOWEST < tag < HIGHEST or (index < len(self._tags) and self._tags[index] == tag):
            raise BadInput("The tag is in the segment, so that no gap holds it.")
        bounds = [LOWEST, *self._tags, HIGHEST]
        proof = inclusion_proof(index, len(self._hashes), self._node)
        return Gap(bounds[index], bounds[index + 1], index, tuple(proof))

    def _node(self, level: int, index: int) -> bytes:
        return root_of(self._hashes[index << level : (index + 1) << level])


def gap_leaf(lo: bytes, hi: bytes) -> bytes:
    """The leaf of one gap: label, 0x00, its two bounds."""
    return GAP_LABEL + lo + hi


def segment_root(tags: Iterable[bytes]) -> bytes:
    """R of a segment: the root over the gaps between its distinct tags; of no tags there is one gap."""
    return SegmentTags(tags).root()


def verify_gap(tag: bytes, gap: Gap, count: int, root: bytes) -> None:
    """Check that a segment of `count` tags and this root does not hold the tag. Raise ProofError."""
    if not gap.lo < tag < gap.hi:
        raise ProofError("The tag does not lie within the gap that is shown.")
    if any(len(each) != HASH_SIZE for each in (tag, gap.lo, gap.hi)):
        raise ProofError("Tags have 32 bytes.")
    verify_inclusion(leaf_hash(gap_leaf(gap.lo, gap.hi)), gap.index, count + 1, gap.proof, root)


@dataclass(frozen=True, slots=True)
class IndexLeaf:
    """Leaf `segment` of the segment index: the leaves [start, end) of the log, and the root over their gaps."""

    log: str
    segment: int
    start: int
    end: int
    tags: int
    root: bytes

    def __post_init__(self) -> None:
        """Raise BadInput for what no segment can be; an empty one is never closed."""
        if not _ORIGIN.fullmatch(self.log) or len(self.root) != HASH_SIZE:
            raise BadInput("An index leaf names the log by its origin and has a root of 32 bytes.")
        if not 0 <= self.start < self.end or self.segment < 0 or self.tags < 0:
            raise BadInput("A segment holds at least one leaf, and its numbers are not negative.")

    def leaf(self) -> bytes:
        """The canonical JSON (RFC 8785) that is hashed into the index's tree."""
        root = base64url.encode(self.root)
        # No member needs an escape (see _ORIGIN), and the keys stand sorted: this is RFC 8785 as it is.
        return (
            f'{{"from":{self.start},"log":"{self.log}","root":"{root}"'
            f',"seg":{self.segment},"tags":{self.tags},"to":{self.end},"v":1}}'
        ).encode()


def parse_index_leaf(data: bytes) -> IndexLeaf:
    """Read an index leaf. Raise ProofError unless it is byte for byte what `IndexLeaf.leaf` writes."""
    try:
        match = _LEAF.fullmatch(data.decode())
        if match is None:
            raise ProofError("This is not a leaf of the segment index in its canonical form.")
        start, log, root, segment, tags, end = match.groups()
        leaf = IndexLeaf(log, int(segment), int(start), int(end), int(tags), base64url.decode(root))
    except (UnicodeDecodeError, BadInput) as why:
        raise ProofError("This is not a leaf of the segment index.") from why
    if leaf.leaf() != data:
        raise ProofError("This is not a leaf of the segment index in its canonical form.")
    return leaf
