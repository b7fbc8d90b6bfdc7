"""The servers that the other tests rest on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

if TYPE_CHECKING:
    from tests.services import DatabasePair, Services


def test_a_record_comes_back_as_it_was_sent(services: Services) -> None:
    admin = AdminClient({"bootstrap.servers": services.kafka_bootstrap})
    admin.create_topics([NewTopic("test.services", 1, 1)])["test.services"].result()
    producer = Producer({"bootstrap.servers": services.kafka_bootstrap, "acks": "all"})
    producer.produce("test.services", key=b"key", value=b"value", headers={"h": b"1"})
    assert producer.flush(30) == 0

    consumer = Consumer({"bootstrap.servers": services.kafka_bootstrap, "group.id": "test.services"})
    consumer.assign([TopicPartition("test.services", 0, 0)])
    message = consumer.poll(30)
    consumer.close()
    assert message is not None
    assert message.error() is None
    assert (message.key(), message.value(), message.headers()) == (b"key", b"value", [("h", b"1")])


def test_topics_are_not_created_by_use(services: Services) -> None:
    admin = AdminClient({"bootstrap.servers": services.kafka_bootstrap, "allow.auto.create.topics": True})
    admin.list_topics("test.never-created", timeout=30)
    assert "test.never-created" not in admin.list_topics(timeout=30).topics


async def test_the_login_role_may_connect_and_nothing_else(fresh_databases: DatabasePair) -> None:
    connection = await asyncpg.connect(fresh_databases.ledger_url)
    try:
        assert await connection.fetchval("SELECT current_user") == "ledger"
        rights = await connection.fetchrow(
            "SELECT rolsuper, rolinherit, rolcreatedb, rolcreaterole, rolbypassrls FROM pg_roles WHERE rolname = current_user"
        )
        assert rights is not None
        assert tuple(rights) == (False, False, False, False, False)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("CREATE TABLE public.t (i int)")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("CREATE TEMPORARY TABLE t (i int)")
    finally:
        await connection.close()


async def test_a_pair_of_databases_is_empty_and_durable(fresh_databases: DatabasePair) -> None:
    for url in (fresh_databases.ledger_superuser_url, fresh_databases.vault_superuser_url):
        connection = await asyncpg.connect(url)
        try:
            assert (
                await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
            )
            for setting in ("fsync", "full_page_writes", "synchronous_commit"):
                assert await connection.fetchval(f"SHOW {setting}") == "on"
        finally:
            await connection.close()
