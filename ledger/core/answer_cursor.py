"""Cursors: where the next page of an answer begins, opaque and bound to the one question that they came from.

base64url(nonce (12) || AES-256-GCM of canonical JSON). The associated data name the ledger, the question, the person
and the period, so that a cursor neither opens another answer nor tells anything of this one to who keeps a URL.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from accountability_ledger.restricted_json import canonical
from ledger.core import base64url
from ledger.core.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ledger.core.randomness import RandomBytes

MAX_CURSOR = 32_768
_NONCE = 12


class BadCursor(BadInput):
    """A cursor that was altered, or that belongs to another question."""

    code = "bad-cursor"


@dataclass(frozen=True, slots=True)
class Cursor:
    """The tree that the answer is pinned to, the person's keys as they were then, and the last place shown: `time` in
    microseconds since 1970 and `seq`.
    """

    size: int
    root: bytes
    time: int
    seq: int
    keys: tuple[bytes, ...] = ()


class _Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    size: int
    root: str
    time: int
    seq: int
    keys: list[str]


class Cursors:
    """Writes and reads the cursors of one ledger. `secret` is any of its keys: another is derived from it."""

    def __init__(self, secret: bytes, random: RandomBytes) -> None:
        key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"ledger/cursor/v1").derive(secret)
        self._cipher = AESGCM(key)
        self._random = random

    def write(self, cursor: Cursor, bound_to: Mapping[str, Any]) -> str:
        content = canonical(
            {
                "size": cursor.size,
                "root": base64url.encode(cursor.root),
                "time": cursor.time,
                "seq": cursor.seq,
                "keys": [base64url.encode(each) for each in cursor.keys],
            }
        )
        nonce = self._random(_NONCE)
        return base64url.encode(nonce + self._cipher.encrypt(nonce, content, canonical(bound_to)))

    def read(self, text: str, bound_to: Mapping[str, Any]) -> Cursor:
        """The place behind a cursor. Raises BadCursor for what `write` did not give out for this very question."""
        try:
            sealed = base64url.decode(text[:MAX_CURSOR])
            opened = self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], canonical(bound_to))
            found = msgspec.json.decode(opened, type=_Content)
        except (BadInput, InvalidTag, ValueError, msgspec.DecodeError) as error:
            raise BadCursor(
                "The cursor was altered, or belongs to another question: ask again without it."
            ) from error
        return Cursor(
            found.size,
            base64url.decode(found.root),
            found.time,
            found.seq,
            tuple(base64url.decode(each) for each in found.keys),
        )
