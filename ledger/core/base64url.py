"""base64url without padding (RFC 4648 section 5), the text form of every hash in a leaf."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING

from ledger.core.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable

_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_ALPHABET = re.compile(r"[A-Za-z0-9_-]*")


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
    if not _ALPHABET.fullmatch(text):
        raise BadInput("This is not base64url without padding (RFC 4648 section 5).")
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError) as error:
        raise BadInput("This is not base64url without padding (RFC 4648 section 5).") from error
    if encode(data) != text:
        raise BadInput("This base64url text has stray bits at its end.")
    return data
