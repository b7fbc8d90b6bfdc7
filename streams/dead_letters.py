"""Dead letters: what was refused, encrypted to a key that no worker holds, for a short time.

A letter is `0x01 || ephemeral X25519 public key (32) || nonce (12) || AES-256-GCM` of canonical JSON; the key is
HKDF-SHA256 of the shared secret, salt = ephemeral key || recipient's key, info `ledger/dead-letter/v1`. It carries the
salt of the digest in the entry, so that whoever opens it can show that it is the value that was refused.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from accountability_ledger.restricted_json import canonical
from ledger.core import base64url

if TYPE_CHECKING:
    from ledger.core.batch import RecordPlace

MAX_BYTES = 900_000  # Kafka's usual limit for a record is 1 MiB, and base64 makes a third more of a value
_INFO = b"ledger/dead-letter/v1"
_VERSION = b"\x01"
_OVERHEAD = 1 + 32 + 12 + 16


def write(
    key: X25519PublicKey,
    *,
    salt: bytes,
    value: bytes,
    headers: list[tuple[str, bytes]],
    reason: str,
    place: RecordPlace,
) -> bytes:
    """The bytes of one letter, at most MAX_BYTES. What is too large for that goes without headers and value, which
    stay in the topic they came from for as long as it keeps them: a letter that Kafka refuses would block for ever.
    """
    letter: dict[str, Any] = {
        "headers": [[name, base64url.encode(content)] for name, content in headers],
        "reason": reason,
        "salt": base64url.encode(salt),
        "size": len(value),
        "value": base64url.encode(value),
        "via": msgspec.json.decode(place.via()),
    }
    if len(canonical(letter)) > MAX_BYTES - _OVERHEAD:
        letter |= {"headers": [], "value": None}
    ephemeral = X25519PrivateKey.generate()
    public = ephemeral.public_key().public_bytes_raw()
    nonce = os.urandom(12)
    cipher = _cipher(ephemeral.exchange(key), public, key.public_bytes_raw())
    return _VERSION + public + nonce + cipher.encrypt(nonce, canonical(letter), None)


def read(key: X25519PrivateKey, letter: bytes) -> dict[str, Any]:
    """Opens one letter, for operations."""
    public, nonce, text = letter[1:33], letter[33:45], letter[45:]
    cipher = _cipher(
        key.exchange(X25519PublicKey.from_public_bytes(public)), public, key.public_key().public_bytes_raw()
    )
    return msgspec.json.decode(cipher.decrypt(nonce, text, None), type=dict[str, Any])


def _cipher(shared: bytes, ephemeral: bytes, recipient: bytes) -> AESGCM:
    return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=ephemeral + recipient, info=_INFO).derive(shared))
