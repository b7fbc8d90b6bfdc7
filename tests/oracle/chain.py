"""The leaves by themselves: form, gapless `seq`, `prev`, clocks, segments; and every head that was ever claimed."""

from __future__ import annotations

import base64
import itertools
import json
from typing import TYPE_CHECKING, Any

from tests.oracle.observed import Finding, Head
from tests.oracle.rfc6962 import leaf_hash, roots_at

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


def check_links(leaves: Sequence[bytes], parsed: Sequence[dict[str, Any] | None]) -> Iterator[Finding]:
    """Each leaf against the one before it."""
    before = bytes(32)
    last: dict[str, Any] | None = None
    for place, (leaf, entry) in enumerate(zip(leaves, parsed, strict=True)):
        if entry is None:
            yield Finding("bad-leaf", "the leaf is not the canonical object of version 1", place)
        else:
            if entry["seq"] != place:
                yield Finding("sequence", f"the leaf says seq {entry['seq']}", place)
            if entry["prev"] != base64.urlsafe_b64encode(before).rstrip(b"=").decode():
                yield Finding("broken-link", "prev is not the hash of the leaf before", place)
            yield from _check_rising(place, entry, last)
            last = entry
        before = leaf_hash(leaf)


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


def check_heads(
    leaves: Sequence[bytes], head: Head, claimed: Sequence[Head], watched: Sequence[Head]
) -> Iterator[Finding]:
    """`head` is the final one, `claimed` those of the batches, `watched` those that a watcher saw, in time order."""
    roots = roots_at(leaves, {head.size} | {each.size for each in (*claimed, *watched)})
    if head.size != len(leaves):
        yield Finding("size", f"the head says {head.size} leaves, there are {len(leaves)}")
    if roots.get(head.size) != head.root:
        yield Finding("bad-root", f"the head's root over {head.size} leaves is not theirs")
    for each in claimed:
        if roots.get(each.size) != each.root:
            yield Finding("not-a-prefix", f"the batch's head of size {each.size} is no prefix of the log")
    for each in watched:
        if roots.get(each.size) != each.root:
            yield Finding("not-a-prefix", f"the watched head of size {each.size} is no prefix of the log")
    for earlier, later in itertools.pairwise(watched):
        if later.size < earlier.size:
            yield Finding("head-went-back", f"the watched head went from {earlier.size} to {later.size}")
