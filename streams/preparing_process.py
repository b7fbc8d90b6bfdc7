"""The worker's hold on its preparing process: started, listened to, ended, started again when it is gone."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import structlog

from ledger.core.errors import InternalFault, InvariantBroken, LedgerError, Unreachable
from ledger.storage.append import DataRefused, PrepareAgain
from streams.abreast import first_to_end
from streams.carried import carry
from streams.channel import Anew, Beat, Begin, Channel, Ended, Halt, Outcome, Prepared, Start

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from ledger.core.batch import Batch
    from ledger.settings import Settings
    from streams.channel import Message

_log = structlog.get_logger(__name__)
_END_SECONDS = 2.0
# It says every second that it lives; a batch, a garbage collection or a busy machine may delay that.
_SILENCE_SECONDS = 20.0


class PreparationLost(Unreachable):
    """The preparing process is gone, or says nothing any more: it is started again."""

    code = "preparation-lost"


@dataclass(frozen=True, slots=True)
class _Running:
    """A process that was started, and what it said."""

    process: asyncio.subprocess.Process
    channel: Channel
    inbox: asyncio.Queue[Message | None]
    listening: asyncio.Task[None]


class PreparingProcess:
    """Starts `command` with the number of a socket as its last argument, and runs readings in it."""

    def __init__(self, command: Sequence[str], settings: Settings) -> None:
        self._command = command
        self._settings = settings
        self._running: _Running | None = None
        self._heard = 0.0
        self._runs = 0

    async def start(self) -> None:
        """Starts the process where none runs. It connects to its servers at once, and waits for a run."""
        await self._started()

    async def _started(self) -> _Running:
        running = self._running
        if running is not None and not running.listening.done():
            return running
        await self.close()
        ours, theirs = socket.socketpair()
        channel = Channel(ours)
        with theirs:
            number = theirs.fileno()
            process = await asyncio.create_subprocess_exec(
                *self._command, str(number), pass_fds=(number,), stdin=asyncio.subprocess.DEVNULL
            )
        self._heard = time.monotonic()
        inbox: asyncio.Queue[Message | None] = asyncio.Queue()
        listening = asyncio.create_task(self._listen(channel, inbox))
        self._running = _Running(process, channel, inbox, listening)
        with suppress(PreparationLost):  # whoever runs a reading will notice
            await _sent(channel, Start(self._settings.model_dump_json()))
        return self._running

    async def close(self) -> None:
        """Ends the process: it leaves when it sees that nobody is there, and is killed where it does not."""
        running, self._running = self._running, None
        if running is None:
            return
        running.listening.cancel()
        await asyncio.wait((running.listening,))
        running.channel.close()
        try:
            async with asyncio.timeout(_END_SECONDS):
                await running.process.wait()
        except TimeoutError:
            _kill(running.process)
            await running.process.wait()

    async def run(self, epoch: int, append: Callable[[Batch], Awaitable[None]]) -> None:
        """One reading, as `Reading.run`: what it hands over is given to `append` in order, while the next batches
        come in. Raises PreparationLost where the process is gone.
        """
        running = await self._started()
        self._runs += 1
        try:
            await _sent(running.channel, Begin(self._runs, epoch))
            await self._follow(self._runs, running, append)
        except PreparationLost:
            _log.warning("worker.preparation_lost")
            _kill(running.process)
            await self.close()
            raise
        except BaseException:
            with suppress(PreparationLost):
                await _sent(running.channel, Halt())
            raise

    async def _follow(self, run: int, running: _Running, append: Callable[[Batch], Awaitable[None]]) -> None:
        """Takes in what the run says and appends it, until it ends: then an append under way is abandoned, as it would be
        within one process, and the fence tells later whether it won.
        """
        taken: asyncio.Queue[Prepared | Anew] = asyncio.Queue()
        await first_to_end((self._take(run, running, taken), _append(running.channel, taken, append)))

    async def _take(self, run: int, running: _Running, taken: asyncio.Queue[Prepared | Anew]) -> None:
        while True:
            message = await self._next(running.inbox)
            if isinstance(message, (Prepared, Anew)) and message.run == run:
                taken.put_nowait(message)
            elif isinstance(message, Ended) and message.run == run:
                _raise(message)

    async def _next(self, inbox: asyncio.Queue[Message | None]) -> Message:
        while True:
            try:
                async with asyncio.timeout(_SILENCE_SECONDS):
                    message = await inbox.get()
            except TimeoutError:
                message = None
                if time.monotonic() - self._heard < _SILENCE_SECONDS:
                    continue
            if message is None:
                raise PreparationLost("The preparing process is gone or silent; it is started again.")
            return message

    async def _listen(self, channel: Channel, inbox: asyncio.Queue[Message | None]) -> None:
        """Receives; never more than a few batches, since the process waits for their outcomes."""
        try:
            while True:
                message = await channel.receive()
                self._heard = time.monotonic()
                if isinstance(message, Beat):
                    carry(message.changes)
                else:
                    inbox.put_nowait(message)
        except (EOFError, msgspec.MsgspecError):
            """It is gone, or says what is no message: either way it is begun anew."""
        finally:
            inbox.put_nowait(None)


async def _append(
    channel: Channel, taken: asyncio.Queue[Prepared | Anew], append: Callable[[Batch], Awaitable[None]]
) -> None:
    """Appends in order. After a refused batch, those that were sent ahead are void until the run says so."""
    refused = False
    while True:
        message = await taken.get()
        if isinstance(message, Anew):
            refused = False
        elif not refused:
            try:
                await append(message.batch)
            except DataRefused:
                refused = True
            await _sent(channel, Outcome(message.run, message.number, refused))


async def _sent(channel: Channel, message: Message) -> None:
    try:
        await channel.send(message)
    except OSError as error:
        raise PreparationLost("The preparing process is gone; it is started again.") from error


def _kill(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()


def _raise(ended: Ended) -> None:
    """Raises here what ended the reading there."""
    if ended.kind == "again":
        raise PrepareAgain(ended.message)
    if ended.kind == "unreachable":
        raise _told(Unreachable, ended)
    if ended.kind == "broken":
        raise _told(InvariantBroken, ended)
    raise _told(InternalFault, ended)


def _told(kind: type[LedgerError], ended: Ended) -> LedgerError:
    """An error of a kind, with the code that it had there."""
    told: type[LedgerError] = type(kind.__name__, (kind,), {"code": ended.code or kind.code})
    return told(ended.message)
