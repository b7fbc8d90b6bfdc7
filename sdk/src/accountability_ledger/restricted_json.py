"""Restricted JSON: the subset on which sorted compact output is RFC 8785, whoever writes it.

Object keys `[a-z][a-z0-9_]*`, no floating-point numbers, integers within +-(2^53-1), no duplicate keys, valid UTF-8
without NUL or lone surrogates, nesting at most 16 (the outermost value is level 1), at most 48 KiB.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, Final, NoReturn

import msgspec

from accountability_ledger.errors import REASONS, Refused

MAX_BYTES: Final = 48 * 1024
MAX_DEPTH: Final = 16
MAX_INTEGER: Final = 2**53 - 1

_WHITE_SPACE: Final = b" \t\r\n"
_KEY: Final = re.compile(r"[a-z][a-z0-9_]*")
# A string, ended or not, or one bracket: enough to count depth without a parser's recursion.
_STRUCTURE: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)
# Below this depth Python's parser is safe, so that the more precise reasons can still be found.
_SAFE_DEPTH: Final = 128
_LONGEST_INTEGER: Final = len(str(-MAX_INTEGER))

_ADVICE: Final = {
    "not-json": "send one JSON value and nothing after it; NaN, Infinity and a byte order mark are not JSON",
    "duplicate-key": "name every key of an object once",
    "number": "use integers between -(2^53-1) and 2^53-1, written without fraction, exponent or -0",
    "string": "leave NUL characters and lone surrogates out of texts",
    "nesting": f"nest objects and arrays at most {MAX_DEPTH} deep",
    "key-name": "begin keys with a-z and go on with a-z, 0-9 or _",
}

_encoder: Final = msgspec.json.Encoder(order="sorted")


def canonical(value: Any) -> bytes:
    """The canonical bytes of a restricted JSON value: RFC 8785, which for this subset is sorted compact UTF-8."""
    return _encoder.encode(value)


def canonical_lines(values: Sequence[Any]) -> list[bytes]:
    """`canonical` of each value."""
    # Within a value every control character is escaped, so that only the encoder's own line feeds part the lines.
    return _encoder.encode_lines(values).splitlines()


def strip(value: bytes) -> bytes:
    """The value without the white space that JSON allows around it (RFC 8259 section 2)."""
    return value.strip(_WHITE_SPACE)


def parse(value: bytes) -> Any:
    """Parse strictly, in time linear in the length of `value`.

    Raises `Refused` with `empty`, `too-large`, `not-utf8`, `not-json`, `duplicate-key`, `number`, `string`, `nesting`
    or `key-name`: of several faults the first in this order, save that text more than 128 deep is never parsed.
    """
    check_size(value)
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("not-utf8", "encode the value as UTF-8") from None
    depth = _depth(text)
    if depth > _SAFE_DEPTH:
        _refuse("nesting")
    faults = {"nesting"} if depth > MAX_DEPTH else set[str]()
    try:
        parsed = _decoder(faults).decode(text)
    except json.JSONDecodeError:
        raise Refused("not-json", _ADVICE["not-json"]) from None
    _check_strings(parsed, faults)
    for reason in REASONS:
        if reason in faults:
            _refuse(reason)
    return parsed


def check_size(value: bytes | None) -> None:
    """Raises `Refused("empty")` or `Refused("too-large")`."""
    if value is None or not strip(value):
        raise Refused("empty", "send an event: the value is empty")
    if len(value) > MAX_BYTES:
        raise Refused("too-large", f"keep the value within {MAX_BYTES} bytes; split long lists into chunks")


def _refuse(reason: str) -> NoReturn:
    raise Refused(reason, _ADVICE[reason])


def _depth(text: str) -> int:
    deepest = depth = 0
    for match in _STRUCTURE.finditer(text):
        token = match[0]
        if token in {"[", "{"}:
            depth += 1
            deepest = max(deepest, depth)
        elif token in {"]", "}"}:
            depth -= 1
    return deepest


def _decoder(faults: set[str]) -> json.JSONDecoder:
    def integer(digits: str) -> int:
        # The length is looked at first: int() of a long digit string takes quadratic time.
        if len(digits) > _LONGEST_INTEGER or digits == "-0" or abs(int(digits)) > MAX_INTEGER:
            faults.add("number")
            return 0
        return int(digits)

    def fraction(_: str) -> int:
        faults.add("number")
        return 0

    def constant(_: str) -> int:
        faults.add("not-json")
        return 0

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) != len(pairs):
            faults.add("duplicate-key")
        if not all(_KEY.fullmatch(key) for key in value):
            faults.add("key-name")
        return value

    return json.JSONDecoder(
        object_pairs_hook=members, parse_int=integer, parse_float=fraction, parse_constant=constant
    )


def _check_strings(value: Any, faults: set[str]) -> None:
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            faults.add("string")
    elif isinstance(value, list):
        for item in value:
            _check_strings(item, faults)
    elif isinstance(value, dict):
        for key, member in value.items():
            _check_strings(key, faults)
            _check_strings(member, faults)
