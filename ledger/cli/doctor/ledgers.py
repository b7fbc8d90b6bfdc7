"""What the doctor sees of the ledger itself: whether it opens, who reads for it, and how it stands to Kafka."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.cli.doctor.check import Check, judged
from ledger.cli.doctor.databases import CLOCK_SECONDS
from ledger.core.errors import LedgerError, Unreachable
from ledger.storage.opening import open_ledger
from ledger.storage.standing import appended_at, shared_topics, standing
from streams.backlog import backlog
from streams.cluster import Cluster
from streams.topics import KafkaUnreachable, Topics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

    from ledger.services import Addresses
    from ledger.settings import Settings
    from ledger.storage.opening import OpenLedger
    from ledger.storage.standing import Standing
    from streams.cluster import TakenHint, TopicState

_HOUR = 3600


async def ledger_checks(settings: Settings, addresses: Addresses) -> AsyncIterator[Check]:
    """Needs databases that are set up; without Kafka, what concerns Kafka is left out."""
    try:
        async with open_ledger(
            settings.name, addresses.database_url, addresses.vault_url, settings.keys_directory
        ) as ledger:
            same = ledger.origin == settings.origin_of(settings.name)
            yield judged("ledger", "origin-differs", ok=same, detail=f"opens, with origin {ledger.origin}")
            async for check in _standing_checks(settings, addresses, ledger):
                yield check
    except LedgerError as error:
        yield Check("ledger", str(error), "ledger-unusable", unreachable=isinstance(error, Unreachable))


async def _standing_checks(
    settings: Settings, addresses: Addresses, ledger: OpenLedger
) -> AsyncIterator[Check]:
    cluster, topics = (
        Cluster(settings, addresses.kafka_bootstrap),
        Topics(settings, addresses.kafka_bootstrap),
    )
    try:
        # Everything moves meanwhile: the hints come before the head, which must not seem to have shrunk, and the
        # positions before the topics' ends, which they must not seem to have passed.
        found = await cluster.topics((*topics.inbound, topics.appended))
        hints = await cluster.hints(topics.appended, ledger.name) if topics.appended in found else ()
        now = await standing(ledger.reader, ledger.ledger_id)
        inbound = {name: each for name, each in found.items() if name in topics.inbound}
        bounds = await _bounds(cluster, inbound)
        waiting = await backlog(cluster, inbound, now.offsets)
    except KafkaUnreachable:
        return  # said already
    yield _lease(now)
    for topic, other in await shared_topics(ledger.reader, ledger.ledger_id):
        yield Check(f"topic {topic}", f"the ledger {other} reads it too", "topic-shared")
    for check in (*_positions(now, inbound, bounds), *_said_before(now, hints)):
        yield check
    times = await appended_at(ledger.reader, ledger.ledger_id, [each.size for each in hints])
    ahead = [each.taken - times[each.size].timestamp() for each in hints if each.size in times]
    if ahead:
        # A hint leaves after its commit: what is later than the least is a delay, and no clock.
        least = min(ahead)
        detail = (
            f"{abs(least):.1f} s {'ahead of' if least > 0 else 'behind'} PostgreSQL's at the last commits"
        )
        yield judged("brokers: clock", "broker-clock", ok=abs(least) < CLOCK_SECONDS, detail=detail)
    records = sum(waiting.lag.values())
    near = bool(records) and waiting.headroom is not None and waiting.headroom < settings.repair_hours * _HOUR
    detail = f"{records} records wait" + (
        f"; retention takes the oldest in {(waiting.headroom or 0) / _HOUR:.1f} hours or later"
        if near
        else ""
    )
    yield judged("lag", "retention-near", ok=not near or bool(waiting.lost), detail=detail)


async def _bounds(
    cluster: Cluster, inbound: Mapping[str, TopicState]
) -> dict[tuple[str, int], tuple[int, int]]:
    places = [(topic.name, partition) for topic in inbound.values() for partition in topic.partitions]
    starts, ends = await cluster.starts(places), await cluster.ends(places)
    return {place: (starts[place], ends[place]) for place in places}


def _lease(now: Standing) -> Check:
    held = now.owner is not None
    detail = f"epoch {now.epoch}; " + (
        f"held by {now.owner} for {now.lease_seconds:.0f} s more" if held else "held by nobody"
    )
    return judged("lease", "worker-absent", ok=held, detail=detail)


def _positions(
    now: Standing, inbound: Mapping[str, TopicState], bounds: Mapping[tuple[str, int], tuple[int, int]]
) -> Iterator[Check]:
    """Each position against the broker's log of the same topic id."""
    for name in sorted({each.topic for each in now.positions if each.next_offset} - inbound.keys()):
        yield Check(f"topic {name}", "is not there, and the ledger has read from it", "topic-gone")
    recreated = {
        each.topic
        for each in now.positions
        if each.topic in inbound and inbound[each.topic].topic_id != each.topic_id
    }
    for name in sorted(recreated):
        yield Check(f"topic {name}", "another id than the ledger's position is of", "topic-recreated")
    for each in now.positions:
        if each.topic in recreated or (each.topic, each.partition) not in bounds:
            continue
        start, end = bounds[each.topic, each.partition]
        place = f"topic {each.topic}"
        if each.next_offset > end:
            detail = f"partition {each.partition} ends at {end}, and the ledger is at {each.next_offset}"
            yield Check(place, detail, "broker-lost-records")
        elif each.next_offset < start:
            detail = f"partition {each.partition} begins at {start}, and the ledger is at {each.next_offset}"
            yield Check(place, detail, "records-lost")


def _said_before(now: Standing, hints: Sequence[TakenHint]) -> Iterator[Check]:
    """What workers said on `ledger.appended` outlives a restore of the database."""
    said = max((each.size for each in hints), default=0)
    detail = f"{now.size} leaves" + (f", and a worker has said {said}" if said > now.size else "")
    yield judged("head", "head-behind", ok=said <= now.size, detail=detail)
