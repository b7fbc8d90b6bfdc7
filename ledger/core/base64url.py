"""base64url without padding (RFC 4648 section 5), the text form of every hash in a leaf."""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING

from ledger.core.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable

_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_STANDARD = bytes.maketrans(b"-_", b"+/")


def encode(data: bytes) -> str:
    return encode_bytes(data).decode("ascii")


def encode_bytes(data: bytes) -> bytes:
    """The same as ASCII bytes, for what is joined to bytes anyway."""
    return binascii.b2a_base64(data, newline=False).translate(_URL_SAFE, b"=")


def encode_lines(parts: Iterable[bytes]) -> bytes:
    """`encode_bytes` of each part, a line feed after each: many texts, translated at the price of one."""
    return b"".join(map(binascii.b2a_base64, parts)).translate(_URL_SAFE, b"=")


def decode(text: str) -> bytes:
    """The bytes behind `text`; padding, other alphabets and non-canonical last bits are refused (BadInput)."""
    try:
        given = text.encode("ascii")
        data = binascii.a2b_base64(given.translate(_STANDARD) + b"=" * (-len(given) % 4))
    except ValueError as error:
        raise BadInput("This is not base64url without padding (RFC 4648 section 5).") from error
    # The decoder passes over what is no base64 and over stray bits; written again, they are not there.
    if encode_bytes(data) != given:
        raise BadInput(
            "This is not base64url without padding, or has stray bits at its end (RFC 4648 section 5)."
        )
    return data
