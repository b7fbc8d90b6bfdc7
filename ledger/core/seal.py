"""Seals: a person's disclosures, encrypted under a key that belongs to that person alone.

Destroying the person's secret makes every blob of that person unreadable; the digests in the leaves stay.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from accountability_ledger.restricted_json import canonical
from ledger.core.errors import BadAnswer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12
_VERSION = b"\x01"


class SealBroken(BadAnswer):
    """A blob that does not open under the key, origin and role it belongs to."""

    code = "changed-blob"


def derive_seal_key(secret: bytes) -> bytes:
    """The seal key, 32 bytes, from the person's 32 random bytes (HKDF-SHA256, empty salt)."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"ledger/seal/v1").derive(secret)


def associated_data(origin: str, role: str) -> bytes:
    return b"ledger/seal/v1\x00" + origin.encode() + b"\x00" + role.encode()


def seal(cipher: AESGCM, nonce: bytes, disclosures: Sequence[str], bound_to: bytes) -> bytes:
    """0x01 || nonce (12 bytes, random) || AES-256-GCM of the canonical JSON array of the disclosures."""
    return seal_text(cipher, nonce, canonical(disclosures), bound_to)


def seal_text(cipher: AESGCM, nonce: bytes, text: bytes, bound_to: bytes) -> bytes:
    """The same where the array has been written already."""
    return _VERSION + nonce + cipher.encrypt(nonce, text, bound_to)


def unseal(cipher: AESGCM, blob: bytes, bound_to: bytes) -> list[str]:
    """The disclosures of a blob; raises SealBroken where it is changed or not this person's."""
    if blob[:1] != _VERSION or len(blob) < 1 + NONCE_BYTES + 16:
        raise SealBroken("A sealed blob is not of version 1.")
    nonce, text = blob[1 : 1 + NONCE_BYTES], blob[1 + NONCE_BYTES :]
    try:
        return msgspec.json.decode(cipher.decrypt(nonce, text, bound_to), type=list[str])
    except (InvalidTag, msgspec.DecodeError) as error:
        raise SealBroken("A sealed blob does not open under its person's key.") from error


def blob_digest(blob: bytes) -> bytes:
    """SHA-256 of the blob: a changed blob is seen without any key."""
    return hashlib.sha256(blob).digest()
