"""The Kafka producer (extra `kafka`): nothing invalid leaves the service, nothing counts before the broker has it."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaProducer

from accountability_ledger.accept import Event, accept
from accountability_ledger.message_key import message_key
from accountability_ledger.outgoing import Envelopes, Outgoing
from accountability_ledger.recorder import Recorder


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where the broker put the event. Unsigned: the ledger's own receipt is fetched by these coordinates.

    `timestamp` is the broker's, in milliseconds since 1970; `source` and `id` are the event's identity.
    """

    topic: str
    partition: int
    offset: int
    timestamp: int
    source: str
    id: str


class Producer(Recorder[Receipt]):
    """An async context manager over an idempotent producer with acks=all.

    `source` is the registered system that publishes. `message_key_salt` is shared by the producers of one ledger.
    `topic_prefix` stands before the topics where a broker serves several ledgers, its separator included
    (`"eu."`). `next_sequence` numbers the events of this source, see `Envelopes`. Everything else (`security_protocol`,
    `sasl_mechanism`, `ssl_context`, `linger_ms` ...) goes to `AIOKafkaProducer` as it is.
    """

    def __init__(
        self,
        bootstrap_servers: str | Sequence[str],
        *,
        source: str,
        message_key_salt: bytes,
        topic_prefix: str = "",
        next_sequence: int | None = None,
        **kafka: Any,
    ) -> None:
        message_key("", message_key_salt)
        self._envelopes = Envelopes(source, next_sequence)
        self._salt = message_key_salt
        self._prefix = topic_prefix
        self._settings = {
            **kafka,
            "bootstrap_servers": bootstrap_servers,
            "enable_idempotence": True,
            "acks": "all",
        }
        self._kafka: AIOKafkaProducer | None = None

    @property
    def next_sequence(self) -> int | None:
        """The number that the next event gets; keep it over restarts."""
        return self._envelopes.next_sequence

    async def __aenter__(self) -> Self:
        kafka = AIOKafkaProducer(**self._settings)
        await kafka.start()
        self._kafka = kafka
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._kafka is not None:
            await self._kafka.stop()
            self._kafka = None

    async def send(self, event: Outgoing) -> Receipt:
        """Publish one event to the topic of its type and wait until all in-sync replicas have it.

        Raises `Refused` before anything is sent; the client's own errors where the broker did not acknowledge: then
        the outcome is unknown, and sending the same `id` again is safe.
        """
        value = self._envelopes.wrap(event)
        accepted = accept(value)
        self._envelopes.used()
        return await self._publish(accepted, value, ())

    async def publish_raw(self, value: bytes, headers: Sequence[tuple[str, bytes]] = ()) -> Receipt:
        """Publish a CloudEvent that exists already, structured or (with `ce_` headers) binary, byte for byte."""
        return await self._publish(accept(value, headers=headers), value, headers)

    async def _publish(self, event: Event, value: bytes, headers: Sequence[tuple[str, bytes]]) -> Receipt:
        if self._kafka is None:
            raise RuntimeError("use the producer as a context manager: async with Producer(...) as producer")
        key = message_key(event.persons[0].identifier, self._salt) if event.persons else None
        placed = await self._kafka.send_and_wait(
            self._prefix + event.type.topic,
            value,
            key=key,
            headers=[*headers] or [("content-type", b"application/cloudevents+json")],
        )
        return Receipt(
            topic=placed.topic,
            partition=placed.partition,
            offset=placed.offset,
            timestamp=placed.timestamp,
            source=event.attributes["source"],
            id=event.attributes["id"],
        )
