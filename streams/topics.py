"""The ledger's topics: made, checked, and looked up by Kafka's own ids, which aiokafka does not know."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, OffsetSpec, ResourceType

from accountability_ledger.catalog import TOPICS
from ledger.core.errors import BadInput, Unreachable
from streams.kafka import librdkafka_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ledger.settings import Settings

_T = TypeVar("_T")
GOVERNANCE_TOPIC = "privacy.governance"
REJECTED_TOPIC = "privacy.rejected"
APPENDED_TOPIC = "ledger.appended"
_TIMEOUT = 10.0
_DAY_MS = 86_400_000
_SEGMENT_MS = 3_600_000
# Kafka removes whole segments, when their newest record has expired: a record outlives retention.ms by as long as its
# segment was open, and by the broker's own rounds. The declared days hold for the record.
_OUTLIVES_MS = 2 * _SEGMENT_MS


class KafkaUnreachable(Unreachable):
    code = "kafka-unreachable"


class TopicUnfit(BadInput):
    """A topic whose settings break a promise of the ledger's (time stamps, expiry)."""

    code = "topic-unfit"


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as Kafka knows it."""

    name: str
    topic_id: UUID
    partitions: tuple[int, ...]


class Topics:
    """Administration of one ledger's topics. Every call runs librdkafka's blocking client in a thread."""

    def __init__(self, settings: Settings, bootstrap: str) -> None:
        self._settings = settings
        self._admin = AdminClient(librdkafka_options(settings, bootstrap))
        self.group = f"accountability-ledger.{settings.name}"
        self.inbound = tuple(settings.topic_prefix + name for name in TOPICS)
        self.governance = settings.topic_prefix + GOVERNANCE_TOPIC
        self.rejected = settings.topic_prefix + REJECTED_TOPIC
        self.appended = settings.topic_prefix + APPENDED_TOPIC

    @property
    def _all(self) -> tuple[str, ...]:
        return (*self.inbound, self.rejected, self.appended)

    def bare(self, name: str) -> str:
        """A topic's name without the ledger's prefix."""
        return name.removeprefix(self._settings.topic_prefix)

    async def ready(self) -> None:
        """Makes the missing topics where that is allowed (by default for embedded Kafka alone); raises TopicUnfit,
        which says which are missing or break a promise, before a client waits for them in vain.
        """
        allowed = self._settings.create_topics
        if self._settings.embedded_kafka if allowed is None else allowed:
            await self.ensure()
        if wrong := await self.check():
            raise TopicUnfit(" ".join(wrong))

    async def ensure(self) -> list[str]:
        """Makes the topics that are missing; their names."""
        return await asyncio.to_thread(_reported, self._ensure)

    def _ensure(self) -> list[str]:
        known = self._admin.list_topics(timeout=_TIMEOUT).topics
        days, letters = self._settings.topic_retention_days, self._settings.dead_letter_retention_days
        wanted = [
            NewTopic(
                name,
                num_partitions=self._settings.topic_partitions if name in self.inbound else 1,
                replication_factor=-1,
                config={
                    "message.timestamp.type": "LogAppendTime",
                    "cleanup.policy": "delete",
                    "retention.ms": str(
                        (letters if name == self.rejected else days) * _DAY_MS - _OUTLIVES_MS
                    ),
                    "segment.ms": str(_SEGMENT_MS),
                },
            )
            for name in self._all
            if name not in known
        ]
        if not wanted:
            return []
        for name, future in self._admin.create_topics(wanted, operation_timeout=_TIMEOUT).items():
            try:
                future.result(_TIMEOUT)
            except KafkaException as error:
                if error.args[0].name() != "TOPIC_ALREADY_EXISTS":
                    raise KafkaUnreachable(
                        f"Kafka did not create the topic {name}: create it by hand."
                    ) from error
        made = [each.topic for each in wanted]
        self._await_leaders(made)
        return made

    def _await_leaders(self, names: list[str]) -> None:
        """A topic just made is unknown to clients until its partitions have leaders and the broker has heard of them."""
        deadline = time.monotonic() + _TIMEOUT
        for name in names:
            while not self._has_leaders(name):
                if time.monotonic() > deadline:
                    raise KafkaUnreachable(
                        f"Kafka made the topic {name}, and names no leader for it: look at the broker."
                    )
                time.sleep(_SETTLING[0])

    def _has_leaders(self, name: str) -> bool:
        topic = self._admin.list_topics(name, timeout=_TIMEOUT).topics[name]
        return (
            topic.error is None
            and bool(topic.partitions)
            and all(each.leader >= 0 for each in topic.partitions.values())
        )

    async def check(self) -> list[str]:
        """What is wrong with the topics' settings, one sentence each; [] if nothing is."""
        return await asyncio.to_thread(_reported, self._check)

    def _check(self) -> list[str]:
        known = self._admin.list_topics(timeout=_TIMEOUT).topics
        names = [name for name in self._all if name in known]
        wrong = [f"The topic {name} is missing: create it." for name in self._all if name not in known]
        resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
        if not resources:
            return wrong
        for resource, future in self._admin.describe_configs(resources).items():
            values = {key: entry.value for key, entry in future.result(_TIMEOUT).items()}
            wrong += self._unfit(resource.name, values)
        return wrong

    def _unfit(self, name: str, values: dict[str, Any]) -> Iterable[str]:
        settings = self._settings
        days = settings.dead_letter_retention_days if name == self.rejected else settings.topic_retention_days
        if values["message.timestamp.type"] != "LogAppendTime" and name in self.inbound:
            yield f"The topic {name} must have message.timestamp.type=LogAppendTime: the broker's clock is what the ledger knows."
        if "compact" in values["cleanup.policy"]:
            yield f"The topic {name} is compacted: set cleanup.policy=delete, or its copies of events would never expire."
        if not 0 <= int(values["retention.ms"]) <= days * _DAY_MS:
            yield f"The topic {name} keeps records longer than the declared {days} days: shorten retention.ms, or declare it."

    async def describe(self) -> dict[str, Topic]:
        """The inbound topics that exist, by name."""
        return await asyncio.to_thread(_reported, self._describe)

    def _describe(self) -> dict[str, Topic]:
        found = {}
        for name, future in self._admin.describe_topics(
            TopicCollection(list(self.inbound)), request_timeout=_TIMEOUT
        ).items():
            try:
                described = future.result(_TIMEOUT)
            except KafkaException as error:
                if error.args[0].name() == "UNKNOWN_TOPIC_OR_PART":
                    continue
                raise
            identity = described.topic_id
            number = (
                identity.get_most_significant_bits() & _MASK
            ) << 64 | identity.get_least_significant_bits() & _MASK
            partitions = tuple(sorted(partition.id for partition in described.partitions))
            found[name] = Topic(name, UUID(int=number), partitions)
        return found

    async def commit_hint(self, offsets: dict[tuple[str, int], int]) -> None:
        """Tells Kafka how far each partition is accounted for, under a group without members: tools that watch lag
        read it. Nothing of ours ever does.
        """
        await asyncio.to_thread(_reported, lambda: self._commit_hint(offsets))

    def _commit_hint(self, offsets: dict[tuple[str, int], int]) -> None:
        places = [TopicPartition(topic, partition, offset) for (topic, partition), offset in offsets.items()]
        group = ConsumerGroupTopicPartitions(self.group, places)
        for future in self._admin.alter_consumer_group_offsets([group], request_timeout=_TIMEOUT).values():
            future.result(_TIMEOUT)

    async def offsets(
        self, partitions: Iterable[tuple[str, int]], *, earliest: bool
    ) -> dict[tuple[str, int], int]:
        """The first (`earliest`) or the next offset of each partition, uncommitted records included."""
        spec = OffsetSpec.earliest() if earliest else OffsetSpec.latest()
        return await asyncio.to_thread(_reported, lambda: self._offsets(list(partitions), spec))

    def _offsets(self, partitions: list[tuple[str, int]], spec: Any) -> dict[tuple[str, int], int]:
        if not partitions:
            return {}
        request = {TopicPartition(topic, partition): spec for topic, partition in partitions}
        futures = self._admin.list_offsets(request, request_timeout=_TIMEOUT)
        return {
            (each.topic, each.partition): int(future.result(_TIMEOUT).offset)
            for each, future in futures.items()
        }


_MASK = (1 << 64) - 1
_SETTLING = (0.05, 0.1, 0.2, 0.4, 0.8)
_SETTLES = (
    "UNKNOWN_LEADER_EPOCH",
    "FENCED_LEADER_EPOCH",
    "UNKNOWN_TOPIC_OR_PART",
    "LEADER_NOT_AVAILABLE",
    "NOT_LEADER_FOR_PARTITION",
    "_UNKNOWN_PARTITION",
    "_UNKNOWN_TOPIC",
)


def _reported(call: Callable[[], _T]) -> _T:
    """Calls librdkafka, again where the broker is still settling (a topic just made has no leader for a moment)."""
    for pause in (*_SETTLING, None):
        try:
            return call()
        except KafkaException as error:
            if pause is None or error.args[0].name() not in _SETTLES:
                raise KafkaUnreachable("Kafka does not answer: check that it runs and try again.") from error
            time.sleep(pause)
        except TimeoutError as error:
            raise KafkaUnreachable(
                "Kafka does not answer in time: check that it runs and try again."
            ) from error
    raise RuntimeError("the last attempt returns or raises")
