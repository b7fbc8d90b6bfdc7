"""Receipts: the ledger's signed word that a leaf stands at its place.

A receipt is a C2SP signed note by the key named `<origin>/receipt`. Its text is three lines, each with a newline:

    <origin>/receipt
    <seq, decimal>
    <leaf hash, standard base64, 44 characters>

The first line is the key's name and never an origin, so that no receipt reads as a checkpoint. A later root without
that leaf at that place is portable proof of fraud.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger.core import note
from ledger.core.errors import BadAnswer
from ledger.core.merkle import HASH_SIZE

if TYPE_CHECKING:
    from ledger.core.note import Signer, Verifier


class MalformedReceipt(BadAnswer):
    """The note is not a receipt."""

    code = "malformed-receipt"


@dataclass(frozen=True, slots=True)
class Receipt:
    """Which leaf stands where: `seq` from 0, the leaf hash of 32 bytes."""

    seq: int
    leaf_hash: bytes


def sign(receipt: Receipt, signer: Signer) -> str:
    """The signed note of a receipt; the signer's name is its first line."""
    digest = base64.b64encode(receipt.leaf_hash).decode("ascii")
    return note.sign_note(f"{signer.name}\n{receipt.seq}\n{digest}\n", [signer])


def read(text: str, verifier: Verifier) -> Receipt:
    """Checks the signature and reads the receipt; raises what `note.open_note` raises, and MalformedReceipt."""
    lines = note.open_note(text, [verifier]).text.split("\n")
    digest = note.decode_base64(lines[2]) if len(lines) == 4 else None
    if (
        digest is None
        or len(digest) != HASH_SIZE
        or lines[0] != verifier.name
        or lines[3]
        or not lines[1].isascii()
        or not lines[1].isdecimal()
        or str(int(lines[1])) != lines[1]
    ):
        raise MalformedReceipt("A receipt is three lines: the key's name, the place and the leaf's hash.")
    return Receipt(int(lines[1]), digest)
