"""Everything together: values in, findings out. Reading is done elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.oracle import chain, coverage
from tests.oracle.evidence import Evidence

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.oracle.database import Claims, Snapshot
    from tests.oracle.observed import Acknowledgement, Finding, Head, Partition


class Judge:
    """Takes the leaves of a ledger at rest (producers ended, lag drained) in order, then says what is wrong with it.

    Kafka's records and the acknowledgements go into `evidence` by themselves, before `findings` is asked for.
    """

    def __init__(self, evidence: Evidence, claims: Claims, watched: Sequence[Head]) -> None:
        self._evidence = evidence
        self._chain = chain.Chain(claims.head, claims.batches, watched)
        self._collector = coverage.Collector(evidence)
        self._found: list[Finding] = []
        self.size = 0
        for position in claims.positions:
            evidence.add_position(position)

    def take(self, leaf: bytes) -> None:
        entry = chain.parse(leaf)
        self._found += self._chain.take(leaf, entry)
        self._found += self._collector.take(self.size, entry)
        self.size += 1

    def findings(self) -> Iterator[Finding]:
        """All findings; none for an honest ledger."""
        self._evidence.complete()
        yield from self._found
        yield from self._chain.check_heads()
        yield from coverage.check_positions(self._evidence)
        yield from coverage.check_records(self._evidence)
        yield from coverage.check_identities(self._evidence)
        yield from coverage.check_acknowledged(self._evidence)


def check(
    snapshot: Snapshot,
    partitions: Sequence[Partition],
    acknowledged: Sequence[Acknowledgement] = (),
    watched: Sequence[Head] = (),
) -> list[Finding]:
    """All findings about a ledger that fits in memory."""
    with Evidence() as evidence:
        judge = Judge(evidence, snapshot.claims, watched)
        for partition in partitions:
            evidence.add_partition(partition)
        for each in acknowledged:
            evidence.add_acknowledgement(each)
        for leaf in snapshot.leaves:
            judge.take(leaf)
        return list(judge.findings())
