"""Hosts the append service in Faust's worker."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import faust
import structlog

from ledger.cli.event_loop import loop_factory
from ledger.cli.garbage import collect_rarely
from ledger.cli.left_behind import LeftBehind
from ledger.cli.signals import stop_request
from streams.app import make_app
from streams.parts import assemble
from streams.service import AppendService

if TYPE_CHECKING:
    from ledger.settings import Settings

_log = structlog.get_logger(__name__)
_FAUST_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class _Ending:
    error: BaseException | None
    faust_stopped: bool


class _Worker(faust.Worker):
    """Faust's worker without its own signal handlers: they stop it beside whoever waits for its end."""

    def install_signal_handlers(self) -> None:
        """SIGTERM and SIGINT are `_host`'s."""


def host(settings: Settings) -> None:
    """Runs the worker of one ledger until SIGTERM or SIGINT: then the transaction under way is finished and the lease
    released. Raises what crashed it, KeyboardInterrupt after Ctrl-C, LeftBehind where Faust does not stop in time.
    """
    collect_rarely()
    runner = asyncio.Runner(loop_factory=loop_factory())
    ending = runner.run(_host(settings))
    if not ending.faust_stopped:
        raise LeftBehind(ending.error)
    runner.close()
    if ending.error is not None:
        raise ending.error


async def _host(settings: Settings) -> _Ending:
    with stop_request() as request:
        try:
            async with assemble(settings) as parts:
                append = AppendService(parts, preparing=_preparing(settings))
                # The append service comes first: one that is added to the app would start only after Faust's own
                # consumer has joined its group and "recovered".
                worker = _Worker(
                    make_app(parts),
                    append,
                    loop=asyncio.get_running_loop(),
                    quiet=True,
                    override_logging=False,
                    redirect_stdouts=False,
                )
                worker.spinner = None  # it writes to the terminal even when it never shows
                _log.info("worker.started", ledger=settings.name)
                running = asyncio.create_task(worker.start())
                asked = asyncio.create_task(request.wait())
                await asyncio.wait((running, asked), return_when=asyncio.FIRST_COMPLETED)
                _log.info("worker.stopping", ledger=settings.name, asked=request.is_set())
                # Faust would stop its app first and wait for Kafka. The drain and the lease come first.
                await append.stop()
                stopped = await _stopped(worker, running, asked)
                error = worker.crash_reason or _error_of(running)
        except Exception as error:  # noqa: BLE001 -- handed on
            return _Ending(error, faust_stopped=True)
        _log.info("worker.stopped", ledger=settings.name, faust=stopped)
        return _Ending(error or (KeyboardInterrupt() if request.interrupted else None), stopped)


def _preparing(settings: Settings) -> list[str] | None:
    """The command of the preparing process, where there is to be one."""
    return (
        [sys.executable, "-m", "ledger.cli.preparing"] if settings.worker_preparation == "process" else None
    )


async def _stopped(worker: faust.Worker, *others: asyncio.Task[None]) -> bool:
    """Whether Faust stops in time; nothing rests on it."""
    stopping = asyncio.create_task(worker.stop())
    await asyncio.wait((stopping,), timeout=_FAUST_SECONDS)
    in_time = stopping.done()
    for task in (stopping, *others):
        task.cancel()
    await asyncio.wait((stopping, *others), timeout=_FAUST_SECONDS if in_time else 0)
    return in_time


def _error_of(task: asyncio.Task[None]) -> BaseException | None:
    return task.exception() if task.done() and not task.cancelled() else None
