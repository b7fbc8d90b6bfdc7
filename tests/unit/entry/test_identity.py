"""The keyed digests against HMAC of the standard library."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from ledger.core.identity import Digester

KEY = bytes(range(32))
UUID7 = "01a12181-0a71-7fe1-989f-38a388b1ed6d"


@pytest.mark.parametrize("key", [b"", KEY, bytes(range(64))])
@pytest.mark.parametrize("message", [b"", b"x", b"y" * 55, b"z" * 64, b"\0" * 50_000])
def test_it_is_hmac_sha256_again_and_again(key: bytes, message: bytes) -> None:
    digester = Digester(key)
    for _ in range(2):
        assert digester.content(message) == hmac.digest(key, message, hashlib.sha256)[:16]
        assert digester.probe(message) == hmac.digest(key, b"probe\0" + message, hashlib.sha256)[:16]


def test_a_record_without_a_value_is_probed_like_an_empty_one() -> None:
    assert Digester(KEY).probe(None) == Digester(KEY).probe(b"")


def test_a_key_longer_than_a_block_is_no_dedup_key() -> None:
    with pytest.raises(ValueError, match="64"):
        Digester(bytes(65))


@pytest.mark.parametrize(
    ("event_id", "begins"),
    [
        (UUID7, bytes.fromhex("01a121810a71")),
        (UUID7.upper(), bytes.fromhex("01a121810a71")),
        (UUID7.replace("-7", "-4"), b"\xff" * 6),
        ("01a1 181-0a71-7fe1-989f-38a388b1ed6d", b"\xff" * 6),
        ("01a12181-0a71-7fe1-989f-38a388b1  6d", b"\xff" * 6),
        (UUID7 + "\n", b"\xff" * 6),
        ("Ω", b"\xff" * 6),
    ],
)
def test_an_identity_begins_with_the_time_of_a_uuid7(event_id: str, begins: bytes) -> None:
    found = Digester(KEY).identity("crm", event_id)
    assert found == begins + hmac.digest(KEY, f"crm\0{event_id}".encode(), hashlib.sha256)[:10]
    assert found == Digester(KEY).identity("crm", event_id)
