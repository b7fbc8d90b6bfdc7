"""The rules of the chain: segments, tags, introductions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ledger.core import base64url, own
from ledger.core.chain import SEGMENT_LEAVES, Chain, Head, VariantMissing
from ledger.core.leaf import FIRST_PREV, parse
from ledger.core.merkle import Frontier, leaf_hash, root_of
from ledger.core.seal import blob_digest
from ledger.core.tag import tag
from tests.unit.entry.persons import EMPTY, ORIGIN, key_of, prepared

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
ANN, BEN = "email:ann@example.eu", "email:ben@example.com"


def entry(*persons: str, introduced: bool = False) -> Any:
    drafted = own.own_draft(
        own.type_name("ledger.queried"),
        origin=ORIGIN,
        time="2026-11-22T10:00:00Z",
        data={},
        persons=[("actor", each) for each in persons],
    )
    return prepared(drafted, introduced=introduced)


PLAIN = entry()


def begun(size: int, **changes: Any) -> Head:
    """A head over `size` leaves, all of segment 4, which began an hour ago."""
    hashes = [leaf_hash(b"%d" % number) for number in range(min(size, 300))]
    frontier = Frontier(size, [bytes(32)] * size.bit_count()) if size > 300 else Frontier()
    if size <= 300:
        frontier.extend(hashes)
    head = Head(size, hashes[-1], frontier, 4, 0, NOW - timedelta(hours=1), NOW)
    return replace(head, **changes)


def segments(head: Head, *moments: datetime) -> list[int]:
    chain = Chain(ORIGIN, head, {})
    return [chain.link(PLAIN, moment).seg for moment in moments]


def test_the_first_leaf_begins_segment_0() -> None:
    chain = Chain(ORIGIN, EMPTY, {})
    first = chain.link(PLAIN, NOW)
    assert (first.seq, first.seg) == (0, 0)
    assert parse(first.leaf)["prev"] == base64url.encode(FIRST_PREV)
    assert (chain.head().seg_first, chain.head().seg_began) == (0, NOW)


def test_leaves_hang_together() -> None:
    chain = Chain(ORIGIN, EMPTY, {})
    found = [chain.link(PLAIN, NOW) for _ in range(5)]
    assert [base64url.decode(parse(each.leaf)["prev"]) for each in found[1:]] == [
        each.hash for each in found[:-1]
    ]
    assert [parse(each.leaf)["seq"] for each in found] == [0, 1, 2, 3, 4]
    assert chain.head().frontier.root() == root_of([leaf_hash(each.leaf) for each in found])


def test_a_segment_holds_65536_leaves() -> None:
    assert SEGMENT_LEAVES == 65_536
    assert segments(begun(SEGMENT_LEAVES - 1), NOW, NOW, NOW) == [4, 5, 5]


def test_a_segment_ends_with_the_first_leaf_after_24_hours() -> None:
    began = NOW - timedelta(hours=1)
    almost, over = began + timedelta(hours=24, microseconds=-1), began + timedelta(hours=24)
    assert segments(begun(9), almost, over, over) == [4, 5, 5]
    assert segments(begun(9), over + timedelta(days=30)) == [5], "it rises by one, however long nothing came"


def test_the_flag_closes_a_segment_once() -> None:
    assert segments(begun(9, close_segment=True), NOW, NOW) == [5, 5]


def test_the_flag_closes_no_empty_segment() -> None:
    assert segments(replace(EMPTY, close_segment=True), NOW, NOW) == [0, 0]


def test_the_head_says_where_the_open_segment_began() -> None:
    chain = Chain(ORIGIN, begun(9, close_segment=True), {})
    chain.link(PLAIN, NOW)
    head = chain.head()
    assert (head.seg, head.seg_first, head.seg_began, head.close_segment) == (5, 9, NOW, False)


def test_j_counts_slots_within_a_segment_and_begins_again() -> None:
    chain = Chain(ORIGIN, begun(9), {})
    both = [chain.link(entry(ANN, BEN, ANN), NOW) for _ in range(2)]
    later = chain.link(entry(ANN), NOW + timedelta(hours=24))
    assert [slot.j for each in both for slot in each.slots] == [1, 1, 2, 3, 2, 4]
    assert [(later.seg, slot.j) for slot in later.slots] == [(5, 1)]
    tags = [parse(each.leaf)["who"][0]["t"] for each in (*both, later)]
    assert tags == [base64url.encode(tag(key_of(ANN).tag_key, seg, j)) for seg, j in ((4, 1), (4, 3), (5, 1))]


def test_a_key_is_introduced_once_in_the_log() -> None:
    chain = Chain(ORIGIN, begun(9), {})
    found = [chain.link(entry(ANN, ANN, BEN), moment) for moment in (NOW, NOW, NOW + timedelta(days=1))]
    assert [["n" in slot for slot in parse(each.leaf)["who"]] for each in found] == [
        [True, False, True],
        [False, False, False],
        [False, False, False],
    ]


def test_a_counter_of_an_earlier_segment_says_that_the_key_is_known() -> None:
    chain = Chain(ORIGIN, begun(9), {key_of(ANN).key_id: (2, 7)})
    one = chain.link(entry(ANN), NOW)
    assert [slot.j for slot in one.slots] == [1]
    assert "n" not in parse(one.leaf)["who"][0]


def test_a_key_that_is_not_known_any_more_has_the_batch_prepared_again() -> None:
    with pytest.raises(VariantMissing):
        Chain(ORIGIN, begun(9), {}).link(entry(ANN, introduced=True), NOW)


def test_the_blob_beside_a_leaf_is_that_of_its_variant() -> None:
    prepared_entry = entry(ANN)
    (slot,) = prepared_entry.slots
    assert slot.first is not None
    for counters, variant in (({}, slot.first), ({key_of(ANN).key_id: (4, 1)}, slot.later)):
        one = Chain(ORIGIN, begun(9), counters).link(prepared_entry, NOW)
        assert one.slots[0].blob == variant.blob
        assert parse(one.leaf)["who"][0]["s"] == base64url.encode(blob_digest(variant.blob))


def test_the_clock_does_not_change_by_the_zone_it_is_told_in() -> None:
    zoned = NOW.astimezone(datetime.strptime("+0530", "%z").tzinfo)
    one = Chain(ORIGIN, EMPTY, {}).link(PLAIN, zoned)
    assert parse(one.leaf)["appended"] == "2026-11-22T10:00:00.000000Z"
