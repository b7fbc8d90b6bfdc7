"""The verifier of an exported log: static files (C2SP tlog-tiles) against the log's key, without the database.

Everything is computed again from the entry bundles: leaf format, links, segments and clocks, tiles, root, signature.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ledger.core import checkpoint as checkpoints
from ledger.core import note as notes
from ledger.core.errors import BadInput, LedgerError
from ledger.core.merkle import HASH_SIZE
from ledger.core.static_log import CHECKPOINT_PATH, check_static_log
from ledger.core.tile import WIDTH, bundles_for_size, full_root, parse_bundle, tile_path
from ledger.core.verifier.order import Order
from ledger.core.verifier.read_leaf import Read, read
from ledger.core.verifier.stored import TileRow
from ledger.core.verifier.tree import Place, Recorded, Tree
from ledger.core.verifier.verdicts import Findings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ledger.core.checkpoint import Checkpoint
    from ledger.core.note import Verifier
    from ledger.core.tile import BundleId
    from ledger.core.verifier.verdicts import Verdict

_UNREADABLE = (KeyError, OSError, LedgerError)


class ExportReport(NamedTuple):
    """What the check of an export found; `root` is None where no checkpoint could be opened."""

    verdicts: tuple[Verdict, ...]
    size: int
    root: bytes | None


def open_checkpoint(findings: Findings, note: bytes, key: Verifier) -> Checkpoint | None:
    """The checkpoint behind a signed note; None, and a verdict, where it is not one by this key."""
    try:
        return checkpoints.open(notes.decode_note(note), key)
    except notes.UnknownKey as why:
        findings.add("unknown-key", None, str(why))
    except LedgerError as why:
        findings.add("bad-signature", None, str(why))
    return None


def verify_export(
    read_file: Callable[[str], bytes], key: Verifier, kept: Sequence[bytes] = ()
) -> ExportReport:
    """Verifies the export that `read_file(path)` gives the files of, signed by `key`. What is missing is KeyError or
    OSError. `kept` are signed checkpoints from before, which the log must still hold to.

    Raises BadInput where there is no checkpoint at all: then this is no export.
    """
    findings = Findings()
    try:
        note = read_file(CHECKPOINT_PATH)
    except (KeyError, OSError) as why:
        raise BadInput("There is no checkpoint here: give the directory of an exported log.") from why
    head = open_checkpoint(findings, note, key)
    if head is None:
        return ExportReport(findings.sorted(), 0, None)
    recorded = [Recorded(head.size, "checkpoint", head.root, None)]
    for each in kept:
        older = open_checkpoint(findings, each, key)
        if older is not None and older.size > head.size:
            findings.add(
                "truncated-tail", head.size, f"The log had the size {older.size} when a checkpoint was kept."
            )
        elif older is not None and older.size:
            recorded.append(Recorded(older.size, "checkpoint", older.root, None))
    recorded.sort()
    _Export(findings, read_file, head, recorded).check()
    if not findings:
        _check_files(findings, read_file, key)
    return ExportReport(findings.sorted(), head.size, head.root)


def _check_files(findings: Findings, read_file: Callable[[str], bytes], key: Verifier) -> None:
    """What else the files of an export owe: partial tiles, and nothing malformed."""
    for problem in check_static_log(read_file, key).problems:
        verdict = "bad-root" if problem.code == "bad-root" else "changed-tile"
        findings.add(verdict, None, f"{problem.path}: {problem.detail}")


class _Export:
    """One pass over the bundles, one ahead, since a leaf's hash is also told by the leaf after it."""

    def __init__(
        self,
        findings: Findings,
        read_file: Callable[[str], bytes],
        head: Checkpoint,
        recorded: list[Recorded],
    ) -> None:
        self._findings = findings
        self._read_file = read_file
        self._size = head.size
        self._recorded = recorded
        self._tree = Tree(findings, head.size)
        self._order = Order(findings, head.origin, batched=False)

    def check(self) -> None:
        start = 0
        bundles = self._bundles()
        present = next(bundles, None)
        while present is not None:
            following = next(bundles, None)
            self._judge(start, present, following or [])
            start += len(present)
            present = following
        self._tree.finish()

    def _bundles(self) -> Iterator[list[Read | None]]:
        """The leaves of each bundle; None for those that the bundle does not hold."""
        for bundle in bundles_for_size(self._size):
            try:
                leaves = parse_bundle(self._read_file(bundle.path()))
            except _UNREADABLE:
                leaves = []
            if len(leaves) > bundle.width:
                self._findings.add(
                    "reordered", bundle.index * WIDTH, f"{bundle.path()} holds too many leaves."
                )
            found: list[Read | None] = [read(leaf) for leaf in leaves[: bundle.width]]
            if len(found) < bundle.width:
                self._report_missing(bundle, len(found))
                found += [None] * (bundle.width - len(found))
            yield found

    def _report_missing(self, bundle: BundleId, count: int) -> None:
        seq = bundle.index * WIDTH + count
        if bundle.index * WIDTH + bundle.width == self._size:
            detail = f"The log ends before the size {self._size} of its checkpoint."
            self._findings.add("truncated-tail", seq, detail)
        else:
            self._findings.add("gap", seq, f"{bundle.path()} is missing, malformed, or holds too few leaves.")

    def _judge(self, start: int, leaves: list[Read | None], following: list[Read | None]) -> None:
        end = start + len(leaves)
        places = [_place(start + index, leaf) for index, leaf in enumerate(leaves)]
        ahead = [_place(end + index, leaf) for index, leaf in enumerate(following[:2])]
        self._tree.replaced.update(
            {
                leaf.seq: leaf.hash
                for leaf, place in zip(leaves, places, strict=True)
                if leaf and place.astray and leaf.seq is not None
            }
        )
        recorded = [each for each in self._recorded if start < each.size <= end]
        unbelieved = self._tree.check(start, places, ahead, self._tiles(start, end), recorded)
        for index, (leaf, place) in enumerate(zip(leaves, places, strict=True)):
            seq = start + index
            if leaf is None:
                self._order.skip()
            elif place.astray:
                self._findings.add("reordered", seq, f"The leaf of seq {leaf.seq} stands here.")
                self._order.skip()
            elif seq in unbelieved or leaf.leaf is None:
                if seq not in unbelieved:
                    self._findings.add(leaf.fault, seq, leaf.detail)
                self._order.skip()
            else:
                self._order.check(seq, leaf.leaf)

    def _tiles(self, start: int, end: int) -> Iterator[TileRow]:
        """The tiles that the leaves [start, end) fill, and the partial tile of their hashes."""
        level, width = 0, WIDTH
        while start // width < end // width:
            for index in range(start // width, end // width):
                if hashes := self._tile(tile_path(level, index)):
                    row = [hashes[at : at + HASH_SIZE] for at in range(0, WIDTH * HASH_SIZE, HASH_SIZE)]
                    yield TileRow(level, index, hashes, full_root(row))
            level, width = level + 1, width * WIDTH
        if end % WIDTH and (hashes := self._tile(tile_path(0, end // WIDTH, end % WIDTH))):
            yield TileRow(0, end // WIDTH, hashes, b"")

    def _tile(self, path: str) -> bytes:
        """A tile's bytes; none where it cannot be read, which has a verdict when all files are checked."""
        try:
            return self._read_file(path)
        except _UNREADABLE:
            return b""


def _place(seq: int, leaf: Read | None) -> Place:
    if leaf is None:
        return Place(None, None)
    return Place(leaf.hash, leaf.prev, leaf.seq is not None and leaf.seq != seq)
