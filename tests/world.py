"""A small world for integration tests: a migrated ledger with topics of its own, and a worker inside the test."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from confluent_kafka import Producer

from accountability_ledger.accept import accept
from accountability_ledger.catalog import EVENT_TYPES, full_name
from accountability_ledger.errors import Refused
from accountability_ledger.restricted_json import canonical
from accountability_ledger.uuid7 import uuid7
from ledger.settings import Settings
from ledger.storage.migrate import ensure_ledger, login_of, migrate
from ledger.storage.opening import open_ledger
from streams.parts import assemble
from streams.service import AppendService

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence
    from pathlib import Path

    from ledger.core.protocol import Protocol
    from ledger.storage.opening import OpenLedger
    from streams.parts import Parts
    from tests.services import DatabasePair

_SECONDS = 60.0


def event(short: str, /, *, source: str = "app", time: str = "2026-10-01T09:00:00Z", **data: Any) -> bytes:
    """A CloudEvent of a type by its short name. `id` and other context attributes may be among the data."""
    attributes = {"specversion": "1.0", "id": data.pop("id", None) or uuid7(), "source": source, "time": time}
    attributes |= {
        name: data.pop(name) for name in ("recordedtime", "sequence", "correlationid") if name in data
    }
    return canonical({**attributes, "type": full_name(short), "data": data})


def accessed(subject: str, **data: Any) -> bytes:
    """A lawful read of one person's data by `user:support-1`, with what differs."""
    base: dict[str, Any] = {
        "subjects": [subject],
        "actor": {"id": "user:support-1", "kind": "employee"},
        "processing_role": "controller",
        "purpose": "provide_service",
        "legal_basis": "A6-1-b",
        "data_categories": ["user.contact.email"],
        "operation": "read",
        "outcome": "allowed",
        "system": "crm",
    }
    return event("data.accessed", **(base | data))


def registering() -> list[bytes]:
    """What makes `provide_service`, `crm` and `app` known."""
    return [
        event("register.row_set", section=section, key=key, row=[{"key": "title", "value": key}])
        for section, key in (("purposes", "provide_service"), ("sources", "crm"), ("sources", "app"))
    ]


@dataclass(frozen=True, slots=True)
class World:
    """A ledger named `main` in databases of its own; nothing runs until `working` or `opened` is entered."""

    settings: Settings
    databases: DatabasePair

    def publish(self, values: Iterable[bytes | None]) -> int:
        """Publishes values as they are, each to its type's topic (else `privacy.access`); how many."""
        producer = Producer(
            {"bootstrap.servers": self.settings.kafka_bootstrap, "acks": "all", "linger.ms": 5}
        )
        failed: list[object] = []
        count = 0
        for value in values:
            producer.produce(
                self.settings.topic_prefix + _topic(value),
                value,
                key=b"k",
                on_delivery=lambda error, _: failed.append(error) if error else None,
            )
            producer.poll(0)
            count += 1
        assert producer.flush(30) == 0
        assert not failed
        return count

    @asynccontextmanager
    async def working(
        self, protocol: Protocol | None = None, preparing: Sequence[str] | None = None
    ) -> AsyncIterator[Parts]:
        """A worker's append service, running inside the test; with the command `preparing`, in two processes."""
        async with assemble(self.settings) as parts:
            service = AppendService(parts, protocol=protocol, preparing=preparing)
            await service.start()
            try:
                yield parts
                assert not service.crashed, service.crash_reason
            finally:
                await service.stop()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[OpenLedger]:
        settings = self.settings
        async with open_ledger(
            settings.name, settings.database_url, settings.vault_url, settings.keys_directory
        ) as ledger:
            yield ledger

    async def caught_up(self, parts: Parts) -> None:
        """Waits until every record in Kafka is accounted for."""
        async with asyncio.timeout(_SECONDS):
            while await _lag(parts):
                await asyncio.sleep(0.02)

    async def append(self, values: Iterable[bytes | None]) -> None:
        """Publishes values and lets a worker append them."""
        async with self.working() as parts:
            self.publish(values)
            await self.caught_up(parts)


async def _lag(parts: Parts) -> int:
    topics = await parts.topics.describe()
    names = [(topic.name, partition) for topic in topics.values() for partition in topic.partitions]
    ends = await parts.topics.offsets(names, earliest=False)
    reached = {(each.topic, each.partition): each.next_offset for each in await parts.intake.positions()}
    return sum(end - reached.get(name, 0) for name, end in ends.items())


def _topic(value: bytes | None) -> str:
    try:
        return accept(value).type.topic
    except Refused:
        pass
    try:
        return EVENT_TYPES[msgspec.json.decode(value or b"")["type"]].topic
    except (msgspec.DecodeError, KeyError, TypeError):
        return "privacy.access"


async def make_world(databases: DatabasePair, home: Path, name: str = "main") -> World:
    """Migrates the databases, opens the ledger, names topics of its own."""
    settings = Settings(
        name=name,
        home=home,
        database_url=databases.ledger_url,
        vault_url=databases.vault_url,
        kafka_bootstrap=databases.services.kafka_bootstrap,
        topic_prefix=f"w{secrets.token_hex(4)}.",
        topic_partitions=2,
        create_topics=True,
        lease_seconds=3.0,
    )
    await migrate(databases.ledger_superuser_url, "ledger", [login_of(databases.ledger_url)])
    await migrate(databases.vault_superuser_url, "vault", [login_of(databases.vault_url)])
    await ensure_ledger(databases.ledger_superuser_url, settings.name, settings.origin_of(settings.name))
    return World(settings, databases)
