"""The Kafka message key: opaque, because keys show in every broker tool and choose the partition in public."""

import hashlib
import hmac
from typing import Final

_LABEL: Final = b"ledger/message-key/v1\0"
MIN_SALT_BYTES: Final = 16


def message_key(first_person: str, salt: bytes) -> bytes:
    """16 bytes of HMAC-SHA256 over the normalised identifier of an event's first person.

    `salt` is a secret that the producers of a ledger share, at least 16 bytes; raises `ValueError` for a shorter one.
    """
    if len(salt) < MIN_SALT_BYTES:
        raise ValueError(f"the salt of message keys needs at least {MIN_SALT_BYTES} bytes")
    return hmac.digest(salt, _LABEL + first_person.encode("utf-8"), hashlib.sha256)[:16]
