"""Sends events through librdkafka, the quickest client there is: the measuring must cost less than the measured."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient

from ledger.core.errors import Unreachable
from streams.kafka import librdkafka_options

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ledger.bench.events import Event
    from ledger.settings import Settings

_HEADERS: list[tuple[str, str | bytes | None]] = [("content-type", b"application/cloudevents+json")]
_SECONDS = 60.0
_QUEUE = 100_000


def producer(settings: Settings, **more: Any) -> Producer:
    """An idempotent producer with acks=all."""
    options = librdkafka_options(settings, settings.kafka_bootstrap)
    return Producer(
        {
            **options,
            "acks": "all",
            "enable.idempotence": True,
            "linger.ms": 5,
            "queue.buffering.max.messages": _QUEUE,
            **more,
        }
    )


def send(settings: Settings, events: Iterable[Event]) -> int:
    """Sends and waits for every acknowledgement; how many. Raises Unreachable where Kafka does not take them."""
    return _all(producer(settings), settings, events)


class Held:
    """Records that lie in Kafka whole, and that no reader of committed records sees before `release`."""

    def __init__(self, settings: Settings, events: Iterable[Event]) -> None:
        self._producer = producer(settings, **{"transactional.id": f"bench-{uuid4()}"})
        try:
            self._producer.init_transactions(_SECONDS)
            self._producer.begin_transaction()
            self.count = _all(self._producer, settings, events)
        except KafkaException as error:
            raise Unreachable("Kafka does not take a transaction: look at its log.") from error

    def release(self) -> None:
        """Makes all of them visible at once."""
        self._producer.commit_transaction(_SECONDS)


def _all(to: Producer, settings: Settings, events: Iterable[Event]) -> int:
    failed: list[object] = []

    def delivered(error: object, _message: object) -> None:
        if error is not None:
            failed.append(error)

    count = 0
    for event in events:
        offer(to, settings.topic_prefix, event, delivered)
        count += 1
    if to.flush(_SECONDS) or failed:
        raise Unreachable("Kafka did not acknowledge every record: look at its log.")
    return count


def offer(to: Producer, prefix: str, event: Event, delivered: Any) -> None:
    """Hands one event to the producer; where its queue is full, waits for room."""
    while True:
        try:
            to.produce(
                prefix + event.topic, event.value, key=event.key, headers=_HEADERS, on_delivery=delivered
            )
        except BufferError:
            to.poll(0.1)
        else:
            to.poll(0)
            return


def paced(events: Iterable[Event], rate: float) -> Iterator[Event]:
    """The events at `rate` a second by a fixed timetable: who falls behind catches up."""
    start = time.monotonic()
    for number, event in enumerate(events):
        wait = start + number / rate - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        yield event


def delete_topics(settings: Settings) -> None:
    """Deletes every topic of a ledger. That one is gone already is no error."""
    admin = AdminClient(librdkafka_options(settings, settings.kafka_bootstrap))
    names = [
        name
        for name in admin.list_topics(timeout=_SECONDS).topics
        if name.startswith(settings.topic_prefix) and settings.topic_prefix
    ]
    for future in admin.delete_topics(names, operation_timeout=_SECONDS).values() if names else ():
        with suppress(KafkaException):
            future.result(_SECONDS)
