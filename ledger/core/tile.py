"""Tiles and entry bundles: C2SP tlog-tiles, tile height 8.

A tile is up to 256 consecutive hashes of 32 bytes. Those at tile level 0 are leaf hashes; those at level L + 1 are
the roots of full tiles at level L, so tile level L holds the tree's nodes of level 8 * L. A bundle holds the leaves
themselves, beside the level 0 tile of the same index and width.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from ledger.core.errors import BadAnswer, BadInput
from ledger.core.merkle import HASH_SIZE, Frontier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

HEIGHT = 8
WIDTH = 1 << HEIGHT
MAX_LEAF_SIZE = 0xFFFF
MAX_LEVEL = 63

_PATH = re.compile(
    r"tile/(?P<level>entries|0|[1-9][0-9]?)/(?P<index>(?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?",
    re.ASCII,
)


class MalformedTile(BadAnswer):
    """A tile or an entry bundle is not of the form that tlog-tiles gives it."""

    code = "malformed-tile"


@dataclass(frozen=True, slots=True, order=True)
class TileId:
    """Which tile: its level, its index in that level, and how many hashes it holds (256 is a full one)."""

    level: int
    index: int
    width: int = WIDTH

    def path(self) -> str:
        return tile_path(self.level, self.index, self.width)


@dataclass(frozen=True, slots=True, order=True)
class BundleId:
    """Which entry bundle: its index, and how many leaves it holds."""

    index: int
    width: int = WIDTH

    def path(self) -> str:
        return entries_path(self.index, self.width)


@dataclass(frozen=True, slots=True)
class FullTile:
    """A tile of 256 hashes, which never changes again, and its root: its entry in the level above."""

    level: int
    index: int
    data: bytes
    root: bytes


def tile_path(level: int, index: int, width: int = WIDTH) -> str:
    """The path of a hash tile below the log's prefix, `tile/0/x001/234.p/5`. Raise BadInput out of range."""
    if not 0 <= level <= MAX_LEVEL:
        raise BadInput(f"Tile levels go from 0 to {MAX_LEVEL}, not {level}.")
    return f"tile/{level}/{_index_path(index, width)}"


def entries_path(index: int, width: int = WIDTH) -> str:
    """The path of an entry bundle below the log's prefix, `tile/entries/x001/234.p/5`."""
    return f"tile/entries/{_index_path(index, width)}"


def _index_path(index: int, width: int) -> str:
    if index < 0 or not 1 <= width <= WIDTH:
        raise BadInput(f"There is no tile of index {index} and width {width}.")
    path = f"{index % 1000:03}"
    while index := index // 1000:
        path = f"x{index % 1000:03}/{path}"
    return path if width == WIDTH else f"{path}.p/{width}"


def parse_path(path: str) -> TileId | BundleId:
    """Read what `tile_path` and `entries_path` write. Raise BadInput for anything that they would not write."""
    match = _PATH.fullmatch(path)
    if match is None:
        raise BadInput("This is not the path of a tile; see C2SP tlog-tiles.")
    index = int(re.sub("[x/]", "", match["index"]))
    width = int(match["width"] or WIDTH)
    found: TileId | BundleId
    if match["level"] == "entries":
        found = BundleId(index, width)
    else:
        found = TileId(int(match["level"]), index, width)
    # One tile has one path: no padding beyond three digits, and a full tile has no width.
    if found.path() != path:
        raise BadInput("This is not the path of a tile; see C2SP tlog-tiles.")
    return found


def entry_bundle(leaves: Iterable[bytes]) -> bytes:
    """Up to 256 leaves, each behind its length as a big-endian u16. Raise BadInput when a leaf is too long."""
    parts: list[bytes] = []
    for leaf in leaves:
        if len(leaf) > MAX_LEAF_SIZE:
            raise BadInput(f"A leaf holds at most {MAX_LEAF_SIZE} bytes.")
        parts += (len(leaf).to_bytes(2, "big"), leaf)
    if len(parts) > 2 * WIDTH:
        raise BadInput(f"A bundle holds at most {WIDTH} leaves.")
    return b"".join(parts)


def parse_bundle(data: bytes) -> list[bytes]:
    """The leaves of an entry bundle. Raise MalformedTile when it is cut short or holds more than 256."""
    leaves = []
    at = 0
    while at < len(data):
        start = at + 2
        end = start + int.from_bytes(data[at:start], "big")
        if end > len(data):
            raise MalformedTile("The entry bundle ends within a leaf.")
        leaves.append(bytes(data[start:end]))
        at = end
    if len(leaves) > WIDTH:
        raise MalformedTile(f"The entry bundle holds more than {WIDTH} leaves.")
    return leaves


def tile_of(hashes: Sequence[bytes]) -> bytes:
    """The bytes of the tile of these 1 to 256 hashes."""
    if not 1 <= len(hashes) <= WIDTH or any(len(each) != HASH_SIZE for each in hashes):
        raise BadInput(f"A tile holds 1 to {WIDTH} hashes of {HASH_SIZE} bytes.")
    return b"".join(hashes)


def parse_tile(data: bytes, width: int = WIDTH) -> list[bytes]:
    """The hashes of a tile of `width`. Raise MalformedTile when it holds another number of bytes."""
    if len(data) != width * HASH_SIZE:
        raise MalformedTile(f"A tile of {width} hashes has {width * HASH_SIZE} bytes, not {len(data)}.")
    return [bytes(data[at : at + HASH_SIZE]) for at in range(0, len(data), HASH_SIZE)]


def full_root(hashes: Sequence[bytes]) -> bytes:
    """The root over a power of two of hashes: what a full tile puts into the level above."""
    row = list(hashes)
    while len(row) > 1:
        pairs = iter(row)
        row = [sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
    return row[0]


def tiles_for_size(size: int) -> Iterator[TileId]:
    """The hash tiles of a tree of `size` leaves, level by level: all the full ones, then the partial one if any."""
    level = 0
    while size:
        full, width = divmod(size, WIDTH)
        for index in range(full):
            yield TileId(level, index)
        if width:
            yield TileId(level, full, width)
        size = full
        level += 1


def bundles_for_size(size: int) -> Iterator[BundleId]:
    """The entry bundles of a log of `size` leaves, in order."""
    full, width = divmod(size, WIDTH)
    for index in range(full):
        yield BundleId(index)
    if width:
        yield BundleId(full, width)


def tile_of_node(level: int, index: int, size: int) -> TileId:
    """The tile of a tree of `size` leaves from which the node (level, index) is hashed."""
    if (index + 1) << level > size:
        raise BadInput(f"A tree of {size} leaves has no complete node {index} on level {level}.")
    tile_level, below = divmod(level, HEIGHT)
    tile_index = (index << below) // WIDTH
    return TileId(tile_level, tile_index, min(WIDTH, (size >> (HEIGHT * tile_level)) - tile_index * WIDTH))


def node_reader(size: int, read: Callable[[TileId], bytes]) -> Callable[[int, int], bytes]:
    """Read the tree's nodes out of tiles: the `node` argument of `merkle.inclusion_proof` and the like.

    `read` gives a tile's bytes and is asked once for each tile. A caller with slow storage loads the tiles of
    `merkle.inclusion_nodes` by `tile_of_node` first.
    """
    tiles: dict[TileId, list[bytes]] = {}

    def node(level: int, index: int) -> bytes:
        tile = tile_of_node(level, index, size)
        if tile not in tiles:
            tiles[tile] = parse_tile(read(tile), tile.width)
        below = level % HEIGHT
        start = (index << below) % WIDTH
        return full_root(tiles[tile][start : start + (1 << below)])

    return node


@dataclass(frozen=True, slots=True)
class TileEdge:
    """The partial tiles along a log's right edge: all that is needed to go on appending.

    `rows[level]` holds the hashes of the partial tile at that level, fewer than 256 each. A value: whoever rolls a
    transaction back goes on with the edge that it had before.
    """

    size: int = 0
    rows: tuple[tuple[bytes, ...], ...] = ()

    def __post_init__(self) -> None:
        """Raise BadInput when the rows are not as wide as a tree of `size` leaves asks for."""
        if tuple(map(len, self.rows)) != edge_widths(self.size):
            raise BadInput(f"These are not the partial tiles of a tree of {self.size} leaves.")

    def extend(self, leaf_hashes: Iterable[bytes]) -> tuple[TileEdge, list[FullTile]]:
        """Append leaves by their hashes: the new edge, and the tiles that became full, lower levels first."""
        rows = [list(row) for row in self.rows]
        starts = self.size
        incoming = list(leaf_hashes)
        size = self.size + len(incoming)
        filled: list[FullTile] = []
        level = 0
        while incoming:
            if level == len(rows):
                rows.append([])
            row = rows[level]
            index = starts // WIDTH
            row += incoming
            incoming = []
            whole = len(row) // WIDTH * WIDTH
            for at in range(0, whole, WIDTH):
                hashes = row[at : at + WIDTH]
                root = full_root(hashes)
                filled.append(FullTile(level, index + at // WIDTH, b"".join(hashes), root))
                incoming.append(root)
            del row[:whole]
            starts //= WIDTH
            level += 1
        return TileEdge(size, tuple(map(tuple, rows))), filled

    def partial_tiles(self) -> Iterator[tuple[TileId, bytes]]:
        """The partial tiles that a checkpoint of this size obliges the log to serve."""
        for level, row in enumerate(self.rows):
            if row:
                index = (self.size >> (HEIGHT * level)) // WIDTH
                yield TileId(level, index, len(row)), b"".join(row)

    def frontier(self) -> Frontier:
        """The same edge as a compact range; at most 255 hashes a level."""
        nodes: list[bytes] = []
        for row in reversed(self.rows):
            at = 0
            for bit in reversed(range(HEIGHT)):
                if len(row) & (1 << bit):
                    nodes.append(full_root(row[at : at + (1 << bit)]))
                    at += 1 << bit
        return Frontier(self.size, nodes)

    def root(self) -> bytes:
        return self.frontier().root()


def edge_widths(size: int) -> tuple[int, ...]:
    """How many hashes the partial tile of each level holds in a tree of `size` leaves, 0 where there is none."""
    widths = []
    while size:
        size, width = divmod(size, WIDTH)
        widths.append(width)
    return tuple(widths)
