"""The worker killed, stopped, cut off: what was acknowledged is in the ledger, once. The oracle judges."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.faults.postgres_proxy import Fault, PostgresProxy

if TYPE_CHECKING:
    from tests.faults.program import Program
    from tests.faults.run import Run

_SECONDS = 60.0
_ENTRIES = r"COPY .*entry"
_SMALL = {"LEDGER_BATCH_RECORDS": "20"}
_LONG = {**_SMALL, "LEDGER_LEASE_SECONDS": "600"}  # so that the epoch fences it, and not a renewal that fails
_POINTS = (
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
)


async def test_an_honest_run_gives_no_finding(run: Run) -> None:
    async with run.watched() as heads, run.worker() as worker:
        await worker.says("started")
        await run.produce(600, seed=1)
        await run.drained(worker)
        assert await worker.terminate() == 0, worker.said
    assert len(heads) > 1
    assert await run.findings(heads) == []


async def test_killed_at_every_point(run: Run) -> None:
    """kill -9 at each point in turn, at its second time where there is one, on one and the same log."""
    for seed, point in enumerate(_POINTS):
        await run.produce(150, seed)
        nth = 1 if point == "leased" else 2
        async with run.worker(f"{point}:{nth}:kill", **_SMALL) as worker:
            assert await worker.ended() == -signal.SIGKILL, worker.said
            assert f"struck {point}" in worker.lines
        await run.expire_lease()
    async with run.worker() as worker:
        await run.drained(worker)
        assert await worker.terminate() == 0, worker.said
    assert await run.findings() == []


@pytest.mark.parametrize("fault", [Fault.DROP_BEFORE, Fault.DROP_REPLY])
async def test_the_connection_is_lost_in_commit(run: Run, proxy: PostgresProxy, fault: Fault) -> None:
    """Three times, while more is in flight: the outcome is unknown, and the fence tells it."""
    async with run.worker(LEDGER_DATABASE_URL=proxy.url, **_SMALL) as worker, asyncio.timeout(_SECONDS):
        await worker.says("started")
        for seed in range(3):
            strike = proxy.arm(fault, touching=_ENTRIES, nth=2)
            await run.produce(150, seed)
            await strike.struck.wait()
        await run.drained(worker)
        assert await worker.terminate() == 0, worker.said
    assert await run.findings() == []


async def test_reading_fails_while_a_commit_is_under_way(run: Run, proxy: PostgresProxy) -> None:
    """The writer is cancelled in COMMIT because its neighbour gave up: the worker begins anew, and does not hang."""
    async with run.worker(LEDGER_DATABASE_URL=proxy.url, **_SMALL) as worker, asyncio.timeout(_SECONDS):
        await worker.says("started")
        strike = proxy.arm(Fault.HOLD_REPLY, touching=_ENTRIES)
        await run.produce(20, seed=1)
        await strike.struck.wait()
        await run.add_partitions(5)
        await strike.abandoned.wait()
        strike.release()
        await run.produce(100, seed=2)
        await run.drained(worker)
        assert await worker.terminate() == 0, worker.said
    assert await run.findings() == []


async def test_every_connection_is_cut_and_refused_for_a_while(run: Run, proxy: PostgresProxy) -> None:
    async with run.worker(LEDGER_DATABASE_URL=proxy.url, **_SMALL) as worker, asyncio.timeout(_SECONDS):
        await run.produce(100, seed=1)
        await run.grown_to(20, worker)
        proxy.refusing = True
        proxy.cut()
        await run.produce(100, seed=2)
        await proxy.refused.wait()
        proxy.refusing = False
        await run.drained(worker)
        assert await worker.terminate() == 0, worker.said
    assert await run.findings() == []


@pytest.mark.parametrize("point", ["prepared", "copied half", "committed"])
async def test_a_zombie_is_fenced(run: Run, point: str) -> None:
    """Stopped past its lease, another takes over; continued, the first stands by and appends nothing.

    At `copied half` it holds the head's lock, and who waits for it ends its session.
    """
    await run.produce(200, seed=1)
    async with run.worker(f"{point}:2:stop", **_LONG) as zombie, asyncio.timeout(_SECONDS):
        await zombie.says(f"struck {point}")
        await run.expire_lease()
        async with run.worker(**_SMALL) as heir:
            await run.drained(heir)
            zombie.signal(signal.SIGCONT)
            await zombie.says("continued")
            await zombie.says("fenced")
            await run.produce(200, seed=2)
            await run.drained(heir)
            assert await heir.terminate() == 0, heir.said
        await run.produce(100, seed=3)
        await run.drained(zombie)  # it takes the ledger back, as any worker would
        assert await zombie.terminate() == 0, zombie.said
    assert await run.findings() == []


async def test_workers_come_and_go(run: Run) -> None:
    """Three at a time on one ledger; the one that holds the lease is ended each time."""
    async with run.worker(**_SMALL) as first, run.worker(**_SMALL) as second, run.worker(**_SMALL) as third:
        workers = [first, second, third]
        for seed in range(2):
            await run.produce(200, seed)
            leaseholder = await _leaseholder(workers)
            await leaseholder.kill()
            workers.remove(leaseholder)
        await run.produce(100, seed=9)
        await run.drained(workers[0])
        assert await workers[0].terminate() == 0, workers[0].said
    assert await run.findings() == []


async def _leaseholder(workers: list[Program]) -> Program:
    """The first of these that says it has the lease."""
    async with asyncio.timeout(_SECONDS):
        while True:
            for worker in workers:
                if "worker.leased" in worker.said:
                    return worker
            await asyncio.sleep(0.05)


async def test_ended_in_mid_batch_it_drains(run: Run) -> None:
    """SIGTERM: the transaction under way is finished, the lease released, and the next one need not wait for it."""
    await run.produce(400, seed=1)
    async with run.worker(LEDGER_LEASE_SECONDS="600", **_SMALL) as worker:
        await run.grown_to(40, worker)
        assert await worker.terminate() == 0, worker.said
    assert await run.lag() > 0, "it was ended while there was more"
    async with run.worker(LEDGER_LEASE_SECONDS="600") as heir:
        await run.drained(heir)
        assert await heir.terminate() == 0, heir.said
    assert await run.findings() == []


@pytest.mark.parametrize("strike", ["leased:1:silence", "prepared:1:raise", "copied:1:raise"])
async def test_a_task_that_ends_crashes_the_worker(run: Run, strike: str) -> None:
    """In silence or with an error: a worker that no longer appends must not look healthy."""
    await run.produce(50, seed=1)
    async with run.worker(strike) as worker:
        assert await worker.ended() != 0, worker.said
    await run.expire_lease()
    async with run.worker() as heir:
        await run.drained(heir)
        assert await heir.terminate() == 0, heir.said
    assert await run.findings() == []


async def test_a_part_that_ends_in_silence_is_begun_again(run: Run) -> None:
    """Reading, cancelled by no one knows whom, is not the end of the service: it claims and reads again."""
    await run.produce(200, seed=1)
    async with run.worker("fetched:2:silence", **_SMALL) as worker:
        await worker.says("struck fetched")
        await run.drained(worker)
        assert await worker.terminate() == 0, worker.said
    assert await run.findings() == []


async def test_positions_that_lie_halt_the_worker(run: Run) -> None:
    """Kafka's log ends before the position, or holds another record there: acknowledged records are lost."""
    await run.produce(60, seed=1)
    async with run.worker() as worker:
        await run.drained(worker)
        await run.kill(worker)
    admin = await asyncpg.connect(run.databases.ledger_superuser_url)
    try:
        for lie, mend in (
            ("next_offset = next_offset + 1", "next_offset = next_offset - 1"),
            ("probe = sha256(probe)", "probe = probe"),
        ):
            await admin.execute(f"UPDATE ledger.intake SET {lie} WHERE next_offset > 0 AND probe IS NOT NULL")
            await run.produce(10, seed=2)
            async with run.worker() as worker:
                assert await worker.ended() != 0, worker.said
                assert "broker-lost-records" in worker.said or "acknowledged" in worker.said
            await admin.execute(
                f"UPDATE ledger.intake SET {mend} WHERE next_offset > 0 AND probe IS NOT NULL"
            )
    finally:
        await admin.close()
