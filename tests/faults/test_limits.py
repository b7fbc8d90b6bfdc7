"""The worker runs out of file descriptors, out of memory; PostgreSQL's clock goes wrong by an hour."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.faults.program import Program, members
from tests.oracle import database

if TYPE_CHECKING:
    from tests.faults.run import Run
    from tests.faults.servers import OwnServers

_SECONDS = 120.0
_SMALL = {"LEDGER_BATCH_RECORDS": "20"}
_linux = pytest.mark.skipif(
    sys.platform != "linux", reason="The limits of another process can be set on Linux alone (prlimit)."
)


def limit(pid: int, name: str, soft: int | None) -> None:
    """Sets a soft limit of a running process; None: as high as it may be."""
    import resource  # noqa: PLC0415 -- not on every platform

    kind = getattr(resource, name)
    _, hard = resource.prlimit(pid, kind)
    resource.prlimit(pid, kind, (hard if soft is None else soft, hard))


@_linux
@pytest.mark.long
async def test_out_of_file_descriptors(own: OwnServers, struck: Run, wired: dict[str, str]) -> None:
    """Every connection is lost, and no new one can be opened: it waits until one can, or ends (librdkafka has an
    assertion that may fail then). It loses nothing either way, and does not stand still.
    """
    async with struck.worker(**wired, **_SMALL) as worker, asyncio.timeout(_SECONDS):
        await struck.produce(60, seed=1)
        await struck.drained(worker)
        for each in await members(worker.process.pid):
            limit(each.pid, "RLIMIT_NOFILE", 3)
        own.postgres.cut()
        own.kafka.cut()
        await struck.produce(60, seed=2)
        await worker.says("unreachable")
        for each in await members(worker.process.pid):
            limit(each.pid, "RLIMIT_NOFILE", None)
        async with struck.worker(**_SMALL) as heir:
            await struck.drained(heir)
            assert await heir.terminate() == 0, heir.said
    assert await struck.findings() == []


@_linux
@pytest.mark.long
async def test_out_of_memory(run: Run) -> None:
    """No process of `ledger worker` gets any more memory. It ends, or tries in vain (where librdkafka gets no thread, that
    looks as if Kafka did not answer); it loses nothing, and another goes on.
    """
    async with Program("-m", "ledger.cli", "worker", env=run.env) as worker, asyncio.timeout(_SECONDS):
        await run.produce(60, seed=1)
        await run.drained(worker)
        for each in await members(worker.process.pid):
            limit(each.pid, "RLIMIT_AS", _address_space(each.pid))
        await run.produce(6000, seed=2)
        while worker.process.returncode is None and "unreachable" not in worker.said:
            await asyncio.sleep(0.1)
        worker.signal(signal.SIGKILL)
        await worker.ended()
    await run.expire_lease()
    async with run.worker() as heir:
        await run.drained(heir)
        assert await heir.terminate() == 0, heir.said
    assert await run.findings() == []


def _address_space(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[0])
    return pages * 4096


async def skew(admin: asyncpg.Connection, by: str) -> None:
    await admin.execute("UPDATE skew.amount SET by = $1::text::interval", by)


def skewed_worker(run: Run, **env: str) -> Program:
    """The append service, whose SQL sees a clock_timestamp() that is wrong by what `skew.amount` says."""
    return Program("-m", "tests.faults.skewed_worker", env={**run.env, **_SMALL, **env})


@pytest.fixture
async def clock(run: Run) -> asyncpg.Connection:
    admin = await asyncpg.connect(run.databases.ledger_superuser_url)
    await admin.execute(
        """
        CREATE SCHEMA skew;
        CREATE TABLE skew.amount (by interval NOT NULL);
        INSERT INTO skew.amount VALUES ('0');
        CREATE FUNCTION skew.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
            AS 'SELECT pg_catalog.clock_timestamp() + (SELECT by FROM skew.amount)';
        GRANT USAGE ON SCHEMA skew TO PUBLIC;
        GRANT SELECT ON skew.amount TO PUBLIC;
        """
    )
    return admin


async def test_the_clock_goes_an_hour_forward_and_back(run: Run, clock: asyncpg.Connection) -> None:
    """Forward: an entry says that it was accepted. Back: `appended` does not go back, and the work goes on."""
    async with skewed_worker(run) as worker, asyncio.timeout(_SECONDS):
        for by in ("0", "1 hour", "0", "-1 hour", "0"):
            await skew(clock, by)
            await run.produce(60, seed=1)
            await run.drained(worker)
        assert await worker.terminate() == 0, worker.said
    await clock.close()
    assert await run.findings() == []
    leaves = (await database.snapshot(run.databases.ledger_superuser_url, "main")).leaves
    events = [json.loads(leaf)["event"] for leaf in leaves]
    jumps = [event["data"]["seconds"] for event in events if "ledger.clock-accepted" in event["type"]]
    assert jumps
    assert all(3590 <= jump <= 3610 for jump in jumps)


async def test_a_lease_from_an_hour_ahead_holds_no_one_up(run: Run, clock: asyncpg.Connection) -> None:
    """Its holder was killed while the clock was wrong; the clock was then set right. The epoch fences, not the clock."""
    await skew(clock, "1 hour")
    async with skewed_worker(run) as worker:
        await run.produce(60, seed=1)
        await run.drained(worker)
        await worker.kill()
    await skew(clock, "0")
    await run.produce(60, seed=2)
    async with skewed_worker(run) as heir:
        await run.drained(heir)
        assert await heir.terminate() == 0, heir.said
    await clock.close()
    assert await run.findings() == []
