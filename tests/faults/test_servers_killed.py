"""Kafka and PostgreSQL killed, stopped and robbed of their data under a running worker."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from typing import TYPE_CHECKING

import asyncpg
import pytest

from ledger.storage.migrate import login_of, migrate

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.run import Run
    from tests.faults.servers import OwnServers

_SECONDS = 90.0
_SMALL = {"LEDGER_BATCH_RECORDS": "20"}


@pytest.mark.parametrize("name", ["kafka", "postgres"])
async def test_a_server_is_killed_under_load(own: OwnServers, struck: Run, name: str) -> None:
    """kill -9 of the broker, of the postmaster alone, while events come in and are appended."""
    async with struck.watched() as heads, asyncio.timeout(_SECONDS), struck.worker(**_SMALL) as worker:
        await struck.produce(150, seed=1)
        await struck.grown_to(20, worker)
        more = asyncio.create_task(struck.produce(600, seed=2))
        await struck.grown_to(170, worker)
        await own.kill(name)
        await own.start(name)
        await more
        await struck.drained(worker)
        assert await worker.terminate() == 0, worker.said
    assert len(heads) > 1
    assert await struck.findings(heads) == []


@pytest.mark.long
async def test_kafka_is_stopped_for_a_while(own: OwnServers, struck: Run) -> None:
    """Suspended until the worker has noticed, and then on: the worker waits, and goes on where it was."""
    async with struck.worker(**_SMALL) as worker, asyncio.timeout(_SECONDS):
        await struck.produce(100, seed=1)
        await struck.drained(worker)
        async with own.suspended("kafka"):
            await worker.says("worker.unreachable")
        await struck.produce(100, seed=2)
        await struck.drained(worker)
        assert await worker.terminate() == 0, worker.said
    assert await struck.findings() == []


@pytest.mark.long
async def test_the_offsets_of_all_groups_are_lost(own: OwnServers, struck: Run) -> None:
    """`__consumer_offsets` is emptied: the positions are the ledger's."""
    async with struck.worker(**_SMALL) as worker, asyncio.timeout(_SECONDS):
        await struck.produce(100, seed=1)
        await struck.drained(worker)
        while not (lost := list(own.kafka_data.glob("__consumer_offsets-*"))):
            await asyncio.sleep(0.1)  # the first hint how far the ledger is makes the topic
        await own.stop("kafka")
        for each in lost:
            shutil.rmtree(each)
        await own.start("kafka")
        await struck.produce(100, seed=2)
        await struck.drained(worker)
        assert await worker.terminate() == 0, worker.said
    assert await struck.findings() == []


async def test_the_backend_is_killed_in_mid_copy(own: OwnServers, struck: Run) -> None:
    """kill -9 of one backend: PostgreSQL ends all sessions and recovers from its log."""
    await struck.produce(60, seed=1)
    async with struck.worker("copied half:2:stop", **_SMALL) as worker, asyncio.timeout(_SECONDS):
        await worker.says("struck copied half")
        admin = await asyncpg.connect(struck.databases.ledger_superuser_url)
        backend = await admin.fetchval(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction' "
            "AND query LIKE 'COPY%'"
        )
        os.kill(backend, signal.SIGKILL)
        await _ended(admin)
        await own.recovered()
        worker.signal(signal.SIGCONT)
        await struck.drained(worker)
        assert await worker.terminate() == 0, worker.said
    assert await struck.findings() == []


async def test_all_sessions_are_terminated_again_and_again(run: Run) -> None:
    """pg_terminate_backend, as an administrator does it, at whatever moment that comes to be."""
    admin = await asyncpg.connect(run.databases.ledger_superuser_url)
    try:
        async with run.worker(**_SMALL) as worker, asyncio.timeout(_SECONDS):
            ended = 0
            for number in range(5):
                await run.produce(80, seed=number)
                await run.grown_to(60 * number + 20, worker)
                ended += await admin.fetchval(
                    "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND usename = 'ledger'"
                )
            await run.drained(worker)
            assert await worker.terminate() == 0, worker.said
    finally:
        await admin.close()
    assert ended >= 5
    assert await run.findings() == []


async def test_there_are_no_connection_slots_left(
    own: OwnServers, struck: Run, wired: dict[str, str]
) -> None:
    """The worker has lost its connections and gets no new ones: it waits until it does."""
    taken: list[asyncpg.Connection] = []
    try:
        async with struck.worker(**wired, **_SMALL) as worker, asyncio.timeout(_SECONDS):
            await struck.produce(60, seed=1)
            await struck.drained(worker)
            own.postgres.refusing = True
            own.postgres.cut()
            await _take_all(struck.databases.ledger_url, taken)
            own.postgres.refusing = False
            await struck.produce(60, seed=2)
            await worker.says("worker.unreachable")
            for each in taken:
                each.terminate()
            await struck.drained(worker)
            assert await worker.terminate() == 0, worker.said
    finally:
        for each in taken:
            each.terminate()
    assert await struck.findings() == []


async def _take_all(url: str, taken: list[asyncpg.Connection]) -> None:
    """Connects until PostgreSQL has no slot left for this login."""
    with contextlib.suppress(asyncpg.TooManyConnectionsError):
        while len(taken) < 1000:
            taken.append(await asyncpg.connect(url))
    assert 0 < len(taken) < 1000


async def _ended(session: asyncpg.Connection) -> None:
    """Until the server has ended it."""
    with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        while True:
            await session.fetchval("SELECT 1")
    session.terminate()


@pytest.mark.long
async def test_a_long_lock_on_the_head(run: Run) -> None:
    """An administrator's, longer than the patience for a stopped writer: it is waited for, and not ended."""
    admin = await asyncpg.connect(run.databases.ledger_superuser_url)
    try:
        async with run.worker(**_SMALL) as worker, asyncio.timeout(_SECONDS):
            await run.produce(60, seed=1)
            await run.drained(worker)
            size = await run.size()
            async with admin.transaction():
                await admin.execute("SELECT FROM ledger.head FOR UPDATE")
                await run.produce(60, seed=2)
                while not await admin.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                    await asyncio.sleep(0.05)
                await asyncio.sleep(6)
                assert await run.size() == size
            await run.drained(worker)
            assert await worker.terminate() == 0, worker.said
    finally:
        await admin.close()
    assert await run.findings() == []


async def test_migrations_run_while_the_worker_appends(run: Run) -> None:
    """Several at once, as a rolling upgrade makes them; they find nothing to do and disturb nothing."""
    databases = run.databases
    async with run.worker(**_SMALL) as worker, asyncio.timeout(_SECONDS):
        producing = asyncio.create_task(run.produce(300, seed=1))
        await run.grown_to(20, worker)
        logins = [login_of(databases.ledger_url)]
        applied = await asyncio.gather(
            *(migrate(databases.ledger_superuser_url, "ledger", logins) for _ in range(3)),
            *(migrate(databases.vault_superuser_url, "vault", logins) for _ in range(3)),
        )
        await producing
        await run.drained(worker)
        assert await worker.terminate() == 0, worker.said
    assert applied == [[]] * 6
    assert await run.findings() == []


async def test_kafkas_data_is_wiped(own: OwnServers, struck: Run) -> None:
    """Acknowledged records are lost, with the topics: the worker halts and says why, and does not wait in silence."""
    async with struck.worker(**_SMALL) as worker, asyncio.timeout(_SECONDS):
        await struck.produce(60, seed=1)
        await struck.drained(worker)
        await own.stop("kafka")
        wipe(own.kafka_data)
        await own.start("kafka")
        assert await worker.ended() != 0, worker.said
        assert "broker-lost-records" in worker.said
    async with struck.worker(**_SMALL) as again:
        assert await again.ended() != 0, again.said


def wipe(data: Path) -> None:
    for each in data.iterdir():
        shutil.rmtree(each) if each.is_dir() else each.unlink()


@pytest.mark.parametrize("running", [False, True])
async def test_an_old_backup_is_restored(run: Run, running: bool) -> None:
    """The database is put back to where it was, by itself sound: who goes on from there forks the log. The worker has
    kept the head that it appended last, and halts.
    """
    admin = await asyncpg.connect(run.databases.services.superuser_url("postgres"))
    name = run.databases.ledger
    try:
        async with run.worker() as before:
            await run.produce(60, seed=1)
            await run.drained(before)
            assert await before.terminate() == 0, before.said
        await admin.execute(f"CREATE DATABASE {name}_backup TEMPLATE {name}")
        kept = await run.size()
        async with run.worker() as worker:
            await run.produce(60, seed=2)
            await run.drained(worker)
            if running:
                worker.signal(signal.SIGSTOP)  # a database that is missing for a moment would halt it too
            else:
                assert await worker.terminate() == 0, worker.said
            await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
            await admin.execute(f"ALTER DATABASE {name}_backup RENAME TO {name}")
            if running:
                worker.signal(signal.SIGCONT)
                assert await worker.ended() > 0, worker.said
                assert "head-behind" in worker.said
        async with run.worker() as again:
            assert await again.ended() > 0, again.said
            assert "head-behind" in again.said
        assert await run.size() == kept, "and nothing was appended to it"
    finally:
        await admin.execute(f"DROP DATABASE IF EXISTS {name}_backup")
        await admin.close()
