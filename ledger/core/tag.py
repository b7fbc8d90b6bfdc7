"""Tags: what stands for a person in a leaf. No two leaves share one."""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_PREFIX = b"ledger/tag/v1\x00"
_INNER = bytes(each ^ 0x36 for each in range(256))
_OUTER = bytes(each ^ 0x5C for each in range(256))
_INNER_REST, _OUTER_REST = b"\x36" * 32, b"\x5c" * 32  # a tag key is half a block of SHA-256


def derive_tag_key(secret: bytes) -> bytes:
    """The tag key of a person, 32 bytes, from the person's 32 random bytes (HKDF-SHA256, RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"ledger/tag/v1").derive(secret)


class Tagger:
    """`tag` for a writer, which makes a few of them for each entry under the head lock: of the keys used of late it keeps
    the two hashes of HMAC (RFC 2104) that have taken in the key, and copies them, which halves the time.
    """

    def __init__(self, capacity: int = 20_000) -> None:
        self._capacity = capacity
        self._keyed: dict[bytes, tuple[Any, Any]] = {}  # about 800 bytes a key

    def tag(self, tag_key: bytes, segment: int, j: int) -> bytes:
        """The same as the function `tag`."""
        inner, outer = self._keyed.get(tag_key) or self._take_in(tag_key)
        inner, outer = inner.copy(), outer.copy()
        inner.update(_PREFIX + segment.to_bytes(8, "big") + j.to_bytes(4, "big"))
        outer.update(inner.digest())
        found: bytes = outer.digest()
        return found

    def _take_in(self, tag_key: bytes) -> tuple[Any, Any]:
        if len(self._keyed) >= self._capacity:
            self._keyed.clear()
        keyed = (
            sha256(tag_key.translate(_INNER) + _INNER_REST),
            sha256(tag_key.translate(_OUTER) + _OUTER_REST),
        )
        self._keyed[tag_key] = keyed
        return keyed


def tag(tag_key: bytes, segment: int, j: int) -> bytes:
    """The j-th tag (j from 1) of a key within a segment, 32 bytes."""
    return hmac.digest(tag_key, _PREFIX + segment.to_bytes(8, "big") + j.to_bytes(4, "big"), "sha256")
