from __future__ import annotations

import hashlib
import hmac

import pytest

from accountability_ledger.message_key import message_key

SALT = bytes(range(16))


def test_the_key_is_an_hmac_of_the_person_under_the_shared_salt() -> None:
    expected = hmac.new(SALT, b"ledger/message-key/v1\0email:ann@example.eu", hashlib.sha256).digest()[:16]
    assert message_key("email:ann@example.eu", SALT) == expected


def test_persons_and_salts_have_keys_of_their_own() -> None:
    assert message_key("email:ann@example.eu", SALT) != message_key("email:ben@example.com", SALT)
    assert message_key("email:ann@example.eu", SALT) != message_key("email:ann@example.eu", SALT + b"\1")


def test_a_short_salt_is_no_secret() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        message_key("email:ann@example.eu", SALT[:-1])
