"""Walks the entries of a block with the blobs and the links beside them: the screen's inner loop."""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from itertools import accumulate, chain, pairwise, repeat
from typing import TYPE_CHECKING, NamedTuple

from ledger.core.verifier.leaf_form import hash_texts
from ledger.core.verifier.stretch import sure

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ledger.core.verifier.block import Block
    from ledger.core.verifier.screen import Screen


class Slots(NamedTuple):
    """What stands beside one entry, by slot: the digests of its blobs, as text, and (role, seg, j, time) of its links."""

    digests: dict[int, bytes]
    links: dict[int, tuple[int, int, int, int]]


def walk(screen: Screen, block: Block, texts: list[bytes]) -> None:
    """Compares each entry of a block with its columns, blobs and links; `texts` are the leaves' hashes. Raises Doubt."""
    entries, blobs, links = block.entries, block.blobs, block.links
    form, special = screen.form, screen.special
    segs, js, keys = links.seg, links.j, links.key_id
    roles = bytes(links.role)
    digests = tuple(hash_texts([sha256(blob).digest() for blob in blobs.blob]))
    of_links = _firsts(block, links.seq)
    of_blobs = of_links if blobs.seq == links.seq else _firsts(block, blobs.seq)
    whole = _whole(block, of_blobs, of_links)
    counted = 0
    seg, prev, before = screen.seg, screen.prev, screen.before
    spans = zip(entries, texts, whole, of_blobs, of_blobs[1:], of_links, of_links[1:], strict=False)
    for entry, text, is_whole, blob, past_blob, link, past_link in spans:
        if (
            is_whole
            and prev is not None
            and entry[7] not in special
            and form.fits(entry, prev, seg, roles[link:past_link], digests[blob:past_blob])
            and (not form.introduced or all(js[link + slot] == 1 for slot in form.introduced))
        ):
            if link != past_link:
                screen.neutral = entry[0] + 1
        else:
            beside = Slots(
                dict(zip(blobs.slot[blob:past_blob], digests[blob:past_blob], strict=True)),
                {
                    links.slot[at]: (links.role[at], segs[at], js[at], links.time[at])
                    for at in range(link, past_link)
                },
            )
            sure(len(beside.digests) == past_blob - blob and len(beside.links) == past_link - link)
            found = screen.read(entry, prev, beside)
            if found != seg:
                _count(screen, segs, keys, js, (counted, link))
                screen.enter(entry[0], found, entry[1], before)
                counted, seg = link, found
        prev, before = text, entry[1]
    _count(screen, segs, keys, js, (counted, len(segs)))
    screen.prev, screen.before = prev, before


def _firsts(block: Block, seqs: list[int]) -> list[int]:
    """Where in a column of seqs the rows of each entry begin, and where the last one's end."""
    counts = list(map(Counter(seqs).__getitem__, range(block.start, block.end)))
    sure(seqs == list(chain.from_iterable(map(repeat, range(block.start, block.end), counts))))
    return list(accumulate(counts, initial=0))


def _whole(block: Block, of_blobs: list[int], of_links: list[int]) -> Iterable[bool]:
    """For each entry whether it has a blob and a link for each of its slots, from 0 on, the link with its time."""
    blobs, links = block.blobs, block.links
    times = [entry[2] for entry in block.entries]
    counts = [b - a for a, b in pairwise(of_links)]
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
