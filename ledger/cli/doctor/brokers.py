"""What the doctor sees in Kafka: the brokers' settings, and those of the ledger's topics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.cli.doctor.check import Check, judged
from ledger.core.errors import Unreachable
from streams.cluster import Cluster
from streams.topics import Topics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from ledger.settings import Settings
    from streams.cluster import Broker, TopicState

_REPLICAS = 3
_IN_SYNC = 2
_HOUR, _DAY = 3600, 86_400


async def kafka_checks(settings: Settings, bootstrap: str) -> AsyncIterator[Check]:
    """Brokers and topics, and who else reads the topics."""
    cluster, topics = Cluster(settings, bootstrap), Topics(settings, bootstrap)
    wanted = (*topics.inbound, topics.rejected, topics.appended)
    try:
        brokers = await cluster.brokers()
        found = await cluster.topics(wanted)
        groups = await cluster.groups_that_read(topics.inbound)
    except Unreachable as error:
        yield Check("kafka", str(error), "kafka-unreachable", unreachable=True)
        return
    yield Check("kafka", "answers")
    for check in broker_checks(brokers, embedded=settings.embedded_kafka):
        yield check
    missing = [name for name in wanted if name not in found]
    made = settings.embedded_kafka if settings.create_topics is None else settings.create_topics
    if missing and made:
        yield Check("topics", f"the worker makes them: {', '.join(missing)}")
    elif missing:
        yield Check("topics", ", ".join(missing), "topic-missing")
    for check in topic_checks(settings, topics, found, brokers):
        yield check
    others = sorted(name for name in groups if name != topics.group)
    yield judged(
        "readers of the topics",
        "topic-shared-elsewhere",
        ok=not others,
        detail=f"also read under {', '.join(others)}" if others else "no worker of another ledger is known",
    )


def broker_checks(brokers: Sequence[Broker], *, embedded: bool) -> Iterator[Check]:
    """An embedded broker is one on purpose, which the check of embedded servers says."""
    making = [str(each.number) for each in brokers if each.settings["auto.create.topics.enable"] != "false"]
    yield judged(
        "brokers: topics",
        "broker-auto-create",
        ok=not making,
        detail=f"broker {', '.join(making)} makes topics by itself" if making else "made by hand alone",
    )
    if not embedded:
        yield judged("brokers", "brokers-few", ok=len(brokers) >= _REPLICAS, detail=f"{len(brokers)}")


def topic_checks(
    settings: Settings, topics: Topics, found: dict[str, TopicState], brokers: Sequence[Broker]
) -> Iterator[Check]:
    """Each topic that breaks a promise; one line where none does."""
    wrong = [
        check
        for topic in found.values()
        for check in (
            *_time_stamps(topic, inbound=topic.name in topics.inbound),
            *_expiry(
                topic,
                settings.dead_letter_retention_days
                if topic.name == topics.rejected
                else settings.topic_retention_days,
                settings.repair_hours if topic.name in topics.inbound else 0,
            ),
            *_durability(topic, len(brokers)),
        )
    ]
    yield from wrong
    if found and not wrong:
        yield Check("topics: settings", "keep what the ledger promises")


def _time_stamps(topic: TopicState, *, inbound: bool) -> Iterator[Check]:
    kind = topic.settings["message.timestamp.type"]
    if inbound and kind != "LogAppendTime":
        yield Check(f"topic {topic.name}", f"message.timestamp.type is {kind}", "topic-timestamps")


def _expiry(topic: TopicState, days: int, repair_hours: int) -> Iterator[Check]:
    """How long copies live. Kafka removes whole segments, when the newest record in them has expired: the oldest one
    lives for as long as the segment took to close.
    """
    name = f"topic {topic.name}"
    if "compact" in topic.settings["cleanup.policy"]:
        yield Check(name, f"cleanup.policy is {topic.settings['cleanup.policy']}", "topic-compacted")
    kept = topic.retention_seconds
    segment = int(topic.settings["segment.ms"]) / 1000
    if kept is None or kept > days * _DAY:
        told = "for ever" if kept is None else f"for {kept / _DAY:.3g} days"
        yield Check(name, f"keeps records {told}, and {days} days are declared", "topic-retention-long")
    elif kept + segment > days * _DAY:
        detail = f"{kept / _DAY:.3g} days and a segment of {segment / _DAY:.3g}, and {days} days are declared"
        yield Check(name, detail, "topic-segment")
    if kept is not None and kept < repair_hours * _HOUR:
        detail = f"keeps records for {kept / _HOUR:.3g} hours, and a repair may take {repair_hours}"
        yield Check(name, detail, "topic-retention-short")
    if int(topic.settings["retention.bytes"]) >= 0:
        detail = f"retention.bytes is {topic.settings['retention.bytes']}"
        yield Check(name, detail, "topic-retention-bytes")


def _durability(topic: TopicState, brokers: int) -> Iterator[Check]:
    name = f"topic {topic.name}"
    if topic.settings["unclean.leader.election.enable"] != "false":
        yield Check(name, "unclean.leader.election.enable is on", "topic-unclean-election")
    if brokers < _REPLICAS:
        return  # it could not be otherwise: the check of the brokers says so
    if topic.replicas < _REPLICAS:
        yield Check(name, f"a partition has {topic.replicas} of {_REPLICAS} replicas", "topic-replicas")
    if int(topic.settings["min.insync.replicas"]) < _IN_SYNC:
        detail = f"min.insync.replicas is {topic.settings['min.insync.replicas']}"
        yield Check(name, detail, "topic-min-insync")
