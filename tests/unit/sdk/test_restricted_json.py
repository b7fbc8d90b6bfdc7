from __future__ import annotations

import pytest

from accountability_ledger.errors import Refused
from accountability_ledger.restricted_json import MAX_BYTES, canonical, parse

REFUSED = {
    "empty": [b"", b" \r\n\t"],
    "too-large": [b'"' + b"x" * (MAX_BYTES - 1) + b'"', b" " * MAX_BYTES + b"1"],
    "not-utf8": [b'{"a":"\xff"}', b'{"a":"\xed\xa0\x80"}', b'{"a":"\xc0\x80"}'],
    "not-json": [
        b"\xef\xbb\xbf{}",
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b"{} {}",
        b"{}x",
        b'{"a":01}',
        b'{"a":"\n"}',
        b'{"a":1,}',
        b"{'a':1}",
        b"{}\x0b",
        b'{"a":"\\x41"}',
        b"[" * 20,
    ],
    "duplicate-key": [
        b'{"a":1,"a":1}',
        rb'{"a":1,"\u0061":2}',
        b'{"x":{"a":1,"a":2}}',
        b'{"a":1.5,"a":2}',
    ],
    "number": [
        b"1.0",
        b"-0",
        b"1e2",
        b"1E400",
        b"9007199254740992",
        b"-9007199254740992",
        b"1" * 10_000,
        rb'{"a":1.5,"b":"\u0000"}',
    ],
    "string": [rb'"\u0000"', rb'"\ud800"', rb'["\udc00x"]', rb'{"a\u0000":1}', rb'"\udc00\ud800"'],
    "nesting": [
        b"[" * 17 + b"]" * 17,
        b"[" * 40_000,
        b'{"a":' * 8_000 + b"1" + b"}" * 8_000,
        b'{"A":' * 17 + b"1" + b"}" * 17,
    ],
    "key-name": [
        b'{"A":1}',
        b'{"":1}',
        b'{"_sd":1}',
        b'{"...":1}',
        b'{"a-b":1}',
        b'{"1a":1}',
        '{"ä":1}'.encode(),
    ],
}


@pytest.mark.parametrize(
    ("reason", "value"), [(reason, value) for reason, values in REFUSED.items() for value in values]
)
def test_what_is_not_restricted_json_is_refused_for_its_first_fault(reason: str, value: bytes) -> None:
    with pytest.raises(Refused) as refused:
        parse(value)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("value", "parsed"),
    [
        (b' \t\r\n{"a": [1, -9007199254740991]}\n', {"a": [1, -9007199254740991]}),
        (b'{"a":true,"b":null}', {"a": True, "b": None}),
        (rb'"\ud83d\ude00"', "\U0001f600"),
        (rb'"\\u0000"', "\\u0000"),
        ('"e\u0301 \u202e \u00e9"'.encode(), "e\u0301 \u202e \u00e9"),
        (b"[" * 16 + b"]" * 16, [[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]),
        (b'["[[[[[[[[[[[[[[[[[[[[", "\\"[["]', ["[" * 20, '"[[']),
        (b'"' + b"x" * (MAX_BYTES - 2) + b'"', "x" * (MAX_BYTES - 2)),
    ],
)
def test_what_is_restricted_json_is_parsed_as_sent(value: bytes, parsed: object) -> None:
    assert parse(value) == parsed


def test_canonical_is_sorted_and_compact() -> None:
    assert canonical({"b": [1, {"d": "é", "c": None}], "a_b": True, "a": "\u2028"}) == (
        '{"a":"\u2028","a_b":true,"b":[1,{"c":null,"d":"é"}]}'.encode()
    )


def test_a_message_never_repeats_the_value() -> None:
    with pytest.raises(Refused) as refused:
        parse(b'{"secret_name_42":1,"secret_name_42":2}')
    assert "secret_name_42" not in str(refused.value)
