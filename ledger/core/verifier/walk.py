"""Walks the entries of a block with the blobs and the links beside them: the screen's inner loop."""

from __future__ import annotations

from bisect import bisect_left
from hashlib import sha256
from itertools import chain, repeat
from operator import sub
from typing import TYPE_CHECKING, NamedTuple

from ledger.core.verifier.leaf_form import hash_texts
from ledger.core.verifier.stretch import sure

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ledger.core.verifier.block import Block
    from ledger.core.verifier.screen import Screen


class Slots(NamedTuple):
    """What stands beside one entry, by slot: the digests of its blobs, as text, and (role, seg, j, time) of its links."""

    digests: dict[int, bytes]
    links: dict[int, tuple[int, int, int, int]]


def walk(screen: Screen, block: Block, texts: list[bytes], times: Sequence[int]) -> None:
    """Compares each entry of a block with its columns, blobs and links; `texts` are the leaves' hashes, `times` their
    times. Raises Doubt.
    """
    entries, blobs, links = block.entries, block.blobs, block.links
    fits = screen.form.fits
    segs, js, keys = links.seg, links.j, links.key_id
    roles = bytes(links.role)
    digests = tuple(hash_texts([sha256(blob).digest() for blob in blobs.blob]))
    of_links = _firsts(block, links.seq)
    of_blobs = of_links if blobs.seq == links.seq else _firsts(block, blobs.seq)
    whole = _whole(block, times, of_blobs, of_links)
    counted = 0
    seg, prev, before, slotted = screen.seg, screen.prev, screen.before, -1
    spans = zip(entries, texts, whole, of_blobs, of_blobs[1:], of_links, of_links[1:], strict=False)
    for entry, text, is_whole, blob, past_blob, link, past_link in spans:
        introduced = None
        if is_whole and prev is not None:
            introduced = fits(entry, prev, seg, roles[link:past_link], digests[blob:past_blob])
        if introduced is not None and (not introduced or all(js[link + slot] == 1 for slot in introduced)):
            if link != past_link:
                slotted = entry[0]
        else:
            beside = Slots(
                dict(zip(blobs.slot[blob:past_blob], digests[blob:past_blob], strict=True)),
                {
                    links.slot[at]: (links.role[at], segs[at], js[at], links.time[at])
                    for at in range(link, past_link)
                },
            )
            sure(len(beside.digests) == past_blob - blob and len(beside.links) == past_link - link)
            screen.neutral = max(screen.neutral, slotted + 1)
            found = screen.read(entry, prev, beside)
            if found != seg:
                _count(screen, segs, keys, js, (counted, link))
                screen.enter(entry[0], found, entry[1], before)
                counted, seg = link, found
        prev, before = text, entry[1]
    _count(screen, segs, keys, js, (counted, len(segs)))
    screen.prev, screen.before, screen.neutral = prev, before, max(screen.neutral, slotted + 1)


def _firsts(block: Block, seqs: list[int]) -> list[int]:
    """Where in a column of seqs the rows of each entry begin, and where the last one's end."""
    sure(seqs == sorted(seqs) and (not seqs or (block.start <= seqs[0] and seqs[-1] < block.end)))
    return list(map(bisect_left, repeat(seqs), range(block.start, block.end + 1)))


def _whole(block: Block, times: Sequence[int], of_blobs: list[int], of_links: list[int]) -> Iterable[bool]:
    """For each entry whether it has a blob and a link for each of its slots, from 0 on, the link with its time."""
    blobs, links = block.blobs, block.links
    counts = list(map(sub, of_links[1:], of_links))
    if (
        of_blobs == of_links
        and links.slot == blobs.slot == list(chain.from_iterable(map(range, counts)))
        and links.time == list(chain.from_iterable(map(repeat, times, counts)))
    ):
        return repeat(True)
    spans = zip(times, counts, of_blobs, of_blobs[1:], of_links, strict=False)
    return [
        blobs.slot[blob:past] == links.slot[link : link + count] == list(range(count))
        and links.time[link : link + count].count(time) == count
        for time, count, blob, past, link in spans
    ]


def _count(screen: Screen, segs: list[int], keys: list[bytes], js: list[int], part: tuple[int, int]) -> None:
    """Counts the links of a part of the block that lies in one segment."""
    start, end = part
    if start < end:
        sure(segs[start:end].count(screen.seg) == end - start)
        screen.count(keys[start:end], js[start:end])
