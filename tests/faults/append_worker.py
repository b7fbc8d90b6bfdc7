"""The append service by itself, as a program that can be struck at any point of the append protocol.

Settings come from the environment as for `ledger worker`. `STRIKE=POINT:NTH:ACTION` acts when the point is reached
for the nth time: `kill` is kill -9, `stop` SIGSTOP, `raise` a fault of our own, `unreachable` one that waiting cures, `silence` ends a task of the service without a word.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING

from ledger.cli import logs
from ledger.core.protocol import Protocol
from ledger.settings import load
from streams.parts import assemble
from streams.service import AppendService
from streams.topics import KafkaUnreachable
from tests.faults.mutants import MUTANTS

if TYPE_CHECKING:
    from ledger.core.protocol import Point


# Before the batch is handed over, a strike hits the one who prepares; here that shall be the program itself.
INLINE = os.environ.get("STRIKE", "").startswith(("fetched", "prepared")) or "MUTANT" in os.environ
PREPARING = [sys.executable, "-m", "ledger.cli.preparing"]


class Strike(Protocol):
    """Acts once; says `struck` before."""

    def __init__(self, point: str, nth: int, action: str) -> None:
        self._point, self._left, self._action = point, nth, action

    async def reach(self, point: Point) -> None:
        if point != self._point:
            return
        self._left -= 1
        if self._left != 0:
            return
        say(f"struck {point}")
        if self._action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self._action == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
            say("continued")
        elif self._action == "raise":
            raise RuntimeError("struck")
        elif self._action == "unreachable":
            raise KafkaUnreachable("struck")
        elif self._action == "silence":
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(0)


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


async def main() -> int:
    asked = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked.set)
    logs.configure()
    point, nth, action = os.environ.get("STRIKE", "never:0:kill").split(":")
    if mutant := os.environ.get("MUTANT"):
        MUTANTS[mutant]()
    strike = Strike(point, int(nth), action)
    async with assemble(load()) as parts:
        service = AppendService(parts, preparing=None if INLINE else PREPARING, protocol=strike)
        await service.start()
        say("started")
        try:
            stopped = await service.wait_for_stopped(asked.wait())
        except Exception:  # noqa: BLE001 -- a crash of the service, whatever it was: the exit code says it
            stopped = True
        await service.stop()
        return 1 if stopped or service.crashed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
