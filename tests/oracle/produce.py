"""The oracle's producer: librdkafka with acks=all; what the broker acknowledged is in the journal, fsynced."""

from __future__ import annotations

import contextlib
import hashlib
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any

from confluent_kafka import Producer

from tests.oracle import broker
from tests.oracle.journal import Journal, acknowledgement_line
from tests.oracle.observed import Acknowledgement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from tests.oracle.synthetic import Made

_FLUSH_SECONDS = 60.0
_BATCH = 500


class _Notes:
    """What was acknowledged, in the order of the acknowledgements."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        (self._topic,) = broker.topics(bootstrap, [topic])
        self.acknowledged: list[Acknowledgement] = []

    def send(self, producer: Producer, each: Made) -> None:
        producer.produce(
            self._topic.name, key=each.key, value=each.value, on_delivery=partial(self._note, each)
        )
        producer.poll(0)

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
