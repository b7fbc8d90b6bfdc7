"""A program under test: started, watched line by line, killed. What it says is kept, and shown when a wait fails."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
_SECONDS = 60.0
_SURVIVORS_SECONDS = 20.0


class Program:
    """`async with Program("-m", "ledger.cli.main", "worker") as worker:` runs it with this Python; leaving kills it.

    However it ends, what it had started must end with it, by itself: no one else would end it in production.
    """

    def __init__(self, *arguments: str, env: Mapping[str, str] | None = None) -> None:
        self._arguments = arguments
        self._env = {**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})}
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._said = asyncio.Condition()
        self.lines: list[str] = []

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *self._arguments,
            cwd=ROOT,
            env=self._env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # so that all it starts can be killed with it
        )
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.process.returncode is None:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGKILL)
        await self.ended()

    @property
    def process(self) -> asyncio.subprocess.Process:
        assert self._process is not None
        return self._process

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            async with self._said:
                self.lines.append(line.decode(errors="replace").rstrip())
                self._said.notify_all()
        async with self._said:
            self._said.notify_all()

    def signal(self, number: signal.Signals) -> None:
        """To the program and all that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    async def kill(self) -> None:
        """kill -9 of its main process alone, and wait until it is gone with all that it started."""
        self.process.kill()
        await self.ended()

    async def terminate(self) -> int:
        """SIGTERM, as an operator stops it; the exit code."""
        self.process.terminate()
        return await self.ended()

    async def ended(self) -> int:
        """Wait for its end; the exit code, negative for a signal."""
        try:
            async with asyncio.timeout(_SECONDS):
                code = await self.process.wait()
                assert self._reading is not None
                await self._reading
        except TimeoutError:
            raise AssertionError(f"The program does not end. It said:\n{self.said}") from None
        left = await survivors(self.process.pid, _SURVIVORS_SECONDS)
        assert not left, f"Processes {left} outlived the program that started them. It said:\n{self.said}"
        return code

    async def says(self, text: str, *, times: int = 1, seconds: float = _SECONDS) -> None:
        """Wait until `text` stands in `times` of its lines."""

        def done() -> bool:
            return sum(text in line for line in self.lines) >= times or (
                self._reading is not None and self._reading.done()
            )

        try:
            async with asyncio.timeout(seconds), self._said:
                await self._said.wait_for(done)
        except TimeoutError:
            raise AssertionError(f"The program does not say {text!r}. It said:\n{self.said}") from None
        if sum(text in line for line in self.lines) < times:
            raise AssertionError(f"The program ended without saying {text!r}. It said:\n{self.said}")

    @property
    def said(self) -> str:
        return "\n".join(self.lines[-100:])


@dataclass(frozen=True, slots=True)
class Member:
    """A living process of a group; `resident` in bytes."""

    pid: int
    resident: int


async def members(group: int) -> list[Member]:
    """The living processes of a process group; a zombie is none."""
    listing = await asyncio.create_subprocess_exec(
        *("ps", "-A", "-o", "pid=,pgid=,stat=,rss="), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await listing.communicate()
    rows = [line.split() for line in said.decode().splitlines()]
    return [
        Member(int(pid), int(rss) * 1024)
        for pid, pgid, stat, rss in rows
        if int(pgid) == group and not stat.startswith("Z")
    ]


async def survivors(group: int, seconds: float) -> list[int]:
    """The processes of a group that are still there after so long; then they are killed."""
    deadline = asyncio.get_running_loop().time() + seconds
    while left := [each.pid for each in await members(group)]:
        if asyncio.get_running_loop().time() > deadline:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
            break
        await asyncio.sleep(0.1)
    return left


async def children(parent: int) -> list[int]:
    """The living processes that `parent` started itself."""
    listing = await asyncio.create_subprocess_exec(
        *("ps", "-A", "-o", "pid=,ppid=,stat="), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await listing.communicate()
    rows = [line.split() for line in said.decode().splitlines()]
    return [int(pid) for pid, ppid, stat in rows if int(ppid) == parent and not stat.startswith("Z")]
