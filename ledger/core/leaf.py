"""The leaf, version 1: the bytes that are hashed, stored, and never serialised again.

A leaf is the canonical JSON (RFC 8785) of one object. `event` and `via` are prepared outside the head lock; inside it
only bytes are joined, because the sorted keys are `appended event ledger prev seg seq v via who`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from accountability_ledger.moment import written
from accountability_ledger.restricted_json import canonical
from ledger.core import base64url
from ledger.core.errors import BadAnswer

VERSION = 1
MAX_LEAF_BYTES = 65_535  # an entry bundle's length prefix is 16 bits (C2SP tlog-tiles)
FIRST_PREV = bytes(32)
ROLES = ("subject", "participant", "recipient", "actor", "old", "new")

_ENVELOPE = b'{"appended":"","event":,"ledger":"","prev":"","seg":,"seq":,"v":1,"via":,"who":[]}'
_SLOT = b'{"n":"","r":"","s":"","t":""},'
_HASH_TEXT = 43  # 32 bytes as base64url
_b64 = base64url.encode_bytes
_NUMBER_TEXT = 16  # 2^53-1
_CLOCK_TEXT = 27  # 2026-11-22T21:04:05.123456Z


class MalformedLeaf(BadAnswer):
    """Bytes that are not a leaf of version 1."""

    code = "changed-leaf"


def slot_head(role: str, blob: bytes, introduced: bytes | None) -> bytes:
    """A person in a leaf, up to the tag, which only the head's holder knows: role, digest of the sealed blob (32
    bytes), and the digest of the disclosure that introduces the key (32 bytes) where this leaf is the key's first.
    """
    first = b'"n":"%b",' % _b64(introduced) if introduced else b""
    return b'{%b"r":"%b","s":"%b","t":"' % (first, role.encode(), _b64(blob))


def complete_slot(head: bytes, tag: bytes) -> bytes:
    """The slot's JSON from its head and its tag (32 bytes)."""
    return b"".join((head, _b64(tag), b'"}'))


def splice(
    *, appended: bytes, event: bytes, ledger: bytes, prev: bytes, seg: int, seq: int, via: bytes, who: bytes
) -> bytes:
    """Joins the prepared parts to a leaf. `who` is the slots' JSON, joined by commas; `ledger` must need no escapes."""
    return (
        b'{"appended":"%b","event":%b,"ledger":"%b","prev":"%b","seg":%d,"seq":%d,"v":1,"via":%b,"who":[%b]}'
        % (
            appended,
            event,
            ledger,
            _b64(prev),
            seg,
            seq,
            via,
            who,
        )
    )


def largest(event: bytes, via: bytes, origin: str, roles: list[str]) -> int:
    """The most bytes that a leaf of these parts can take, whatever its position: every slot counts an `n`, every
    number its full width, so that a replay into another ledger refuses the same events.
    """
    slots = sum(len(_SLOT) + len(role) + 3 * _HASH_TEXT for role in roles)
    fixed = len(_ENVELOPE) + _CLOCK_TEXT + _HASH_TEXT + 2 * _NUMBER_TEXT
    return fixed + len(event) + len(via) + len(origin.encode()) + slots


def encode_clock(moment: datetime) -> bytes:
    """RFC 3339 in UTC with exactly six fraction digits and `Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").encode("ascii")


def decode_clock(text: str) -> datetime:
    """The moment behind `appended`; raises MalformedLeaf for any other form."""
    try:
        moment = datetime.fromisoformat(text)
        same = written(moment) == text
    except (ValueError, OverflowError) as error:
        raise MalformedLeaf("The leaf's clock is not RFC 3339 with six digits and Z.") from error
    if not same:
        raise MalformedLeaf("The leaf's clock is not RFC 3339 with six digits and Z.")
    return moment


def parse(leaf: bytes) -> dict[str, Any]:
    """The leaf's object, for reading only: what is verified is always the bytes. Raises MalformedLeaf."""
    try:
        parsed = msgspec.json.decode(leaf)
    except (msgspec.DecodeError, RecursionError) as error:
        raise MalformedLeaf("The leaf is not JSON.") from error
    if not isinstance(parsed, dict) or canonical(parsed) != leaf:
        raise MalformedLeaf("The leaf is not the canonical form of one JSON object.")
    return parsed
