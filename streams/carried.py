"""What the preparing process counts, carried to the worker, whose `/metrics` shows it: with each beat, what changed."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from ledger.storage.metrics import VAULT_KEYS
from streams.metrics import BATCH_SECONDS, BISECTED, DEAD_LETTERS, DEDUP_LOOKUPS, Phase

_COUNTERS = {
    "vault_keys": VAULT_KEYS,
    "bisected": BISECTED,
    "dead_letters": DEAD_LETTERS,
    "dedup_lookups": DEDUP_LOOKUPS,
}
_SECONDS = "batch_seconds"
# A beat a second takes them along; whoever carries none, since it prepares within the worker, keeps no more than these.
_MOST_KEPT = 1000
_observed: deque[tuple[Phase, float]] = deque(maxlen=_MOST_KEPT)


class Change(NamedTuple):
    """A counter's growth, or one observation, since the last time."""

    name: str
    labels: dict[str, str]
    amount: float


def observe(phase: Phase, seconds: float) -> None:
    """Notes one batch's time in a phase, here and to be carried."""
    BATCH_SECONDS.labels(phase).observe(seconds)
    _observed.append((phase, seconds))


class Changes:
    """In the preparing process: what changed since the last time that this was asked."""

    def __init__(self) -> None:
        self._before: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}

    def take(self) -> list[Change]:
        found = []
        for name, counter in _COUNTERS.items():
            for metric in counter.collect():
                for sample in metric.samples:
                    if not sample.name.endswith("_total"):
                        continue
                    key = (name, tuple(sample.labels.items()))
                    grown = sample.value - self._before.get(key, 0.0)
                    self._before[key] = sample.value
                    if grown:
                        found.append(Change(name, dict(sample.labels), grown))
        while _observed:
            phase, seconds = _observed.popleft()
            found.append(Change(_SECONDS, {"phase": phase}, seconds))
        return found


def carry(changes: list[Change]) -> None:
    """In the worker: adds what changed in its preparing process."""
    for change in changes:
        if change.name == _SECONDS:
            BATCH_SECONDS.labels(**change.labels).observe(change.amount)
        else:
            counter = _COUNTERS[change.name]
            (counter.labels(**change.labels) if change.labels else counter).inc(change.amount)
