"""Hosts the append service in Faust's worker."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import faust
import structlog

from ledger.cli.signals import stop_request
from streams.app import make_app
from streams.parts import assemble
from streams.service import AppendService

if TYPE_CHECKING:
    from ledger.settings import Settings

_log = structlog.get_logger(__name__)


class _Worker(faust.Worker):
    """Faust's worker without its own signal handlers: they stop it beside whoever waits for its end."""

    def install_signal_handlers(self) -> None:
        """SIGTERM and SIGINT are `host`'s."""


async def host(settings: Settings) -> None:
    """Runs the worker of one ledger until SIGTERM or SIGINT: then the transaction under way is finished and the lease
    released. Raises what crashed it, KeyboardInterrupt after Ctrl-C.
    """
    with stop_request() as request:
        async with assemble(settings) as parts:
            # The append service comes first: one that is added to the app would start only after Faust's own consumer
            # has joined its group and "recovered".
            worker = _Worker(
                make_app(parts),
                AppendService(parts),
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
            if request.is_set():
                _log.info("worker.stopping", ledger=settings.name)
            await worker.stop()
            for task in (asked, running):
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
            if worker.crash_reason is not None:
                raise worker.crash_reason
        _log.info("worker.stopped", ledger=settings.name)
        request.settle()
