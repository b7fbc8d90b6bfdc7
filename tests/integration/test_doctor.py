"""The doctor against real servers: each misconfiguration is made, and named."""

from __future__ import annotations

import asyncio
import secrets
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg
import pytest
from confluent_kafka import Producer
from confluent_kafka import TopicPartition as Place
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from ledger.embedded import Embedded
from streams.cluster import Cluster
from streams.topics import Topics
from tests.integration.command_line import CommandLine
from tests.integration.embedded_trial import sql
from tests.integration.superuser import superuser
from tests.integration.topic_settings import set_on
from tests.world import accessed, registering

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.integration.command_line import Said
    from tests.world import World

# What the tests' servers are, and nobody would mend: one broker, one database server, keys just made.
_TRIAL = {
    "brokers-few",
    "standby-none",
    "wal-not-archived",
    "vault-same-server",
    "dead-letter-key-here",
    "worker-absent",
}
_DAY_MS = 86_400_000


@pytest.fixture
def ledger(world: World, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    return CommandLine(world, monkeypatch)


async def _found(ledger: CommandLine) -> dict[str, list[str]]:
    """Codes with what they were said of, without those of the tests' servers."""
    said = await ledger("doctor", "--json")
    codes: dict[str, list[str]] = {}
    for each in said.json["checks"]:
        if each["state"] != "ok" and each["code"] not in _TRIAL:
            assert each["remedy"]
            codes.setdefault(each["code"], []).append(each["check"])
    states = {each["state"] for each in said.json["checks"]}
    assert said.json["ok"] is ("mend" not in states)
    assert said.code in ((1, 3) if "mend" in states else (0,))
    return codes


@asynccontextmanager
async def _as_superuser(world: World) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(world.databases.ledger_superuser_url)
    try:
        yield connection
    finally:
        await connection.close()


async def _append_and_hint(world: World, values: list[bytes]) -> None:
    """Appends, and waits until the worker's hint of it is in Kafka: a stop may come before it."""
    async with world.working() as parts:
        world.publish(values)
        await world.caught_up(parts)
        size = await parts.intake._pool.fetchval(
            "SELECT size FROM head WHERE ledger_id = $1", parts.ledger_id
        )
        cluster = Cluster(parts.settings, parts.bootstrap)
        async with asyncio.timeout(30):
            while not any(
                each.size == size for each in await cluster.hints(parts.topics.appended, parts.settings.name)
            ):
                await asyncio.sleep(0.05)


async def test_a_ledger_in_order_has_nothing_to_mend(ledger: CommandLine, world: World) -> None:
    await world.append(registering())
    assert await _found(ledger) == {}
    said: Said = await ledger("doctor")
    assert said.code == 0
    assert "warn" in said.out


async def test_topics_that_break_a_promise_are_named_each(ledger: CommandLine, world: World) -> None:
    prefix = world.settings.topic_prefix
    async with world.working():
        pass  # makes the topics
    await set_on(
        world,
        {
            "privacy.access": {"message.timestamp.type": "CreateTime"},
            "privacy.sharing": {"cleanup.policy": "compact"},
            "privacy.transfer": {"retention.ms": str(30 * _DAY_MS)},
            "privacy.consent": {"retention.ms": "3600000"},
            "privacy.rights": {"retention.bytes": "1000000"},
            "privacy.governance": {"unclean.leader.election.enable": "true"},
            "privacy.rejected": {"retention.ms": "-1"},
            "ledger.appended": {"segment.ms": str(7 * _DAY_MS), "retention.ms": str(7 * _DAY_MS)},
        },
    )
    assert await _found(ledger) == {
        "topic-timestamps": [f"topic {prefix}privacy.access"],
        "topic-compacted": [f"topic {prefix}privacy.sharing"],
        "topic-retention-long": [f"topic {prefix}privacy.transfer", f"topic {prefix}privacy.rejected"],
        "topic-retention-short": [f"topic {prefix}privacy.consent"],
        "topic-retention-bytes": [f"topic {prefix}privacy.rights"],
        "topic-unclean-election": [f"topic {prefix}privacy.governance"],
        "topic-segment": [f"topic {prefix}ledger.appended"],
    }


async def test_missing_topics_are_named_where_nobody_makes_them(
    ledger: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await _found(ledger) == {}
    monkeypatch.setenv("LEDGER_CREATE_TOPICS", "0")
    assert await _found(ledger) == {"topic-missing": ["topics"]}


async def test_a_topic_of_two_ledgers_is_named(ledger: CommandLine, world: World) -> None:
    await world.append(registering())
    assert (await ledger("migrate", "--ledger", "other")).code == 0
    async with _as_superuser(world) as connection:
        await connection.execute(
            "INSERT INTO ledger.intake (ledger_id, topic_id, partition, topic) "
            "SELECT l.ledger_id, topic_id, partition, topic FROM ledger.intake, ledger.ledger AS l "
            "WHERE l.name = 'other' AND topic LIKE '%privacy.access'"
        )
    other = world.settings.model_copy(update={"name": f"other-{secrets.token_hex(4)}"})
    topics = Topics(other, other.kafka_bootstrap)
    await topics.commit_hint({(topics.inbound[0], 0): 1})
    assert await _found(ledger) == {
        "topic-shared": [f"topic {world.settings.topic_prefix}privacy.access"],
        "topic-shared-elsewhere": ["readers of the topics"],
    }


async def test_positions_that_kafka_cannot_serve_are_named(ledger: CommandLine, world: World) -> None:
    prefix = world.settings.topic_prefix
    await world.append([*registering(), accessed("email:ann@example.eu")])
    admin = AdminClient({"bootstrap.servers": world.settings.kafka_bootstrap})
    world.publish([accessed("email:ann@example.eu") for _ in range(3)])
    ends = await Topics(world.settings, world.settings.kafka_bootstrap).offsets(
        [(f"{prefix}privacy.access", each) for each in (0, 1)], earliest=False
    )
    deletion = [Place(*place, offset) for place, offset in ends.items() if offset]
    for future in admin.delete_records(deletion).values():
        await asyncio.to_thread(future.result, 30)
    async with _as_superuser(world) as connection:
        await connection.execute(
            "UPDATE ledger.intake SET next_offset = 99 WHERE topic LIKE '%privacy.governance'"
        )
    for future in admin.delete_topics([f"{prefix}privacy.consent"], operation_timeout=30).values():
        await asyncio.to_thread(future.result, 30)
    future = admin.create_topics([NewTopic(f"{prefix}privacy.consent", 2, 1)])[f"{prefix}privacy.consent"]
    await asyncio.to_thread(future.result, 30)
    async with asyncio.timeout(30):  # the broker may tell the old topic's settings for a moment
        while "topic-timestamps" not in (found := await _found(ledger)):
            await asyncio.sleep(0.1)
    assert set(found["broker-lost-records"]) == {f"topic {prefix}privacy.governance"}
    assert found["records-lost"] == [f"topic {prefix}privacy.access"]
    assert found["topic-recreated"] == found["topic-timestamps"] == [f"topic {prefix}privacy.consent"]


async def test_a_topic_that_was_read_and_is_gone_is_named(ledger: CommandLine, world: World) -> None:
    await world.append(registering())
    name = f"{world.settings.topic_prefix}privacy.governance"
    admin = AdminClient({"bootstrap.servers": world.settings.kafka_bootstrap})
    await asyncio.to_thread(admin.delete_topics([name], operation_timeout=30)[name].result, 30)
    assert await _found(ledger) == {"topic-gone": [f"topic {name}"]}


async def test_records_that_retention_will_take_soon_are_named(ledger: CommandLine, world: World) -> None:
    await world.append(registering())
    await set_on(world, {"privacy.access": {"message.timestamp.type": "CreateTime"}})
    producer = Producer({"bootstrap.servers": world.settings.kafka_bootstrap, "acks": "all"})
    taken = int(time.time() * 1000) - 6 * _DAY_MS - _DAY_MS // 2
    producer.produce(f"{world.settings.topic_prefix}privacy.access", b"late", timestamp=taken)
    assert producer.flush(30) == 0
    found = await _found(ledger)
    assert found["retention-near"] == ["lag"]


async def test_a_restored_backup_is_behind_what_a_worker_said(
    ledger: CommandLine, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.append(registering())
    copy = f"{world.databases.ledger}_copy"
    services = world.databases.services
    connection = await asyncpg.connect(services.superuser_url("postgres"))
    try:
        await connection.execute(f"CREATE DATABASE {copy} TEMPLATE {world.databases.ledger}")
        try:
            await _append_and_hint(world, [accessed("email:ann@example.eu")])
            assert await _found(ledger) == {}
            monkeypatch.setenv("LEDGER_DATABASE_URL", services.login_url(copy))
            monkeypatch.setenv("LEDGER_MIGRATE_DATABASE_URL", services.superuser_url(copy))
            assert (await _found(ledger))["head-behind"] == ["head"]
        finally:
            await connection.execute(f"DROP DATABASE {copy} WITH (FORCE)")
    finally:
        await connection.close()


async def test_a_broker_whose_clock_is_not_postgresqls_is_named(ledger: CommandLine, world: World) -> None:
    await _append_and_hint(world, registering())
    async with superuser(world) as connection:
        # As if PostgreSQL's clock had been an hour behind the broker's.
        await connection.execute("UPDATE batch SET appended = appended - interval '1 hour'")
    found = await _found(ledger)
    assert found["broker-clock"] == ["brokers: clock"]


async def test_what_takes_durability_guards_or_rights_away_is_named(
    ledger: CommandLine, world: World
) -> None:
    name = world.databases.ledger
    async with _as_superuser(world) as connection:
        for statement in (
            f"ALTER DATABASE {name} SET synchronous_commit = off",
            f"ALTER DATABASE {name} SET log_statement = 'all'",
            "ALTER TABLE ledger.tile SET (autovacuum_enabled = false)",
            "ALTER TABLE ledger.entry_s0 ENABLE TRIGGER refuse_row",  # no longer ALWAYS
            "DROP TRIGGER refuse_all ON ledger.seen_2026",
            "ALTER TABLE ledger.batch DISABLE TRIGGER refuse_row",
            "GRANT UPDATE ON ledger.entry_s0 TO ledger_writer",
            "GRANT UPDATE (root) ON ledger.tile TO ledger_reader",
            "GRANT DELETE ON ledger.seen TO PUBLIC",
            "ALTER TABLE ledger.register OWNER TO postgres",
            "DELETE FROM public.ledger_migration WHERE number = 3",
        ):
            await connection.execute(statement)
    said = (await ledger("doctor", "--json")).json["checks"]
    details = {each["code"]: each["detail"] for each in said if each["state"] != "ok"}
    assert {
        "commit-asynchronous": "synchronous_commit=off",
        "statements-logged": "statements are logged with parameters",
        "autovacuum-off": "autovacuum_enabled=false on tile",
        "guard-missing": "changes are not refused: batch, entry_s0, seen_2026",
        "rights-excess": (
            "PUBLIC: DELETE on seen; ledger_reader: UPDATE of columns on tile; "
            "ledger_writer: UPDATE on entry_s0; postgres: OWNER on register"
        ),
        "migrations-pending": "not applied: 0003_holds.sql",
    }.items() <= details.items()


async def test_a_login_that_may_too_much_and_a_vault_in_the_same_place_are_named(
    ledger: CommandLine, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGER_DATABASE_URL", world.databases.ledger_superuser_url)
    monkeypatch.setenv("LEDGER_VAULT_URL", world.databases.ledger_superuser_url)
    found = await _found(ledger)
    assert found["login-superuser"] == ["ledger database: rights", "vault database: rights"]
    assert found["vault-same-database"] == ["vault"]


async def test_a_database_that_takes_no_writes_is_named(ledger: CommandLine, world: World) -> None:
    async with _as_superuser(world) as connection:
        await connection.execute(
            f"ALTER DATABASE {world.databases.ledger} SET default_transaction_read_only = on"
        )
    assert (await _found(ledger))["database-read-only"] == ["ledger database"]


async def test_servers_that_may_lose_what_they_acknowledged_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Servers of this test's own, set as nobody should; then a standby that never comes."""
    servers = Embedded(
        tmp_path / "own",
        postgres_settings={
            "fsync": "off",
            "full_page_writes": "off",
            "autovacuum": "off",
            "wal_level": "minimal",
            "max_wal_senders": "0",
            "max_connections": "20",
        },
        kafka_settings={"auto.create.topics.enable": "true"},
    )
    try:
        await asyncio.to_thread(servers.start)
        variables = {
            "LEDGER_HOME": str(tmp_path / "home"),
            "LEDGER_DATABASE_URL": servers.login_url("ledger"),
            "LEDGER_VAULT_URL": servers.login_url("vault"),
            "LEDGER_MIGRATE_DATABASE_URL": servers.superuser_url("ledger"),
            "LEDGER_MIGRATE_VAULT_URL": servers.superuser_url("vault"),
            "LEDGER_KAFKA_BOOTSTRAP": servers.kafka_bootstrap,
            "LEDGER_CREATE_TOPICS": "1",
        }
        command = CommandLine(variables, monkeypatch)
        assert (await command("migrate")).code == 0
        both = ["ledger database: durability", "vault database: durability"]
        assert await _found(command) == {
            "broker-auto-create": ["brokers: topics"],
            "fsync-off": both,
            "full-page-writes-off": both,
            "autovacuum-off": both,
            "wal-minimal": both,
            "connections-few": ["ledger database: connections", "vault database: connections"],
        }
        superuser_url = servers.superuser_url("postgres")
        await asyncio.to_thread(sql, superuser_url, "REVOKE ledger_auditor FROM ledger")
        await asyncio.to_thread(
            sql, superuser_url, "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (a, b)'"
        )
        await asyncio.to_thread(sql, superuser_url, "SELECT pg_reload_conf()")
        async with asyncio.timeout(30):
            while "standby-absent" not in (found := await _found(command)):
                await asyncio.sleep(0.1)
        assert found["standby-absent"] == both
        assert found["roles-missing"] == ["ledger database: roles"]
    finally:
        await asyncio.to_thread(servers.delete)
