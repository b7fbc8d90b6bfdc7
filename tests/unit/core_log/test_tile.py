from __future__ import annotations

import pytest

from ledger.core.errors import BadInput
from ledger.core.merkle import leaf_hash, node_hash, root_of
from ledger.core.tile import (
    BundleId,
    MalformedTile,
    TileEdge,
    TileId,
    bundles_for_size,
    edge_widths,
    entries_path,
    entry_bundle,
    full_root,
    node_reader,
    parse_bundle,
    parse_path,
    parse_tile,
    tile_of,
    tile_of_node,
    tile_path,
    tiles_for_size,
)

PATHS = [
    (TileId(0, 0), "tile/0/000"),
    (TileId(0, 1234, 5), "tile/0/x001/234.p/5"),
    (TileId(3, 1_234_067), "tile/3/x001/x234/067"),
    (TileId(63, 999, 255), "tile/63/999.p/255"),
    (TileId(0, 1000, 1), "tile/0/x001/000.p/1"),
    (BundleId(0), "tile/entries/000"),
    (BundleId(1_234_067, 17), "tile/entries/x001/x234/067.p/17"),
]


@pytest.mark.parametrize(("tile", "path"), PATHS)
def test_paths(tile: TileId | BundleId, path: str) -> None:
    assert tile.path() == path
    assert parse_path(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "",
        "checkpoint",
        "tile/0",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000/001",
        "tile/0/001/234",
        "tile/0/x001/x234",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/999",
        "tile/0/000.p/",
        "tile/0/000/",
        "/tile/0/000",
        "tile/0/000\n",
        "tile/entries/00",
        "tile/data/000",
        "tile/8/0/000",
        "tile/0/\N{DEVANAGARI DIGIT ZERO}00",
        "tile/0/../000",
    ],
)
def test_other_paths_are_refused(path: str) -> None:
    with pytest.raises(BadInput):
        parse_path(path)


def test_impossible_tiles_have_no_path() -> None:
    for level, index, width in ((-1, 0, 1), (64, 0, 1), (0, -1, 1), (0, 0, 0), (0, 0, 257)):
        with pytest.raises(BadInput):
            tile_path(level, index, width)
    with pytest.raises(BadInput):
        entries_path(0, 257)


def test_bundles() -> None:
    leaves = [b"", b"one", bytes(65_535)]
    data = entry_bundle(leaves)
    assert data[:7] == b"\0\0\0\x03one"
    assert parse_bundle(data) == leaves
    assert entry_bundle([]) == b""
    with pytest.raises(BadInput):
        entry_bundle([bytes(65_536)])
    with pytest.raises(BadInput):
        entry_bundle([b""] * 257)
    assert len(parse_bundle(entry_bundle([b""] * 256))) == 256


@pytest.mark.parametrize("data", [b"\0", b"\0\x01", b"\0\x03on", b"\0\x03one\0", b"\0\0" * 257])
def test_malformed_bundles(data: bytes) -> None:
    with pytest.raises(MalformedTile):
        parse_bundle(data)


def test_tiles() -> None:
    hashes = [leaf_hash(b"one"), leaf_hash(b"two")]
    data = tile_of(hashes)
    assert parse_tile(data, 2) == hashes
    for wrong in (data[:-1], data + b"\0", data[:32], b""):
        with pytest.raises(MalformedTile):
            parse_tile(wrong, 2)
    for hashes in ([], [bytes(32)] * 257, [bytes(31)]):
        with pytest.raises(BadInput):
            tile_of(hashes)


def test_which_tiles_a_tree_of_70000_leaves_has() -> None:
    """The example of the specification: 273 full tiles and one of 112, one full and one of 17, one of 1."""
    tiles = list(tiles_for_size(70_000))
    assert [tile.width for tile in tiles if tile.level == 0] == [256] * 273 + [112]
    assert [tile for tile in tiles if tile.level > 0] == [TileId(1, 0), TileId(1, 1, 17), TileId(2, 0, 1)]
    assert list(bundles_for_size(70_000)) == [
        BundleId(tile.index, tile.width) for tile in tiles if tile.level == 0
    ]
    assert edge_widths(70_000) == (112, 17, 1)


def test_which_tiles_small_trees_have() -> None:
    assert not list(tiles_for_size(0))
    assert not list(bundles_for_size(0))
    assert list(tiles_for_size(255)) == [TileId(0, 0, 255)]
    assert list(tiles_for_size(256)) == [TileId(0, 0), TileId(1, 0, 1)]
    assert list(tiles_for_size(65_536))[-2:] == [TileId(1, 0), TileId(2, 0, 1)]


def test_the_edge_gives_each_full_tile_once_with_its_root() -> None:
    hashes = [leaf_hash(b"%d" % index) for index in range(65_536 + 10)]
    edge, first = TileEdge().extend(hashes[:300])
    assert [(tile.level, tile.index) for tile in first] == [(0, 0)]
    assert first[0].data == b"".join(hashes[:256])
    assert first[0].root == root_of(hashes[:256]) == edge.rows[1][0]
    edge, rest = edge.extend(hashes[300:])
    assert [(tile.level, tile.index) for tile in rest] == [(0, index) for index in range(1, 256)] + [(1, 0)]
    assert rest[-1].root == root_of(hashes[:65_536])
    assert edge.rows == (tuple(hashes[65_536:]), (), (rest[-1].root,))
    assert edge.root() == root_of(hashes)
    assert [tile for tile, _ in edge.partial_tiles()] == [TileId(0, 256, 10), TileId(2, 0, 1)]


def test_an_edge_of_another_width_is_refused() -> None:
    for size, rows in ((1, ()), (0, ((),)), (256, ((bytes(32),),)), (2, ((bytes(32),),))):
        with pytest.raises(BadInput):
            TileEdge(size, rows)


def test_nodes_come_out_of_tiles() -> None:
    hashes = [leaf_hash(b"%d" % index) for index in range(700)]
    edge, full = TileEdge().extend(hashes)
    stored = {TileId(tile.level, tile.index): tile.data for tile in full} | dict(edge.partial_tiles())
    asked: list[TileId] = []

    def read(tile: TileId) -> bytes:
        asked.append(tile)
        return stored[tile]

    node = node_reader(700, read)
    assert node(0, 699) == hashes[699]
    assert node(1, 349) == node_hash(hashes[698], hashes[699])
    assert node(7, 1) == root_of(hashes[128:256])
    assert node(8, 1) == root_of(hashes[256:512])
    assert node(9, 0) == root_of(hashes[:512])
    assert node(0, 600) == hashes[600]
    assert asked == [TileId(0, 2, 188), TileId(0, 0), TileId(1, 0, 2)]
    for level, index in ((0, 700), (9, 1), (10, 0), (1, 350)):
        with pytest.raises(BadInput):
            tile_of_node(level, index, 700)


def test_a_tile_of_another_width_is_not_hashed() -> None:
    node = node_reader(2, lambda _: bytes(32))
    with pytest.raises(MalformedTile):
        node(0, 0)


def test_the_root_of_a_full_row() -> None:
    hashes = [leaf_hash(b"%d" % index) for index in range(256)]
    assert full_root(hashes) == root_of(hashes)
    assert full_root(hashes[:1]) == hashes[0]
