"""Everything in the foreground: the embedded servers, the worker and the API, under one process that watches them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ledger.cli import run_file
from ledger.cli.operate import set_up
from ledger.cli.signals import stop_request
from ledger.core.errors import Unreachable
from ledger.embedded import Embedded, process
from ledger.embedded.errors import with_log_tail

if TYPE_CHECKING:
    from rich.console import Console

    from ledger.cli.signals import StopRequest
    from ledger.settings import Settings

_WATCH_SECONDS = 0.3
_READY_SECONDS = 60.0
_STOP_SECONDS = 30.0
_PARTS = {"worker": ["worker"], "api": ["serve"]}


class Up:
    """One run of `ledger up`. Its children end with it, however it ends: each hangs on a pipe to this process, and is
    asked to stop when that closes.
    """

    def __init__(self, settings: Settings, to: Console) -> None:
        self._settings = settings
        self._to = to
        self._servers = Embedded(settings.home)
        self._started: list[process.Running] = []
        self._seen: dict[str, process.Running] = {}

    async def run(self) -> None:
        """Starts all, waits for SIGTERM or Ctrl-C, stops all. Raises what kept it from starting."""
        with stop_request() as request:
            try:
                await self._start(request)
                if not request.is_set():
                    self._seen = {name: found for name, found in self._running().items() if found}
                    self._welcome()
                while not request.is_set():
                    self._look()
                    await request.wait(_WATCH_SECONDS)
            finally:
                await asyncio.shield(asyncio.to_thread(self._stop))
            request.settle()

    async def _start(self, request: StopRequest) -> None:
        settings = self._settings
        if settings.embedded_kafka or settings.embedded_postgres:
            self._to.print("Starting the embedded servers ...")
        if settings.embedded_postgres:
            await asyncio.to_thread(self._servers.start_postgres)
        if settings.embedded_kafka:
            await asyncio.to_thread(self._servers.start_kafka)
        await set_up(settings)
        for part in _PARTS:
            if request.is_set():
                return
            await self._start_part(part, request)

    async def _start_part(self, part: str, request: StopRequest) -> None:
        """Starts a part and waits for its pid file; raises Unreachable where it ends before."""
        directory = self._settings.run_directory
        if found := run_file.running(directory, part):
            self._to.print(f"The {part} runs already, as process {found.pid}.")
            return
        command = self._command(part)
        if part == "api":
            run_file.forget_api(self._settings)
        started = await asyncio.to_thread(process.spawn, command, detached=False)
        self._started.append(started)
        async with asyncio.timeout(_READY_SECONDS):
            while run_file.running(directory, part) != started or (
                part == "api" and not run_file.api_announced(self._settings)
            ):
                if not started.alive():
                    raise Unreachable(with_log_tail(f"The {part} ended while it was starting.", command.log))
                if request.is_set():
                    return
                await asyncio.sleep(0.05)

    def _command(self, part: str) -> process.Command:
        settings, log = self._settings, self._settings.home / "log"
        log.mkdir(mode=0o700, parents=True, exist_ok=True)
        return process.Command(
            name=f"The {part}",
            argv=[sys.executable, "-m", "ledger.cli", *_PARTS[part], "--ledger", settings.name],
            env=dict(os.environ),
            cwd=Path.cwd(),
            log=log.absolute() / f"{part}.log",
            pid_file=settings.run_directory.absolute() / f"{part}.pid",
            stop_signal=signal.SIGTERM,
            stop_seconds=_STOP_SECONDS,
        )

    def _welcome(self) -> None:
        settings = self._settings
        self._to.print(f"The ledger {settings.name} is up.")
        self._to.print(f"  API     {run_file.api_address(settings)}/v1/ledgers/{settings.name}")
        self._to.print(f"  login   the bearer token in {settings.token_file}")
        self._to.print(f"  logs    {settings.home / 'log'}")
        self._to.print("  try     ledger demo-data --out month.ndjson && ledger publish --raw month.ndjson")
        self._to.print("Ctrl-C stops everything.")

    def _look(self) -> None:
        """Says what ended and what came back; starts nothing itself."""
        for name, found in self._running().items():
            before = self._seen.get(name)
            if found is None and before is not None and not before.alive():
                del self._seen[name]
                log = self._settings.home / "log" / f"{name}.log"
                self._to.print(f"{name} has ended. `{_again(name)}` starts it again; its log is {log}")
            elif found is not None and found != before:
                self._seen[name] = found
                self._to.print(f"{name} runs as process {found.pid}.")

    def _running(self) -> dict[str, process.Running | None]:
        """What the pid files of the parts name, as far as it lives."""
        settings = self._settings
        found = {part: run_file.running(settings.run_directory, part) for part in _PARTS}
        pids = {}
        if settings.embedded_kafka:
            pids["kafka"] = self._servers.kafka_pid
        if settings.embedded_postgres:
            pids["postgres"] = self._servers.postgres_pid
        for name, pid in pids.items():
            started = process.started_at(pid) if pid else None
            found[name] = process.Running(pid, started) if pid and started else None
        return found

    def _stop(self) -> None:
        """In order: the worker drains while its servers live, then the API, then the servers that this run started."""
        self._to.print("Stopping ...")
        by_hand = [run_file.running(self._settings.run_directory, part) for part in _PARTS]
        for found in dict.fromkeys((*self._started, *by_hand)):
            if found is not None and found.alive():
                process.end(found, signal.SIGTERM, _STOP_SECONDS)
        self._servers.stop_started()


def _again(name: str) -> str:
    return {"worker": "ledger worker", "api": "ledger serve"}.get(name, f"ledger embedded start {name}")
