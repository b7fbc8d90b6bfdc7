from __future__ import annotations

import json
from typing import Any

import msgspec
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from accountability_ledger.errors import Refused
from accountability_ledger.restricted_json import MAX_INTEGER, canonical, parse

KEYS = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-MAX_INTEGER, MAX_INTEGER), TEXTS)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)


@settings(deadline=None)
@given(VALUES)
def test_canonical_is_rfc_8785(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@settings(deadline=None)
@given(VALUES, st.booleans(), st.sampled_from([None, 0, 3]))
def test_any_way_to_write_a_value_is_parsed_to_it(value: Any, ascii_only: bool, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert parse(b"\n" + text.encode() + b" ") == value


def is_restricted(value: Any, depth: int = 1) -> bool:
    """The rules of restricted JSON, once more and without the parser."""
    if isinstance(value, bool) or value is None:
        return True
    if isinstance(value, int):
        return abs(value) <= MAX_INTEGER
    if isinstance(value, str):
        return "\0" not in value
    if isinstance(value, list):
        return depth <= 16 and all(is_restricted(item, depth + 1) for item in value)
    if isinstance(value, dict):
        return depth <= 16 and all(
            key.isascii()
            and key[:1].isalpha()
            and key == key.lower()
            and key.replace("_", "a").isalnum()
            and is_restricted(member, depth + 1)
            for key, member in value.items()
        )
    return False


FRAGMENTS = st.sampled_from(
    [
        '"',
        "\\",
        "\\u0000",
        "\\ud800",
        "\\u0061",
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "1",
        "-0",
        "1.0",
        "1e9",
        "a",
        '"a"',
        '"b"',
        '{"a":',
        "null",
        "true",
        "NaN",
        " ",
        "\n",
        "9007199254740992",
        "\x00",
        "é",
        "[" * 17,
        "]" * 17,
    ]
)


@settings(deadline=None, max_examples=400)
@given(st.lists(FRAGMENTS, max_size=12).map("".join))
def test_text_is_parsed_as_another_parser_does_or_refused(text: str) -> None:
    value = text.encode()
    try:
        parsed = parse(value)
    except Refused:
        return
    assert is_restricted(parsed)
    assert msgspec.json.decode(value) == parsed
    assert msgspec.json.decode(canonical(parsed)) == parsed


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_arbitrary_bytes_are_parsed_or_refused(value: bytes) -> None:
    try:
        parsed = parse(value)
    except Refused:
        return
    assert parse(canonical(parsed)) == parsed
