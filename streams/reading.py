"""Reading under a lease: claims the partitions, fetches, prepares, and hands batches to the writer.

The writer may be in this process or in another; the seam is `Writer`. What is handed over is appended in order, and
while one batch is appended the next ones are fetched and prepared. Not fetching is the backpressure.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

import structlog
from aiokafka.errors import KafkaError

from ledger.core.batch import Batch
from ledger.core.errors import Unreachable
from ledger.core.identity import Digester
from ledger.storage.append import DataRefused, PrepareAgain
from streams.abreast import first_to_end
from streams.carried import observe
from streams.fetch import Fetcher, Recreated
from streams.metrics import BISECTED, DEAD_LETTERS
from streams.prepare import Preparer, skipped
from streams.producer import KeptProducer
from streams.record import Fetched, Hole

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ledger.core.protocol import Protocol as Failpoints
    from streams.parts import Parts

_log = structlog.get_logger(__name__)
# An idempotent producer tries for ever, and its worker would hold the lease for as long.
_LETTERS_SECONDS = 30.0
_AHEAD = 1
_QUEUE = 2


class Writer(Protocol):
    """Takes prepared batches and appends them, each once, in the order in which they came."""

    async def take(self, batch: Batch) -> Awaitable[None]:
        """Takes a batch. What is awaited returns when it is appended; it raises DataRefused where PostgreSQL refuses
        a value of it, and then whatever came after it is not appended. Other errors end the reading.
        """

    async def begin_anew(self) -> None:
        """After DataRefused: what is taken from now on is appended again."""


# A batch that the writer took: what it was made of, and what tells that it is appended.
_Taken = tuple[Fetched, Batch, "Awaitable[None]"]


class _ValueRefused(Exception):  # noqa: N818 -- not an error yet: the batch is halved, once nothing else is in flight
    """PostgreSQL refuses a value of the batch that was made of `fetched`."""

    def __init__(self, fetched: Fetched) -> None:
        self.fetched = fetched


class Reading:
    """Reads one ledger's topics for as long as it holds the lease. `failpoints` are the append protocol's."""

    def __init__(self, parts: Parts, failpoints: Failpoints) -> None:
        self._parts = parts
        self._failpoints = failpoints
        self._producer = KeptProducer(parts.settings, parts.bootstrap, linger_ms=5)
        digester = Digester(parts.keyring.dedup)
        self._fetcher = Fetcher(parts.settings, parts.bootstrap, parts.topics, parts.intake, digester)
        self._preparer = Preparer(
            origin=parts.origin,
            intake=parts.intake,
            vault=parts.vault,
            digester=digester,
            letter_key=parts.keyring.dead_letter_key(),
            send_letters=self._send_letters,
        )

    async def close(self) -> None:
        await self._fetcher.close()
        await self._producer.drop()

    async def run(self, epoch: int, writer: Writer) -> None:
        """Claims every partition, then reads until something goes wrong, which it raises: TopicRecreated and
        PrepareAgain ask for nothing but another run, Unreachable for a pause, anything else is a fault.
        """
        self._epoch, self._writer = epoch, writer
        await self._claim()
        ahead: asyncio.Queue[Fetched] = asyncio.Queue(_AHEAD)
        queue: asyncio.Queue[_Taken] = asyncio.Queue(_QUEUE)
        try:
            await first_to_end((self._fetch(ahead), self._read(ahead, queue), self._settle(queue)))
        except _ValueRefused as refused:
            await self._writer.begin_anew()
            await self._bisect(refused.fetched)
            raise PrepareAgain("A batch was appended record by record; later ones are read again.") from None

    async def _claim(self) -> None:
        """Claims every partition, and accounts for what must be before reading begins."""
        self._preparer.forget()
        while True:
            recreated, overtaken = await self._fetcher.claim()
            if recreated:
                await self._retire(recreated)
            elif overtaken:
                await self._append(Fetched((), tuple(overtaken)))
            else:
                return

    async def _fetch(self, ahead: asyncio.Queue[Fetched]) -> None:
        """Fetches while what was fetched before is prepared: the broker's answers take their time."""
        while True:
            began = time.perf_counter()
            fetched = await self._fetcher.fetch()
            if fetched is None:
                continue
            observe("fetch", time.perf_counter() - began)
            await self._failpoints.reach("fetched")
            await ahead.put(fetched)

    async def _read(self, ahead: asyncio.Queue[Fetched], queue: asyncio.Queue[_Taken]) -> None:
        while True:
            fetched = await ahead.get()
            began = time.perf_counter()
            batch = await self._prepare(fetched, queue.join)
            observe("prepare", time.perf_counter() - began)
            await self._failpoints.reach("prepared")
            await queue.put((fetched, batch, await self._writer.take(batch)))

    async def _settle(self, queue: asyncio.Queue[_Taken]) -> None:
        while True:
            fetched, batch, appended = await queue.get()
            try:
                await appended
            except DataRefused:
                raise _ValueRefused(fetched) from None
            self._preparer.appended(batch)
            queue.task_done()

    async def _prepare(self, fetched: Fetched, drained: Callable[[], Awaitable[None]]) -> Batch:
        return await self._preparer.prepare(
            fetched, epoch=self._epoch, now=datetime.now(UTC), drained=drained
        )

    async def _append(self, fetched: Fetched) -> None:
        """Appends what was fetched while nothing else is in flight."""

        async def drained() -> None:
            """Nothing is in flight here."""

        batch = await self._prepare(fetched, drained)
        await (await self._writer.take(batch))
        self._preparer.appended(batch)

    async def _bisect(self, fetched: Fetched) -> None:
        """PostgreSQL refuses a value of the batch: halves it until the one record is found, which is rejected."""
        self._preparer.forget()
        if len(fetched.records) > 1:
            BISECTED.inc()
            for half in fetched.halves():
                try:
                    await self._append(half)
                except DataRefused:
                    await self._writer.begin_anew()
                    await self._bisect(half)
            return
        self._preparer.refuse(fetched.records[0].place)
        await self._append(fetched)

    async def _retire(self, recreated: list[Recreated]) -> None:
        """Retires the rows of a topic that was deleted and created again."""
        topic_ids = {each.position.topic_id for each in recreated}
        holes = [
            Hole(each.place(), each.position.next_offset, each.end, "topic-recreated")
            for each in recreated
            if each.end > each.position.next_offset
        ]
        now = datetime.now(UTC)
        items = tuple(skipped(hole, self._parts.origin, now) for hole in holes)
        if items:
            vault_epoch = await self._parts.intake.vault_epoch()
            batch = Batch(items=items, vault_epoch=vault_epoch, epoch=self._epoch, retire=tuple(topic_ids))
            await (await self._writer.take(batch))
        else:
            await self._parts.intake.retire(topic_ids)
        _log.warning("worker.topic_recreated", topics=sorted({each.position.topic for each in recreated}))

    async def _send_letters(self, letters: list[bytes]) -> None:
        """Dead letters reach Kafka (acks=all) before the entries that speak of them are committed."""
        try:
            producer = await self._producer.get()
            async with asyncio.timeout(_LETTERS_SECONDS):
                sent = [await producer.send(self._parts.topics.rejected, letter) for letter in letters]
                await asyncio.gather(*sent)
            DEAD_LETTERS.inc(len(sent))
        except (KafkaError, OSError, TimeoutError) as error:
            await self._producer.drop()
            raise Unreachable(
                "Kafka does not take the dead letters: check that it runs and try again."
            ) from error
