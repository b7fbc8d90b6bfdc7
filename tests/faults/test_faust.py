"""Why nothing whose loss matters rests on a Faust acknowledgement: what Faust does is shown here, with the real thing.

A Faust stream acknowledges in `finally`, so a record whose agent raised counts as done (faust-streaming #606, #596).
Should a later version mend that, this test fails, and the decision may be taken anew.
"""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING

from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from tests.faults.program import Program

if TYPE_CHECKING:
    from tests.services import Services

_SECONDS = 30.0


def send(bootstrap: str, topic: str, *values: bytes) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all"})
    for value in values:
        producer.produce(topic, value=value)
    assert producer.flush(_SECONDS) == 0


async def committed(bootstrap: str, group: str, topic: str, at_least: int) -> int:
    """The group's offset of partition 0, once it has come to `at_least`."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    request = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0)])
    async with asyncio.timeout(_SECONDS):
        while True:
            answer = await asyncio.to_thread(
                admin.list_consumer_group_offsets([request])[group].result, _SECONDS
            )
            offset = int(answer.topic_partitions[0].offset)
            if offset >= at_least:
                return offset
            await asyncio.sleep(0.05)


async def test_a_faust_agent_acknowledges_what_failed(services: Services) -> None:
    bootstrap, name = services.kafka_bootstrap, f"faust-{uuid.uuid4().hex[:12]}"
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    admin.create_topics([NewTopic(name, 1, 1)])[name].result(_SECONDS)
    send(bootstrap, name, b"first", b"bad", b"last")

    async with Program("tests/faults/faust_agent.py", bootstrap, name, name) as app:
        await app.says("seen last")
        assert await committed(bootstrap, name, name, 3) == 3, (
            "the failed record is behind the committed offset"
        )
        await app.terminate()  # rather than kill -9: the group need not wait for its session to time out

    send(bootstrap, name, b"after")
    async with Program("tests/faults/faust_agent.py", bootstrap, name, name) as again:
        await again.says("seen after")
        assert "seen bad" not in again.lines, "what failed was acknowledged, and is never seen again"
