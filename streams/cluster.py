"""What Kafka says of itself and of one ledger's topics: read only, for whoever watches or examines.

Nothing that appends rests on this. Every call runs librdkafka's blocking client in a thread.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import msgspec
from confluent_kafka import (
    TIMESTAMP_LOG_APPEND_TIME,
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, ConfigResource, OffsetSpec, ResourceType

from streams.hint import Hint
from streams.kafka import librdkafka_options
from streams.topics import KafkaUnreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ledger.settings import Settings

_T = TypeVar("_T")
Place = tuple[str, int]
"""A topic's name and a partition."""
_READ_SECONDS = 3.0
_HINTS = 20
_MASK = (1 << 64) - 1
GROUP_PREFIX = "accountability-ledger."


@dataclass(frozen=True, slots=True)
class Broker:
    """One broker's settings, as it runs with them."""

    number: int
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic as Kafka has it: its own id, partitions, the fewest replicas of any of them, and its settings."""

    name: str
    topic_id: UUID
    partitions: tuple[int, ...]
    replicas: int
    settings: Mapping[str, str]

    @property
    def retention_seconds(self) -> float | None:
        """How long a record is kept at least; None for ever."""
        milliseconds = int(self.settings["retention.ms"])
        return None if milliseconds < 0 else milliseconds / 1000


@dataclass(frozen=True, slots=True)
class TakenHint:
    """What a worker said on `ledger.appended`, and when the broker took it (Unix seconds, by the broker's clock)."""

    size: int
    taken: float


class Cluster:
    """The brokers that the settings name; each request waits `timeout` seconds."""

    def __init__(self, settings: Settings, bootstrap: str, *, timeout: float = 10.0) -> None:
        self._timeout = timeout
        self._options = librdkafka_options(settings, bootstrap)
        self._admin = AdminClient(self._options)

    async def brokers(self) -> tuple[Broker, ...]:
        """Every broker that is up, with its settings."""
        return await _asked(self._brokers)

    def _brokers(self) -> tuple[Broker, ...]:
        described = self._admin.describe_cluster(request_timeout=self._timeout).result(self._timeout)
        found = self._configs(ResourceType.BROKER, [str(node.id) for node in described.nodes])
        return tuple(Broker(int(name), settings) for name, settings in sorted(found.items()))

    async def topics(self, names: Iterable[str]) -> dict[str, TopicState]:
        """Those of the topics that exist, by name."""
        return await _asked(lambda: self._topics(list(names)))

    def _topics(self, names: list[str]) -> dict[str, TopicState]:
        described: dict[str, Any] = {}
        for name, future in self._admin.describe_topics(
            TopicCollection(names), request_timeout=self._timeout
        ).items():
            try:
                described[name] = future.result(self._timeout)
            except KafkaException as error:
                if error.args[0].name() != "UNKNOWN_TOPIC_OR_PART":
                    raise
        settings = self._configs(ResourceType.TOPIC, list(described))
        return {
            name: TopicState(
                name,
                _uuid(each.topic_id),
                tuple(sorted(partition.id for partition in each.partitions)),
                min((len(partition.replicas) for partition in each.partitions), default=0),
                settings[name],
            )
            for name, each in described.items()
        }

    def _configs(self, kind: ResourceType, names: list[str]) -> dict[str, dict[str, str]]:
        if not names:
            return {}
        futures = self._admin.describe_configs([ConfigResource(kind, name) for name in names])
        return {
            resource.name: {
                key: entry.value
                for key, entry in future.result(self._timeout).items()
                if entry.value is not None
            }
            for resource, future in futures.items()
        }

    async def starts(self, places: Iterable[Place]) -> dict[Place, int]:
        """The first offset that each partition still holds."""
        return await _asked(lambda: self._offsets(list(places), OffsetSpec.earliest()))

    async def ends(self, places: Iterable[Place]) -> dict[Place, int]:
        """The next offset of each partition, uncommitted records included."""
        return await _asked(lambda: self._offsets(list(places), OffsetSpec.latest()))

    async def first_since(self, places: Iterable[Place], moment: float) -> dict[Place, int]:
        """The offset of the first record of each partition that the broker took at `moment` (Unix seconds) or later;
        -1 where there is none.
        """
        spec = OffsetSpec.for_timestamp(int(moment * 1000))
        return await _asked(lambda: self._offsets(list(places), spec))

    def _offsets(self, places: list[Place], spec: Any) -> dict[Place, int]:
        if not places:
            return {}
        request = {TopicPartition(*place): spec for place in places}
        futures = self._admin.list_offsets(request, request_timeout=self._timeout)
        return {
            (each.topic, each.partition): int(future.result(self._timeout).offset)
            for each, future in futures.items()
        }

    async def groups_that_read(self, topics: Iterable[str]) -> dict[str, set[str]]:
        """The groups under which workers say how far they are, each with those of `topics` that it names."""
        return await _asked(lambda: self._groups_that_read(set(topics)))

    def _groups_that_read(self, topics: set[str]) -> dict[str, set[str]]:
        listed = self._admin.list_consumer_groups(request_timeout=self._timeout).result(self._timeout)
        names = [each.group_id for each in listed.valid if each.group_id.startswith(GROUP_PREFIX)]
        found: dict[str, set[str]] = {}
        for name in names:
            request = [ConsumerGroupTopicPartitions(name)]
            futures = self._admin.list_consumer_group_offsets(request, request_timeout=self._timeout)
            committed = futures[name].result(self._timeout).topic_partitions or []
            found[name] = topics & {each.topic for each in committed}
        return {name: named for name, named in found.items() if named}

    async def hints(self, topic: str, ledger: str) -> tuple[TakenHint, ...]:
        """The last hints of a ledger's workers, oldest first: at most 20, fewer where others share the topic. Those
        whose time stamp is not the broker's are left out.
        """
        return await _asked(lambda: self._hints(topic, ledger))

    def _hints(self, topic: str, ledger: str) -> tuple[TakenHint, ...]:
        consumer = Consumer(
            {
                **self._options,
                "group.id": "accountability-ledger-look",  # required by the client; nothing is ever committed to it
                "enable.auto.commit": False,
                "enable.partition.eof": True,
            }
        )
        try:
            first, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=self._timeout)
            start = max(first, end - _HINTS)
            if start >= end:
                return ()
            consumer.assign([TopicPartition(topic, 0, start)])
            messages = consumer.consume(end - start, timeout=_READ_SECONDS)
        finally:
            consumer.close()
        found = []
        for message in messages:
            kind, milliseconds = message.timestamp()
            if message.error() is not None or kind != TIMESTAMP_LOG_APPEND_TIME:
                continue
            try:
                hint = msgspec.json.decode(message.value() or b"", type=Hint)
            except msgspec.MsgspecError:
                continue
            if hint.ledger == ledger:
                found.append(TakenHint(hint.size, milliseconds / 1000))
        return tuple(found)


def _uuid(identity: Any) -> UUID:
    """Librdkafka's form of an id, two signed halves, as a UUID."""
    high, low = identity.get_most_significant_bits(), identity.get_least_significant_bits()
    return UUID(int=(high & _MASK) << 64 | low & _MASK)


async def _asked(call: Callable[[], _T]) -> _T:
    try:
        return await asyncio.to_thread(call)
    except (KafkaException, TimeoutError) as error:
        raise KafkaUnreachable("Kafka does not answer: check that it runs and try again.") from error
