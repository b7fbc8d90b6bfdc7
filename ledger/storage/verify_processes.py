"""Screens the stretches of a log in several processes, this one among them.

A process is told what to do on its standard input and answers on its standard output, in messages behind their length:
nothing secret stands in an argument. It ends when its input ends. Whatever way one ends before it has answered, the
verification fails: it is never taken for an answer.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Self

import msgspec

from ledger.core.errors import InternalFault, Unreachable
from ledger.core.verifier.stretch import Doubt, Stretch
from ledger.storage.database import translated
from ledger.storage.verify_stretch import CONNECTIONS, Task, screen_stretch, snapshot

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    import asyncpg

_LENGTH = 4
_LARGEST = 1 << 30


class ProcessEnded(InternalFault):
    """A process of the verification ended before it was done."""


class Done(msgspec.Struct, tag=True):
    """So many entries more are screened."""

    count: int


class Found(msgspec.Struct, tag=True):
    stretch: Stretch


class Doubtful(msgspec.Struct, tag=True):
    """The screen cannot say that the stretch is right."""


class Failed(msgspec.Struct, tag=True):
    """The stretch could not be screened: PostgreSQL does not answer (`unreachable`), or a fault of ours, by its name."""

    unreachable: bool
    name: str


Answer = Done | Found | Doubtful | Failed
_encode = msgspec.msgpack.encode
_task_decoder = msgspec.msgpack.Decoder(Task)
_answer_decoder: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)


async def screen_all(
    tasks: Sequence[Task],
    processes: int,
    connections: Sequence[asyncpg.Connection],
    progress: Callable[[int], None],
) -> AsyncIterator[Stretch]:
    """The stretches of the tasks, in their order; `connections` are for what this process screens itself, `progress`
    is called with how many more entries are done.

    Raises Doubt as soon as one is in doubt, Unreachable, or ProcessEnded.
    """
    waiting = list(enumerate(tasks))[::-1]
    found: list[asyncio.Future[Stretch]] = [asyncio.get_running_loop().create_future() for _ in tasks]

    async def own() -> None:
        while waiting:
            at, task = waiting.pop()
            found[at].set_result(await screen_stretch(task, connections, progress))

    async def other() -> None:
        async with _Child() as child:
            while waiting:
                at, task = waiting.pop()
                found[at].set_result(await child.screen(task, progress))

    workers = [asyncio.create_task(each()) for each in (own, *[other] * (min(processes, len(tasks)) - 1))]
    ended = asyncio.ensure_future(asyncio.gather(*workers))
    try:
        for each in found:
            await asyncio.wait((each, ended), return_when=asyncio.FIRST_COMPLETED)
            if not each.done():
                await ended  # raises what ended it
            yield each.result()
        await ended
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, ended, return_exceptions=True)


class _Child:
    """A process that screens one stretch at a time."""

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "ledger.storage.verify_child"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    async def screen(self, task: Task, progress: Callable[[int], None]) -> Stretch:
        given, answers = self._process.stdin, self._process.stdout
        if given is None or answers is None:
            raise ProcessEnded("A process of the verification has no pipes.")
        try:
            given.write(framed(_encode(task)))
            await given.drain()
            while True:
                answer = _answer_decoder.decode(await read_frame(answers))
                match answer:
                    case Done(count):
                        progress(count)
                    case Found(stretch):
                        return stretch
                    case Doubtful():
                        raise Doubt
                    case Failed(unreachable=True):
                        raise Unreachable("PostgreSQL does not answer: check that it runs and try again.")
                    case Failed(name=name):
                        raise ProcessEnded(f"A process of the verification failed ({name}).")
        except (asyncio.IncompleteReadError, ConnectionError, msgspec.DecodeError) as why:
            raise ProcessEnded("A process of the verification ended: verify again.") from why


def framed(message: bytes) -> bytes:
    return len(message).to_bytes(_LENGTH, "big") + message


async def read_frame(reader: asyncio.StreamReader) -> bytes:
    """The next message. Raises IncompleteReadError where there is none."""
    length = int.from_bytes(await reader.readexactly(_LENGTH), "big")
    if length > _LARGEST:
        raise ProcessEnded("A process of the verification does not answer as it should.")
    return await reader.readexactly(length)


async def serve(given: asyncio.StreamReader, answer: Callable[[bytes], None]) -> None:
    """The other side of `_Child`: screens what it is told to, until its input ends."""

    def say(message: Answer) -> None:
        answer(framed(_encode(message)))

    async with AsyncExitStack() as stack:
        connections: list[asyncpg.Connection] = []
        while True:
            try:
                task = _task_decoder.decode(await read_frame(given))
            except asyncio.IncompleteReadError:
                return
            try:
                if not connections:  # all tasks are of one snapshot
                    with translated():
                        connections = await stack.enter_async_context(
                            snapshot(task.database, CONNECTIONS, task.snapshot)
                        )
                with translated():
                    say(Found(await screen_stretch(task, connections, lambda count: say(Done(count)))))
            except Doubt:
                say(Doubtful())
            except Exception as why:  # noqa: BLE001 -- whatever it is, the other side must fail
                say(Failed(isinstance(why, Unreachable), type(why).__name__))


def ignore_interrupts() -> None:
    """Ctrl-C goes to every process of a terminal; this one is ended by the one that started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
