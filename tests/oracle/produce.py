"""The oracle's producer: librdkafka with acks=all; what the broker acknowledged is in the journal, fsynced."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING, Any

from confluent_kafka import Producer

from tests.oracle import broker
from tests.oracle.journal import Journal, acknowledgement_line
from tests.oracle.observed import Acknowledgement

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.oracle.synthetic import Made

_FLUSH_SECONDS = 60.0
_BATCH = 500


def produce(
    bootstrap: str, topic: str, made: Iterable[Made], journal: Path | None = None, **settings: Any
) -> list[Acknowledgement]:
    """Produce all; answers what was acknowledged, in the order of the acknowledgements. What was sent without an
    answer may or may not be in Kafka. `settings` are librdkafka's (`transactional.id` is not among them).

    Raises TimeoutError when the broker does not answer within a minute.
    """
    (described,) = broker.topics(bootstrap, [topic])
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "acks": "all",
            "enable.idempotence": True,
            "linger.ms": 5,
            **settings,
        }
    )
    acknowledged: list[Acknowledgement] = []
    written = 0

    def note(each: Made, error: Any, message: Any) -> None:
        if error is None:
            digest = hashlib.sha256(each.value).hexdigest()
            acknowledged.append(
                Acknowledgement(
                    topic,
                    described.topic_id,
                    message.partition(),
                    message.offset(),
                    each.source,
                    each.id,
                    digest,
                    each.sound,
                )
            )

    file = Journal(journal) if journal is not None else None
    try:
        for number, each in enumerate(made, start=1):
            producer.produce(
                topic,
                key=each.key,
                value=each.value,
                on_delivery=partial(note, each),
            )
            producer.poll(0)
            if file is not None and number % _BATCH == 0:
                file.write(acknowledgement_line(line) for line in acknowledged[written:])
                written = len(acknowledged)
        left = producer.flush(_FLUSH_SECONDS)
        if left:
            raise TimeoutError(f"The broker left {left} records without an answer.")
    finally:
        if file is not None:
            file.write(acknowledgement_line(line) for line in acknowledged[written:])
            file.__exit__()
    return acknowledged
