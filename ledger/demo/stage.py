"""What the story is played on: embedded servers in a directory of their own, a ledger, and a worker as its own process."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ledger.cli.operate import set_up
from ledger.cli.publishing import publish
from ledger.core.errors import Unreachable
from ledger.embedded import Embedded, process
from ledger.embedded.errors import with_log_tail
from ledger.services import resolve
from ledger.settings import EMBEDDED, Settings
from ledger.storage.opening import open_ledger
from ledger.storage.status import status
from streams.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractAsyncContextManager

    from ledger.services import Addresses
    from ledger.storage.opening import OpenLedger

HOME = Path(".ledger") / "demo"
NAME = "demo"
_KEPT = ("LEDGER_JAVA_HOME", "LEDGER_MAVEN_REPOSITORY", "LEDGER_KAFKA_JARS", "LEDGER_DEBUG")
_CAUGHT_UP_SECONDS = 300.0
_STOP_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Stage:
    """A ledger with its servers. Everything on it ends with this process."""

    settings: Settings
    servers: Embedded
    addresses: Addresses
    topics: Topics
    worker: process.Running

    def opened(self) -> AbstractAsyncContextManager[OpenLedger]:
        addresses = self.addresses
        return open_ledger(NAME, addresses.database_url, addresses.vault_url, self.settings.keys_directory)

    async def status(self) -> dict[str, Any]:
        async with self.opened() as ledger:
            return await status(ledger, self.addresses, self.topics, embedded=True)

    async def publish(self, lines: Iterable[bytes], salt: bytes) -> int:
        """Sends lines as they are, refused ones too; how many the broker acknowledged."""
        bootstrap = self.addresses.kafka_bootstrap
        return (await publish(lines, self.settings, bootstrap, salt, raw=True)).published

    async def caught_up(self) -> dict[str, Any]:
        """Waits until every record is accounted for; the status then. Raises Unreachable where the worker ends."""
        async with asyncio.timeout(_CAUGHT_UP_SECONDS):
            while (found := await self.status())["lag"]:
                if not self.worker.alive():
                    raise Unreachable(with_log_tail("The worker has ended.", _worker_log(self.settings)))
                await asyncio.sleep(0.2)
        return found

    def stop(self) -> None:
        """The worker drains, then the servers stop."""
        if self.worker.alive():
            process.end(self.worker, signal.SIGTERM, _STOP_SECONDS)
        self.servers.stop()


def clear() -> Embedded:
    """An empty stage: what an earlier run left behind is stopped and removed."""
    for name in [name for name in os.environ if name.startswith("LEDGER_") and name not in _KEPT]:
        del os.environ[name]
    if HOME.exists():
        Embedded(HOME).delete()
        shutil.rmtree(HOME)
    return Embedded(HOME)


async def build(servers: Embedded) -> Stage:
    """Starts the servers, makes databases, topics and keys, starts the worker."""
    await asyncio.to_thread(servers.start)
    settings = Settings(
        name=NAME, home=HOME, database_url=EMBEDDED, vault_url=EMBEDDED, kafka_bootstrap=EMBEDDED
    )
    await set_up(settings)
    addresses = resolve(settings)
    topics = Topics(settings, addresses.kafka_bootstrap)
    await topics.ensure()
    worker = await asyncio.to_thread(process.spawn, _worker(settings), detached=False)
    return Stage(settings, servers, addresses, topics, worker)


def _worker(settings: Settings) -> process.Command:
    return process.Command(
        name="The worker",
        argv=[sys.executable, "-m", "ledger.cli", "worker", "--ledger", NAME],
        env={**os.environ, "LEDGER_HOME": str(settings.home)},
        cwd=Path.cwd(),
        log=_worker_log(settings),
        pid_file=settings.run_directory.absolute() / "worker.pid",
        stop_signal=signal.SIGTERM,
        stop_seconds=_STOP_SECONDS,
    )


def _worker_log(settings: Settings) -> Path:
    return (settings.home / "log" / "worker.log").absolute()
