"""Kafka read again from the first offset, by librdkafka, in both isolation levels."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from tests.oracle.observed import Partition, Record, topic_id_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tests.oracle.evidence import Evidence

_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Topic:
    name: str
    topic_id: str
    partitions: int


def topics(bootstrap: str, names: Iterable[str]) -> list[Topic]:
    """The topics with their ids. Raises KafkaException when one does not exist or the broker cannot be reached."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    answers = admin.describe_topics(TopicCollection(list(names)), request_timeout=_SECONDS)
    found = []
    for name, answer in answers.items():
        described = answer.result(timeout=_SECONDS)
        # str() of librdkafka's Uuid is standard base64, with + and /; the leaf's is base64url.
        high, low = (
            half & (1 << 64) - 1
            for half in (
                described.topic_id.get_most_significant_bits(),
                described.topic_id.get_least_significant_bits(),
            )
        )
        raw = high.to_bytes(8, "big") + low.to_bytes(8, "big")
        found.append(Topic(name, topic_id_text(raw), len(described.partitions)))
    return found


def read_again(bootstrap: str, names: Iterable[str]) -> list[Partition]:
    """Every partition of the topics, whole. The producers must have ended: what is written meanwhile is not read."""
    committed: dict[tuple[str, int], dict[int, Record]] = defaultdict(dict)
    visible: dict[tuple[str, int], set[int]] = defaultdict(set)

    def take(slot: tuple[str, int], message: Any) -> None:
        record = _record(message)
        committed[slot][record.offset] = record

    found = _both(bootstrap, names, take, lambda slot, offset: visible[slot].add(offset))
    return [
        replace(
            each,
            records=committed[each.topic, each.partition],
            aborted=frozenset(
                visible[each.topic, each.partition] - committed[each.topic, each.partition].keys()
            ),
        )
        for each in found
    ]


def observe(bootstrap: str, names: Iterable[str], evidence: Evidence) -> None:
    """The same into `evidence`, record by record, for topics that do not fit in memory."""
    names = list(names)
    ids = {topic.name: topic.topic_id for topic in topics(bootstrap, names)}

    def take(slot: tuple[str, int], message: Any) -> None:
        evidence.add_record((ids[slot[0]], slot[1]), _record(message))

    def see(slot: tuple[str, int], offset: int) -> None:
        evidence.add_visible((ids[slot[0]], slot[1]), offset)

    for partition in _both(bootstrap, names, take, see):
        evidence.add_partition(partition)


def _both(
    bootstrap: str,
    names: Iterable[str],
    take: Callable[[tuple[str, int], Any], None],
    see: Callable[[tuple[str, int], int], None],
) -> list[Partition]:
    """The partitions without their records, which `take` is given; `see` hears of each offset that shows uncommitted."""
    found = topics(bootstrap, names)
    slots = [(topic, number) for topic in found for number in range(topic.partitions)]
    bounds = _read(bootstrap, slots, "read_committed", take)
    _read(bootstrap, slots, "read_uncommitted", lambda slot, message: see(slot, int(message.offset())))
    return [
        Partition(topic.name, topic.topic_id, number, *bounds[topic.name, number], records={})
        for topic, number in slots
    ]


def _record(message: Any) -> Record:
    return record_of(
        int(message.offset()), int(message.timestamp()[1]), message.value(), message.headers() or []
    )


def _read(
    bootstrap: str,
    slots: Sequence[tuple[Topic, int]],
    isolation: str,
    take: Callable[[tuple[str, int], Any], None],
) -> dict[tuple[str, int], tuple[int, int]]:
    """Gives every message at this isolation level to `take`; the bounds (start, end) of each partition."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"oracle-{uuid.uuid4()}",  # asked for by the client; nothing is ever committed to it
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "isolation.level": isolation,
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 10,  # else the end of each partition is told half a second late
            "check.crcs": True,
            "queued.min.messages": 20_000,
            "queued.max.messages.kbytes": 16_384,
        }
    )
    try:
        bounds: dict[tuple[str, int], tuple[int, int]] = {}
        for topic, number in slots:
            bounds[topic.name, number] = consumer.get_watermark_offsets(
                TopicPartition(topic.name, number), timeout=_SECONDS
            )
        consumer.assign([TopicPartition(topic.name, number, OFFSET_BEGINNING) for topic, number in slots])
        unread = set(bounds)
        silent_since = time.monotonic()
        while unread:
            # It waits out its time unless it gets as many as it asks for, so both are small.
            messages = consumer.consume(num_messages=1000, timeout=0.1)
            if messages:
                silent_since = time.monotonic()
            elif time.monotonic() - silent_since > _SECONDS:
                raise TimeoutError(
                    f"Kafka gave nothing more, and {len(unread)} partitions are not read to their end."
                )
            message: Any
            for message in messages:
                slot = str(message.topic()), int(message.partition())
                error = message.error()
                if error is None:
                    take(slot, message)
                elif error.code() == KafkaError._PARTITION_EOF:
                    unread.discard(slot)
                else:
                    raise KafkaException(error)
        return bounds
    finally:
        consumer.close()


def record_of(
    offset: int, received: int, value: bytes | None, headers: Sequence[tuple[str, bytes | None]] = ()
) -> Record:
    """What can be said of a record without any schema."""
    digest = hashlib.sha256(value or b"").hexdigest()
    event = _event(value, headers)
    if event is None:
        return Record(offset, received, digest)
    content = hashlib.sha256(json.dumps(event, sort_keys=True).encode()).hexdigest()
    identity = event["source"], event["id"]
    return Record(offset, received, digest, identity, content, event.get("type"), event.get("time"))


def _event(value: bytes | None, headers: Sequence[tuple[str, bytes | None]]) -> dict[str, Any] | None:
    """The structured form of a CloudEvent in either Kafka mode (attributes as strings), None where it is none."""
    try:
        parsed = json.loads((value or b"").decode())
        attributes = {name[3:]: (text or b"").decode() for name, text in headers if name.startswith("ce_")}
    except (ValueError, RecursionError):
        return None
    if attributes:
        parsed = {**attributes, "data": parsed}
    if not isinstance(parsed, dict):
        return None
    if not (isinstance(parsed.get("source"), str) and isinstance(parsed.get("id"), str)):
        return None
    sequence = parsed.get("sequence")
    return {**parsed, "sequence": str(sequence)} if isinstance(sequence, int) else parsed
