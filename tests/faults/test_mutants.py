"""The guards taken out one by one: each is missed by the oracle, or the tests that rest on it would prove nothing."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

from tests.oracle.synthetic import Mix

if TYPE_CHECKING:
    from tests.faults.run import Run

_SECONDS = 60.0
_SMALL = {"LEDGER_BATCH_RECORDS": "20"}
_LONG = {
    **_SMALL,
    "LEDGER_LEASE_SECONDS": "600",
}  # it does not notice the loss of the lease when it renews it
_PLAIN = Mix()


async def codes(run: Run) -> set[str]:
    return {finding.code for finding in await run.findings()}


async def test_without_a_fence_a_zombie_is_noticed(run: Run) -> None:
    """Neither epoch nor position: what the zombie prepared before its lease ran out is appended beside its heir's.

    Poison has no identity, so that nothing else would keep it from being there twice.
    """
    await run.produce(100, seed=1, mix=Mix(poison=1000))
    async with (
        run.worker("prepared:1:stop", MUTANT="no_fence", **_LONG) as zombie,
        asyncio.timeout(_SECONDS),
    ):
        await zombie.says("struck prepared")
        await run.expire_lease()
        async with run.worker() as heir:
            await run.drained(heir)
            await run.kill(heir)
        zombie.signal(signal.SIGCONT)
        await zombie.says("halted")
    assert await run.lag() == 0


async def test_offsets_in_another_transaction_are_noticed(run: Run) -> None:
    await run.produce(100, seed=1, mix=_PLAIN)
    async with run.worker("committed:2:kill", MUTANT="offsets_apart", **_SMALL) as worker:
        assert await worker.ended() == -signal.SIGKILL, worker.said
    await run.expire_lease()
    async with run.worker() as heir:
        await run.drained(heir)
        assert await heir.terminate() == 0, heir.said
    assert await codes(run) == {"covered-twice"}


async def test_no_dedup_is_noticed(run: Run) -> None:
    async with run.worker(MUTANT="no_dedup", **_SMALL) as worker:
        await run.produce(100, seed=1, mix=Mix(duplicates=200))
        await run.drained(worker)
        assert await worker.terminate() == 0, worker.said
    assert await codes(run) == {"doubled"}


async def test_uncommitted_reads_are_noticed(run: Run) -> None:
    async with run.worker(MUTANT="uncommitted_reads") as worker:
        await run.produce(20, seed=1)
        await run.transact(20, seed=2, commit=False)
        await run.produce(20, seed=3)
        await run.drained(worker)
        await run.kill(worker)
    assert "wrong-event" in await codes(run)


async def test_no_seek_after_a_fault_is_noticed(run: Run) -> None:
    await run.produce(100, seed=1, mix=_PLAIN)
    async with run.worker("prepared:2:unreachable", MUTANT="no_seek", **_SMALL) as worker:
        await worker.says("worker.unreachable")
        await run.produce(100, seed=2, mix=_PLAIN)  # so that every partition goes on behind what was dropped
        await run.drained(worker)
        await run.kill(worker)
    assert await codes(run) == {"hole", "lost"}


async def test_with_its_guards_the_same_fault_is_nothing(run: Run) -> None:
    await run.produce(100, seed=1, mix=_PLAIN)
    async with run.worker("prepared:2:unreachable", **_SMALL) as worker:
        await run.drained(worker)
        assert await worker.terminate() == 0, worker.said
    assert await codes(run) == set()
