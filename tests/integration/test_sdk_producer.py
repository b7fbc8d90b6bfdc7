"""The producer against a real broker: what is acknowledged is there, byte for byte, and nothing invalid is."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from accountability_ledger.accept import accept
from accountability_ledger.catalog import TOPICS
from accountability_ledger.errors import Refused
from accountability_ledger.events.consent import ConsentChanged, ConsentGiven
from accountability_ledger.message_key import message_key
from accountability_ledger.outgoing import Outgoing
from accountability_ledger.producer import Producer
from accountability_ledger.restricted_json import canonical
from tests.unit.sdk.samples import ANN, accessed, encoded, event
from tests.unit.sdk.test_outgoing import READ

if TYPE_CHECKING:
    from aiokafka import ConsumerRecord

    from tests.services import Services

SALT = bytes(range(32))


@pytest.fixture
def prefix(services: Services) -> str:
    """Topics of this test's own, stamped by the broker as a ledger's are."""
    made = f"t{secrets.token_hex(4)}."
    admin = AdminClient({"bootstrap.servers": services.kafka_bootstrap})
    topics = [
        NewTopic(made + name, num_partitions=2, config={"message.timestamp.type": "LogAppendTime"})
        for name in TOPICS
    ]
    for created in admin.create_topics(topics).values():
        created.result(30)
    return made


async def records(services: Services, topic: str) -> list[ConsumerRecord]:
    consumer = AIOKafkaConsumer(bootstrap_servers=services.kafka_bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, number) for number in range(2)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        found: list[ConsumerRecord] = []
        while len(found) < sum(ends.values()):
            for batch in (await consumer.getmany(timeout_ms=1000)).values():
                found.extend(batch)
        return found
    finally:
        await consumer.stop()


async def test_an_event_is_where_its_receipt_says(services: Services, prefix: str) -> None:
    async with Producer(
        services.kafka_bootstrap, source="crm", message_key_salt=SALT, topic_prefix=prefix, next_sequence=9
    ) as producer:
        receipts = [await producer.accessed(READ), await producer.accessed(READ)]
        assert producer.next_sequence == 11
    found = {
        (record.partition, record.offset): record
        for record in await records(services, f"{prefix}privacy.access")
    }
    assert len(found) == 2
    for number, receipt in enumerate(receipts):
        record = found[receipt.partition, receipt.offset]
        accepted = accept(
            record.value, topic="privacy.access", received_ms=record.timestamp, headers=record.headers
        )
        assert receipt.topic == f"{prefix}privacy.access"
        assert receipt.timestamp == record.timestamp
        assert (receipt.source, receipt.id) == (accepted.attributes["source"], accepted.attributes["id"])
        assert accepted.attributes["sequence"] == str(9 + number)
        assert record.value == accepted.canonical
        assert record.key == message_key(ANN, SALT)
    assert receipts[0].id < receipts[1].id


async def test_a_person_s_events_share_a_partition_and_their_order(services: Services, prefix: str) -> None:
    given = ConsentGiven(
        subjects=[ANN],
        consent_id="c",
        purposes=["newsletter"],
        notice_version="1",
        method="form",
        explicit=True,
        valid=True,
    )
    withdrawn = ConsentChanged(
        subjects=[f" {ANN.upper().replace('EMAIL', 'email')}"], consent_id="c", purposes=[]
    )
    async with Producer(
        services.kafka_bootstrap, source="crm", message_key_salt=SALT, topic_prefix=prefix
    ) as producer:
        first = await producer.consent_given(given)
        second = await producer.consent_withdrawn(withdrawn)
    assert (first.partition, first.offset) == (second.partition, second.offset - 1)


async def test_finished_cloudevents_are_published_byte_for_byte(services: Services, prefix: str) -> None:
    sent = event("data.accessed", accessed())
    structured = b" " + encoded(sent) + b"\n"
    headers = [(f"ce_{name}", value.encode()) for name, value in sent.items() if name != "data"]
    headers.append(("content-type", b"application/json"))
    async with Producer(
        services.kafka_bootstrap, source="gateway", message_key_salt=SALT, topic_prefix=prefix
    ) as producer:
        await producer.publish_raw(structured)
        await producer.publish_raw(canonical(sent["data"]), headers)
    found = await records(services, f"{prefix}privacy.access")
    assert sorted(record.value for record in found) == sorted([structured, canonical(sent["data"])])
    assert {accept(record.value, headers=record.headers).canonical for record in found} == {canonical(sent)}


async def test_nothing_invalid_leaves_the_service(services: Services, prefix: str) -> None:
    nobody = ConsentChanged(subjects=[], consent_id="c", purposes=["newsletter"])
    async with Producer(
        services.kafka_bootstrap, source="crm", message_key_salt=SALT, topic_prefix=prefix, next_sequence=1
    ) as producer:
        with pytest.raises(Refused):
            await producer.consent_withdrawn(nobody)
        with pytest.raises(Refused):
            await producer.publish_raw(b'{"id":1}')
        assert producer.next_sequence == 1
    assert await records(services, f"{prefix}privacy.consent") == []


async def test_a_producer_that_was_not_started_says_so() -> None:
    producer = Producer("127.0.0.1:1", source="crm", message_key_salt=SALT)
    with pytest.raises(RuntimeError, match="async with"):
        await producer.send(Outgoing(type="data.accessed", data=READ))
    with pytest.raises(ValueError, match="16 bytes"):
        Producer("127.0.0.1:1", source="crm", message_key_salt=b"short")
