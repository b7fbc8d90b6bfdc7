"""The screen over a stored log of a test, as the storage runs it: rows as columns, in stretches, joined."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any

from ledger.core.merkle import Frontier
from ledger.core.own import REJECTED
from ledger.core.verifier import block as columns
from ledger.core.verifier.read_leaf import hash_text
from ledger.core.verifier.screen import Screen
from ledger.core.verifier.stretch import Doubt, Joiner, sure, topics_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ledger.core.checkpoint import Checkpoint
    from ledger.core.verifier.stretch import Stretch
    from tests.unit.verifier_logs import StoredLog

_DIGEST = 16


def is_right(
    log: StoredLog, origin: str, *, step: int, width: int, checkpoint: Checkpoint | None = None
) -> bool:
    """Whether the screen finds the log right, in stretches of so many leaves and blocks of `step`."""
    try:
        _screen(log, origin, step, width, checkpoint)
    except Doubt:
        return False
    return True


def _screen(log: StoredLog, origin: str, step: int, width: int, checkpoint: Checkpoint | None) -> None:
    size = log.head.size
    sure(size <= 10**6 and not log.strays())
    roots = {}
    if checkpoint is not None:
        sure(checkpoint.origin == origin and checkpoint.size <= size)
        roots = {checkpoint.size: checkpoint.root}
    _in_their_slices(log)
    joiner = Joiner()
    tiles = {(tile.level, tile.index): tile for tile in log.tiles}
    for stretch in stretches_of(log, origin, step=step, width=width, roots=roots):
        stretch.check_seen(_seen(log, stretch.start, stretch.end))
        for tile in joiner.add(stretch, hash_text(joiner.last_hash)):
            found = tiles.get((tile.level + 1, tile.index))
            sure(found is not None and (found.hashes, found.root) == (tile.data, tile.root))
    slice_ = log.slices[-1].slice if log.slices else None
    joiner.finish(log.head, origin, slice_, log.intake)


def stretches_of(
    log: StoredLog, origin: str, *, step: int, width: int, roots: Mapping[int, bytes]
) -> Iterator[Stretch]:
    """The log in stretches of `width` leaves, each screened in blocks of `step`."""
    size = log.head.size
    events = {row.seq for row in log.entries if row.topic_id and row.type != REJECTED}
    tiles = {tile.index: tile for tile in log.tiles if tile.level == 0}
    for start in range(0, size, width):
        nodes = Frontier()
        nodes.extend(tiles[at].root if at in tiles else b"?" * 32 for at in range(start // 256))
        screen = Screen(start, nodes.nodes, origin=origin, topics=topics_of(log.intake), roots=roots)
        for at in range(start, min(start + width, size), step):
            for seq, repeated in screen.block(block_of(log, at, min(at + step, start + width, size))):
                sure(repeated in events and repeated < seq)
        yield screen.finish()


def _in_their_slices(log: StoredLog) -> None:
    slices = sorted(log.slices, key=lambda row: row.first_seq)
    starts = [row.first_seq for row in slices]
    for rows in (log.entries, log.sealed, log.links):
        for row in rows:
            at = bisect_right(starts, row.seq) - 1
            sure(at >= 0 and slices[at].slice == row.slice)


def block_of(log: StoredLog, start: int, end: int) -> columns.Block:
    def part(rows: Sequence[Any]) -> list[Any]:
        return sorted((row for row in rows if start <= row.seq < end), key=lambda row: row[:2])

    entries = [
        (
            row.seq,
            columns.microseconds(row.appended),
            columns.microseconds(row.time),
            row.topic_id.bytes if row.topic_id else None,
            row.partition,
            row.offset,
            row.received,
            row.type.encode("utf-8", "surrogatepass"),
            row.leaf,
        )
        for row in part(log.entries)
    ]
    links = [
        (
            row.seq,
            row.slot,
            row.seg,
            row.j,
            columns.ROLES.index(row.role) if row.role in columns.ROLES else columns.OTHER_ROLE,
            columns.microseconds(row.time),
            row.key_id.bytes,
        )
        for row in part(log.links)
    ]
    return columns.Block(
        start,
        end,
        entries,
        columns.Blobs(*_turned([(row.seq, row.slot, row.blob) for row in part(log.sealed)], 3)),
        columns.Links(*_turned(links, 7)),
        [row for row in log.tiles if row.level == 0 and start < (row.index + 1) * 256 <= end],
        sorted(row for row in log.batches if start < row.size <= end),
        [],
    )


def _seen(log: StoredLog, start: int, end: int) -> columns.Seen:
    rows = sorted((row.seq, _kind(row)) for row in log.seen if start <= row.seq < end)
    return columns.Seen(*_turned(rows, 2))


def _turned(rows: Sequence[Sequence[Any]], width: int) -> list[list[Any]]:
    return [list(each) for each in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]


def _kind(row: Any) -> int:
    if len(row.id_digest) != _DIGEST or len(row.content) != _DIGEST:
        return columns.MALFORMED
    kinds: Mapping[bytes, int] = {row.content: columns.CONFLICTING, b"": columns.ACCEPTED}
    return kinds.get(row.conflict, columns.MALFORMED)
