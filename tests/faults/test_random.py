"""kill -9 without failpoints, at moments drawn by lot: to find the points that have no name. FAULTS_SEED repeats a run."""

from __future__ import annotations

import asyncio
import random
import signal
from typing import TYPE_CHECKING

import pytest

from tests.faults.test_worker import _leaseholder

if TYPE_CHECKING:
    from tests.faults.program import Program
    from tests.faults.run import Run

_SMALL = {"LEDGER_BATCH_RECORDS": "20"}
_ROUNDS = 40


@pytest.mark.parametrize(
    "kills", [20, pytest.param(100, marks=[pytest.mark.long, pytest.mark.timeout(1800)])]
)
async def test_killed_again_and_again(run: Run, seed: int, kills: int) -> None:
    """One run, one log. Each worker is killed a moment after the log has grown to a size drawn by lot; every other time
    its whole process group at once, as when memory runs out.
    """
    draw = random.Random(seed)
    async with run.watched() as heads:
        for kill in range(kills):
            await run.produce(60, seed=draw.randrange(1 << 32))
            goal = await run.size() + draw.randrange(1, 40)
            async with run.worker(**_SMALL) as worker:
                await run.grown_to(goal, worker)
                await asyncio.sleep(draw.uniform(0, 0.05))
                if kill % 2:
                    worker.signal(signal.SIGKILL)
                await run.kill(worker)
        async with run.worker() as worker:
            await worker.says("started")
            await run.drained(worker)
            assert await worker.terminate() == 0, worker.said
    assert await run.findings(heads) == []


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_workers_join_and_leave(run: Run, seed: int) -> None:
    """Three at a time on one ledger; every few seconds one goes, in order or by kill -9, and another comes."""
    draw = random.Random(seed)
    workers: list[Program] = []
    try:
        async with run.watched() as heads:
            for _ in range(_ROUNDS):
                while len(workers) < 3:
                    workers.append(await run.worker(**_SMALL).__aenter__())
                    await workers[-1].says("started")
                await run.produce(100, seed=draw.randrange(1 << 32))
                leaseholder = await _leaseholder(workers)
                await asyncio.sleep(draw.uniform(0, 1))
                going = draw.choice([leaseholder, draw.choice(workers)])
                workers.remove(going)
                if draw.random() < 0.5:
                    await going.kill()
                else:
                    assert await going.terminate() == 0, going.said
            await run.drained(workers[0])
            for worker in workers:
                assert await worker.terminate() == 0, worker.said
    finally:
        for worker in workers:
            await worker.__aexit__()
    assert await run.findings(heads) == []
