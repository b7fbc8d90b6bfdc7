"""The oracle's producer: librdkafka with acks=all; what the broker acknowledged is in the journal, fsynced."""

from __future__ import annotations

import contextlib
import hashlib
import time
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaException, Producer

from tests.oracle import broker
from tests.oracle.journal import Journal, acknowledgement_line
from tests.oracle.observed import Acknowledgement

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from tests.oracle.synthetic import Made

_FLUSH_SECONDS = 60.0
_BATCH = 500
_TICK_SECONDS = 0.02
_CATCH_UP_SECONDS = 0.5  # what a pause of the broker kept back is not sent all at once
_NOTHING: Iterator[Made] = iter(())


class _Notes:
    """What was acknowledged, in the order of the acknowledgements."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        (self._topic,) = broker.topics(bootstrap, [topic])
        self.acknowledged: list[Acknowledgement] = []

    def send(self, producer: Producer, each: Made) -> None:
        """Raises BufferError when too much waits for an answer already."""
        producer.produce(
            self._topic.name, key=each.key, value=each.value, on_delivery=partial(self._note, each)
        )
        producer.poll(0)

    def taken(self) -> list[Acknowledgement]:
        """What came since the last call."""
        taken, self.acknowledged = self.acknowledged, []
        return taken

    def _note(self, each: Made, error: Any, message: Any) -> None:
        if error is None:
            self.acknowledged.append(
                Acknowledgement(
                    self._topic.name,
                    self._topic.topic_id,
                    message.partition(),
                    message.offset(),
                    each.source,
                    each.id,
                    hashlib.sha256(each.value).hexdigest(),
                    each.sound,
                )
            )


def produce(
    bootstrap: str, topic: str, made: Iterable[Made], journal: Path | None = None, **settings: Any
) -> list[Acknowledgement]:
    """Produce all; answers what was acknowledged. What was sent without an answer may or may not be in Kafka.
    `settings` are librdkafka's. Raises TimeoutError when the broker does not answer within a minute.
    """
    notes = _Notes(bootstrap, topic)
    producer = _producer(bootstrap, **settings)
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(Journal(journal)) if journal is not None else None
        written = 0
        try:
            for number, each in enumerate(made, start=1):
                notes.send(producer, each)
                if file is not None and number % _BATCH == 0:
                    file.write(map(acknowledgement_line, notes.acknowledged[written:]))
                    written = len(notes.acknowledged)
            _flush(producer)
        finally:
            if file is not None:
                file.write(map(acknowledgement_line, notes.acknowledged[written:]))
    return notes.acknowledged


def transact(
    bootstrap: str,
    topic: str,
    made: Iterable[Made],
    *,
    commit: bool,
    before_end: Callable[[], object] | None = None,
) -> list[Acknowledgement]:
    """The same within one transaction, that is committed or aborted; what is aborted was never acknowledged.
    `before_end` is called while it is open, with all its records in Kafka.
    """
    notes = _Notes(bootstrap, topic)
    producer = _producer(bootstrap, **{"transactional.id": f"oracle-{uuid.uuid4()}"})
    producer.init_transactions(_FLUSH_SECONDS)
    producer.begin_transaction()
    for each in made:
        notes.send(producer, each)
    _flush(producer)
    if before_end is not None:
        before_end()
    if commit:
        producer.commit_transaction(_FLUSH_SECONDS)
        return notes.acknowledged
    producer.abort_transaction(_FLUSH_SECONDS)
    return []


class Stream:
    """Produces on and on, at a rate that may be changed, while brokers come and go; nothing is kept in memory."""

    def __init__(self, bootstrap: str, topic: str, made: Iterator[Made], journal: Journal) -> None:
        self.rate = 0.0  # events a second
        self.sent = self.acknowledged = 0
        self._made, self._journal = made, journal
        self._bootstrap = bootstrap
        self._notes = _Notes(bootstrap, topic)
        self._producer = self._fresh()
        self._waiting: Made | None = None

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set or all is sent; then waits for the last answers."""
        due, before = 0.0, time.monotonic()
        while not stop.wait(_TICK_SECONDS):
            now = time.monotonic()
            due = min(due + self.rate * (now - before), max(1.0, self.rate * _CATCH_UP_SECONDS))
            before = now
            while due >= 1 and not stop.is_set():
                if not self._send_next():
                    break
                due -= 1
            if self._producer.poll(0) == 0 and self._ended:
                break
            self._keep()
        self._producer.flush(_FLUSH_SECONDS)
        self._keep()

    @property
    def _ended(self) -> bool:
        return self._waiting is None and self._made is _NOTHING

    def _send_next(self) -> bool:
        """False when it must wait, or there is no more."""
        if self._waiting is None:
            self._waiting = next(self._made, None)
            if self._waiting is None:
                self._made = _NOTHING
                return False
        try:
            self._notes.send(self._producer, self._waiting)
        except BufferError:
            return False
        except (
            KafkaException
        ):  # fatal for an idempotent producer: what it had not got an answer for was never promised
            self._producer.purge()
            self._producer.flush(_FLUSH_SECONDS)
            self._producer = self._fresh()
            return False
        self._waiting = None
        self.sent += 1
        return True

    def _keep(self) -> None:
        taken = self._notes.taken()
        if taken:
            self._journal.write(map(acknowledgement_line, taken))
            self.acknowledged += len(taken)

    def _fresh(self) -> Producer:
        return _producer(self._bootstrap, **{"queue.buffering.max.messages": 20_000, "linger.ms": 20})


def _producer(bootstrap: str, **settings: Any) -> Producer:
    base = {
        "bootstrap.servers": bootstrap,
        "log_level": 0,
        "acks": "all",
        "enable.idempotence": True,
        "linger.ms": 5,
    }
    return Producer({**base, **settings})


def _flush(producer: Producer) -> None:
    left = producer.flush(_FLUSH_SECONDS)
    if left:
        raise TimeoutError(f"The broker left {left} records without an answer.")
