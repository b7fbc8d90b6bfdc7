"""The faults that a soak throws, one function each; all they draw comes from the soak's seed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import asyncpg
from confluent_kafka import KafkaException

from tests.faults.program import children
from tests.faults.tcp_proxy import Way
from tests.oracle import synthetic
from tests.oracle.journal import Journal, acknowledgement_line
from tests.oracle.produce import transact

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from tests.faults.run import Run
    from tests.faults.servers import OwnServers
    from tests.faults.supervised import Supervised

_MOST_PARTITIONS = 12
_LEASE_SECONDS = 10.0


@dataclass
class Ground:
    """What there is to strike."""

    servers: OwnServers
    run: Run
    workers: list[Supervised]
    draw: random.Random
    transactions: Path
    partitions: int = 3
    sent: int = field(default=0)

    @property
    def admin_url(self) -> str:
        return self.run.databases.ledger_superuser_url

    def leaseholder(self) -> Supervised:
        """The worker that took the lease last."""
        return max(self.workers, key=lambda worker: worker.epoch())


async def worker_killed(ground: Ground) -> str:
    ground.leaseholder().strike(signal.SIGKILL)
    return "kill -9 of the leaseholder's main process"


async def both_workers_killed(ground: Ground) -> str:
    for worker in ground.workers:
        worker.strike(signal.SIGKILL)
    return "kill -9 of both workers"


async def preparation_killed(ground: Ground) -> str:
    """The process that the leaseholder has prepare its batches; it makes another one."""
    holder = ground.leaseholder()
    started = await children(holder.pid) if holder.pid else []
    for pid in started:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return f"kill -9 of {len(started)} processes that the leaseholder had started"


async def worker_ended(ground: Ground) -> str:
    ground.leaseholder().strike(signal.SIGTERM)
    return "SIGTERM of the leaseholder"


async def worker_suspended(ground: Ground) -> str:
    """Past its lease, so that the other takes over; then it goes on as a zombie."""
    worker, seconds = ground.leaseholder(), _LEASE_SECONDS + ground.draw.uniform(1, 8)
    worker.strike(signal.SIGSTOP)
    await asyncio.sleep(seconds)
    worker.strike(signal.SIGCONT)
    return f"SIGSTOP of the leaseholder for {seconds:.1f} s"


async def kafka_killed(ground: Ground) -> str:
    seconds = ground.draw.uniform(0, 5)
    await ground.servers.kill("kafka")
    await asyncio.sleep(seconds)
    await ground.servers.start("kafka")
    return f"kill -9 of Kafka, started again after {seconds:.1f} s"


async def kafka_suspended(ground: Ground) -> str:
    seconds = ground.draw.uniform(2, 20)
    async with ground.servers.suspended("kafka"):
        await asyncio.sleep(seconds)
    return f"SIGSTOP of Kafka for {seconds:.1f} s"


async def postgres_killed(ground: Ground) -> str:
    seconds = ground.draw.uniform(0, 3)
    await ground.servers.kill("postgres")
    await asyncio.sleep(seconds)
    await ground.servers.start("postgres")
    return f"kill -9 of the postmaster, started again after {seconds:.1f} s"


async def postgres_restarted(ground: Ground) -> str:
    await ground.servers.stop("postgres")
    await ground.servers.start("postgres")
    return "PostgreSQL restarted in order"


async def backends_terminated(ground: Ground) -> str:
    connection = await asyncpg.connect(ground.admin_url)
    try:
        ended = await connection.fetchval(
            "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'ledger'"
        )
    finally:
        await connection.close()
    return f"pg_terminate_backend of {ended} sessions"


async def head_locked(ground: Ground) -> str:
    seconds = ground.draw.uniform(3, 9)
    connection = await asyncpg.connect(ground.admin_url)
    try:
        async with connection.transaction():
            await connection.execute("SELECT FROM ledger.head FOR UPDATE")
            await asyncio.sleep(seconds)
    finally:
        await connection.close()
    return f"an administrator's lock on the head for {seconds:.1f} s"


async def slots_exhausted(ground: Ground) -> str:
    """Until PostgreSQL refuses the login; then every connection of the workers is cut."""
    seconds = ground.draw.uniform(2, 6)
    taken: list[asyncpg.Connection] = []
    try:
        with contextlib.suppress(asyncpg.TooManyConnectionsError):
            while len(taken) < 1000:
                taken.append(await asyncpg.connect(ground.run.databases.ledger_url))
        ground.servers.postgres.cut()
        await asyncio.sleep(seconds)
    finally:
        for each in taken:
            each.terminate()
    return f"all connection slots taken for {seconds:.1f} s"


async def connections_cut(ground: Ground) -> str:
    wires = {"Kafka": ground.servers.kafka, "PostgreSQL": ground.servers.postgres}
    chosen = ground.draw.choice([["Kafka"], ["PostgreSQL"], ["Kafka", "PostgreSQL"]])
    seconds = ground.draw.choice([0.0, ground.draw.uniform(0.5, 5)])
    for name in chosen:
        wires[name].refusing = True
        wires[name].cut()
    await asyncio.sleep(seconds)
    for name in chosen:
        wires[name].refusing = False
    return f"connections to {' and '.join(chosen)} reset, new ones refused for {seconds:.1f} s"


async def one_way(ground: Ground) -> str:
    name, wire = ground.draw.choice(
        [("Kafka", ground.servers.kafka), ("PostgreSQL", ground.servers.postgres)]
    )
    way, seconds = ground.draw.choice(list(Way)), ground.draw.uniform(2, 20)
    wire.stall(way)
    await asyncio.sleep(seconds)
    wire.flow()
    if ground.draw.random() < 0.5:
        wire.cut()
    return f"{name}: nothing passes {way.value} for {seconds:.1f} s"


async def delayed(ground: Ground) -> str:
    seconds = ground.draw.uniform(5, 15)
    wires = ground.servers.kafka, ground.servers.postgres
    for wire in wires:
        wire.delay = 0.25
    await asyncio.sleep(seconds)
    for wire in wires:
        wire.delay = 0.0
    return f"every byte to and fro delayed by 250 ms (500 ms a round trip) for {seconds:.1f} s"


async def transaction(ground: Ground) -> str:
    commit, count = ground.draw.random() < 0.5, ground.draw.randrange(1, 300)
    made = synthetic.events(count, ground.draw.randrange(1 << 32))
    try:
        acknowledged = await asyncio.to_thread(
            transact, ground.run.bootstrap, ground.run.topic, made, commit=commit
        )
    except (KafkaException, TimeoutError) as error:
        return f"a transaction of {count} records that Kafka did not take ({type(error).__name__})"
    with Journal(ground.transactions) as journal:
        journal.write(map(acknowledgement_line, acknowledged))
    ground.sent += count
    return f"a transaction of {count} records {'committed' if commit else 'aborted'}"


async def partition_added(ground: Ground) -> str:
    if ground.partitions >= _MOST_PARTITIONS:
        return "no partition added: there are enough"
    ground.partitions += 1
    await ground.run.add_partitions(ground.partitions)
    return f"partition {ground.partitions - 1} added"


FAULTS: dict[str, tuple[int, Callable[[Ground], Awaitable[Any]]]] = {
    "worker killed": (6, worker_killed),
    "both workers killed": (2, both_workers_killed),
    "preparation killed": (3, preparation_killed),
    "worker ended": (3, worker_ended),
    "worker suspended past its lease": (3, worker_suspended),
    "Kafka killed": (3, kafka_killed),
    "Kafka suspended": (2, kafka_suspended),
    "PostgreSQL killed": (3, postgres_killed),
    "PostgreSQL restarted": (1, postgres_restarted),
    "backends terminated": (3, backends_terminated),
    "head locked": (1, head_locked),
    "connection slots exhausted": (1, slots_exhausted),
    "connections cut": (4, connections_cut),
    "one way only": (2, one_way),
    "delay": (1, delayed),
    "transaction": (4, transaction),
    "partition added": (1, partition_added),
}
"""By name: how often it is drawn, and what it does; each answers with what it did in detail."""
