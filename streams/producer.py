"""A producer that is made when it is first needed, and made anew after a failure."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from aiokafka.errors import KafkaError

from streams.kafka import started_producer

if TYPE_CHECKING:
    from aiokafka import AIOKafkaProducer

    from ledger.settings import Settings

_STOP_SECONDS = 5.0


class KeptProducer:
    """One idempotent aiokafka producer with acks=all; `options` are the client's own. What needs no Kafka runs without."""

    def __init__(self, settings: Settings, bootstrap: str, **options: Any) -> None:
        self._settings = settings
        self._bootstrap = bootstrap
        self._options = options
        self._producer: AIOKafkaProducer | None = None
        self._turn = asyncio.Lock()

    async def get(self) -> AIOKafkaProducer:
        """Raises KafkaError or OSError where Kafka does not answer."""
        async with self._turn:
            if self._producer is None:
                self._producer = await started_producer(self._settings, self._bootstrap, **self._options)
            return self._producer

    async def drop(self) -> None:
        """Ends it; the next use makes another one, since an idempotent producer may never recover by itself."""
        async with self._turn:
            producer, self._producer = self._producer, None
            if producer is not None:
                with suppress(KafkaError, OSError, TimeoutError):
                    async with asyncio.timeout(_STOP_SECONDS):  # it would wait for what it could not send
                        await producer.stop()
