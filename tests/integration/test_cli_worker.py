"""`ledger worker` and `ledger serve` as processes: how they end, and what they leave behind."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from aiohttp import ClientSession

from tests.faults.program import Program
from tests.integration.command_line import CommandLine, environment
from tests.world import accessed, registering

if TYPE_CHECKING:
    from tests.world import World

ANN = "email:ann@example.eu"
MANY = 6_000
_SECONDS = 60.0


async def _sql(world: World, statement: str) -> Any:
    connection = await asyncpg.connect(world.databases.ledger_superuser_url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def _until(world: World, statement: str) -> None:
    async with asyncio.timeout(_SECONDS):
        while not await _sql(world, statement):
            await asyncio.sleep(0.02)


def _pid_file(world: World, part: str) -> Path:
    return Path(world.settings.home) / "run" / f"{part}.pid"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
async def test_a_worker_that_is_asked_to_stop_drains_and_another_goes_on(
    number: signal.Signals, code: int, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = CommandLine(world, monkeypatch)
    async with Program("-m", "ledger.cli", "worker", env=environment(world)) as worker:
        await worker.says("worker.leased")
        world.publish([*registering(), *(accessed(ANN) for _ in range(MANY))])
        await _until(world, "SELECT size > 3 FROM ledger.head")
        os.kill(worker.process.pid, number)
        assert await worker.ended() == code
    assert "worker.stopped" in worker.said
    assert "Traceback" not in worker.said
    assert "ann@" not in worker.said
    assert await _sql(world, "SELECT until <= clock_timestamp() FROM ledger.lease")
    assert not _pid_file(world, "worker").exists()
    async with Program("-m", "ledger.cli", "worker", env=environment(world)) as worker:
        await worker.says("worker.leased")
        await _until(world, f"SELECT size >= {MANY + 3} FROM ledger.head")
        assert await worker.terminate() == 0
    status = (await ledger("status", "--json")).json
    assert status["counts"] == {"appended": MANY + 3, "rejected": 0, "duplicate": 0, "conflict": 0}
    assert (await ledger("verify")).code == 0


async def test_a_worker_whose_service_crashes_does_not_end_well(world: World) -> None:
    await _sql(world, "REVOKE INSERT ON ledger.entry FROM ledger_writer")
    async with Program("-m", "ledger.cli", "worker", env=environment(world)) as worker:
        await worker.says("worker.leased")
        world.publish([accessed(ANN)])
        assert await worker.ended() == 70
    assert "ann@" not in worker.said
    assert not _pid_file(world, "worker").exists()


async def test_a_second_worker_stands_by_and_takes_over(world: World) -> None:
    async with Program("-m", "ledger.cli", "worker", env=environment(world)) as first:
        await first.says("worker.leased")
        async with Program("-m", "ledger.cli", "worker", env=environment(world)) as second:
            await second.says("worker.started")
            assert _pid_file(world, "worker").read_text() == f"{first.process.pid}\n"
            assert "worker.leased" not in second.said
            await first.kill()
            await second.says("worker.leased")
            assert await second.terminate() == 0
    # A crash leaves its pid file; the next one takes it over.
    assert _pid_file(world, "worker").exists()
    async with Program("-m", "ledger.cli", "worker", env=environment(world)) as third:
        await third.says("worker.leased")
        assert _pid_file(world, "worker").read_text() == f"{third.process.pid}\n"
        assert await third.terminate() == 0
    assert not _pid_file(world, "worker").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
async def test_the_api_says_where_it_listens_and_ends_in_order(
    number: signal.Signals, code: int, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("serve", "--port", "0", "--metrics-port", "0")
    async with Program("-m", "ledger.cli", *arguments, env=environment(world)) as api:
        await api.says("The API listens on http://127.0.0.1:")
        address = (await CommandLine(world, monkeypatch)("status", "--json")).json["services"]["api"]
        assert f"The API listens on {address}" in api.said
        async with ClientSession() as client, client.get(f"{address}/livez") as answer:
            assert answer.status == 200
        os.kill(api.process.pid, number)
        assert await api.ended() == code
    assert not _pid_file(world, "api").exists()
