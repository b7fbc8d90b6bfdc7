from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.core.merkle import (
    Frontier,
    ProofError,
    consistency_nodes,
    consistency_proof,
    inclusion_nodes,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from ledger.core.tile import TileEdge, TileId, node_reader, parse_path, tile_of_node, tiles_for_size

HASHES = [leaf_hash(b"%d" % index) for index in range(1100)]
SIZES = st.integers(1, len(HASHES))


def reference_root(hashes: list[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1, word for word."""
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return node_hash(reference_root(hashes[:split]), reference_root(hashes[split:]))


def node(level: int, index: int) -> bytes:
    assert (index + 1) << level <= len(HASHES)
    return root_of(HASHES[index << level : (index + 1) << level])


def stored_tiles(size: int) -> dict[TileId, bytes]:
    edge, full = TileEdge().extend(HASHES[:size])
    return {TileId(tile.level, tile.index): tile.data for tile in full} | dict(edge.partial_tiles())


@settings(deadline=None)
@given(st.lists(st.binary(max_size=8), min_size=1, max_size=80))
def test_the_frontier_has_the_root_of_the_definition(leaves: list[bytes]) -> None:
    hashes = [leaf_hash(leaf) for leaf in leaves]
    frontier = Frontier()
    for size, each in enumerate(hashes, start=1):
        frontier.append(each)
        assert Frontier.from_bytes(size, frontier.to_bytes()) == frontier
    assert frontier.root() == root_of(hashes) == reference_root(hashes)


@settings(deadline=None)
@given(SIZES, st.lists(st.integers(0, 400), max_size=6))
def test_the_tile_edge_has_the_same_root_however_it_grew(size: int, steps: list[int]) -> None:
    edge, full = TileEdge(), []
    cuts = [sum(steps[: at + 1]) for at in range(len(steps))]
    for cut in [*(min(cut, size) for cut in cuts), size]:
        edge, more = edge.extend(HASHES[edge.size : cut])
        full += more
    frontier = Frontier()
    frontier.extend(HASHES[:size])
    assert edge.frontier() == frontier
    assert edge.root() == root_of(HASHES[:size])
    tiles = [TileId(tile.level, tile.index) for tile in full] + [tile for tile, _ in edge.partial_tiles()]
    assert sorted(tiles) == sorted(tiles_for_size(size))
    assert all(parse_path(tile.path()) == tile for tile in tiles)
    assert {TileId(tile.level, tile.index): tile.data for tile in full} | dict(
        edge.partial_tiles()
    ) == stored_tiles(size)


@settings(deadline=None)
@given(st.data())
def test_an_inclusion_proof_out_of_tiles_verifies(data: st.DataObject) -> None:
    size = data.draw(SIZES)
    index = data.draw(st.integers(0, size - 1))
    root = root_of(HASHES[:size])
    tiles = stored_tiles(size)
    read: set[TileId] = set()

    def read_tile(tile: TileId) -> bytes:
        read.add(tile)
        return tiles[tile]

    proof = inclusion_proof(index, size, node_reader(size, read_tile))
    assert read == {tile_of_node(*each, size) for each in inclusion_nodes(index, size)}
    assert proof == inclusion_proof(index, size, node)
    verify_inclusion(HASHES[index], index, size, proof, root)


@settings(deadline=None)
@given(st.data())
def test_a_consistency_proof_out_of_tiles_verifies(data: st.DataObject) -> None:
    size = data.draw(SIZES)
    old = data.draw(st.integers(0, size))
    tiles = stored_tiles(size)
    read: set[TileId] = set()

    def read_tile(tile: TileId) -> bytes:
        read.add(tile)
        return tiles[tile]

    proof = consistency_proof(old, size, node_reader(size, read_tile))
    assert read == {tile_of_node(*each, size) for each in consistency_nodes(old, size)}
    verify_consistency(old, size, proof, root_of(HASHES[:old]), root_of(HASHES[:size]))


def flip(data: bytes, bit: int) -> bytes:
    return (int.from_bytes(data, "big") ^ (1 << bit)).to_bytes(len(data), "big")


def fails(check: object, *args: object) -> bool:
    assert callable(check)
    try:
        check(*args)
    except ProofError:
        return True
    return False


@settings(deadline=None)
@given(st.data())
def test_any_altered_bit_of_an_inclusion_proof_fails(data: st.DataObject) -> None:
    size = data.draw(SIZES)
    index = data.draw(st.integers(0, size - 1))
    bit = data.draw(st.integers(0, 255))
    root = root_of(HASHES[:size])
    proof = inclusion_proof(index, size, node)
    assert fails(verify_inclusion, flip(HASHES[index], bit), index, size, proof, root)
    assert fails(verify_inclusion, HASHES[index], index, size, proof, flip(root, bit))
    assert fails(verify_inclusion, HASHES[index], index, size, [*proof, root], root)
    for at, each in enumerate(proof):
        assert fails(
            verify_inclusion,
            HASHES[index],
            index,
            size,
            [*proof[:at], flip(each, bit), *proof[at + 1 :]],
            root,
        )
        assert fails(verify_inclusion, HASHES[index], index, size, [*proof[:at], *proof[at + 1 :]], root)
    other = data.draw(st.integers(0, size - 1))
    assert other == index or fails(verify_inclusion, HASHES[index], other, size, proof, root)


@settings(deadline=None)
@given(st.data())
def test_any_altered_bit_of_a_consistency_proof_fails(data: st.DataObject) -> None:
    size = data.draw(SIZES)
    old = data.draw(st.integers(1, size))
    bit = data.draw(st.integers(0, 255))
    old_root, root = root_of(HASHES[:old]), root_of(HASHES[:size])
    proof = consistency_proof(old, size, node)
    assert fails(verify_consistency, old, size, proof, flip(old_root, bit), root)
    assert fails(verify_consistency, old, size, proof, old_root, flip(root, bit))
    assert fails(verify_consistency, old, size, [*proof, root], old_root, root)
    for at, each in enumerate(proof):
        altered = [*proof[:at], flip(each, bit), *proof[at + 1 :]]
        assert fails(verify_consistency, old, size, altered, old_root, root)
        assert fails(verify_consistency, old, size, [*proof[:at], *proof[at + 1 :]], old_root, root)


@settings(deadline=None)
@given(st.integers(2, 200), st.data())
def test_a_rewritten_leaf_has_no_consistency_proof(size: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, size - 1))
    changed = data.draw(st.integers(0, old - 1))
    forged = [*HASHES[:changed], leaf_hash(b"forged"), *HASHES[changed + 1 : size]]
    proof = consistency_proof(old, size, lambda level, at: root_of(forged[at << level : (at + 1) << level]))
    assert fails(verify_consistency, old, size, proof, root_of(HASHES[:old]), root_of(forged))


def test_shuffled_leaves_have_another_root() -> None:
    hashes = HASHES[:50]
    random.Random(0).shuffle(hashes)
    assert root_of(hashes) != root_of(HASHES[:50])
