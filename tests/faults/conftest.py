"""What the fault tests share: a migrated ledger behind a proxy that can strike."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from ledger.storage.migrate import ensure_ledger, login_of, migrate
from tests.faults.postgres_proxy import PostgresProxy
from tests.faults.run import NAME, Run
from tests.faults.servers import OwnServers, own_servers
from tests.oracle import database
from tests.oracle.check import check
from tests.services import database_pair

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.oracle.database import Snapshot
    from tests.services import DatabasePair

ORIGIN = "ledger.example/log/main"


@dataclass(frozen=True, slots=True)
class Opened:
    """An empty ledger: its databases, its id."""

    databases: DatabasePair
    ledger_id: int

    async def snapshot(self) -> Snapshot:
        """What the oracle sees of it; a log that is not sound in itself fails the test."""
        snapshot = await database.snapshot(self.databases.ledger_superuser_url, NAME)
        assert check(snapshot, []) == []
        return snapshot


@pytest.fixture
async def opened(fresh_databases: DatabasePair) -> Opened:
    await migrate(fresh_databases.ledger_superuser_url, "ledger", [login_of(fresh_databases.ledger_url)])
    await migrate(fresh_databases.vault_superuser_url, "vault", [login_of(fresh_databases.vault_url)])
    return Opened(fresh_databases, await ensure_ledger(fresh_databases.ledger_superuser_url, NAME, ORIGIN))


@pytest.fixture
async def proxy(opened: Opened) -> AsyncIterator[PostgresProxy]:
    async with PostgresProxy(opened.databases.ledger_url) as running:
        yield running


@pytest.fixture
async def run(opened: Opened, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Run]:
    made = Run(opened.databases, tmp_path)
    await made.make_topics()
    yield made
    _tell(request, made)


def _tell(request: pytest.FixtureRequest, run: Run) -> None:
    """For the report of `make faults`."""
    request.node.user_properties += [("events", len(run.acknowledged)), ("found", dict(run.found))]


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """Another one each time, unless FAULTS_SEED says which; printed where the test fails, and in the report."""
    given = os.environ.get("FAULTS_SEED")
    number = int(given) if given else secrets.randbelow(1 << 32)
    print(f"FAULTS_SEED={number}")  # noqa: T201 -- shown when it fails
    request.node.user_properties.append(("seed", number))
    return number


@pytest.fixture(scope="session")
async def own(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[OwnServers]:
    """Servers that tests may kill and starve, other than those that all the others use."""
    if os.environ.get("LEDGER_TEST_SERVICES", "embedded") != "embedded":
        pytest.skip("Servers can be killed only where they are embedded (LEDGER_TEST_SERVICES).")
    async with own_servers(tmp_path_factory.mktemp("own")) as running:
        yield running


@pytest.fixture
async def struck(own: OwnServers, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Run]:
    """A ledger on those servers. What the test did to them is mended afterwards."""
    async with database_pair(own.services) as databases:
        await migrate(databases.ledger_superuser_url, "ledger", [login_of(databases.ledger_url)])
        await migrate(databases.vault_superuser_url, "vault", [login_of(databases.vault_url)])
        await ensure_ledger(databases.ledger_superuser_url, NAME, ORIGIN)
        made = Run(databases, tmp_path)
        await made.make_topics()
        try:
            yield made
        finally:
            await own.mend()
            _tell(request, made)


@pytest.fixture
def wired(own: OwnServers, struck: Run) -> dict[str, str]:
    """A worker's environment in which Kafka and PostgreSQL lie behind the proxies."""
    return {
        "LEDGER_KAFKA_BOOTSTRAP": own.kafka_bootstrap,
        "LEDGER_DATABASE_URL": own.through(struck.databases.ledger_url),
        "LEDGER_VAULT_URL": own.through(struck.databases.vault_url),
    }
