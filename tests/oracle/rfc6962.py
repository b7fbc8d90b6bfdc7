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


class Roots:
    """Takes leaf hashes one by one, and keeps the roots over the first n of them for each n of `sizes`."""

    def __init__(self, sizes: Iterable[int]) -> None:
        self.size = 0
        self.found: dict[int, bytes] = {}
        self._wanted = set(sizes)
        self._subtrees: list[tuple[int, bytes]] = []  # (height, root), heights falling
        if 0 in self._wanted:
            self.found[0] = EMPTY_ROOT

    def add(self, hashed: bytes) -> None:
        height, node = 0, hashed
        while self._subtrees and self._subtrees[-1][0] == height:
            node = _node(self._subtrees.pop()[1], node)
            height += 1
        self._subtrees.append((height, node))
        self.size += 1
        if self.size in self._wanted:
            self.found[self.size] = self._root()

    def _root(self) -> bytes:
        root = self._subtrees[-1][1]
        for _, left in reversed(self._subtrees[:-1]):
            root = _node(left, root)
        return root


def roots_at(leaves: Sequence[bytes], sizes: Iterable[int]) -> dict[int, bytes]:
    """The roots over the first n leaves for each n of `sizes`; what is longer than the log has none."""
    roots = Roots(sizes)
    for leaf in leaves:
        roots.add(leaf_hash(leaf))
    return roots.found
