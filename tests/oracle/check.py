"""Everything together: values in, findings out. Reading is done elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.oracle import chain, coverage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.oracle.database import Snapshot
    from tests.oracle.observed import Acknowledgement, Finding, Head, Partition


def check(
    snapshot: Snapshot,
    partitions: Sequence[Partition],
    acknowledged: Sequence[Acknowledgement] = (),
    watched: Sequence[Head] = (),
) -> list[Finding]:
    """All findings about a ledger at rest (producers ended, lag drained); none for an honest one."""
    parsed = [chain.parse(leaf) for leaf in snapshot.leaves]
    covers = coverage.collect(parsed)
    return [
        *chain.check_links(snapshot.leaves, parsed),
        *chain.check_heads(snapshot.leaves, snapshot.head, snapshot.batches, watched),
        *covers.findings,
        *coverage.check_positions(covers, snapshot.positions, partitions),
        *coverage.check_records(covers, parsed, partitions),
        *coverage.check_acknowledged(covers, acknowledged, partitions),
    ]
