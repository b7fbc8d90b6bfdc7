"""The Merkle tree of RFC 6962 section 2.1, written for the oracle alone: a stack of perfect subtrees."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(leaf: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + leaf).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def roots_at(leaves: Sequence[bytes], sizes: Iterable[int]) -> dict[int, bytes]:
    """The roots over the first n leaves for each n of `sizes`; what is longer than the log has none."""
    wanted = {size for size in sizes if 0 <= size <= len(leaves)}
    found = {0: EMPTY_ROOT} if 0 in wanted else {}
    subtrees: list[tuple[int, bytes]] = []  # (height, root), heights falling
    for size, leaf in enumerate(leaves, start=1):
        height, node = 0, leaf_hash(leaf)
        while subtrees and subtrees[-1][0] == height:
            node = _node(subtrees.pop()[1], node)
            height += 1
        subtrees.append((height, node))
        if size in wanted:
            root = subtrees[-1][1]
            for _, left in reversed(subtrees[:-1]):
                root = _node(left, root)
            found[size] = root
    return found
