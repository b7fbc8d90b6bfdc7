"""How soon another worker goes on, with the lease that production has. The two limits are promises, not speed."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

import pytest

from tests.faults.program import Program

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.faults.run import Run

_AFTER_KILL = 15.0  # seconds from kill -9 to the heir's first commit
_AFTER_STOP = 2.0  # seconds from the end of a clean stop to the heir's first commit


@contextlib.asynccontextmanager
async def trickle(run: Run) -> AsyncIterator[None]:
    """Some events all the time, so that there is always something to commit."""
    over = asyncio.Event()

    async def produce() -> None:
        number = 0
        while not over.is_set():
            await run.produce(5, seed=number)
            number += 1
            await asyncio.sleep(0.05)

    producing = asyncio.create_task(produce())
    try:
        yield
    finally:
        over.set()
        await producing


def worker(run: Run) -> Program:
    """`ledger worker` as it is shipped, with the lease that it has by default."""
    env = {name: value for name, value in run.env.items() if name != "LEDGER_LEASE_SECONDS"}
    return Program("-m", "ledger.cli", "worker", env=env)


@pytest.mark.parametrize(
    ("clean", "limit"), [(False, _AFTER_KILL), (True, _AFTER_STOP)], ids=["kill", "stop"]
)
async def test_another_worker_takes_over_in_time(
    run: Run, clean: bool, limit: float, request: pytest.FixtureRequest
) -> None:
    async with worker(run) as first, worker(run) as second:
        async with trickle(run):
            await run.grown_to(50, first)
            for each in (first, second):
                await each.says("worker.started")
            holder, heir = (first, second) if "worker.leased" in first.said else (second, first)
            began = time.monotonic()
            if clean:
                assert await holder.terminate() == 0, holder.said
                began = time.monotonic()
            else:
                holder.process.kill()
                await holder.process.wait()
            size = await run.size()
            await run.grown_to(size + 1, heir)
            took = time.monotonic() - began
        await run.drained(heir)
        assert await heir.terminate() == 0, heir.said
    request.node.user_properties.append(("note", f"after {took:.1f} s, of {limit:g} at most"))
    assert took <= limit
    assert await run.findings() == []
