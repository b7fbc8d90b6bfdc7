"""The append service: holds a ledger's lease and appends what is prepared; hosted by the Faust worker beside its own
streams.

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
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec
import structlog
from aiokafka.errors import KafkaError
from mode import Service
from prometheus_client import Counter, Gauge, start_http_server

from ledger.core import own
from ledger.core.errors import Unreachable
from ledger.core.protocol import Protocol
from ledger.storage.append import Appender, Fenced, PrepareAgain
from ledger.storage.metrics import TRANSIENT_FAULTS
from streams import metrics
from streams.abreast import first_to_end
from streams.fetch import TopicRecreated
from streams.hint import Hint
from streams.last_head import LastHead
from streams.preparing_process import PreparingProcess
from streams.producer import KeptProducer
from streams.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Sequence
    from uuid import UUID
    from wsgiref.simple_server import WSGIServer

    from ledger.core.batch import Appended, Batch
    from streams.parts import Parts

_log = structlog.get_logger(__name__)
_RECORDS = Counter("ledger_records_total", "Kafka records accounted for", ["outcome"])
_FENCED = Counter("ledger_fenced_total", "Batches dropped because another worker holds the ledger")
_SIZE = Gauge("ledger_log_size", "Leaves in the log")
_STANDBY_SECONDS = 1.0
_DRAIN_SECONDS = 10.0
_HINT_SECONDS = 1.0
_FENCED_ALERT = 3
_LONGEST_PAUSE = 10.0  # seconds, and at most half as much again: a server that came back is not let wait
_KINDS = {"database-unreachable": "database", "preparation-lost": "preparation"}


class AppendService(Service):
    """Appends one ledger's events while it holds the lease; stands by while another worker does.

    `preparing` is the command of the preparing process; without it, preparation shares this process.
    """

    def __init__(
        self,
        parts: Parts,
        *,
        preparing: Sequence[str] | None = None,
        protocol: Protocol | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._parts = parts
        self._protocol = metrics.Timed(protocol or Protocol())
        self._owner: UUID = uuid4()
        self._epoch: int | None = None
        self._fenced: deque[float] = deque(maxlen=_FENCED_ALERT)
        self._producer = KeptProducer(parts.settings, parts.bootstrap, linger_ms=5)
        self._metrics: WSGIServer | None = None
        self._accounted: dict[tuple[str, int], int] = {}
        self._progressed = False
        self._last_head = LastHead(parts.settings, parts.origin)
        self._appender = Appender(parts.database_url, parts.ledger_id, parts.origin, protocol=self._protocol)
        self._source: _Here | PreparingProcess = (
            PreparingProcess(preparing, parts.settings)
            if preparing
            else _Here(Reading(parts, self._protocol))
        )
        self._turn = asyncio.Lock()
        self._draining = asyncio.Event()
        self._finished = asyncio.Event()
        self._loop_task: asyncio.Task[Any] | None = None

    async def on_start(self) -> None:
        parts = self._parts
        if isinstance(self._source, PreparingProcess):
            await self._source.start()  # while another worker holds the lease, it is ready already
        if parts.settings.worker_metrics_port is not None:
            self._metrics, _ = start_http_server(parts.settings.worker_metrics_port, addr="127.0.0.1")

    async def on_stop(self) -> None:
        """Drains: the transaction under way is finished, then the lease is released. Where PostgreSQL does not
        answer, the drain is given up after a while: nothing is lost, the next worker reads it again.
        """
        self._draining.set()
        if self._loop_task is not None:  # else it did not even start
            try:
                await asyncio.wait_for(self._finished.wait(), _DRAIN_SECONDS)
            except TimeoutError:
                _log.warning("worker.drain_given_up")
                self._loop_task.cancel()
                await self._finished.wait()
        if self._epoch is not None:
            self._epoch = None
            metrics.LEASE_HELD.set(0)
            with suppress(Unreachable, TimeoutError):  # then it runs out by itself
                async with asyncio.timeout(_DRAIN_SECONDS):
                    await self._parts.intake.release_lease(self._owner)
        self._keep_head()
        await self._source.close()
        await self._producer.drop()
        await self._appender.close()
        if self._metrics is not None:
            self._metrics.shutdown()
            self._metrics.server_close()

    @Service.task
    async def _run(self) -> None:
        """Reads and appends until a stop is asked for; any other end crashes the worker."""
        self._loop_task = asyncio.current_task()
        try:
            await self._append_until_over()
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

    async def _append_until_over(self) -> None:
        """Takes the lease and appends, again after every transient fault, with a pause that grows."""
        pause, parts = 0.1, self._parts
        while not self._over():
            try:
                epoch = self._epoch or await self._take_lease()
                if epoch is None:
                    await self._pause(_STANDBY_SECONDS)
                    continue
                self._last_head.check(*await parts.intake.head(self._last_head.size))
                # The lease is renewed from the beginning: a claim may take long where Kafka is slow.
                await first_to_end(
                    (
                        self._renew(),
                        self._source.run(epoch, self._append),
                        self._commit_hints(),
                        self._drained(),
                    )
                )
            except (TopicRecreated, PrepareAgain):
                metrics.PREPARE_AGAIN.inc()
            except (Fenced, Unreachable) as error:
                if self._progressed:  # a fault long after the last one is a first one
                    pause, self._progressed = 0.1, False
                if isinstance(error, Fenced):
                    self._note_fenced()
                else:
                    TRANSIENT_FAULTS.labels(_KINDS.get(error.code, "kafka")).inc()
                    _log.warning("worker.unreachable", code=error.code)
                await self._pause(pause * random.uniform(0.5, 1.5))  # noqa: S311 -- jitter, not a secret
                pause = min(pause * 2, _LONGEST_PAUSE)

    def _over(self) -> bool:
        return bool(self.should_stop) or self._draining.is_set()

    async def _pause(self, seconds: float) -> None:
        """Waits, unless a stop is asked for."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._draining.wait()

    async def _drained(self) -> None:
        """Ends when a stop is asked for and no transaction is under way."""
        await self._draining.wait()
        async with self._turn:
            """Whoever waits for its turn behind us finds that it is over."""

    async def _take_lease(self) -> int | None:
        self._epoch = await self._parts.intake.take_lease(self._owner, self._parts.settings.lease_seconds)
        if self._epoch is not None:
            metrics.LEASE_HELD.set(1)
            metrics.LEASE_EPOCH.set(self._epoch)
            _log.info("worker.leased", ledger=self._parts.settings.name, epoch=self._epoch)
            await self._protocol.reach("leased")
        return self._epoch

    def _keep_head(self) -> None:
        try:
            self._last_head.save()
        except OSError as error:
            _log.warning("worker.head_not_kept", error=type(error).__name__)

    def _note_fenced(self) -> None:
        """Fenced: the lease is not ours any more. Three times in a minute is an alert."""
        self._epoch = None
        metrics.LEASE_HELD.set(0)
        _FENCED.inc()
        now = time.monotonic()
        self._fenced.append(now)
        often = len(self._fenced) == _FENCED_ALERT and now - self._fenced[0] < 60
        (_log.error if often else _log.warning)("worker.fenced", often=often)

    async def _append(self, batch: Batch) -> None:
        """Appends one batch; once a stop is asked for, none begins any more."""
        async with self._turn:
            if self._over():
                await asyncio.Future()  # until it is cancelled
            self._protocol.begin()
            result = await self._appender.append(batch)
        self._note(batch, result)
        await self._hint(result)
        await self._protocol.reach("hinted")

    async def _commit_hints(self) -> None:
        """Commits to Kafka, about once a second, how far we are: a hint for monitoring, which nothing rests on."""
        while True:
            await asyncio.sleep(_HINT_SECONDS)
            self._keep_head()
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

    async def _hint(self, result: Appended) -> None:
        """Says on `ledger.appended` how far the log is. A hint: losing it costs a delay."""
        try:
            producer = await self._producer.get()
            hint = msgspec.json.encode(Hint(self._parts.settings.name, result.size))
            sent = await producer.send(self._parts.topics.appended, hint)
            sent.add_done_callback(_look_away)
        except (KafkaError, OSError):
            await self._producer.drop()
            _log.warning("worker.hint_not_sent")

    def _note(self, batch: Batch, result: Appended) -> None:
        self._progressed = True
        self._last_head.appended(result.size, result.root)
        self._accounted |= {(move.topic, move.partition): move.end for move in batch.moves}
        _SIZE.set(result.size)
        metrics.committed(batch)
        rejected = sum(item.entry.type == own.REJECTED for item in batch.items)
        conflicts = sum(item.entry.type == own.CONFLICT for item in batch.items)
        accepted = sum(item.place is not None for item in batch.items) - rejected - conflicts
        _RECORDS.labels("appended").inc(accepted)
        _RECORDS.labels("rejected").inc(rejected)
        _RECORDS.labels("conflict").inc(conflicts)
        _RECORDS.labels("duplicate").inc(len(batch.duplicates))


class _Here:
    """A reading in this process, which hands its batches over by a call."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._append: Callable[[Batch], Awaitable[None]]

    async def run(self, epoch: int, append: Callable[[Batch], Awaitable[None]]) -> None:
        self._append = append
        await self._reading.run(epoch, self)

    async def take(self, batch: Batch) -> Awaitable[None]:
        return _Later(self._append, batch)

    async def begin_anew(self) -> None:
        """Nothing was taken ahead."""

    async def close(self) -> None:
        await self._reading.close()


class _Later:
    """An append that begins when it is awaited; where nobody does, it never was."""

    def __init__(self, append: Callable[[Batch], Awaitable[None]], batch: Batch) -> None:
        self._append, self._batch = append, batch

    def __await__(self) -> Generator[Any, None, None]:
        return self._append(self._batch).__await__()


def _look_away(hint: asyncio.Future[Any]) -> None:
    """Takes note of how the sending of a hint ended: one that is lost costs a delay, and no line in the log."""
    if not hint.cancelled():
        hint.exception()
