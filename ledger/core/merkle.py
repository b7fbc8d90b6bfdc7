"""The Merkle tree of the log: RFC 6962 section 2.1 (the same as RFC 9162 section 2.1).

Hashes are 32 raw bytes. A *node* (level, index) is the root of the complete subtree over the leaves
[index << level, (index + 1) << level); level 0 holds the leaf hashes. Only complete subtrees have a node, so a node
never changes once it exists; what hangs over the right edge is folded from nodes when it is needed.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Self

from ledger.core.errors import BadAnswer, BadInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

HASH_SIZE = 32
EMPTY_ROOT = sha256(b"").digest()


class ProofError(BadAnswer):
    """A proof does not show what it should show."""

    code = "bad-proof"


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256(0x00 || leaf), RFC 6962 section 2.1. It is also the `prev` of the following leaf."""
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right), RFC 6962 section 2.1."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """The compact range [0, size): the roots of the complete subtrees that make up a tree, widest first.

    There is one node for each bit set in `size`. Appending costs one or two hashes on average and never looks
    back, so the writer keeps one in memory and in the head row. It changes in place: `copy` it before a transaction
    that may abort.
    """

    __slots__ = ("_nodes", "_size")

    def __init__(self, size: int = 0, nodes: Iterable[bytes] = ()) -> None:
        """Raise BadInput when the nodes are not as many as the bits set in `size`, or not of 32 bytes."""
        self._size = size
        self._nodes = list(nodes)
        if size < 0 or len(self._nodes) != size.bit_count() or any(len(n) != HASH_SIZE for n in self._nodes):
            raise BadInput(f"These are not the frontier nodes of a tree of {size} leaves.")

    @property
    def size(self) -> int:
        return self._size

    @property
    def nodes(self) -> tuple[bytes, ...]:
        return tuple(self._nodes)

    def append(self, leaf_hash: bytes) -> None:
        """Add one leaf by its leaf hash (32 bytes; not checked here, this is the hot path)."""
        size, nodes = self._size, self._nodes
        self._size = size + 1
        while size & 1:
            leaf_hash = sha256(b"\x01" + nodes.pop() + leaf_hash).digest()
            size >>= 1
        nodes.append(leaf_hash)

    def extend(self, leaf_hashes: Iterable[bytes]) -> None:
        for each in leaf_hashes:
            self.append(each)

    def root(self) -> bytes:
        """The RFC 6962 tree head over all leaves appended so far; `EMPTY_ROOT` for none."""
        if not self._nodes:
            return EMPTY_ROOT
        root = self._nodes[-1]
        for left in self._nodes[-2::-1]:
            root = node_hash(left, root)
        return root

    def copy(self) -> Self:
        return type(self)(self._size, self._nodes)

    def to_bytes(self) -> bytes:
        """The nodes joined, 32 bytes each, widest subtree first; the size is kept beside them."""
        return b"".join(self._nodes)

    @classmethod
    def from_bytes(cls, size: int, data: bytes) -> Self:
        """The reverse of `to_bytes`. Raise BadInput when `data` does not fit `size`."""
        return cls(size, [data[at : at + HASH_SIZE] for at in range(0, len(data), HASH_SIZE)])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Frontier) and (self._size, self._nodes) == (other._size, other._nodes)

    __hash__ = None  # type: ignore[assignment]  # it changes in place

    def __repr__(self) -> str:
        return f"Frontier(size={self._size}, root={self.root().hex()})"


def root_of(leaf_hashes: Sequence[bytes]) -> bytes:
    """The RFC 6962 tree head (MTH) over these leaf hashes; `EMPTY_ROOT` for none."""
    frontier = Frontier()
    frontier.extend(leaf_hashes)
    return frontier.root()


def range_nodes(start: int, end: int) -> list[tuple[int, int]]:
    """The (level, index) of the widest complete subtrees that make up the leaves [start, end), left to right."""
    nodes = []
    while start < end:
        level = (end - start).bit_length() - 1
        if start:
            level = min(level, (start & -start).bit_length() - 1)
        nodes.append((level, start >> level))
        start += 1 << level
    return nodes


def range_root(start: int, end: int, node: Callable[[int, int], bytes]) -> bytes:
    """The RFC 6962 hash of the subtree over [start, end), where `start` is aligned as the tree splits it."""
    hashes = [node(level, index) for level, index in range_nodes(start, end)]
    root = hashes[-1]
    for left in hashes[-2::-1]:
        root = node_hash(left, root)
    return root


def _inclusion_ranges(index: int, size: int) -> list[tuple[int, int]]:
    """RFC 6962 section 2.1.1, PATH(m, D[n]): the sibling ranges, the leaf's own first."""
    if not 0 <= index < size:
        raise BadInput(f"Leaf {index} is not in a tree of {size} leaves; ask for one below {size}.")
    ranges = []
    start, end = 0, size
    while end - start > 1:
        split = start + _split(end - start)
        if index < split:
            ranges.append((split, end))
            end = split
        else:
            ranges.append((start, split))
            start = split
    return ranges[::-1]


def _consistency_ranges(old: int, new: int) -> list[tuple[int, int]]:
    """RFC 6962 section 2.1.2, PROOF(m, D[n]): the ranges from the old tree's right edge upwards."""
    if not 0 <= old <= new:
        raise BadInput(f"A tree of {new} leaves has no older state of {old} leaves.")
    if old in {0, new}:
        return []
    ranges = []
    start, end = 0, new
    while end != old:
        split = start + _split(end - start)
        if old <= split:
            ranges.append((split, end))
            end = split
        else:
            ranges.append((start, split))
            start = split
    if start:  # the old tree is not one whole subtree from leaf 0, so its right edge must be told
        ranges.append((start, end))
    return ranges[::-1]


def _split(width: int) -> int:
    """The largest power of two below `width` (width > 1)."""
    return 1 << ((width - 1).bit_length() - 1)


def inclusion_nodes(index: int, size: int) -> list[tuple[int, int]]:
    """The (level, index) that `inclusion_proof` will read, so that a caller with slow storage loads them first."""
    return [n for start, end in _inclusion_ranges(index, size) for n in range_nodes(start, end)]


def consistency_nodes(old: int, new: int) -> list[tuple[int, int]]:
    """The (level, index) that `consistency_proof` will read."""
    return [n for start, end in _consistency_ranges(old, new) for n in range_nodes(start, end)]


def inclusion_proof(index: int, size: int, node: Callable[[int, int], bytes]) -> list[bytes]:
    """The audit path of leaf `index` in the tree of `size` leaves (RFC 6962 section 2.1.1), nearest sibling first.

    `node(level, index)` gives the hash of a complete subtree. Raise BadInput when `index` is not below `size`.
    """
    return [range_root(start, end, node) for start, end in _inclusion_ranges(index, size)]


def consistency_proof(old: int, new: int, node: Callable[[int, int], bytes]) -> list[bytes]:
    """The proof that the tree of `old` leaves begins that of `new` leaves (RFC 6962 section 2.1.2).

    Empty when `old` is 0 or equals `new`. Raise BadInput unless 0 <= old <= new.
    """
    return [range_root(start, end, node) for start, end in _consistency_ranges(old, new)]


def inclusion_root(leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root that an inclusion proof leads to (RFC 9162 section 2.1.3.2). Raise ProofError on a bad shape."""
    if not 0 <= index < size:
        raise ProofError(f"The proof speaks of leaf {index}, which a tree of {size} leaves does not have.")
    _require_hashes([leaf_hash, *proof])
    root = leaf_hash
    for on_left, sibling in _climb(index, size - 1, proof):
        root = node_hash(sibling, root) if on_left else node_hash(root, sibling)
    return root


def verify_inclusion(leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that the leaf is at `index` of the tree (size, root). Raise ProofError when it is not shown."""
    if inclusion_root(leaf_hash, index, size, proof) != root:
        raise ProofError(f"The inclusion proof of leaf {index} does not lead to the root of the tree.")


def verify_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    """Check that the tree (new, new_root) begins with (old, old_root), RFC 9162 section 2.1.4.2.

    Raise ProofError when it is not shown. The empty tree is the beginning of every tree, and its root is known.
    """
    if not 0 <= old <= new:
        raise ProofError(f"A tree of {new} leaves cannot continue one of {old} leaves.")
    if old in {0, new}:
        _verify_trivial_consistency(old, new, proof, old_root, new_root)
        return
    if not proof:
        raise ProofError("The consistency proof is empty.")
    _require_hashes([old_root, new_root, *proof])
    # A whole old tree (a power of two) is a node of the new one: its root is known, so the proof leaves it out.
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    position, last = old - 1, new - 1
    while position & 1:
        position >>= 1
        last >>= 1
    as_old = as_new = path[0]
    for on_left, sibling in _climb(position, last, path[1:]):
        if on_left:
            as_old = node_hash(sibling, as_old)
            as_new = node_hash(sibling, as_new)
        else:  # what lies to the right came after the old tree
            as_new = node_hash(as_new, sibling)
    if as_old != old_root:
        raise ProofError(f"The consistency proof does not lead to the older root, of {old} leaves.")
    if as_new != new_root:
        raise ProofError(f"The consistency proof does not lead to the newer root, of {new} leaves.")


def _verify_trivial_consistency(
    old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes
) -> None:
    if proof:
        raise ProofError("A consistency proof from the empty tree, or to the same size, must be empty.")
    if old == 0:
        _require_hashes([new_root])
        if old_root != EMPTY_ROOT:
            raise ProofError("The older root is not that of the empty tree.")
    if old == new and old_root != new_root:
        raise ProofError(f"There are two roots for the same {new} leaves.")


def _climb(position: int, last: int, proof: Sequence[bytes]) -> list[tuple[bool, bytes]]:
    """Say of each sibling whether it stands on the left, on the way from node `position` of a level to the root.

    `last` is the index of the level's last node. These are fn and sn of RFC 9162 sections 2.1.3.2 and 2.1.4.2.
    Raise ProofError when there are more or fewer siblings than the tree's shape asks for.
    """
    path = []
    for sibling in proof:
        if last == 0:
            raise ProofError("The proof is longer than the tree is high.")
        on_left = bool(position & 1) or position == last
        path.append((on_left, sibling))
        if on_left:
            # A node on the right edge without a sibling of its own is carried up unchanged.
            while position and not position & 1:
                position >>= 1
                last >>= 1
        position >>= 1
        last >>= 1
    if last:
        raise ProofError("The proof is shorter than the tree is high.")
    return path


def _require_hashes(hashes: Sequence[bytes]) -> None:
    if any(len(each) != HASH_SIZE for each in hashes):
        raise ProofError("A proof is made of hashes of 32 bytes.")
