"""The worker killed, stopped, cut off: what was acknowledged is in the ledger, once. The oracle judges."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

from tests.oracle.watch import Watcher

if TYPE_CHECKING:
    from tests.faults.run import Run

_ENTRIES = r"COPY .*entry"


async def test_an_honest_run_gives_no_finding(run: Run) -> None:
    stop = asyncio.Event()
    watcher = Watcher(run.databases.ledger_superuser_url, "main")
    watching = asyncio.create_task(watcher.run(stop))
    async with run.worker() as worker:
        await worker.says("started")
        await run.produce(600, seed=1)
        await run.drained(worker)
        assert await worker.terminate() == 0, worker.said
    stop.set()
    await watching
    assert len(watcher.heads) > 1
    assert await run.findings(watcher.heads) == []


POINTS = [
    "leased",
    "fetched",
    "prepared",
    "locked",
    "fenced",
    "copied half",
    "copied",
    "committing",
    "committed",
    "hinted",
]


async def test_killed_at_every_point(run: Run) -> None:
    """kill -9 at each point in turn, at its second time where there is one, on one and the same log."""
    for seed, point in enumerate(POINTS):
        await run.produce(150, seed)
        nth = 1 if point == "leased" else 2
        async with run.worker(f"{point}:{nth}:kill", LEDGER_BATCH_RECORDS="20") as worker:
            assert await worker.ended() == -signal.SIGKILL, worker.said
            assert f"struck {point}" in worker.lines
    async with run.worker() as worker:
        await run.drained(worker)
        assert await worker.terminate() == 0, worker.said
    assert await run.findings() == []
