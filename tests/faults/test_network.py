"""The wire between the worker and its servers: cut, closed, one way only, slow; requests and answers lost one by one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.faults.kafka_proxy import Api, Fault, KafkaProxy
from tests.faults.tcp_proxy import Way
from tests.oracle.synthetic import Mix

if TYPE_CHECKING:
    from tests.faults.run import Run
    from tests.faults.servers import OwnServers

_SECONDS = 120.0
_SMALL = {"LEDGER_BATCH_RECORDS": "20"}


@pytest.mark.parametrize("name", ["kafka", "postgres"])
async def test_cut_off(own: OwnServers, struck: Run, wired: dict[str, str], name: str) -> None:
    """Every connection is reset and new ones are refused, while more comes in and the worker tries in vain."""
    wire = own.kafka if name == "kafka" else own.postgres
    async with struck.worker(**wired, **_SMALL) as worker, asyncio.timeout(_SECONDS):
        await struck.produce(100, seed=1)
        await struck.grown_to(20, worker)
        wire.refused.clear()
        wire.refusing = True
        wire.cut()
        await struck.produce(100, seed=2)
        await wire.refused.wait()
        wire.refusing = False
        await struck.drained(worker)
        assert await worker.terminate() == 0, worker.said
    assert await struck.findings() == []


@pytest.mark.long
@pytest.mark.parametrize("name", ["kafka", "postgres"])
async def test_reset_again_and_again(own: OwnServers, struck: Run, wired: dict[str, str], name: str) -> None:
    wire = own.kafka if name == "kafka" else own.postgres
    async with struck.worker(**wired, **_SMALL) as worker, asyncio.timeout(_SECONDS):
        for number in range(10):
            await struck.produce(60, seed=number)
            await struck.grown_to(50 * number + 10, worker)
            wire.cut()
        await struck.drained(worker)
        assert await worker.terminate() == 0, worker.said
    assert await struck.findings() == []


@pytest.mark.parametrize(
    ("name", "way"),
    [
        pytest.param("postgres", Way.BACK, id="answers of PostgreSQL"),
        pytest.param("postgres", Way.OUT, id="requests to PostgreSQL", marks=pytest.mark.long),
        pytest.param("kafka", Way.BACK, id="answers of Kafka", marks=pytest.mark.long),
        pytest.param("kafka", Way.OUT, id="requests to Kafka", marks=pytest.mark.long),
    ],
)
async def test_one_way_only(own: OwnServers, struck: Run, wired: dict[str, str], name: str, way: Way) -> None:
    """Past the lease: another worker, that is not cut off, takes over; the first is fenced when the wire is mended."""
    wire = own.kafka if name == "kafka" else own.postgres
    async with struck.worker(**wired, **_SMALL) as worker, asyncio.timeout(_SECONDS):
        await struck.produce(100, seed=1, mix=Mix())  # no dead letter, whose sending would wait longer
        await struck.grown_to(20, worker)
        wire.held.clear()
        wire.stall(way)
        await wire.held.wait()
        await struck.produce(100, seed=2, mix=Mix())
        if name == "postgres":  # its lease cannot be renewed, and runs out
            async with struck.worker(**_SMALL) as heir:
                await struck.drained(heir)
                wire.flow()
                await struck.produce(100, seed=3)
                await struck.drained(heir)
                assert await heir.terminate() == 0, heir.said
        else:
            await worker.says("worker.unreachable")
            wire.flow()
        await struck.produce(50, seed=4)
        await struck.drained(worker)
        assert await worker.terminate() == 0, worker.said
    assert await struck.findings() == []


@pytest.mark.long
async def test_a_delay_of_half_a_second(own: OwnServers, struck: Run, wired: dict[str, str]) -> None:
    """A round trip to either server takes that much longer; the lease is a few of them long."""
    async with struck.worker(**wired, LEDGER_LEASE_SECONDS="5") as worker, asyncio.timeout(_SECONDS):
        await struck.produce(100, seed=1)
        await struck.drained(worker)
        own.kafka.delay = own.postgres.delay = 0.25
        await struck.produce(100, seed=2)
        await struck.drained(worker)
        own.kafka.delay = own.postgres.delay = 0.0
        assert await worker.terminate() == 0, worker.said
        assert "worker.fenced" not in worker.said
    assert await struck.findings() == []


@pytest.mark.long
async def test_a_worker_starts_under_a_delay(own: OwnServers, struck: Run, wired: dict[str, str]) -> None:
    """It takes its time: every connection, claim and transaction is many round trips. But it comes to the end."""
    own.kafka.delay = own.postgres.delay = 0.25
    async with struck.worker(**wired, LEDGER_LEASE_SECONDS="10") as worker:
        await struck.produce(100, seed=1)
        await struck.drained(worker, 2 * _SECONDS)
        own.kafka.delay = own.postgres.delay = 0.0
        assert await worker.terminate() == 0, worker.said
    assert await struck.findings() == []


@pytest.mark.parametrize("fault", list(Fault), ids=lambda fault: fault.name.lower())
async def test_kafkas_requests_are_lost_one_by_one(
    own: OwnServers, struck: Run, wired: dict[str, str], fault: Fault
) -> None:
    """The search for the first and last offsets at the start, then a fetch, the topics' ids, and a dead letter."""
    assert isinstance(own.kafka, KafkaProxy)
    searched = own.kafka.arm(fault, Api.LIST_OFFSETS)
    async with struck.worker(**wired, **_SMALL) as worker, asyncio.timeout(_SECONDS):
        await searched.struck.wait()
        for seed, api in enumerate((Api.FETCH, Api.METADATA, Api.PRODUCE)):
            strike = own.kafka.arm(fault, api, nth=2)
            await struck.produce(100, seed, mix=Mix(duplicates=20, poison=100))
            await strike.struck.wait()
            await struck.drained(worker)
        assert await worker.terminate() == 0, worker.said
    assert await struck.findings() == []
