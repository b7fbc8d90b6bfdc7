"""Events on their way to Kafka: acknowledged by all in-sync replicas before anybody is told that they were taken."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiokafka.errors import KafkaError

from accountability_ledger.message_key import message_key
from streams.producer import KeptProducer
from streams.topics import KafkaUnreachable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accountability_ledger.accept import Event
    from ledger.settings import Settings

_PATIENCE = 20.0
_HEADERS = [("content-type", b"application/cloudevents+json")]


@dataclass(frozen=True, slots=True)
class Sent:
    """Where the broker put a record."""

    topic: str
    partition: int
    offset: int


class Sender:
    """An idempotent producer, started with the first event: the API answers questions without Kafka too."""

    def __init__(self, settings: Settings, bootstrap: str, message_key_salt: bytes) -> None:
        self._settings = settings
        self._salt = message_key_salt
        self._producer = KeptProducer(settings, bootstrap, client_id="accountability-ledger-api")

    async def send(self, events: Sequence[tuple[Event, bytes]]) -> list[Sent]:
        """Sends accepted events byte for byte, each to its type's topic; their places, in the same order. Raises
        KafkaUnreachable where one was not acknowledged: then sending the same ids again is safe.
        """
        try:
            async with asyncio.timeout(_PATIENCE):
                producer = await self._producer.get()
                pending = [
                    await producer.send(
                        self._settings.topic_prefix + event.type.topic,
                        value,
                        key=message_key(event.persons[0].identifier, self._salt) if event.persons else None,
                        headers=_HEADERS,
                    )
                    for event, value in events
                ]
                placed = await asyncio.gather(*pending)
        except (KafkaError, OSError) as error:
            await self.close()
            raise KafkaUnreachable(
                "Kafka did not acknowledge every event: send the same events again, their ids keep them single."
            ) from error
        return [Sent(each.topic, each.partition, each.offset) for each in placed]

    async def close(self) -> None:
        """What was not acknowledged by now was told as such."""
        await self._producer.drop()
