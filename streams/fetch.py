"""Reading Kafka by position: assigned partitions, explicit seeks, every offset accounted for.

Neither Kafka's groups nor Faust's assignor decide what is read. aiokafka swallows exceptions of rebalance listeners
and can hand out records from Kafka's committed position before a seek; a failure in one partition can lose records
already consumed from another. So after any exception every partition is sought to its durable position again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from confluent_kafka import Consumer, KafkaException, Message
from confluent_kafka import TopicPartition as Place
from confluent_kafka.cimpl import KafkaError as Code

from ledger.core.batch import RecordPlace
from ledger.core.errors import InvariantBroken, Unreachable
from streams.kafka import aiokafka_options, librdkafka_options
from streams.record import Fetched, Hole, Record
from streams.topics import KafkaUnreachable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from uuid import UUID

    from aiokafka.structs import ConsumerRecord

    from ledger.core.identity import Digester
    from ledger.settings import Settings
    from ledger.storage.intake import Intake, Position
    from streams.topics import Topic, Topics

_IDLE_MS = 100
_SCAN_TIMEOUT = 10.0


class BrokerLostRecords(InvariantBroken):
    """Kafka's log ends before our position, or holds another record before it: acknowledged records are lost."""

    code = "broker-lost-records"


class TopicMissing(Unreachable):
    """A topic that was read is not there: nothing is passed over until it is again."""

    code = "topic-missing"


class TopicRecreated(Exception):  # noqa: N818 -- not an error: the topic is claimed again
    """A topic has another id than when it was claimed."""


@dataclass(slots=True)
class _Reading:
    """One partition under way: the next offset to account for, and the record before it that must still be there.
    `topic` is the name without the ledger's prefix.
    """

    position: Position
    topic: str
    next_offset: int
    probe: bytes | None

    def record(self, message: ConsumerRecord[bytes, bytes]) -> Record:
        position = self.position
        place = RecordPlace(
            position.topic, position.topic_id, position.partition, message.offset, message.timestamp
        )
        headers = tuple([(name, content or b"") for name, content in message.headers])
        return Record(self.topic, place, message.value, headers)


@dataclass(frozen=True, slots=True)
class Recreated:
    """The rows of a topic that is gone: retired with the offsets that were never read."""

    position: Position
    end: int

    def place(self) -> RecordPlace:
        position = self.position
        return RecordPlace(position.topic, position.topic_id, position.partition, position.next_offset, 0)


class _Gap(NamedTuple):
    """Offsets [start, end) before `place` that no record came for."""

    place: RecordPlace
    start: int
    end: int


class Fetcher:
    """Reads one ledger's topics."""

    def __init__(
        self, settings: Settings, bootstrap: str, topics: Topics, intake: Intake, digester: Digester
    ) -> None:
        self._settings = settings
        self._bootstrap = bootstrap
        self._topics = topics
        self._intake = intake
        self._digester = digester
        self._consumer: AIOKafkaConsumer | None = None
        self._reading: dict[TopicPartition, _Reading] = {}
        self._claimed: dict[str, UUID] = {}
        self._leftover: deque[tuple[_Reading, ConsumerRecord[bytes, bytes]]] = deque()
        self._ends: dict[tuple[UUID, int], int] = {}

    async def close(self) -> None:
        if self._consumer is not None:
            consumer, self._consumer = self._consumer, None
            # aiokafka cancels its own fetches and awaits them unguarded, which must not read as a cancellation of ours:
            # a broker that went away would crash the worker. What it then leaves open is closed after it.
            stopping = asyncio.ensure_future(consumer.stop())
            await asyncio.wait((stopping,))
            if stopping.cancelled():
                await consumer._client.close()  # noqa: SLF001 -- there is no other way to it
            else:
                stopping.result()

    async def claim(self) -> tuple[list[Recreated], list[Hole]]:
        """Finds every partition's durable position, checks it against the broker, and seeks.

        Answers topics that were deleted and created again (their old rows must be retired before reading), or the
        holes that retention made. Raises BrokerLostRecords where acknowledged records are gone.
        """
        await self.close()
        self._leftover.clear()
        topics = await self._topics.describe()
        positions = {(each.topic_id, each.partition): each for each in await self._intake.positions()}
        _check_presence(positions.values(), topics)
        gone = [
            each
            for each in positions.values()
            if each.topic in topics and topics[each.topic].topic_id != each.topic_id
        ]
        if gone:
            return [Recreated(each, self._last_known_end(each)) for each in gone], []
        missing = [
            (topic.name, topic.topic_id, partition)
            for topic in topics.values()
            for partition in topic.partitions
            if (topic.topic_id, partition) not in positions
        ]
        if missing:
            await self._intake.add_partitions(missing)
            positions = {(each.topic_id, each.partition): each for each in await self._intake.positions()}
        live = [each for each in positions.values() if each.topic in topics]
        names = [(each.topic, each.partition) for each in live]
        first = await self._topics.offsets(names, earliest=True)
        end = await self._topics.offsets(names, earliest=False)
        overtaken = _check_bounds(live, first, end)
        if overtaken:
            return [], overtaken
        await self._assign(live, topics, first)
        return [], []

    def _last_known_end(self, position: Position) -> int:
        """A topic that is gone cannot be asked any more: its end is what the last fetch said, or where we stand."""
        return max(position.next_offset, self._ends.get((position.topic_id, position.partition), 0))

    async def _assign(
        self, positions: list[Position], topics: dict[str, Topic], first: dict[tuple[str, int], int]
    ) -> None:
        consumer = AIOKafkaConsumer(
            **aiokafka_options(self._settings, self._bootstrap),
            client_id="accountability-ledger-worker",
            isolation_level="read_committed",
            auto_offset_reset="none",
            enable_auto_commit=False,
            fetch_max_bytes=self._settings.batch_bytes,
            max_partition_fetch_bytes=self._settings.batch_bytes // 4,
            fetch_max_wait_ms=_IDLE_MS,
        )
        self._consumer = consumer  # whatever comes, `close` stops it
        try:
            await consumer.start()
        except (KafkaError, OSError) as error:
            raise KafkaUnreachable("Kafka does not answer: check that it runs and try again.") from error
        self._claimed = {topic.name: topic.topic_id for topic in topics.values()}
        self._reading = {
            TopicPartition(each.topic, each.partition): _Reading(
                each, self._topics.bare(each.topic), each.next_offset, each.probe
            )
            for each in positions
        }
        for partition, reading in self._reading.items():
            if first[partition.topic, partition.partition] >= reading.next_offset:
                reading.probe = None  # retention has taken the record that it would be held against
        consumer.assign(list(self._reading))
        for partition, reading in self._reading.items():
            consumer.seek(partition, reading.next_offset - 1 if reading.probe else reading.next_offset)

    async def fetch(self) -> Fetched | None:
        """The next records, or None when there were none for a moment. Raises TopicRecreated, BrokerLostRecords,
        KafkaUnreachable; after any exception `claim` again.
        """
        if self._consumer is None:
            raise RuntimeError("claim() comes before fetch()")
        if not self._leftover:
            try:
                fetched = await self._consumer.getmany(
                    timeout_ms=_IDLE_MS, max_records=self._settings.batch_records
                )
            except (KafkaError, OSError) as error:
                raise KafkaUnreachable("Kafka does not answer, or not with what was asked.") from error
            # Taken before the ids are checked: afterwards they might be those of a topic created again.
            ends = {
                (reading.position.topic_id, partition.partition): self._consumer.highwater(partition)
                for partition, reading in self._reading.items()
            }
            await self._check_ids()
            self._ends |= {known: end for known, end in ends.items() if end is not None}
            # Across partitions there is no order to keep: what registers keys comes first, so that what uses them finds them.
            for partition, messages in sorted(
                fetched.items(), key=lambda each: each[0].topic != self._topics.governance
            ):
                reading = self._reading[partition]
                self._leftover.extend([(reading, message) for message in messages])
        return await self._account()

    async def _check_ids(self) -> None:
        described = await self._topics.describe()
        for name, topic_id in self._claimed.items():
            if name not in described or described[name].topic_id != topic_id:
                raise TopicRecreated
        if any(
            TopicPartition(topic.name, partition) not in self._reading
            for topic in described.values()
            for partition in topic.partitions
        ):
            raise TopicRecreated  # partitions, or a topic, were added: claim them too

    async def _account(self) -> Fetched | None:
        """Takes records up to the batch's bytes, checks the probe, and names the holes before and between them."""
        records: list[Record] = []
        gaps: list[_Gap] = []
        size = 0
        while self._leftover and (not records or size < self._settings.batch_bytes):
            reading, message = self._leftover.popleft()
            record, offset = reading.record(message), message.offset
            if reading.probe is not None:
                expected, reading.probe = reading.probe, None
                if offset == reading.next_offset - 1:
                    if self._digester.probe(record.value) != expected:
                        raise BrokerLostRecords(
                            f"Kafka's log of {record.place.topic}/{record.place.partition} holds another record before the "
                            "ledger's position: it lost acknowledged records. Restore the broker, or declare the loss."
                        )
                    continue
            if offset > reading.next_offset:
                gaps.append(_Gap(record.place, reading.next_offset, offset))
            reading.next_offset = offset + 1
            size += len(record.value or b"")
            records.append(record)
        if not records:
            gaps = await self._trailing()
        holes = await self._explain(gaps)
        return Fetched(tuple(records), tuple(holes)) if records or holes else None

    async def _trailing(self) -> list[_Gap]:
        """Markers and aborted records behind the last record: without them the lag would stay above zero."""
        gaps: list[_Gap] = []
        if self._consumer is None:
            return gaps
        for partition, reading in self._reading.items():
            end = self._consumer.last_stable_offset(partition)
            if end is None or end <= reading.next_offset or reading.probe is not None:
                continue
            place = RecordPlace(
                partition.topic, reading.position.topic_id, partition.partition, reading.next_offset, 0
            )
            committed_end = await asyncio.to_thread(self._end_without_records, place)
            if committed_end > reading.next_offset:
                gaps.append(_Gap(place, reading.next_offset, committed_end))
                reading.next_offset = committed_end
        return gaps

    async def _explain(self, gaps: list[_Gap]) -> list[Hole]:
        """Why these offsets hold no record for us: each partition is looked at once, however many gaps it has."""
        by_partition: dict[tuple[str, int], list[_Gap]] = {}
        for gap in gaps:
            by_partition.setdefault((gap.place.topic, gap.place.partition), []).append(gap)
        holes: list[Hole] = []
        for several in by_partition.values():
            holes += await asyncio.to_thread(self._classify, several)
        if holes:
            await self._check_ids()  # they were looked for by the topic's name
        return holes

    def _end_without_records(self, place: RecordPlace) -> int:
        """The offset at which a committed reader that finds no record from `place` on stands; else `place` itself."""
        consumer = self._scanner("read_committed", place.topic, place.partition, place.offset)
        try:
            message = consumer.poll(_SCAN_TIMEOUT)
            return _end_of_partition(message) or place.offset if message else place.offset
        finally:
            consumer.close()

    def _classify(self, gaps: list[_Gap]) -> list[Hole]:
        """Reads one partition over its gaps, uncommitted: what is visible in them then was aborted, the rest are
        transactions' markers.
        """
        place, end = gaps[0].place, gaps[-1].end
        consumer = self._scanner("read_uncommitted", place.topic, place.partition, gaps[0].start)
        visible: set[int] = set()
        try:
            while True:
                message = consumer.poll(_SCAN_TIMEOUT)
                if message is None:
                    raise KafkaUnreachable("Kafka does not answer in time: check that it runs and try again.")
                offset = message.offset()
                if _end_of_partition(message) is not None or offset is None or offset >= end:
                    break
                visible.add(offset)
        except KafkaException as error:
            raise KafkaUnreachable("Kafka does not answer, or not with what was asked.") from error
        finally:
            consumer.close()
        return [hole for gap in gaps for hole in _explained(gap, visible)]

    def _scanner(self, isolation: str, topic: str, partition: int, offset: int) -> Consumer:
        consumer = Consumer(
            {
                **librdkafka_options(self._settings, self._bootstrap),
                "group.id": "accountability-ledger-scan",  # required by the client; nothing is ever committed to it
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 10,  # else the end of a partition is told half a second late
                "isolation.level": isolation,
                "auto.offset.reset": "error",
            }
        )
        consumer.assign([Place(topic, partition, offset)])
        return consumer


def _explained(gap: _Gap, visible: set[int]) -> Iterator[Hole]:
    """The holes that make up a gap, each of one reason."""
    reasons = groupby(range(gap.start, gap.end), key=lambda offset: offset in visible)
    for aborted, offsets in reasons:
        first, *rest = offsets
        yield Hole(
            gap.place,
            first,
            (rest[-1] if rest else first) + 1,
            "aborted" if aborted else "transaction-marker",
        )


def _check_presence(positions: Iterable[Position], topics: Mapping[str, Topic]) -> None:
    """Whether Kafka still has the topics that were read. Without any, it is not the Kafka that they were read from."""
    missing = sorted({each.topic for each in positions if each.next_offset and each.topic not in topics})
    if missing and not topics:
        raise BrokerLostRecords(
            "Kafka has none of the topics that the ledger has read: its data was lost, or this is another cluster. Restore "
            "the broker, or check LEDGER_KAFKA_BOOTSTRAP and LEDGER_TOPIC_PREFIX."
        )
    if missing:
        raise TopicMissing(
            f"The ledger has read from topics that Kafka does not have ({', '.join(missing)}): restore them, or create them "
            "again, which is then recorded."
        )


def _check_bounds(
    positions: list[Position], first: dict[tuple[str, int], int], end: dict[tuple[str, int], int]
) -> list[Hole]:
    """What retention took before it was read. Raises BrokerLostRecords where a log ends before our position."""
    holes = []
    for each in positions:
        name = (each.topic, each.partition)
        if end[name] < each.next_offset:
            raise BrokerLostRecords(
                f"Kafka's log of {each.topic}/{each.partition} ends before the ledger's position: it lost acknowledged "
                "records. Restore the broker, or declare the loss."
            )
        if first[name] > each.next_offset:
            place = RecordPlace(each.topic, each.topic_id, each.partition, each.next_offset, 0)
            holes.append(Hole(place, each.next_offset, first[name], "retention"))
    return holes


def _end_of_partition(message: Message) -> int | None:
    """The offset at which a partition ends, where the message says so; raises KafkaUnreachable for other errors."""
    error = message.error()
    if error is None:
        return None
    if error.code() != Code._PARTITION_EOF:  # noqa: SLF001 -- the client's own name for it
        raise KafkaUnreachable("Kafka does not answer, or not with what was asked.")
    return message.offset()
