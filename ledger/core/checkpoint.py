"""Checkpoints, the signed heads of a log: C2SP tlog-checkpoint."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger.core import note as notes
from ledger.core.errors import BadAnswer, BadInput
from ledger.core.merkle import EMPTY_ROOT, HASH_SIZE

if TYPE_CHECKING:
    from ledger.core.note import Signer, Verifier

MAX_SIZE = (1 << 63) - 1

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


class MalformedCheckpoint(BadAnswer):
    """The note is not a checkpoint."""

    code = "malformed-checkpoint"
    http_status = 400


class WrongOrigin(BadAnswer):
    """The checkpoint is of another log than the one that was asked for."""

    code = "wrong-origin"


def tree_hash_text(value: bytes) -> str:
    """A root, or a hash of a proof, as C2SP spells them, in our JSON and in our entries too: standard base64."""
    return base64.b64encode(value).decode("ascii")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log: its origin, how many leaves it has, and the root over them (32 bytes).

    Our logs write no extension lines; a witness meets them in those of others.
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise BadInput for what no checkpoint can say."""
        if not 0 <= self.size <= MAX_SIZE or len(self.root) != HASH_SIZE:
            raise BadInput("A checkpoint has a size from 0 to 2^63-1 and a root of 32 bytes.")
        if self.size == 0 and self.root != EMPTY_ROOT:
            raise BadInput("The empty tree has one root, and it is another.")
        lines = (self.origin, *self.extensions)
        if not all(lines) or any("\n" in line for line in lines):
            raise BadInput("The origin and the extensions of a checkpoint are lines, and not empty.")

    def text(self) -> str:
        """The note's text: origin, size, root in base64, extension lines, each with its newline."""
        lines = (self.origin, str(self.size), tree_hash_text(self.root), *self.extensions)
        return "".join(f"{line}\n" for line in lines)


def parse(text: str, *, allow_extensions: bool = False) -> Checkpoint:
    """Read a note's text as a checkpoint. Raise MalformedCheckpoint for any other spelling than `text()` gives."""
    if not text.endswith("\n"):
        raise MalformedCheckpoint("A checkpoint ends in a newline.")
    lines = text[:-1].split("\n")
    if len(lines) < 3:
        raise MalformedCheckpoint("A checkpoint has three lines: origin, size and root.")
    origin, size, encoded, *extensions = lines
    if extensions and not allow_extensions:
        raise MalformedCheckpoint("The checkpoint has extension lines, which this log never writes.")
    if not _DECIMAL.fullmatch(size):
        raise MalformedCheckpoint("The size of a checkpoint is a decimal number without leading zeros.")
    root = notes.decode_base64(encoded)
    if root is None:
        raise MalformedCheckpoint("The root of a checkpoint is not in base64.")
    try:
        return Checkpoint(origin, int(size), root, tuple(extensions))
    except BadInput as why:
        raise MalformedCheckpoint(str(why)) from why


def sign(checkpoint: Checkpoint, signer: Signer) -> str:
    """The signed note. A log must never sign two checkpoints that contradict each other; the caller sees to that."""
    return notes.sign_note(checkpoint.text(), [signer])


def open(  # noqa: A001 - called as checkpoint.open, beside checkpoint.sign
    note: str, verifier: Verifier, *, origin: str | None = None, allow_extensions: bool = False
) -> Checkpoint:
    """Check the log's signature and read the checkpoint; other signatures, such as cosignatures, are passed over.

    `origin` is the log that is meant, the key's name unless given. Raise what `note.open_note` raises,
    MalformedCheckpoint, and WrongOrigin.
    """
    checkpoint = parse(notes.open_note(note, [verifier]).text, allow_extensions=allow_extensions)
    if checkpoint.origin != (verifier.name if origin is None else origin):
        raise WrongOrigin("The checkpoint is of another log than the one that was asked for.")
    return checkpoint
