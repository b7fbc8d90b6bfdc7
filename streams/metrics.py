"""The worker's metrics, in one place. Labels come from closed lists of ours: never a person, a key, or what a producer wrote.

Names follow Prometheus: base units, `_total` for what only counts up. A moment is a Unix time, so that "how long ago"
is the reader's subtraction and stays right while nothing happens. What every process has in common (transient faults,
the vault, ended writers) is in `ledger.storage.metrics`; what is asked of PostgreSQL and Kafka at a scrape (lag, lease,
headroom), and so is known while no worker runs, is the API's (`ledger.api.state`).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal, get_args

from prometheus_client import Counter, Gauge, Histogram

from ledger.core.protocol import Point, Protocol

if TYPE_CHECKING:
    from ledger.core.batch import Batch

Phase = Literal["fetch", "prepare", "lock_wait", "copy", "commit"]
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_DELAYS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 3600.0, 86_400.0)
_RECORDS = (1, 10, 50, 100, 250, 500, 1000, 1500, 2000)

BATCH_RECORDS = Histogram("ledger_batch_records", "Kafka records of a batch", buckets=_RECORDS)
BATCH_SECONDS = Histogram(
    "ledger_batch_seconds", "Time that a batch spends in each phase of its way", ["phase"], buckets=_SECONDS
)
APPEND_DELAY = Histogram(
    "ledger_append_delay_seconds",
    "From the broker's time stamp to the commit, of the oldest record of each batch",
    buckets=_DELAYS,
)
LAST_COMMIT = Gauge("ledger_last_commit_timestamp_seconds", "When this worker last committed a batch")
LEASE_HELD = Gauge("ledger_lease_held", "Whether this worker holds the ledger's lease: 1 or 0")
LEASE_EPOCH = Gauge("ledger_lease_epoch", "The epoch of the lease that this worker holds, or held last")
PREPARE_AGAIN = Counter(
    "ledger_prepare_again_total", "Batches dropped before their commit and prepared again"
)
BISECTED = Counter(
    "ledger_bisected_batches_total", "Batches halved because PostgreSQL refused a value in them"
)
DEDUP_LOOKUPS = Counter(
    "ledger_dedup_lookups_total",
    "Events that were looked up among those seen before, or were known to be new without",
    ["outcome"],
)
DEAD_LETTERS = Counter("ledger_dead_letters_total", "Dead letters that Kafka acknowledged")

for _phase in get_args(Phase):
    BATCH_SECONDS.labels(_phase)  # a phase that never ran shows as 0, not as absent
for _outcome in ("avoided", "made"):
    DEDUP_LOOKUPS.labels(_outcome)


class Timed(Protocol):
    """Observes how long the phases of an append take, at the protocol's points. `inner` is reached first, so that what
    stops there is stopped; a phase that ends in an exception is not observed.
    """

    def __init__(self, inner: Protocol) -> None:
        self._inner = inner
        self._since = time.perf_counter()

    def begin(self) -> None:
        """A batch is handed to the appender: the wait for the head begins."""
        self._since = time.perf_counter()

    async def reach(self, point: Point) -> None:
        await self._inner.reach(point)
        phase = _ENDS.get(point)
        if phase is None and point != "committing":
            return
        now = time.perf_counter()
        if phase is not None:
            BATCH_SECONDS.labels(phase).observe(now - self._since)
        self._since = now


_ENDS: dict[str, Phase] = {"locked": "lock_wait", "copied": "copy", "committed": "commit"}


def committed(batch: Batch) -> None:
    """Notes one committed batch: its size, when, and how long its oldest record had waited."""
    now = time.time()
    LAST_COMMIT.set(now)
    received = [item.place.received for item in batch.items if item.place is not None]
    received += [each.place.received for each in batch.duplicates]
    BATCH_RECORDS.observe(len(received))
    if received:
        # Two clocks, the broker's and this machine's: where they disagree, no delay is negative.
        APPEND_DELAY.observe(max(0.0, now - min(received) / 1000))
