from __future__ import annotations

import base64
import hmac
from hashlib import sha256

import pytest
import rfc8785

from ledger.core.errors import BadInput
from ledger.core.merkle import ProofError
from ledger.core.segment_index import (
    HIGHEST,
    LOWEST,
    Gap,
    IndexLeaf,
    SegmentTags,
    actor_tag,
    parse_index_leaf,
    segment_root,
    type_tag,
    verify_gap,
)

# The two tags of the design's vectors: tag key 00..1f, segment 0, j = 1 and 2.
TAGS = [
    hmac.digest(bytes(range(32)), b"ledger/tag/v1\0" + bytes(8) + j.to_bytes(4, "big"), "sha256")
    for j in (1, 2)
]


def text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def test_vectors() -> None:
    assert [text(tag) for tag in TAGS] == [
        "G0wz8J4FEpBHXLpvrBYpmSOBh3KBYP2ocQPzlB2Nr3o",
        "oVFMtL6M17-J-cImhOqXNxKRa78cvjgyS9UC2X1nXaY",
    ]
    assert text(segment_root(TAGS)) == "-2tdzplfxWauVZIz76emiLpm_NuSZXC4VSVZcOewDzo"
    assert text(segment_root([])) == "A4Qwjw7yfov5xaahmPxMYAa6nB1CQMLmpbp3ou3zVaI"


def test_order_and_repetition_do_not_matter() -> None:
    assert segment_root(TAGS[::-1] + TAGS) == segment_root(TAGS)
    assert SegmentTags(TAGS + TAGS).count == 2


def test_tags_that_anyone_can_compute() -> None:
    made = type_tag("ledger.queried", 7, 2)
    assert (
        made
        == sha256(
            b"ledger/type/v1\0ledger.queried\0" + (7).to_bytes(8, "big") + (2).to_bytes(4, "big")
        ).digest()
    )
    assert actor_tag("ledger.queried", 7, 2) != made
    assert len({type_tag(name, seg, k) for name in ("a", "b") for seg in (0, 1) for k in (1, 2)}) == 8
    with pytest.raises(BadInput):
        type_tag("a", 0, 0)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 8, 100])
def test_a_tag_that_is_not_there_has_a_gap(count: int) -> None:
    tags = [sha256(b"%d" % index).digest() for index in range(count)]
    segment = SegmentTags(tags)
    root = segment.root()
    for index in range(20):
        absent = sha256(b"absent %d" % index).digest()
        gap = segment.gap(absent)
        assert gap.lo < absent < gap.hi
        verify_gap(absent, gap, count, root)
        with pytest.raises(ProofError):
            verify_gap(absent, gap, count, bytes(32))
        with pytest.raises(ProofError):
            verify_gap(absent, Gap(LOWEST, HIGHEST, gap.index, (*gap.proof, bytes(32))), count, root)


def test_a_tag_that_is_there_has_none() -> None:
    segment = SegmentTags(TAGS)
    for tag in TAGS:
        with pytest.raises(BadInput):
            segment.gap(tag)
        # The gaps at both of its sides end at the tag, and do not hold it.
        for index in range(3):
            lo, hi = ([LOWEST, *sorted(TAGS), HIGHEST])[index : index + 2]
            with pytest.raises(ProofError):
                verify_gap(tag, Gap(lo, hi, index, ()), 2, segment.root())


def test_a_wider_gap_than_the_true_one_is_refused() -> None:
    segment = SegmentTags(TAGS)
    absent = sha256(b"absent").digest()
    gap = segment.gap(absent)
    for lo, hi in ((LOWEST, gap.hi), (gap.lo, HIGHEST), (LOWEST, HIGHEST)):
        if (lo, hi) != (gap.lo, gap.hi):
            with pytest.raises(ProofError):
                verify_gap(absent, Gap(lo, hi, gap.index, gap.proof), 2, segment.root())


@pytest.mark.parametrize("tag", [b"", bytes(31), bytes(33), LOWEST, HIGHEST])
def test_tags_of_another_shape(tag: bytes) -> None:
    with pytest.raises(BadInput):
        SegmentTags([tag])


@pytest.mark.parametrize("tag", [LOWEST, HIGHEST])
def test_the_bounds_lie_in_no_gap(tag: bytes) -> None:
    with pytest.raises(BadInput):
        SegmentTags(TAGS).gap(tag)
    with pytest.raises(ProofError):
        verify_gap(tag, Gap(LOWEST, HIGHEST, 0, ()), 0, segment_root([]))


def test_a_tag_of_another_length_is_not_compared() -> None:
    # Without the check of lengths a long "tag" would lie in the gap of its own beginning.
    for tag in (TAGS[0][:31], TAGS[0] + b"\0"):
        with pytest.raises(ProofError):
            verify_gap(tag, Gap(LOWEST, HIGHEST, 0, ()), 0, segment_root([]))


LEAF = IndexLeaf("ledger.example/log/eu", 3, 100, 250, 2, segment_root(TAGS))


def test_the_index_leaf_is_canonical_json() -> None:
    members: dict[str, str | int] = {
        "v": 1,
        "log": "ledger.example/log/eu",
        "seg": 3,
        "from": 100,
        "to": 250,
        "tags": 2,
        "root": "-2tdzplfxWauVZIz76emiLpm_NuSZXC4VSVZcOewDzo",
    }
    assert LEAF.leaf() == rfc8785.dumps(members)
    assert parse_index_leaf(LEAF.leaf()) == LEAF
    other = IndexLeaf("ledger.example/log/é", 0, 0, 1, 0, segment_root([]))
    assert parse_index_leaf(other.leaf()) == other


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"v":1', b'"v":2'),
        (b'"v":1', b'"v": 1'),
        (b'"seg":3', b'"seg":03'),
        (b'"seg":3', b'"seg":3.0'),
        (b'"seg":3', b'"seg":true'),
        (b'"seg":3', b'"seg":-3'),
        (b'"from":100', b'"from":250'),
        (b"Dzo", b"Dzp"),  # bits beyond the end of the root
        (b"Dzo", b"Dz"),
        (b"example", b'exa"ple'),
        (b"example", b"exa ple"),
        (b"example", b"exa\xffple"),
        (b"}", b"}\n"),
        (b"{", b"{{"),
        (b"log/eu", b""),
    ],
)
def test_other_spellings_of_an_index_leaf_are_refused(old: bytes, new: bytes) -> None:
    changed = LEAF.leaf().replace(old, new)
    if new == b"":
        changed = changed.replace(b"ledger.example/", b"")
    assert changed != LEAF.leaf()
    with pytest.raises(ProofError):
        parse_index_leaf(changed)


def test_what_no_segment_can_be_is_refused() -> None:
    for log, segment, start, end, tags, root in (
        ("", 0, 0, 1, 0, bytes(32)),
        ('a"b', 0, 0, 1, 0, bytes(32)),
        ("a", -1, 0, 1, 0, bytes(32)),
        ("a", 0, 1, 1, 0, bytes(32)),
        ("a", 0, -1, 1, 0, bytes(32)),
        ("a", 0, 0, 1, -1, bytes(32)),
        ("a", 0, 0, 1, 0, bytes(31)),
    ):
        with pytest.raises(BadInput):
            IndexLeaf(log, segment, start, end, tags, root)
