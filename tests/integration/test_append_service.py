"""The append service where it is hard: large poison, values that PostgreSQL refuses, transactions, a slow claim, a stop
while PostgreSQL is gone.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import msgspec
import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, Producer
from confluent_kafka.admin import AdminClient

from accountability_ledger.catalog import full_name
from ledger.core.own import CONFLICT, REJECTED, SKIPPED
from ledger.storage.verify import verify
from streams import dead_letters
from streams import service as service_module
from streams.fetch import Fetcher
from streams.parts import assemble
from streams.service import AppendService
from tests.faults.postgres_proxy import PostgresProxy
from tests.world import accessed, event, registering

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ledger.core.batch import RecordPlace
    from tests.world import World

ANN, BEN = "email:ann@example.eu", "email:ben@example.com"
_SECONDS = 60.0


async def events(world: World) -> list[dict[str, Any]]:
    connection = await asyncpg.connect(world.databases.ledger_superuser_url)
    try:
        rows = await connection.fetch("SELECT leaf FROM ledger.entry ORDER BY seq")
    finally:
        await connection.close()
    return [msgspec.json.decode(row["leaf"])["event"] for row in rows]


async def holds(world: World) -> None:
    async with world.opened() as ledger:
        report = await verify(ledger.database_url, ledger, vault=ledger.vault)
    assert report.verdicts == ()


def transact(world: World, *transactions: tuple[Sequence[bytes], bool]) -> None:
    """Transactions of one producer, each with its values, committed or aborted, all in one partition."""
    producer = Producer(
        {"bootstrap.servers": world.settings.kafka_bootstrap, "transactional.id": world.settings.topic_prefix}
    )
    producer.init_transactions(_SECONDS)
    for values, commit in transactions:
        producer.begin_transaction()
        for value in values:
            producer.produce(world.settings.topic_prefix + "privacy.access", value, key=b"k")
        producer.flush(_SECONDS)
        (producer.commit_transaction if commit else producer.abort_transaction)(_SECONDS)


async def test_a_poison_as_large_as_kafka_takes_does_not_block(world: World) -> None:
    """Its letter would be larger than Kafka takes: it goes without the value, with the salt."""
    await world.append([b"\xff" * 990_000, accessed(ANN)])
    found = await events(world)
    assert [each["type"] for each in found] == [REJECTED, full_name("data.accessed")]
    assert found[0]["data"]["reason"] == "too-large"


def test_a_letter_without_its_value_says_how_large_it_was(letter_key: Any, place: RecordPlace) -> None:
    written = dead_letters.write(
        letter_key.public_key(),
        salt=bytes(16),
        value=b"v" * 900_000,
        headers=[("h", b"x")],
        reason="too-large",
        place=place,
    )
    assert len(written) < dead_letters.MAX_BYTES
    opened = dead_letters.read(letter_key, written)
    assert opened["salt"] == "A" * 22
    assert (opened["value"], opened["size"]) == (None, 900_000)


@pytest.fixture
def letter_key() -> Any:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey  # noqa: PLC0415

    return X25519PrivateKey.generate()


@pytest.fixture
def place() -> RecordPlace:
    from ledger.core.batch import RecordPlace  # noqa: PLC0415

    return RecordPlace("privacy.access", UUID(int=1), 0, 7, 1_790_000_000_000)


async def refuse_in_database(world: World, short: str) -> None:
    """From now on PostgreSQL takes no entry of this type."""
    connection = await asyncpg.connect(world.databases.ledger_superuser_url)
    try:
        await connection.execute(
            f"ALTER TABLE ledger.entry_s0 ADD CONSTRAINT odd CHECK (type <> '{full_name(short)}')"
        )
    finally:
        await connection.close()


@pytest.mark.parametrize("place_of_the_odd", [0, 3, 6])
async def test_a_value_that_postgresql_refuses_is_found_and_rejected(
    world: World, place_of_the_odd: int
) -> None:
    """Among records of transactions, with holes between them: each half covers its own."""
    await world.append([])  # its topics are there now
    await refuse_in_database(world, "data.anonymised")
    odd = event(
        "data.anonymised",
        **{
            name: value
            for name, value in msgspec.json.decode(accessed(ANN))["data"].items()
            if name not in {"operation", "outcome", "system"}
        },
        method="aggregated",
        store="crm",
    )
    values = [accessed(ANN) for _ in range(7)]
    values[place_of_the_odd] = odd
    transact(
        world,
        (values[:1], True),
        (values[1:3], True),
        ([accessed(BEN)], False),
        (values[3:4], True),
        (values[4:], True),
    )
    async with world.working() as parts:
        await world.caught_up(parts)
    found = [each for each in await events(world) if each["type"] != SKIPPED]
    assert len(found) == 7
    assert [each["type"] for each in found].index(REJECTED) == place_of_the_odd
    assert found[place_of_the_odd]["data"]["reason"] == "wrong-value"
    await holds(world)


async def test_many_small_transactions_are_looked_at_together(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each leaves a marker. Asking Kafka anew for each hole would take longer than the records do."""
    scans = 0
    honest = Fetcher._scanner

    def scanner(self: Fetcher, *arguments: Any) -> Any:
        nonlocal scans
        scans += 1
        return honest(self, *arguments)

    await world.append([])
    monkeypatch.setattr(Fetcher, "_scanner", scanner)
    transact(world, *[([accessed(ANN)], number % 3 != 0) for number in range(40)])
    async with world.working() as parts:
        await world.caught_up(parts)
    assert scans < 12
    reasons = [each["data"]["reason"] for each in await events(world) if each["type"] == SKIPPED]
    assert {"aborted", "transaction-marker"} == set(reasons)
    await holds(world)


async def test_a_conflict_registers_nothing(world: World) -> None:
    """It is no entry of the register: a value that only it names stays sealed."""
    row = [{"key": "title", "value": "x"}]
    await world.append([accessed(BEN)])  # the vault has its key now
    first = event("register.row_set", id="one", section="purposes", key="provide_service", row=row)
    other = event("register.row_set", id="one", section="purposes", key="ann-smith-vip", row=row)
    await world.append([*registering()[1:], first])
    async with world.working() as parts:
        world.publish([other])
        await world.caught_up(parts)
        world.publish([accessed(ANN, purpose="ann-smith-vip"), accessed(ANN)])
        await world.caught_up(parts)
    found = await events(world)
    assert [each["type"] for each in found].count(CONFLICT) == 1
    purposes = [each["data"]["purpose"] for each in found if each["type"] == full_name("data.accessed")]
    assert purposes == ["unregistered", "unregistered", "provide_service"]


async def test_the_lease_is_kept_through_a_slow_claim(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else two workers whose broker is slow would take the ledger from each other for ever."""
    honest = Fetcher.claim
    claiming, go_on = asyncio.Event(), asyncio.Event()

    async def claim(self: Fetcher) -> Any:
        claiming.set()
        await go_on.wait()
        return await honest(self)

    monkeypatch.setattr(Fetcher, "claim", claim)
    short = world.settings.model_copy(update={"lease_seconds": 0.6})
    async with assemble(short) as parts:
        service = AppendService(parts)
        await service.start()
        try:
            await claiming.wait()
            await asyncio.sleep(1.5)  # the lease would be over
            assert await parts.intake.take_lease(UUID(int=7), 1.0) is None
            go_on.set()
            world.publish([accessed(ANN)])
            await world.caught_up(parts)
        finally:
            go_on.set()
            await service.stop()


async def test_it_stops_though_postgresql_is_gone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The drain is given up after a while; what was not appended is read again by the next worker."""
    monkeypatch.setattr(service_module, "_DRAIN_SECONDS", 0.5)
    async with PostgresProxy(world.databases.ledger_url) as proxy:
        behind = world.settings.model_copy(update={"database_url": proxy.url})
        async with assemble(behind) as parts:
            service = AppendService(parts)
            await service.start()
            world.publish([accessed(ANN)])
            await world.caught_up(parts)
            proxy.refusing = True
            proxy.cut()
            world.publish([accessed(BEN)])
            async with asyncio.timeout(20):
                await service.stop()
    await world.append([])
    assert len(await events(world)) == 2
    await holds(world)


async def test_a_producer_that_failed_is_replaced(world: World) -> None:
    """An idempotent producer may never recover by itself; poison must not wait for it for ever."""
    async with assemble(world.settings) as parts:
        service = AppendService(parts)
        await service.start()
        try:
            world.publish([b"{"])
            await world.caught_up(parts)
            assert isinstance(service._source, service_module._Here)
            broken = service._source._reading._producer._producer
            assert broken is not None
            await broken.stop()
            world.publish([b"{{"])
            await world.caught_up(parts)
        finally:
            await service.stop()
    assert [each["type"] for each in await events(world)] == [REJECTED, REJECTED]


async def test_kafka_is_told_how_far_the_ledger_is_as_a_hint(world: World) -> None:
    """What watches lag in Kafka reads the group's offsets; the worker itself never does."""
    async with world.working() as parts:
        count = world.publish([accessed(ANN) for _ in range(30)])
        await world.caught_up(parts)
        admin = AdminClient({"bootstrap.servers": world.settings.kafka_bootstrap})
        told = 0
        async with asyncio.timeout(20):
            while told < count:
                await asyncio.sleep(0.1)
                asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(parts.topics.group)])
                found = await asyncio.to_thread(asked[parts.topics.group].result, 10)
                ours = [each for each in found.topic_partitions if each.topic in parts.topics.inbound]
                told = sum(max(each.offset, 0) for each in ours)
    assert told == count
