"""The identity of an event (`source` and `id`, CloudEvents 1.0) as a keyed digest, by which duplicates are recognised."""

from __future__ import annotations

import hmac

_OTHER_ID = b"\xff" * 6


def identity_digest(dedup_key: bytes, source: str, event_id: str) -> bytes:
    """The keyed digest of an event's identity (entry-format, "Accepting an event"), 16 bytes: the 48-bit time of a
    UUIDv7 id, or six bytes ff, and ten bytes of HMAC-SHA256(dedup key, source 0x00 id). It begins with the time so
    that the index over it grows at its right edge; ids of other forms go to a range of their own.
    """
    keyed = hmac.digest(dedup_key, source.encode() + b"\x00" + event_id.encode(), "sha256")
    return (uuid7_time(event_id) or _OTHER_ID) + keyed[:10]


def uuid7_time(event_id: str) -> bytes | None:
    """The time of a UUIDv7 in its usual text form (RFC 9562 section 5.7), None for any other id."""
    if len(event_id) != 36 or event_id[14] != "7" or event_id[19] not in "89abAB":
        return None
    digits = event_id.replace("-", "")
    if len(digits) != 32 or any(event_id[at] != "-" for at in (8, 13, 18, 23)):
        return None
    try:
        return bytes.fromhex(digits)[:6]
    except ValueError:
        return None
