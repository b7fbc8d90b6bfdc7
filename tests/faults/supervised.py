"""A worker as a service manager runs it: started again whenever it ends, its output in a file, every end noted.

kill -9 strikes the main process alone. What it had started must end by itself: no one else would end it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.faults.program import ROOT, survivors

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_UNREACHABLE = 3
_AGAIN_SECONDS = 1.0
_SURVIVORS_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Ending:
    """How a worker ended. `cause` is what we did to it; None: it ended by itself. `begun`: it had said that it works."""

    worker: str
    code: int
    cause: str | None
    begun: bool

    @property
    def as_it_should(self) -> bool:
        """A SIGTERM that comes while Python still starts ends it without further ado; a worker that finds no server when
        it starts says so and ends with 3, for its service manager to try again.
        """
        if not self.begun and self.code == _UNREACHABLE:
            return True
        ours = {"SIGTERM": {0, -signal.SIGTERM}, "SIGKILL": {0, -signal.SIGKILL}}
        return self.code in ours.get(self.cause or "", set())


class Supervised:
    """`ledger worker` under the name `name`."""

    def __init__(self, name: str, env: Mapping[str, str], log: Path) -> None:
        self.name = name
        self._env = {**os.environ, **env}
        self.log = log
        self.endings: list[Ending] = []
        self.survivors: list[int] = []  # what outlived its main process for too long
        self._cause: str | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False
        self._watching: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until `stop`."""
        while True:
            with self.log.open("ab") as output:
                already = output.tell()
                self._process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "ledger.cli", "worker"),
                    cwd=ROOT,
                    env=self._env,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
            group = self._process.pid
            if self._stopping:
                self.strike(signal.SIGTERM)
            code = await self._process.wait()
            cause, self._cause = self._cause, None
            self.endings.append(Ending(self.name, code, cause, self._said(already)))
            watching = asyncio.create_task(self._watch(group))
            self._watching.add(watching)
            watching.add_done_callback(self._watching.discard)
            if not self._stopping:
                await asyncio.sleep(_AGAIN_SECONDS)
            if self._stopping:
                break
        await asyncio.gather(*self._watching)

    def _said(self, already: int) -> bool:
        with self.log.open("rb") as file:
            file.seek(already)
            return any(b"worker.started" in line for line in file)

    async def _watch(self, group: int) -> None:
        """What the main process left behind ends by itself, while the next one works already."""
        self.survivors += await survivors(group, _SURVIVORS_SECONDS)

    @property
    def pid(self) -> int | None:
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    def strike(self, number: signal.Signals) -> None:
        """To the main process alone; an end that follows is ours."""
        if self.pid is None:
            return
        if number is signal.SIGKILL or (number is signal.SIGTERM and self._cause is None):
            self._cause = number.name
        os.kill(self.pid, number)

    async def stop(self) -> None:
        """SIGTERM, and no new start."""
        self._stopping = True
        self.strike(signal.SIGTERM)

    def abandon(self) -> None:
        """kill -9 of whatever is left of it."""
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    def epoch(self) -> int:
        """The last epoch under which it says that it took the lease; 0 before the first."""
        last = 0
        with contextlib.suppress(OSError), self.log.open("rb") as file:
            for line in file:
                if b"worker.leased" in line:
                    with contextlib.suppress(ValueError):
                        last = int(json.loads(line).get("epoch", last))
        return last
