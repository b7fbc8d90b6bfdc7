"""What waits in Kafka to be appended: how much, how old, and how long until retention takes it.

Asked of Kafka's index of time stamps, so that no record is read: the age of the oldest waiting record is found between
two of a list of ages.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from streams.cluster import Cluster, Place, TopicState

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86_400.0
_AGES = (10.0, _MINUTE, 5 * _MINUTE, 15 * _MINUTE, _HOUR, 4 * _HOUR, 12 * _HOUR, _DAY)
_PARTS_OF_RETENTION = 20


@dataclass(frozen=True, slots=True)
class Backlog:
    """`lag` in records by topic. `age`: the oldest waiting record is at least that many seconds old (0 below 10 s, or
    where nothing waits). `headroom`: in at least that many seconds retention takes a record that was not appended; None
    where topics keep for ever. `lost`: partitions of which retention has taken some already.
    """

    lag: Mapping[str, int]
    age: float
    headroom: float | None
    lost: tuple[Place, ...]


async def backlog(
    cluster: Cluster, topics: Mapping[str, TopicState], positions: Mapping[tuple[UUID, int], int]
) -> Backlog:
    """Of inbound topics and the ledger's positions by topic id and partition. A partition that was never read counts
    from its start.
    """
    places = [(topic.name, partition) for topic in topics.values() for partition in topic.partitions]
    ends, starts = await cluster.ends(places), await cluster.starts(places)
    at = {
        (name, partition): positions.get((topics[name].topic_id, partition), starts[name, partition])
        for name, partition in places
    }
    lag = dict.fromkeys(topics, 0)
    for place in places:
        lag[place[0]] += max(0, ends[place] - at[place])
    waiting = {place: at[place] for place in places if ends[place] > at[place]}
    kept = [each.retention_seconds for each in topics.values()]
    retention = min((each for each in kept if each is not None), default=None)
    steps = _steps(retention)
    reached = await _reached(cluster, waiting, steps)
    return Backlog(
        lag=lag,
        age=steps[reached - 1] if reached else 0.0,
        # The record is younger than the next step: that much is certain.
        headroom=None if retention is None else max(0.0, retention - (steps[reached] if waiting else 0.0)),
        lost=tuple(place for place in waiting if starts[place] > waiting[place]),
    )


def _steps(retention: float | None) -> list[float]:
    """Ages to ask for; the last is older than anything kept."""
    if retention is None:
        return [*_AGES, float("inf")]
    parts = {retention * part / _PARTS_OF_RETENTION for part in range(1, _PARTS_OF_RETENTION + 1)}
    return sorted({*(each for each in _AGES if each < retention), *parts, 2 * retention})


async def _reached(cluster: Cluster, waiting: Mapping[Place, int], steps: list[float]) -> int:
    """How many of the ages the oldest waiting record has reached, by halving; each question is one for all partitions."""
    if not waiting:
        return 0
    now = time.time()
    low, high = 0, len(steps) - 1
    while low < high:
        middle = (low + high) // 2
        if await _waits_since(cluster, waiting, now - steps[middle]):
            low = middle + 1
        else:
            high = middle
    return low


async def _waits_since(cluster: Cluster, waiting: Mapping[Place, int], moment: float) -> bool:
    """Whether a waiting record was taken before `moment`."""
    first = await cluster.first_since(waiting, moment)
    return any(offset < 0 or offset > waiting[place] for place, offset in first.items())
