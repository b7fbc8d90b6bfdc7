from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from ledger.core.errors import BadInput
from ledger.core.merkle import (
    EMPTY_ROOT,
    Frontier,
    ProofError,
    consistency_nodes,
    consistency_proof,
    inclusion_nodes,
    inclusion_proof,
    leaf_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)

VECTORS = Path(__file__).parents[2] / "vectors" / "rfc6962"

# The leaves and roots that RFC 6962's first implementation published, and many since.
LEAVES = [
    bytes.fromhex(each)
    for each in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def test_roots_of_the_published_leaves() -> None:
    hashes = [leaf_hash(leaf) for leaf in LEAVES]
    frontier = Frontier()
    for size, root in enumerate(ROOTS):
        assert root_of(hashes[:size]).hex() == root
        assert frontier.root().hex() == root
        if size < len(hashes):
            frontier.append(hashes[size])
    assert bytes.fromhex(ROOTS[0]) == EMPTY_ROOT


def _vectors() -> list[Any]:
    return [pytest.param(path, id=str(path.relative_to(VECTORS))) for path in sorted(VECTORS.rglob("*.json"))]


def test_the_vectors_are_all_there() -> None:
    wanted = [json.loads(each.values[0].read_bytes())["wantErr"] for each in _vectors()]
    assert (len(wanted), wanted.count(True)) == (196, 184)


@pytest.mark.parametrize("path", _vectors())
def test_proof_vectors(path: Path) -> None:
    vector = json.loads(path.read_bytes())
    proof = [base64.b64decode(each) for each in vector["proof"] or []]

    def check() -> None:
        if path.is_relative_to(VECTORS / "consistency"):
            roots = base64.b64decode(vector["root1"]), base64.b64decode(vector["root2"])
            verify_consistency(vector["size1"], vector["size2"], proof, *roots)
        else:
            leaf, root = base64.b64decode(vector["leafHash"]), base64.b64decode(vector["root"])
            verify_inclusion(leaf, vector["leafIdx"], vector["treeSize"], proof, root)

    if vector["wantErr"]:
        with pytest.raises(ProofError):
            check()
    else:
        check()


def test_the_empty_tree_begins_every_tree() -> None:
    root = root_of([leaf_hash(b"one")])
    verify_consistency(0, 1, [], EMPTY_ROOT, root)
    verify_consistency(0, 0, [], EMPTY_ROOT, EMPTY_ROOT)
    for old_root, proof in ((root, []), (EMPTY_ROOT, [root])):
        with pytest.raises(ProofError):
            verify_consistency(0, 1, proof, old_root, root)
    with pytest.raises(ProofError):
        verify_consistency(0, 0, [], root, root)


@pytest.mark.parametrize(("size", "nodes"), [(1, 0), (0, 1), (3, 1), (4, 2), (-1, 1)])
def test_a_frontier_of_the_wrong_width_is_refused(size: int, nodes: int) -> None:
    with pytest.raises(BadInput):
        Frontier(size, [bytes(32)] * nodes)


def test_a_frontier_from_cut_bytes_is_refused() -> None:
    frontier = Frontier()
    frontier.extend([leaf_hash(leaf) for leaf in LEAVES[:7]])
    data = frontier.to_bytes()
    assert len(data) == 96
    for wrong in (data[:-1], data[:-32], data + b"\0", b""):
        with pytest.raises(BadInput):
            Frontier.from_bytes(7, wrong)


def test_a_copied_frontier_goes_its_own_way() -> None:
    frontier = Frontier(1, [leaf_hash(b"one")])
    before = frontier.copy()
    frontier.append(leaf_hash(b"two"))
    assert before == Frontier(1, [leaf_hash(b"one")])
    assert before != frontier
    assert (before.size, frontier.size) == (1, 2)


def test_what_no_proof_can_be_made_of_is_refused() -> None:
    def node(level: int, index: int) -> bytes:
        raise AssertionError((level, index))

    for index, size in ((0, 0), (1, 1), (-1, 5)):
        with pytest.raises(BadInput):
            inclusion_proof(index, size, node)
    for old, new in ((2, 1), (-1, 5)):
        with pytest.raises(BadInput):
            consistency_proof(old, new, node)
    assert inclusion_proof(0, 1, node) == []
    assert consistency_proof(0, 5, node) == consistency_proof(5, 5, node) == []


def test_the_nodes_of_a_proof_are_known_beforehand() -> None:
    # Leaf 5 of 7: its sibling is leaf 4, then leaf 6 alone on the right, then the first four leaves.
    assert inclusion_nodes(5, 7) == [(0, 4), (0, 6), (2, 0)]
    # RFC 6962 section 2.1.3: PROOF(6, D[7]) = [i, j, k] with i = (1, 2), j = leaf 6, k = (2, 0).
    assert consistency_nodes(6, 7) == [(1, 2), (0, 6), (2, 0)]


def test_hashes_cut_at_other_places_are_no_proof() -> None:
    """The concatenation of two neighbours is what is hashed, so another cut of it would give the same root."""
    hashes = [leaf_hash(leaf) for leaf in LEAVES]

    def node(level: int, index: int) -> bytes:
        return root_of(hashes[index << level : (index + 1) << level])

    root = root_of(hashes)
    leaf, (sibling, *rest) = hashes[1], inclusion_proof(1, 8, node)
    verify_inclusion(leaf, 1, 8, [sibling, *rest], root)
    with pytest.raises(ProofError, match="32 bytes"):
        verify_inclusion(leaf[1:], 1, 8, [sibling + leaf[:1], *rest], root)
    first, second, *rest = consistency_proof(6, 8, node)
    verify_consistency(6, 8, [first, second, *rest], root_of(hashes[:6]), root)
    with pytest.raises(ProofError, match="32 bytes"):
        verify_consistency(6, 8, [first + second[:1], second[1:], *rest], root_of(hashes[:6]), root)


def test_a_proof_of_another_length_is_told() -> None:
    hashes = [leaf_hash(leaf) for leaf in LEAVES[:2]]
    root = root_of(hashes)
    with pytest.raises(ProofError, match="longer"):
        verify_inclusion(hashes[0], 0, 2, [hashes[1], root], root)
    with pytest.raises(ProofError, match="shorter"):
        verify_inclusion(hashes[0], 0, 2, [], root)
    with pytest.raises(ProofError, match="longer"):
        verify_consistency(1, 2, [hashes[1], root], hashes[0], root)
