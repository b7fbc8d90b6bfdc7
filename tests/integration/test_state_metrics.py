"""What watches the ledger sees at a scrape, with and without a worker, with and without Kafka."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from prometheus_client import CollectorRegistry

from ledger.api.state import State
from streams.backlog import backlog
from streams.cluster import Cluster
from streams.topics import Topics
from tests.world import accessed, registering

if TYPE_CHECKING:
    from tests.world import World

_HOUR = 3600


async def test_lag_head_and_lease_are_told_while_no_worker_runs(world: World) -> None:
    settings = world.settings
    await world.append(registering())
    world.publish([accessed("email:ann@example.eu") for _ in range(3)])
    registry = CollectorRegistry()
    async with world.opened() as ledger:
        inbound = Topics(settings, settings.kafka_bootstrap).inbound
        state = State(settings, ledger, settings.kafka_bootstrap, inbound, registry)
        await state.refresh()
        told = registry.get_sample_value
        assert told("ledger_state_known", {"server": "database"}) == 1
        assert told("ledger_state_known", {"server": "kafka"}) == 1
        assert told("ledger_lag_records", {"topic": "privacy.access"}) == 3
        assert told("ledger_lag_records", {"topic": "privacy.governance"}) == 0
        assert told("ledger_head_size") == 3
        assert told("ledger_head_epoch") == 1
        assert told("ledger_lease_remaining_seconds") == 0
        assert told("ledger_verified_timestamp_seconds") == 0
        assert (told("ledger_head_appended_timestamp_seconds") or 0) > time.time() - 60
        assert (told("ledger_retention_headroom_seconds") or 0) > 6 * 24 * _HOUR
        async with world.working() as parts:
            await world.caught_up(parts)
            fresh = CollectorRegistry()
            await State(settings, ledger, settings.kafka_bootstrap, inbound, fresh).refresh()
            assert fresh.get_sample_value("ledger_lag_records", {"topic": "privacy.access"}) == 0
            assert (fresh.get_sample_value("ledger_lease_remaining_seconds") or 0) > 0


async def test_a_scrape_without_kafka_tells_what_postgresql_knows(world: World) -> None:
    registry = CollectorRegistry()
    async with world.opened() as ledger:
        state = State(world.settings, ledger, "127.0.0.1:1", ("privacy.access",), registry)
        await state.refresh()
    assert registry.get_sample_value("ledger_state_known", {"server": "database"}) == 1
    assert registry.get_sample_value("ledger_state_known", {"server": "kafka"}) == 0


@pytest.mark.parametrize(
    ("hours", "position", "age", "headroom"),
    [
        (3, 0, 3, 6),  # of ten hours, in twentieths and the listed ages: older than 3 h, younger than 3.5 h
        (3, 1, 0, 10 - 10 / 3600),  # the old one is accounted for; the next is fresh
        (3, 2, 0, 10),  # nothing waits
    ],
)
async def test_the_oldest_waiting_record_is_found_by_its_age(
    world: World, hours: int, position: int, age: float, headroom: float
) -> None:
    name = f"aged-{secrets.token_hex(4)}"
    bootstrap = world.settings.kafka_bootstrap
    config = {"message.timestamp.type": "CreateTime", "retention.ms": str(10 * _HOUR * 1000)}
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(name, 1, 1, config=config)])[name].result(30)
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all"})
    now = time.time()
    for taken in (now - (hours + 0.1) * _HOUR, now):
        producer.produce(name, b"value", timestamp=int(taken * 1000))
        assert producer.flush(30) == 0
    cluster = Cluster(world.settings, bootstrap)
    topics = await cluster.topics([name, "absent"])
    assert topics.keys() == {name}
    found = await backlog(cluster, topics, {(topics[name].topic_id, 0): position})
    assert found.lag == {name: 2 - position}
    assert found.age == age * _HOUR
    assert found.headroom == pytest.approx((headroom if age == 0 else 10 - age - 0.5) * _HOUR)
    assert found.lost == ()
