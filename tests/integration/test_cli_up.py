"""`ledger up`: everything in the foreground on embedded servers, parts that come and go, and no orphans."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import ClientSession

from ledger.embedded import Embedded
from ledger.embedded.process import started_at
from tests.faults.program import Program

if TYPE_CHECKING:
    from collections.abc import Iterator

PARTS = ("kafka", "postgres", "worker", "api")
_SECONDS = 60.0


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    home = tmp_path / ".ledger"
    yield {"LEDGER_HOME": str(home), "LEDGER_API_PORT": "0", "LEDGER_METRICS_PORT": "0"}
    Embedded(home).delete()


def _pids(environment: dict[str, str]) -> dict[str, int]:
    run = Path(environment["LEDGER_HOME"]) / "run"
    return {part: int((run / f"{part}.pid").read_text()) for part in PARTS if (run / f"{part}.pid").exists()}


async def _gone(pids: dict[str, int]) -> None:
    """Waits until none of these processes is left."""
    async with asyncio.timeout(_SECONDS):
        while left := [part for part, pid in pids.items() if started_at(pid)]:
            assert left
            await asyncio.sleep(0.05)


async def _status(environment: dict[str, str]) -> dict[str, Any]:
    async with Program("-m", "ledger.cli", "status", "--json", env=environment) as ledger:
        assert await ledger.ended() == 0
    found: dict[str, Any] = json.loads("\n".join(ledger.lines))
    return found


def _token(environment: dict[str, str]) -> Path:
    return Path(environment["LEDGER_HOME"]) / "run" / "api.token"


async def _answers(url: str, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    async with ClientSession(headers=headers) as client, client.get(url) as answer:
        return answer.status


async def _ledger(environment: dict[str, str], *arguments: str) -> None:
    async with Program("-m", "ledger.cli", *arguments, env=environment) as ledger:
        assert await ledger.ended() == 0, ledger.said


async def _kafka_comes_back(environment: dict[str, str], up: Program) -> None:
    """Kafka is stopped and started alone; the worker blocks meanwhile and goes on afterwards."""
    home = Path(environment["LEDGER_HOME"])
    await _ledger(environment, "embedded", "stop", "kafka")
    await up.says("kafka has ended.")
    log = home / "log" / "worker.log"
    async with asyncio.timeout(_SECONDS):
        while b"worker.unreachable" not in log.read_bytes():
            await asyncio.sleep(0.1)
    await _ledger(environment, "embedded", "start", "kafka")
    await up.says("kafka runs as process")
    file = home / "month.ndjson"
    await _ledger(environment, "demo-data", "--days", "1", "--persons", "3", "--out", str(file))
    await _ledger(environment, "publish", "--raw", str(file))
    async with asyncio.timeout(_SECONDS):
        while (found := await _status(environment))["lag"]:
            assert "worker has ended." not in up.said
    assert found["counts"]["appended"]


async def test_everything_runs_until_it_is_stopped(environment: dict[str, str]) -> None:
    async with Program("-m", "ledger.cli", "up", env=environment) as up:
        await up.says("Ctrl-C stops everything.")
        pids = _pids(environment)
        assert set(pids) == set(PARTS)
        status = await _status(environment)
        assert status["services"]["api"] in up.said
        assert "postgres:" in status["services"]["database"]
        assert str(_token(environment)) in up.said
        assert (
            await _answers(
                f"{status['services']['api']}/v1/ledgers/main/status", _token(environment).read_text().strip()
            )
            == 200
        )

        await _kafka_comes_back(environment, up)

        os.kill(pids["worker"], signal.SIGTERM)
        await up.says("worker has ended.")
        assert "worker" not in _pids(environment)
        async with Program("-m", "ledger.cli", "worker", env=environment) as worker:
            await up.says(f"worker runs as process {worker.process.pid}.")
            assert await up.terminate() == 0
            # It was begun by hand in the part's place, so it is stopped with the rest.
            assert await worker.ended() == 0
        assert not _pids(environment)
        await _gone(pids)


async def test_nothing_is_left_behind_by_kill_9(environment: dict[str, str]) -> None:
    async with Program("-m", "ledger.cli", "up", env=environment) as up:
        await up.says("Ctrl-C stops everything.")
        pids = _pids(environment)
        os.kill(up.process.pid, signal.SIGKILL)
        await _gone(pids)
    async with Program("-m", "ledger.cli", "up", env=environment) as up:
        await up.says("Ctrl-C stops everything.")
        pids = _pids(environment)
        # Even where Kafka is gone the rest ends in order.
        os.kill(pids["kafka"], signal.SIGTERM)
        await up.says("kafka has ended.")
        os.kill(up.process.pid, signal.SIGINT)
        assert await up.ended() == 130
        await _gone(pids)
