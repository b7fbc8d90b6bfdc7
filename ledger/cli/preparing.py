"""The preparing process's program: `python -m ledger.cli.preparing FD`, FD being its socket to the worker.

The worker starts it; nobody else should.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys

import structlog

from ledger.cli import logs
from ledger.cli.event_loop import loop_factory
from ledger.cli.garbage import collect_rarely
from ledger.core.errors import InternalFault, LedgerError
from ledger.core.protocol import Protocol
from ledger.settings import Settings
from streams.channel import Channel, Start
from streams.parts import assemble
from streams.preparing import serve

_log = structlog.get_logger(__name__)


async def prepare(end: socket.socket, failpoints: Protocol) -> None:
    """Prepares for the worker at the other end of a socket, until it is gone."""
    channel = Channel(end)
    start = await channel.receive()
    if not isinstance(start, Start):
        raise InternalFault(
            "The preparing process must be told its settings first: `ledger worker` starts it."
        )
    async with assemble(Settings.model_validate_json(start.settings)) as parts:
        await serve(parts, channel, failpoints)


def main() -> None:
    """SIGINT is the worker's: Ctrl-C reaches the whole process group, and the worker drains first."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logs.configure()
    collect_rarely()
    end = socket.socket(fileno=int(sys.argv[1]))
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(prepare(end, Protocol()))
    except EOFError:
        return  # the worker is gone
    except LedgerError as error:
        _log.error("preparing.failed", code=error.code, advice=str(error))
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
