"""One ledger under fault: topics of its own, the oracle as producer and judge, workers that can be struck."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Any

import asyncpg
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, OffsetSpec

from ledger.settings import Settings
from streams.topics import Topics
from tests.faults.program import Program
from tests.oracle import broker, database, synthetic
from tests.oracle.check import check
from tests.oracle.observed import topic_id_of
from tests.oracle.produce import produce, transact

if TYPE_CHECKING:
    from pathlib import Path

    from tests.oracle.observed import Acknowledgement, Finding, Head
    from tests.oracle.synthetic import Made
    from tests.services import DatabasePair

NAME = "main"
_SECONDS = 60.0
_POLL_SECONDS = 0.05
_MIX = synthetic.Mix(duplicates=60, conflicts=20, poison=20)


class Run:
    """A migrated ledger with topics of its own. `acknowledged` is all that the broker promised so far."""

    def __init__(self, databases: DatabasePair, home: Path) -> None:
        self.databases = databases
        self.bootstrap = databases.services.kafka_bootstrap
        self.prefix = f"f{secrets.token_hex(4)}."
        self.topic = self.prefix + synthetic.TOPIC
        self.acknowledged: list[Acknowledgement] = []
        self.env = {
            "LEDGER_NAME": NAME,
            "LEDGER_HOME": str(home),
            "LEDGER_DATABASE_URL": databases.ledger_url,
            "LEDGER_VAULT_URL": databases.vault_url,
            "LEDGER_MIGRATE_DATABASE_URL": databases.ledger_superuser_url,
            "LEDGER_MIGRATE_VAULT_URL": databases.vault_superuser_url,
            "LEDGER_KAFKA_BOOTSTRAP": self.bootstrap,
            "LEDGER_TOPIC_PREFIX": self.prefix,
            "LEDGER_LEASE_SECONDS": "1",
            "LEDGER_METRICS_PORT": "0",
            "LEDGER_BATCH_RECORDS": "100",
        }
        settings = Settings(topic_prefix=self.prefix, home=home, topic_partitions=3)
        # Kept: an answer that is awaited goes with its client.
        self.admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        self._topics = Topics(settings, self.bootstrap)

    async def make_topics(self) -> None:
        await self._topics.ensure()

    @property
    def inbound(self) -> tuple[str, ...]:
        return self._topics.inbound

    def worker(self, strike: str = "", **env: str) -> Program:
        """The append service by itself; `strike` as in append_worker.py."""
        more = {"STRIKE": strike} if strike else {}
        return Program("-m", "tests.faults.append_worker", env={**self.env, **more, **env})

    async def produce(self, count: int, seed: int, mix: synthetic.Mix = _MIX, **settings: Any) -> None:
        """`count` values of this mix, acknowledged when it returns."""
        made = synthetic.events(count, seed, mix)
        self.acknowledged += await asyncio.to_thread(produce, self.bootstrap, self.topic, made, **settings)

    async def produce_these(self, *made: Made) -> None:
        self.acknowledged += await asyncio.to_thread(produce, self.bootstrap, self.topic, made)

    async def transact(self, count: int, seed: int, *, commit: bool) -> None:
        made = synthetic.events(count, seed)
        self.acknowledged += await asyncio.to_thread(
            transact, self.bootstrap, self.topic, made, commit=commit
        )

    async def expire_lease(self) -> None:
        """Lets the lease run out now, whoever holds it and for however long."""
        connection = await asyncpg.connect(self.databases.ledger_superuser_url)
        try:
            await connection.execute("UPDATE ledger.lease SET until = clock_timestamp()")
        finally:
            await connection.close()

    async def add_partitions(self, count: int) -> None:
        """Until there are `count`."""
        added = self.admin.create_partitions([NewPartitions(self.topic, count)])[self.topic]
        await asyncio.to_thread(added.result, _SECONDS)

    async def lag(self) -> int:
        """Records, or markers, that are not yet accounted for."""
        ends = await asyncio.to_thread(self._ends)
        connection = await asyncpg.connect(self.databases.ledger_superuser_url)
        try:
            rows = await connection.fetch(
                "SELECT topic_id, partition, next_offset FROM ledger.intake WHERE NOT retired"
            )
        finally:
            await connection.close()
        reached = {(topic_id_of(row["topic_id"]), row["partition"]): row["next_offset"] for row in rows}
        return sum(end - reached.get(slot, 0) for slot, end in ends.items())

    def _ends(self) -> dict[tuple[str, int], int]:
        admin = AdminClient(
            {"bootstrap.servers": self.bootstrap, "log_level": 0}
        )  # one that remembers nothing
        slots = {
            (topic.name, number): topic.topic_id
            for topic in broker.topics(self.bootstrap, self.inbound)
            for number in range(topic.partitions)
        }
        asked = {TopicPartition(name, number): OffsetSpec.latest() for name, number in slots}
        answers = admin.list_offsets(asked, request_timeout=_SECONDS)
        return {
            (slots[place.topic, place.partition], place.partition): int(answer.result(_SECONDS).offset)
            for place, answer in answers.items()
        }

    async def size(self) -> int:
        connection = await asyncpg.connect(self.databases.ledger_superuser_url)
        try:
            return int(await connection.fetchval("SELECT size FROM ledger.head"))
        finally:
            await connection.close()

    async def grown_to(self, size: int, worker: Program) -> None:
        """Wait until the log has this many leaves."""
        await self._until(lambda: self._at_least(size), worker, f"a log of {size}")

    async def _at_least(self, size: int) -> bool:
        return await self.size() >= size

    async def drained(self, worker: Program) -> None:
        """Wait until nothing is left to account for."""
        await self._until(self._no_lag, worker, "a lag of zero")

    async def _no_lag(self) -> bool:
        return await self.lag() == 0

    async def _until(self, holds: Any, worker: Program, what: str) -> None:
        try:
            async with asyncio.timeout(_SECONDS):
                while not await holds():
                    assert worker.process.returncode is None, f"The worker ended. It said:\n{worker.said}"
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError:
            raise AssertionError(f"Waited for {what} in vain. The worker said:\n{worker.said}") from None

    async def findings(self, watched: list[Head] | None = None) -> list[Finding]:
        """What the oracle finds, once everything is at rest."""
        snapshot = await database.snapshot(self.databases.ledger_superuser_url, NAME)
        partitions = await asyncio.to_thread(broker.read_again, self.bootstrap, self.inbound)
        return check(snapshot, partitions, self.acknowledged, watched or [])
