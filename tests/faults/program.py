"""A program under test: started, watched line by line, killed. What it says is kept, and shown when a wait fails."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
_SECONDS = 60.0


class Program:
    """`async with Program("-m", "ledger.cli.main", "worker") as worker:` runs it with this Python; leaving kills it."""

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
        """kill -9, and wait until it is gone."""
        self.signal(signal.SIGKILL)
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
        return code

    async def says(self, text: str, *, times: int = 1) -> None:
        """Wait until `text` stands in `times` of its lines."""

        def done() -> bool:
            return sum(text in line for line in self.lines) >= times or (
                self._reading is not None and self._reading.done()
            )

        try:
            async with asyncio.timeout(_SECONDS), self._said:
                await self._said.wait_for(done)
        except TimeoutError:
            raise AssertionError(f"The program does not say {text!r}. It said:\n{self.said}") from None
        if sum(text in line for line in self.lines) < times:
            raise AssertionError(f"The program ended without saying {text!r}. It said:\n{self.said}")

    @property
    def said(self) -> str:
        return "\n".join(self.lines[-100:])
