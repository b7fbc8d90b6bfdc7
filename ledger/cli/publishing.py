"""Sends NDJSON to Kafka, acknowledged by every in-sync replica, each partition in the order of the file."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from accountability_ledger.accept import accept
from accountability_ledger.catalog import EVENT_TYPES
from accountability_ledger.errors import Refused
from accountability_ledger.message_key import message_key
from ledger.core.errors import Unreachable
from streams.kafka import aiokafka_options

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from ledger.settings import Settings

DEFAULT_TOPIC = "privacy.access"
_IN_FLIGHT = 5_000
_HEADERS = [("content-type", b"application/cloudevents+json")]


class NotAcknowledged(Unreachable):
    """The broker did not acknowledge: what was sent may be there or not; sending the same ids again is safe."""

    code = "not-acknowledged"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A line that was not sent; `line` counts from 1, and neither text repeats what the line holds."""

    line: int
    reason: str
    message: str


@dataclass(slots=True)
class Published:
    """What became of the lines. `topics` counts the acknowledged records of each topic."""

    lines: int = 0
    published: int = 0
    refused: list[Refusal] = field(default_factory=list)
    topics: Counter[str] = field(default_factory=Counter)


class _TypeOnly(msgspec.Struct):
    type: str


async def publish(
    lines: Iterable[bytes],
    settings: Settings,
    bootstrap: str,
    salt: bytes,
    *,
    raw: bool = False,
    progress: Callable[[int, int | None], None] | None = None,
) -> Published:
    """Publishes every line that is accepted, or with `raw` every line as it is. Blank lines are passed over.

    Raises NotAcknowledged where the broker does not take a record.
    """
    result = Published()
    waiting: deque[tuple[str, Awaitable[object]]] = deque()
    producer = AIOKafkaProducer(
        **aiokafka_options(settings, bootstrap), acks="all", enable_idempotence=True, linger_ms=5
    )
    try:
        await producer.start()
        for number, line in enumerate(lines, start=1):
            value = line.strip()
            if not value:
                continue
            result.lines += 1
            try:
                topic, key = _addressed(value, salt)
            except Refused as refused:
                if not raw:
                    result.refused.append(Refusal(number, refused.reason, refused.message))
                    continue
                topic, key = _topic_of(value), None
            future = await producer.send(settings.topic_prefix + topic, value, key=key, headers=_HEADERS)
            waiting.append((topic, future))
            if len(waiting) >= _IN_FLIGHT:
                await _acknowledged(waiting, result, down_to=_IN_FLIGHT // 2)
                if progress:
                    progress(result.published, None)
        await _acknowledged(waiting, result, down_to=0)
    except (KafkaError, OSError) as error:
        raise NotAcknowledged(
            f"Kafka acknowledged {result.published} records and then no more: publish the file again, duplicates are recognised."
        ) from error
    finally:
        for _, future in waiting:
            asyncio.ensure_future(future).cancel()
        await producer.stop()
    return result


async def _acknowledged(
    waiting: deque[tuple[str, Awaitable[object]]], result: Published, *, down_to: int
) -> None:
    while len(waiting) > down_to:
        topic, future = waiting.popleft()
        await future
        result.published += 1
        result.topics[topic] += 1


def _addressed(value: bytes, salt: bytes) -> tuple[str, bytes | None]:
    """Topic without prefix, and the opaque key of the event's first person. Raises Refused."""
    event = accept(value)
    return event.type.topic, message_key(event.persons[0].identifier, salt) if event.persons else None


def _topic_of(value: bytes) -> str:
    """The topic of a line that is not accepted, by its type if that can be read."""
    try:
        known = EVENT_TYPES.get(msgspec.json.decode(value, type=_TypeOnly).type)
    except (msgspec.MsgspecError, UnicodeError):
        return DEFAULT_TOPIC
    return known.topic if known else DEFAULT_TOPIC
