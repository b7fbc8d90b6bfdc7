"""Splicing against RFC 8785, by another implementation of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from accountability_ledger.restricted_json import MAX_INTEGER, canonical
from ledger.core.leaf import (
    ROLES,
    complete_slot,
    decode_clock,
    encode_clock,
    largest,
    parse,
    slot_head,
    splice,
)
from ledger.core.merkle import leaf_hash

KEYS = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=5)
HASHES = st.binary(min_size=32, max_size=32)
SLOTS = st.lists(st.tuples(st.sampled_from(ROLES), HASHES, HASHES, st.none() | HASHES), max_size=5)
NUMBERS = st.integers(0, MAX_INTEGER)
CLOCKS = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
ORIGINS = st.from_regex(r"[a-z.]{1,20}/log/[a-z0-9-]{1,10}", fullmatch=True)


@given(OBJECTS, OBJECTS, SLOTS, NUMBERS, NUMBERS, CLOCKS, HASHES, ORIGINS)
def test_a_spliced_leaf_is_its_own_canonical_form_and_within_its_bound(
    event: dict[str, Any],
    via: dict[str, Any],
    slots: list[tuple[str, bytes, bytes, bytes | None]],
    seq: int,
    seg: int,
    appended: datetime,
    prev: bytes,
    origin: str,
) -> None:
    leaf = splice(
        appended=encode_clock(appended),
        event=canonical(event),
        ledger=origin.encode(),
        prev=prev,
        seg=seg,
        seq=seq,
        via=canonical(via),
        who=b",".join(complete_slot(slot_head(role, blob, first), tag) for role, tag, blob, first in slots),
    )
    parsed = parse(leaf)
    assert rfc8785.dumps(parsed) == leaf
    assert parsed == msgspec.json.decode(leaf)
    assert (parsed["event"], parsed["via"], parsed["seq"], parsed["seg"]) == (event, via, seq, seg)
    assert decode_clock(parsed["appended"]) == appended
    assert list(parsed) == ["appended", "event", "ledger", "prev", "seg", "seq", "v", "via", "who"]
    assert len(leaf) <= largest(canonical(event), canonical(via), origin, [slot[0] for slot in slots])
    assert len(leaf_hash(leaf)) == 32
