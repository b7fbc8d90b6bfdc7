"""The leaf's own forms: clock, size, canonical bytes."""

from __future__ import annotations

import pytest

from ledger.core.leaf import MalformedLeaf, decode_clock, parse


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T10:00:00Z",
        "2026-11-22T10:00:00.12345Z",
        "2026-11-22T10:00:00.1234567Z",
        "2026-11-22T10:00:00.123456+00:00",
        "2026-11-22 10:00:00.123456Z",
        "2026-11-22T10:00:60.123456Z",
        "2026-1-22T10:00:00.123456Z",
        "2026-11-22T10:00:00.123456z",
        "",
    ],
)
def test_a_clock_has_six_digits_and_z(text: str) -> None:
    with pytest.raises(MalformedLeaf):
        decode_clock(text)


@pytest.mark.parametrize(
    "leaf", [b"", b"1", b"[]", b'{"b":1,"a":2}', b'{"a": 1}', b'{"a":1,"a":1}', b"\xff", b"[" * 70_000]
)
def test_what_is_not_canonical_is_no_leaf(leaf: bytes) -> None:
    with pytest.raises(MalformedLeaf):
        parse(leaf)
