"""Whether leaves that are what was hashed also follow each other as version 1 demands: origin, segment, clock.

A fault here lies under the recorded root: it is no edit but an operator's fraud, or a defect of the writer.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ledger.core.chain import SEGMENT_LEAVES, SEGMENT_TIME
from ledger.core.leaf import MalformedLeaf, decode_clock, encode_clock

if TYPE_CHECKING:
    from ledger.core.verifier.read_leaf import Leaf
    from ledger.core.verifier.stored import BatchRow, HeadRow
    from ledger.core.verifier.verdicts import Findings

_NEVER = "9999-12-31T23:59:59.999999Z"


class Order:
    """Follows origin, segments and clock. `skip` tells it of a leaf that cannot be believed."""

    def __init__(self, findings: Findings, origin: str, *, batched: bool = True) -> None:
        """`batched` where the sizes at which batches end are known."""
        self._findings = findings
        self._origin = origin
        self.seg = 0
        self._seg_first = 0
        self._began = ""
        self._closes = _NEVER
        self._appended = ""
        self._skipped = 0
        self._damaged = False
        self._batched = batched
        self._batch_sizes: set[int] = {0}

    def skip(self) -> None:
        self._skipped += 1
        self._damaged = True

    def check(self, seq: int, leaf: Leaf) -> None:
        if leaf.ledger != self._origin:
            self._findings.add("changed-leaf", seq, "The leaf belongs to another log.")
            self.skip()
            return
        if leaf.appended != self._appended:
            self._move_clock(seq, leaf.appended)
        rise = leaf.seg - self.seg
        if not self._began:
            if rise and not self._skipped:
                self._findings.add("broken-order", seq, "The first segment is not number 0.")
            self._open(seq, leaf)
        elif rise == 0:
            if seq - self._seg_first >= SEGMENT_LEAVES or leaf.appended >= self._closes:
                self._findings.add(
                    "broken-order", seq, "The segment goes on beyond 65,536 leaves or 24 hours."
                )
                self._open(seq, leaf)
        elif 0 < rise <= 1 + self._skipped:
            self._open(seq, leaf)
        else:
            self._findings.add("broken-order", seq, "The segment's number does not rise by 0 or 1.")
            self._open(seq, leaf)
        self._skipped = 0

    def _open(self, seq: int, leaf: Leaf) -> None:
        self.seg, self._seg_first, self._began = leaf.seg, seq, leaf.appended
        try:
            self._closes = encode_clock(decode_clock(leaf.appended) + SEGMENT_TIME).decode()
        except MalformedLeaf:
            self._findings.add("changed-leaf", seq, "The leaf's clock shows a time that does not exist.")
            self._closes = _NEVER
        except OverflowError:
            self._closes = _NEVER

    def _move_clock(self, seq: int, appended: str) -> None:
        """One transaction has one clock, so where the clock moves a batch begins."""
        if appended < self._appended:
            self._findings.add("broken-order", seq, "The leaf's clock goes back.")
        if self._batched and not self._skipped and seq not in self._batch_sizes:
            self._findings.add(
                "changed-batch", None, f"No recorded head has the size {seq}, where the clock moved."
            )
        self._appended = appended

    def batches(self, batches: list[BatchRow]) -> None:
        """The sizes at which batches end within the leaves that are checked next."""
        self._batch_sizes = {max(self._batch_sizes), *(batch.size for batch in batches)}

    def check_batch(self, batch: BatchRow, last: Leaf) -> None:
        """The clock of a batch is that of its last leaf."""
        if encode_clock(batch.appended).decode() != last.appended:
            self._findings.add("changed-batch", None, f"The recorded clock of size {batch.size} is another.")

    def finish(self, head: HeadRow) -> None:
        """Compares the head's copies of the open segment and the clock."""
        if self._damaged or self._skipped:
            return
        stored = (head.seg, head.seg_first, _text(head.seg_began), _text(head.appended))
        if stored != (self.seg, self._seg_first, self._began, self._appended):
            self._findings.add(
                "changed-head", None, "The head's segment or clock is not that of the last leaves."
            )


def _text(moment: datetime | None) -> str:
    return encode_clock(moment.astimezone(UTC)).decode() if moment else ""
