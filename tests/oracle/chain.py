"""The leaves by themselves: form, gapless `seq`, `prev`, clocks, segments; and every head that was ever claimed."""

from __future__ import annotations

import base64
import itertools
import json
from typing import TYPE_CHECKING, Any

from tests.oracle.observed import Finding, Head
from tests.oracle.rfc6962 import Roots, leaf_hash

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_KEYS = ["appended", "event", "ledger", "prev", "seg", "seq", "v", "via", "who"]


def parse(leaf: bytes) -> dict[str, Any] | None:
    """The leaf's object when it has the keys of version 1 in canonical order, else None."""
    try:
        parsed = json.loads(leaf)
    except ValueError:
        return None
    if not isinstance(parsed, dict) or list(parsed) != _KEYS or parsed["v"] != 1:
        return None
    return parsed


class Chain:
    """Takes leaf by leaf, each against the one before it; then the heads over them. `head` is the final one, `claimed`
    those of the batches, `watched` those that a watcher saw, in time order.
    """

    def __init__(self, head: Head, claimed: Sequence[Head], watched: Sequence[Head]) -> None:
        self._head, self._claimed, self._watched = head, claimed, watched
        self._roots = Roots({head.size, *(each.size for each in (*claimed, *watched))})
        self._before = bytes(32)
        self._last: dict[str, Any] | None = None

    def take(self, leaf: bytes, entry: dict[str, Any] | None) -> Iterator[Finding]:
        place = self._roots.size
        if entry is None:
            yield Finding("bad-leaf", "the leaf is not the canonical object of version 1", place)
        else:
            if entry["seq"] != place:
                yield Finding("sequence", f"the leaf says seq {entry['seq']}", place)
            if entry["prev"] != base64.urlsafe_b64encode(self._before).rstrip(b"=").decode():
                yield Finding("broken-link", "prev is not the hash of the leaf before", place)
            yield from _check_rising(place, entry, self._last)
            self._last = entry
        self._before = leaf_hash(leaf)
        self._roots.add(self._before)

    def check_heads(self) -> Iterator[Finding]:
        """Called when all leaves were taken."""
        roots, head = self._roots.found, self._head
        if head.size != self._roots.size:
            yield Finding("size", f"the head says {head.size} leaves, there are {self._roots.size}")
        if roots.get(head.size) != head.root:
            yield Finding("bad-root", f"the head's root over {head.size} leaves is not theirs")
        for each in self._claimed:
            if roots.get(each.size) != each.root:
                yield Finding("not-a-prefix", f"the batch's head of size {each.size} is no prefix of the log")
        for each in self._watched:
            if roots.get(each.size) != each.root:
                yield Finding("not-a-prefix", f"the watched head of size {each.size} is no prefix of the log")
        for earlier, later in itertools.pairwise(self._watched):
            if later.size < earlier.size:
                yield Finding("head-went-back", f"the watched head went from {earlier.size} to {later.size}")


def _check_rising(place: int, entry: dict[str, Any], last: dict[str, Any] | None) -> Iterator[Finding]:
    if last is None:
        if entry["seg"] != 0:
            yield Finding("segment", f"the first leaf is in segment {entry['seg']}", place)
        return
    if entry["ledger"] != last["ledger"]:
        yield Finding("bad-leaf", "the leaf is of another ledger than the one before", place)
    if entry["appended"] < last["appended"]:  # one fixed form, so that text order is time order
        yield Finding("clock-back", f"appended goes back to {entry['appended']}", place)
    if entry["seg"] - last["seg"] not in {0, 1}:
        yield Finding("segment", f"the segment goes from {last['seg']} to {entry['seg']}", place)
