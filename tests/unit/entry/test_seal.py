"""Blobs: bound to key, origin and role, and to every one of their bits."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.core.seal import SealBroken, associated_data, blob_digest, derive_seal_key, seal, unseal

SECRET = bytes(range(32))
CIPHER = AESGCM(derive_seal_key(SECRET))
BOUND_TO = associated_data("ledger.example/log/main", "subject")
TEXTS = ["WyJhIiwiYiIsMV0", "WyJjIiwiZCIsMl0"]
BLOB = seal(CIPHER, bytes(12), TEXTS, BOUND_TO)


def test_it_opens_to_what_was_sealed() -> None:
    assert unseal(CIPHER, BLOB, BOUND_TO) == TEXTS
    assert BLOB[:13] == b"\x01" + bytes(12)


@pytest.mark.parametrize(
    ("origin", "role"), [("ledger.example/log/eu", "subject"), ("ledger.example/log/main", "actor")]
)
def test_it_is_bound_to_origin_and_role(origin: str, role: str) -> None:
    with pytest.raises(SealBroken):
        unseal(CIPHER, BLOB, associated_data(origin, role))


def test_origin_and_role_cannot_be_shifted_into_each_other() -> None:
    assert associated_data("a/log", "subject") != associated_data("a/logs", "ubject")


def test_it_is_bound_to_its_person() -> None:
    with pytest.raises(SealBroken):
        unseal(AESGCM(derive_seal_key(bytes(32))), BLOB, BOUND_TO)


def test_no_bit_can_change_unseen() -> None:
    for place in range(len(BLOB)):
        changed = BLOB[:place] + bytes([BLOB[place] ^ 1]) + BLOB[place + 1 :]
        assert blob_digest(changed) != blob_digest(BLOB)
        with pytest.raises(SealBroken):
            unseal(CIPHER, changed, BOUND_TO)


@pytest.mark.parametrize("length", [0, 1, 13, 28, len(BLOB) - 1])
def test_no_part_opens(length: int) -> None:
    with pytest.raises(SealBroken):
        unseal(CIPHER, BLOB[:length], BOUND_TO)
