"""One ledger under fault: topics of its own, the oracle as producer and judge, workers that can be struck."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import asyncpg
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, OffsetSpec

from ledger.settings import Settings
from streams.topics import Topics
from tests.faults.program import Program
from tests.oracle import broker, database, synthetic
from tests.oracle.check import check
from tests.oracle.observed import topic_id_of
from tests.oracle.produce import produce, transact
from tests.oracle.watch import Watcher

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from tests.oracle.observed import Acknowledgement, Finding, Head
    from tests.oracle.synthetic import Made
    from tests.services import DatabasePair

NAME = "main"
_SECONDS = 60.0
_POLL_SECONDS = 0.05
_SETTLES = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.LEADER_NOT_AVAILABLE,
}
_MIX = synthetic.Mix(duplicates=60, conflicts=20, poison=20)


class Run:
    """A migrated ledger with topics of its own. `acknowledged` is all that the broker promised so far."""

    def __init__(self, databases: DatabasePair, home: Path) -> None:
        self.databases = databases
        self.bootstrap = databases.services.kafka_bootstrap
        self.prefix = f"f{secrets.token_hex(4)}."
        self.topic = self.prefix + synthetic.TOPIC
        self.acknowledged: list[Acknowledgement] = []
        self.found: Counter[str] = Counter()  # by code, at the last judgement
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

    async def kill(self, worker: Program) -> None:
        """kill -9; the next worker need not wait for the dead one's lease."""
        await worker.kill()
        await self.expire_lease()

    async def expire_lease(self) -> None:
        """Lets the lease run out now, whoever holds it and for however long."""
        async with self._connection() as connection:
            await connection.execute("UPDATE ledger.lease SET until = clock_timestamp()")

    async def add_partitions(self, count: int) -> None:
        """Until there are `count`."""
        added = self.admin.create_partitions([NewPartitions(self.topic, count)])[self.topic]
        await asyncio.to_thread(added.result, _SECONDS)

    @contextlib.asynccontextmanager
    async def watched(self) -> AsyncIterator[list[Head]]:
        """Every head that is claimed meanwhile, for `findings`; complete when the context is left."""
        stop = asyncio.Event()
        watcher = Watcher(self.databases.ledger_superuser_url, NAME)
        watching = asyncio.create_task(watcher.run(stop))
        try:
            yield watcher.heads
        finally:
            stop.set()
            await watching

    async def lag(self) -> int:
        """Records, or markers, that are not yet accounted for."""
        ends = await asyncio.to_thread(self._ends)
        async with self._connection() as connection:
            return await _behind(connection, ends)

    def _ends(self) -> dict[tuple[str, int], int]:
        """Where each partition ends now, by topic id and number."""
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
        try:
            return {
                (slots[place.topic, place.partition], place.partition): int(answer.result(_SECONDS).offset)
                for place, answer in answers.items()
            }
        except KafkaException as error:
            if error.args[0].code() not in _SETTLES:
                raise
            time.sleep(_POLL_SECONDS)
            return self._ends()  # a topic, or a broker, that came a moment ago: it has a leader soon

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection]:
        connection = await asyncpg.connect(self.databases.ledger_superuser_url)
        try:
            yield connection
        finally:
            await connection.close()

    async def size(self) -> int:
        async with self._connection() as connection:
            return await _size(connection)

    async def grown_to(self, size: int, worker: Program) -> None:
        """Wait until the log has this many leaves."""

        async def grown(connection: asyncpg.Connection) -> bool:
            return await _size(connection) >= size

        await self._until(grown, worker, f"a log of {size}")

    async def drained(self, worker: Program, seconds: float = _SECONDS) -> None:
        """Wait until nothing is left to account for; a transaction's marker may come later than its end."""
        ends: dict[tuple[str, int], int] = {}

        async def reached(connection: asyncpg.Connection) -> bool:
            return await _behind(connection, ends) == 0

        while (now := await asyncio.to_thread(self._ends)) != ends:
            ends = now
            await self._until(reached, worker, "a lag of zero", seconds)

    async def _until(
        self,
        holds: Callable[[asyncpg.Connection], Awaitable[bool]],
        worker: Program,
        what: str,
        seconds: float = _SECONDS,
    ) -> None:
        try:
            async with asyncio.timeout(seconds), self._connection() as connection:
                while not await holds(connection):
                    assert worker.process.returncode is None, f"The worker ended. It said:\n{worker.said}"
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError:
            raise AssertionError(f"Waited for {what} in vain. The worker said:\n{worker.said}") from None

    async def findings(self, watched: list[Head] | None = None) -> list[Finding]:
        """What the oracle finds, once everything is at rest."""
        snapshot = await database.snapshot(self.databases.ledger_superuser_url, NAME)
        partitions = await asyncio.to_thread(broker.read_again, self.bootstrap, self.inbound)
        findings = check(snapshot, partitions, self.acknowledged, watched or [])
        self.found = Counter(finding.code for finding in findings)
        return findings


async def _size(connection: asyncpg.Connection) -> int:
    return int(await connection.fetchval("SELECT size FROM ledger.head"))


async def _behind(connection: asyncpg.Connection, ends: dict[tuple[str, int], int]) -> int:
    rows = await connection.fetch(
        "SELECT topic_id, partition, next_offset FROM ledger.intake WHERE NOT retired"
    )
    reached = {(topic_id_of(row["topic_id"]), row["partition"]): row["next_offset"] for row in rows}
    return sum(end - reached.get(slot, 0) for slot, end in ends.items())
