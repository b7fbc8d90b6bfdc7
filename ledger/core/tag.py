"""Tags: what stands for a person in a leaf. No two leaves share one."""

from __future__ import annotations

import hmac

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_PREFIX = b"ledger/tag/v1\x00"


def derive_tag_key(secret: bytes) -> bytes:
    """The tag key of a person, 32 bytes, from the person's 32 random bytes (HKDF-SHA256, RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"ledger/tag/v1").derive(secret)


def tag(tag_key: bytes, segment: int, j: int) -> bytes:
    """The j-th tag (j from 1) of a key within a segment, 32 bytes."""
    return hmac.digest(tag_key, _PREFIX + segment.to_bytes(8, "big") + j.to_bytes(4, "big"), "sha256")
