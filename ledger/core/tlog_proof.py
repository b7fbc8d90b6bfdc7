"""Proofs for hand-over: C2SP tlog-proof v1, an inclusion proof and the checkpoint it leads to in one text."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger.core import checkpoint as checkpoints
from ledger.core import note as notes
from ledger.core.errors import BadAnswer, BadInput
from ledger.core.merkle import HASH_SIZE, verify_inclusion

if TYPE_CHECKING:
    from ledger.core.checkpoint import Checkpoint
    from ledger.core.note import Verifier

HEADER = "c2sp.org/tlog-proof@v1"
SUFFIX = ".tlog-proof"
MAX_PROOF_HASHES = 63

_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})", re.ASCII)


class MalformedProof(BadAnswer):
    """The text is not a tlog-proof."""

    code = "malformed-proof"
    http_status = 400


@dataclass(frozen=True, slots=True)
class TlogProof:
    """Where a leaf stands, the audit path from it, and the signed checkpoint, word for word.

    `extra` is opaque, and nothing vouches for it: the reader must find the leaf's hash from it, or not use it.
    """

    index: int
    proof: tuple[bytes, ...]
    checkpoint: str
    extra: bytes | None = None

    def __post_init__(self) -> None:
        """Raise BadInput for what the format cannot say."""
        if not 0 <= self.index <= checkpoints.MAX_SIZE:
            raise BadInput("The index of a leaf is a number from 0 to 2^63-1.")
        if len(self.proof) > MAX_PROOF_HASHES or any(len(each) != HASH_SIZE for each in self.proof):
            raise BadInput(f"A proof is made of at most {MAX_PROOF_HASHES} hashes of {HASH_SIZE} bytes.")

    def text(self) -> str:
        """The proof as the format spells it, ending with the checkpoint."""
        lines = [HEADER]
        if self.extra is not None:
            lines.append(f"extra {_base64(self.extra)}")
        lines += [f"index {self.index}", *map(_base64, self.proof), "", self.checkpoint]
        return "\n".join(lines)

    def verify(self, leaf_hash: bytes, verifier: Verifier, *, origin: str | None = None) -> Checkpoint:
        """Check the log's signature and that the leaf is at `index`; say under which checkpoint.

        Raise what `checkpoint.open` raises, and ProofError. Cosignatures are for the reader's policy.
        """
        checkpoint = checkpoints.open(self.checkpoint, verifier, origin=origin)
        verify_inclusion(leaf_hash, self.index, checkpoint.size, self.proof, checkpoint.root)
        return checkpoint


def parse(text: str) -> TlogProof:
    """Read a tlog-proof; the checkpoint in it is not checked yet. Raise MalformedProof."""
    # No line before the checkpoint is empty, so the first empty line ends the proof; the checkpoint has its own.
    head, separator, checkpoint = text.partition("\n\n")
    header, *lines = head.split("\n")
    if header != HEADER or not separator:
        raise MalformedProof(f"A proof begins with the line {HEADER} and ends with a checkpoint.")
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = _decode(lines.pop(0).removeprefix("extra "))
    match = _INDEX.fullmatch(lines[0]) if lines else None
    if match is None:
        raise MalformedProof("The proof does not say the index of its leaf.")
    try:
        return TlogProof(int(match[1]), tuple(map(_decode, lines[1:])), checkpoint, extra)
    except BadInput as why:
        raise MalformedProof(str(why)) from why


def _decode(line: str) -> bytes:
    decoded = notes.decode_base64(line)
    if decoded is None:
        raise MalformedProof("A line of the proof is not in base64.")
    return decoded


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
