"""Python's collector of reference cycles, where thousands of values live for the length of a batch.

Reference counting frees them when the batch is done. The collector, which looks for cycles after every 700 new
containers, would walk over each batch again and again: a quarter of the time of preparation.
"""

from __future__ import annotations

import gc

_NEW_CONTAINERS = 200_000


def collect_rarely() -> None:
    """Has the collector look once in a few batches, and never at what exists already (modules, the event types)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_CONTAINERS, 10, 10)
