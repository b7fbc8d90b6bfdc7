"""The append service: reads Kafka, prepares, appends; hosted by the Faust worker beside its own streams.

It runs as a service of its own because no event whose loss matters may rest on a Faust acknowledgement: a Faust
stream acknowledges in `finally` what raised. A loop that ends without a stop request crashes the worker; a task that
returns in silence would look healthy.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import structlog
from aiokafka.errors import KafkaError
from mode import Service
from prometheus_client import Counter, Gauge, start_http_server

from accountability_ledger.restricted_json import canonical
from ledger.core import own
from ledger.core.batch import Batch, Item
from ledger.core.errors import InvariantBroken, LedgerError, Unreachable
from ledger.core.protocol import Protocol
from ledger.storage.append import Appender, DataRefused, Fenced, PrepareAgain
from streams.fetch import Fetcher, Recreated, TopicRecreated
from streams.kafka import started_producer
from streams.prepare import Preparer
from streams.record import Fetched, Hole

if TYPE_CHECKING:
    from uuid import UUID
    from wsgiref.simple_server import WSGIServer

    from aiokafka import AIOKafkaProducer

    from ledger.core.batch import Appended
    from streams.parts import Parts

_log = structlog.get_logger(__name__)
_RECORDS = Counter("ledger_records_total", "Kafka records accounted for", ["outcome"])
_FENCED = Counter("ledger_fenced_total", "Batches dropped because another worker holds the ledger")
_SIZE = Gauge("ledger_log_size", "Leaves in the log")
_STANDBY_SECONDS = 1.0
_QUEUE = 2
_DRAIN_SECONDS = 10.0
_HINT_SECONDS = 1.0
_FENCED_ALERT = 3


class AppendService(Service):
    """Appends one ledger's events while it holds the lease; stands by while another worker does."""

    def __init__(self, parts: Parts, *, protocol: Protocol | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._parts = parts
        self._protocol = protocol or Protocol()
        self._owner: UUID = uuid4()
        self._epoch: int | None = None
        self._fenced: deque[float] = deque(maxlen=_FENCED_ALERT)
        self._producer: AIOKafkaProducer | None = None
        self._metrics: WSGIServer | None = None
        self._accounted: dict[tuple[str, int], int] = {}
        self._progressed = False
        self._draining = asyncio.Event()
        self._finished = asyncio.Event()
        self._loop_task: asyncio.Task[Any] | None = None

    async def on_start(self) -> None:
        parts = self._parts
        self._appender = Appender(parts.database_url, parts.ledger_id, parts.origin, protocol=self._protocol)
        self._fetcher = Fetcher(
            parts.settings, parts.bootstrap, parts.topics, parts.intake, parts.keyring.dedup
        )
        self._preparer = Preparer(
            origin=parts.origin,
            intake=parts.intake,
            vault=parts.vault,
            dedup_key=parts.keyring.dedup,
            letter_key=parts.keyring.dead_letter_key(),
            send_letters=self._send_letters,
        )

        if parts.settings.worker_metrics_port is not None:
            self._metrics, _ = start_http_server(parts.settings.worker_metrics_port, addr="127.0.0.1")

    async def on_stop(self) -> None:
        """Drains: the transaction under way is finished, then the lease is released. Where PostgreSQL does not
        answer, the drain is given up after a while: nothing is lost, the next worker reads it again.
        """
        self._draining.set()
        try:
            await asyncio.wait_for(self._finished.wait(), _DRAIN_SECONDS)
        except TimeoutError:
            _log.warning("worker.drain_given_up")
            if self._loop_task is not None:
                self._loop_task.cancel()
                await self._finished.wait()
        if self._epoch is not None:
            self._epoch = None
            with suppress(Unreachable, TimeoutError):  # then it runs out by itself
                async with asyncio.timeout(_DRAIN_SECONDS):
                    await self._parts.intake.release_lease(self._owner)
        await self._fetcher.close()
        await self._drop_producer()
        await self._appender.close()
        if self._metrics is not None:
            self._metrics.shutdown()
            self._metrics.server_close()

    @Service.task
    async def _run(self) -> None:
        """Reads and appends until a stop is asked for; any other end crashes the worker."""
        self._loop_task = asyncio.current_task()
        try:
            await self._read_until_over()
        except asyncio.CancelledError:
            if not self._over():
                await self.crash(RuntimeError("The append loop was cancelled without a stop request."))
            raise
        except Exception as error:
            code = getattr(error, "code", None)
            _log.error("worker.halted", error=type(error).__name__, code=code, exc_info=code is None)
            await self.crash(error)
            raise
        finally:
            self._finished.set()
        if not self._over():
            await self.crash(RuntimeError("The append loop ended without a stop request."))

    async def _read_until_over(self) -> None:
        """Claims and reads, again after every transient fault, with a pause that grows."""
        pause = 0.1
        while not self._over():
            try:
                if self._epoch is None and not await self._take_lease():
                    await self.sleep(_STANDBY_SECONDS)
                    continue
                await self._claim_and_read()
            except (TopicRecreated, PrepareAgain):
                pass
            except (Fenced, Unreachable) as error:
                if self._progressed:  # a fault long after the last one is a first one
                    pause, self._progressed = 0.1, False
                if isinstance(error, Fenced):
                    self._note_fenced()
                else:
                    _log.warning("worker.unreachable", code=error.code)
                await self.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 -- jitter, not a secret
                pause = min(pause * 2, 30.0)

    def _over(self) -> bool:
        return bool(self.should_stop) or self._draining.is_set()

    async def _take_lease(self) -> bool:
        self._epoch = await self._parts.intake.take_lease(self._owner, self._parts.settings.lease_seconds)
        if self._epoch is not None:
            _log.info("worker.leased", ledger=self._parts.settings.name, epoch=self._epoch)
            await self._protocol.reach("leased")
        return self._epoch is not None

    def _note_fenced(self) -> None:
        """Fenced: the lease is not ours any more. Three times in a minute is an alert."""
        self._epoch = None
        _FENCED.inc()
        now = time.monotonic()
        self._fenced.append(now)
        often = len(self._fenced) == _FENCED_ALERT and now - self._fenced[0] < 60
        (_log.error if often else _log.warning)("worker.fenced", often=often)

    async def _claim_and_read(self) -> None:
        """Claims every partition, then reads and appends until something goes wrong. Fetching and preparing the next
        batches overlaps with the one transaction in flight; not fetching is the backpressure. The lease is renewed
        from the beginning: a claim may take long where Kafka is slow.
        """
        queue: asyncio.Queue[tuple[Fetched, Batch]] = asyncio.Queue(_QUEUE)
        work = [asyncio.create_task(self._renew(), name="renew")]
        try:
            await self._claim()
            work += [
                asyncio.create_task(self._read(queue), name="read"),
                asyncio.create_task(self._write(queue), name="write"),
                asyncio.create_task(self._commit_hints(), name="commit hints"),
            ]
            await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in work:
                task.cancel()
            results = await asyncio.gather(*work, return_exceptions=True)
        failed = [each for each in results if isinstance(each, Exception)]
        for error in failed:
            if isinstance(error, InvariantBroken) or not isinstance(error, (LedgerError, TopicRecreated)):
                raise error
        if failed:
            raise failed[0]

    async def _claim(self) -> None:
        """Claims every partition, and accounts for what must be before reading begins."""
        self._preparer.forget()
        while True:
            recreated, overtaken = await self._fetcher.claim()
            if recreated:
                await self._retire(recreated)
            elif overtaken:
                await self._append_fetched(Fetched((), tuple(overtaken)))
            else:
                return

    async def _read(self, queue: asyncio.Queue[tuple[Fetched, Batch]]) -> None:
        while not self._over():
            fetched = await self._fetcher.fetch()
            if fetched is None:
                continue
            await self._protocol.reach("fetched")
            batch = await self._prepare(fetched, queue.join)
            await self._protocol.reach("prepared")
            await queue.put((fetched, batch))
        await queue.join()

    async def _write(self, queue: asyncio.Queue[tuple[Fetched, Batch]]) -> None:
        while True:
            fetched, batch = await queue.get()
            try:
                result = await self._appender.append(batch)
                self._note(batch, result)
            except DataRefused:
                await self._bisect(fetched)
                raise PrepareAgain(
                    "A batch was appended record by record; later ones are read again."
                ) from None
            queue.task_done()
            await self._hint(result)
            await self._protocol.reach("hinted")

    async def _commit_hints(self) -> None:
        """Commits to Kafka, about once a second, how far we are: a hint for monitoring, which nothing rests on."""
        while True:
            await asyncio.sleep(_HINT_SECONDS)
            if not self._accounted:
                continue
            accounted, self._accounted = self._accounted, {}
            try:
                await self._parts.topics.commit_hint(accounted)
            except Unreachable:
                _log.warning("worker.offsets_not_hinted")

    async def _renew(self) -> None:
        settings = self._parts.settings
        while True:
            await asyncio.sleep(settings.lease_seconds / 3)
            try:
                if not await self._parts.intake.renew_lease(self._owner, settings.lease_seconds):
                    raise Fenced("Another worker has taken the ledger over.")
            except Unreachable:
                _log.warning("worker.lease_not_renewed")

    async def _prepare(self, fetched: Fetched, drained: Any) -> Batch:
        if self._epoch is None:
            raise Fenced("This worker does not hold the lease.")
        return await self._preparer.prepare(
            fetched, epoch=self._epoch, now=datetime.now(UTC), drained=drained
        )

    async def _append_fetched(self, fetched: Fetched) -> None:
        async def drained() -> None:
            """Nothing is in flight here."""

        batch = await self._prepare(fetched, drained)
        self._note(batch, await self._appender.append(batch))

    async def _bisect(self, fetched: Fetched) -> None:
        """PostgreSQL refuses a value of the batch: halves it until the one record is found, which is rejected."""
        self._preparer.forget()
        if len(fetched.records) > 1:
            for half in fetched.halves():
                try:
                    await self._append_fetched(half)
                except DataRefused:
                    await self._bisect(half)
            return
        self._preparer.refuse(fetched.records[0].place)
        await self._append_fetched(fetched)

    async def _retire(self, recreated: list[Recreated]) -> None:
        """Retires the rows of a topic that was deleted and created again."""
        holes = [
            Hole(each.place(), each.position.next_offset, each.end, "topic-recreated")
            for each in recreated
            if each.end > each.position.next_offset
        ]
        now = datetime.now(UTC)
        items = tuple(
            Item(
                own.offsets_skipped(
                    origin=self._parts.origin,
                    now=now,
                    place=hole.place,
                    start=hole.start,
                    end=hole.end,
                    reason=hole.reason,
                )
            )
            for hole in holes
        )
        if items:
            batch = Batch(
                items=items,
                vault_epoch=await self._parts.intake.vault_epoch(),
                epoch=self._epoch,
                retire=tuple({each.position.topic_id for each in recreated}),
            )
            await self._appender.append(batch)
        else:
            await self._parts.intake.retire({each.position.topic_id for each in recreated})
        _log.warning("worker.topic_recreated", topics=sorted({each.position.topic for each in recreated}))

    async def _send_letters(self, letters: list[bytes]) -> None:
        """Dead letters reach Kafka (acks=all) before the entries that speak of them are committed."""
        try:
            producer = await self._kafka_producer()
            sent = [await producer.send(self._parts.topics.rejected, letter) for letter in letters]
            await asyncio.gather(*sent)
        except (KafkaError, OSError) as error:
            await self._drop_producer()
            raise Unreachable(
                "Kafka does not take the dead letters: check that it runs and try again."
            ) from error

    async def _hint(self, result: Appended) -> None:
        """Says on `ledger.appended` how far the log is. A hint: losing it costs a delay."""
        try:
            producer = await self._kafka_producer()
            hint = canonical({"ledger": self._parts.settings.name, "size": result.size})
            sent = await producer.send(self._parts.topics.appended, hint)
            sent.add_done_callback(_look_away)
        except (KafkaError, OSError):
            await self._drop_producer()
            _log.warning("worker.hint_not_sent")

    async def _kafka_producer(self) -> AIOKafkaProducer:
        if self._producer is None:
            self._producer = await started_producer(self._parts.settings, self._parts.bootstrap, linger_ms=5)
        return self._producer

    async def _drop_producer(self) -> None:
        """The next use makes another one: an idempotent producer may never recover by itself."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(KafkaError, OSError):
                await producer.stop()

    def _note(self, batch: Batch, result: Appended) -> None:
        self._preparer.appended(batch)
        self._progressed = True
        self._accounted |= {(move.topic, move.partition): move.end for move in batch.moves}
        _SIZE.set(result.size)
        rejected = sum(item.entry.type == own.REJECTED for item in batch.items)
        conflicts = sum(item.entry.type == own.CONFLICT for item in batch.items)
        accepted = sum(item.place is not None for item in batch.items) - rejected - conflicts
        _RECORDS.labels("appended").inc(accepted)
        _RECORDS.labels("rejected").inc(rejected)
        _RECORDS.labels("conflict").inc(conflicts)
        _RECORDS.labels("duplicate").inc(len(batch.duplicates))


def _look_away(hint: asyncio.Future[Any]) -> None:
    """Takes note of how the sending of a hint ended: one that is lost costs a delay, and no line in the log."""
    if not hint.cancelled():
        hint.exception()
