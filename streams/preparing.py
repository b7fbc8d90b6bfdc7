"""The preparing process: reads Kafka and prepares, beside the worker that holds the lease and writes.

It holds persons' keys, the worker only what tags need. Everything here may be killed at any moment: what was not
appended is read again.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from ledger.core.errors import InvariantBroken, LedgerError, Unreachable
from ledger.storage.append import DataRefused, PrepareAgain
from streams.carried import Changes
from streams.channel import Anew, Beat, Begin, Ended, Outcome, Prepared
from streams.fetch import TopicRecreated
from streams.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from ledger.core.batch import Batch
    from ledger.core.protocol import Protocol as Failpoints
    from streams.channel import Channel, Message
    from streams.parts import Parts

_log = structlog.get_logger(__name__)
_BEAT_SECONDS = 1.0


async def serve(parts: Parts, channel: Channel, failpoints: Failpoints) -> None:
    """Does what the worker says until the worker is gone."""
    said: asyncio.Queue[Message] = asyncio.Queue(1)
    server = _Server(parts, said, failpoints)
    helpers = [asyncio.create_task(_speak(channel, said)), asyncio.create_task(_beat(said))]
    try:
        while True:
            await server.obey(await channel.receive())
    except EOFError:
        pass  # the worker is gone, and with it every reason to go on
    finally:
        for task in helpers:
            task.cancel()
        await asyncio.gather(*helpers, return_exceptions=True)
        await server.close()


async def _speak(channel: Channel, said: asyncio.Queue[Message]) -> None:
    while True:
        await channel.send(await said.get())


async def _beat(said: asyncio.Queue[Message]) -> None:
    changes = Changes()
    while True:
        await said.put(Beat(changes.take()))
        await asyncio.sleep(_BEAT_SECONDS)


class _Server:
    """The one run under way."""

    def __init__(self, parts: Parts, said: asyncio.Queue[Message], failpoints: Failpoints) -> None:
        self._said = said
        self._reading = Reading(parts, failpoints)
        self._writer: _DistantWriter | None = None
        self._run: asyncio.Task[None] | None = None

    async def obey(self, message: Message) -> None:
        if isinstance(message, Outcome):
            if self._writer is not None:
                self._writer.settle(message)
            return
        await self._stop()
        if isinstance(message, Begin):
            self._writer = _DistantWriter(message.run, self._said)
            self._run = asyncio.create_task(self._read(message, self._writer))

    async def _stop(self) -> None:
        run, self._run = self._run, None
        if run is not None:
            run.cancel()
            await asyncio.wait((run,))

    async def close(self) -> None:
        await self._stop()
        await self._reading.close()

    async def _read(self, begin: Begin, writer: _DistantWriter) -> None:
        """One run, and how it ended."""
        kind, code, message = "fault", "", "The reading ended without an error."
        try:
            await self._reading.run(begin.epoch, writer)
        except (TopicRecreated, PrepareAgain) as error:
            kind, message = "again", type(error).__name__
        except Unreachable as error:
            kind, code, message = "unreachable", error.code, str(error)
        except InvariantBroken as error:
            kind, code, message = "broken", error.code, str(error)
        except LedgerError as error:
            code, message = error.code, str(error)
        except Exception as error:  # noqa: BLE001 -- handed on
            _log.exception("preparing.failed")  # the log leaves out what an exception's text may quote
            message = type(error).__qualname__
        await self._said.put(Ended(begin.run, kind, code, message))


class _DistantWriter:
    """The worker as `Writer`: batches are sent ahead, outcomes come back in order."""

    def __init__(self, run: int, said: asyncio.Queue[Message]) -> None:
        self._run = run
        self._said = said
        self._number = 0
        self._waiting: dict[int, asyncio.Future[None]] = {}

    async def take(self, batch: Batch) -> Awaitable[None]:
        self._number += 1
        future = self._waiting[self._number] = asyncio.get_running_loop().create_future()
        await self._said.put(Prepared(self._run, self._number, batch))
        return future

    async def begin_anew(self) -> None:
        self._waiting.clear()
        await self._said.put(Anew(self._run))

    def settle(self, outcome: Outcome) -> None:
        future = self._waiting.pop(outcome.number, None) if outcome.run == self._run else None
        if future is None or future.done():
            return
        if outcome.refused:
            future.set_exception(DataRefused("PostgreSQL refuses a value of the batch."))
        else:
            future.set_result(None)
