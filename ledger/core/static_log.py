"""A log as static files, `tlog-tiles` as they lie on a disk or a web server: writing them, and checking them whole.

Everything is hashed again from the leaves. So an export does not repeat what a database says of its own tree, and
a check believes nothing of what it reads but the log's key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger.core import checkpoint as checkpoints
from ledger.core import note as notes
from ledger.core.errors import BadAnswer, LedgerError, NotFound
from ledger.core.merkle import leaf_hash
from ledger.core.tile import (
    WIDTH,
    TileEdge,
    bundles_for_size,
    entries_path,
    entry_bundle,
    parse_bundle,
    tile_path,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ledger.core.note import Verifier

CHECKPOINT_PATH = "checkpoint"


class RootMismatch(BadAnswer):
    """The leaves do not hash to the root of the checkpoint."""

    code = "bad-root"


class StaticLogWriter:
    """Turns leaves, fed in order, into the files of a static log; holds at most one bundle at a time.

    The caller writes what it gets, the checkpoint last: a reader who sees it finds all that it speaks of.
    """

    def __init__(self) -> None:
        self._edge = TileEdge()
        self._pending: list[bytes] = []

    @property
    def size(self) -> int:
        return self._edge.size + len(self._pending)

    def add(self, leaf: bytes) -> Iterator[tuple[str, bytes]]:
        """Take the next leaf; give the (path, bytes) of every file that it makes full."""
        self._pending.append(leaf)
        if len(self._pending) == WIDTH:
            yield from self._flush()

    def finish(self) -> Iterator[tuple[str, bytes]]:
        """Give the partial bundle and tiles of the present size. Nothing may be added afterwards."""
        if self._pending:
            yield from self._flush()
        for tile, data in self._edge.partial_tiles():
            yield tile.path(), data

    def root(self) -> bytes:
        """The root over the leaves so far, of use after `finish`."""
        return self._edge.root()

    def _flush(self) -> Iterator[tuple[str, bytes]]:
        leaves, self._pending = self._pending, []
        yield entries_path(self._edge.size // WIDTH, len(leaves)), entry_bundle(leaves)
        self._edge, full = self._edge.extend(map(leaf_hash, leaves))
        for tile in full:
            yield tile_path(tile.level, tile.index), tile.data


def export_static_log(leaves: Iterable[bytes], checkpoint: str) -> Iterator[tuple[str, bytes]]:
    """The (path, bytes) of a whole log: bundles, full and partial tiles, and the signed `checkpoint` as the last.

    Raise RootMismatch, before the checkpoint, when these are not the leaves that it speaks of.
    """
    writer = StaticLogWriter()
    for leaf in leaves:
        yield from writer.add(leaf)
    yield from writer.finish()
    head = checkpoints.parse(notes.split_note(checkpoint)[0])
    if (head.size, head.root) != (writer.size, writer.root()):
        raise RootMismatch("The leaves do not hash to the root of the checkpoint.")
    yield CHECKPOINT_PATH, checkpoint.encode()


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one file: its path, an error code, and a sentence."""

    path: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class StaticLogCheck:
    """What a check found: the checkpoint's size and root (None when that could not be read), and the problems."""

    size: int | None
    root: bytes | None
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        return not self.problems


def check_static_log(
    read: Callable[[str], bytes], verifier: Verifier, origin: str | None = None
) -> StaticLogCheck:
    """Check a static log whole: signature, every bundle and tile, and the root hashed from the leaves alone.

    `read(path)` gives a file's bytes; what is missing is KeyError, OSError or NotFound. Every file that disagrees is
    a problem of its own; after a bundle that cannot be read nothing further can be hashed.
    """
    try:
        head = checkpoints.open(notes.decode_note(read(CHECKPOINT_PATH)), verifier, origin=origin)
    except (KeyError, OSError, LedgerError) as why:
        return StaticLogCheck(None, None, (_problem(CHECKPOINT_PATH, why),))
    problems = tuple(_disagreements(read, head))
    return StaticLogCheck(head.size, head.root, problems)


def _disagreements(read: Callable[[str], bytes], head: checkpoints.Checkpoint) -> Iterator[Problem]:
    writer = StaticLogWriter()
    for bundle in bundles_for_size(head.size):
        try:
            leaves = parse_bundle(read(bundle.path()))
        except (KeyError, OSError, LedgerError) as why:
            yield _problem(bundle.path(), why)
            return
        if len(leaves) != bundle.width:
            yield Problem(
                bundle.path(),
                "malformed-tile",
                f"The bundle holds {len(leaves)} leaves, not {bundle.width}.",
            )
            return
        for leaf in leaves:
            yield from _compare(read, writer.add(leaf))
    yield from _compare(read, writer.finish())
    if writer.root() != head.root:
        yield Problem(
            CHECKPOINT_PATH, RootMismatch.code, "The leaves do not hash to the root of the checkpoint."
        )


def _compare(read: Callable[[str], bytes], expected: Iterable[tuple[str, bytes]]) -> Iterator[Problem]:
    for path, data in expected:
        try:
            found = read(path)
        except (KeyError, OSError, NotFound) as why:
            yield _problem(path, why)
            continue
        if found != data:
            yield Problem(path, "bad-tile", "The tile does not hold the hashes of the leaves below it.")


def _problem(path: str, why: Exception) -> Problem:
    if isinstance(why, LedgerError) and not isinstance(why, NotFound):
        return Problem(path, why.code, str(why))
    return Problem(path, NotFound.code, "The file is missing or cannot be read.")
