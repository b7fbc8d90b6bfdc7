"""Real Kafka and PostgreSQL for tests: embedded, in containers, or servers that someone else runs.

`LEDGER_TEST_SERVICES` chooses:
- `embedded` (default): started for the session in a temporary directory, so that a running `make up` is untouched;
- `testcontainers`: the official images, through Docker;
- `external`: `LEDGER_TEST_KAFKA_BOOTSTRAP`, and `LEDGER_TEST_SUPERUSER_URL` and `LEDGER_TEST_LOGIN_URL`
  (`postgresql://role:password@host:port`, without a database; the login role is to be `ledger`, as the embedded one is).
"""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg

from ledger.embedded import Embedded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

KAFKA_IMAGE = "apache/kafka:4.3.1"
POSTGRES_IMAGE = "postgres:18"
LOGIN_ROLE = "CREATE ROLE ledger LOGIN NOSUPERUSER NOINHERIT NOCREATEDB NOCREATEROLE"


@dataclass(frozen=True, slots=True)
class Services:
    """Where the servers are; `superuser` and `login` are libpq URLs without a database."""

    kafka_bootstrap: str
    superuser: str
    login: str

    def superuser_url(self, database: str) -> str:
        return f"{self.superuser}/{database}"

    def login_url(self, database: str) -> str:
        return f"{self.login}/{database}"


@dataclass(frozen=True, slots=True)
class DatabasePair:
    """Two empty databases of one test, by name and by URL."""

    services: Services
    ledger: str
    vault: str

    @property
    def ledger_url(self) -> str:
        return self.services.login_url(self.ledger)

    @property
    def vault_url(self) -> str:
        return self.services.login_url(self.vault)

    @property
    def ledger_superuser_url(self) -> str:
        return self.services.superuser_url(self.ledger)

    @property
    def vault_superuser_url(self) -> str:
        return self.services.superuser_url(self.vault)


@contextlib.contextmanager
def running_services() -> Iterator[Services]:
    """The services that the environment asks for, for as long as the context is open."""
    kind = os.environ.get("LEDGER_TEST_SERVICES", "embedded")
    if kind == "external":
        yield Services(
            os.environ["LEDGER_TEST_KAFKA_BOOTSTRAP"],
            os.environ["LEDGER_TEST_SUPERUSER_URL"].rstrip("/"),
            os.environ["LEDGER_TEST_LOGIN_URL"].rstrip("/"),
        )
        return
    sources = {"embedded": _embedded, "testcontainers": _containers}
    if kind not in sources:
        raise ValueError(f"LEDGER_TEST_SERVICES is {kind!r}: use embedded, testcontainers or external.")
    with sources[kind]() as services:
        yield services


@contextlib.contextmanager
def _embedded() -> Iterator[Services]:
    with tempfile.TemporaryDirectory(prefix="ledger-tests-", ignore_cleanup_errors=True) as directory:
        servers = Embedded(Path(directory) / ".ledger")
        try:
            servers.start()
            yield Services(
                servers.kafka_bootstrap,
                servers.superuser_url("").rstrip("/"),
                servers.login_url("").rstrip("/"),
            )
        finally:
            servers.delete()


@contextlib.contextmanager
def _containers() -> Iterator[Services]:
    # Imported here: it needs Docker's client library, and the other kinds do not.
    from testcontainers.community.postgres import PostgresContainer  # noqa: PLC0415
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy  # noqa: PLC0415

    from ledger.embedded.process import free_port  # noqa: PLC0415

    # The broker tells its clients where it is, so the port on the host must be known before it starts.
    port = free_port()
    password = secrets.token_urlsafe(16)
    kafka = (
        DockerContainer(KAFKA_IMAGE)
        .with_bind_ports(9092, port)
        .with_env("KAFKA_NODE_ID", "1")
        .with_env("KAFKA_PROCESS_ROLES", "broker,controller")
        .with_env("KAFKA_CONTROLLER_QUORUM_VOTERS", "1@localhost:9093")
        .with_env("KAFKA_CONTROLLER_LISTENER_NAMES", "CONTROLLER")
        .with_env("KAFKA_LISTENERS", "PLAINTEXT://:9092,CONTROLLER://:9093")
        .with_env("KAFKA_ADVERTISED_LISTENERS", f"PLAINTEXT://127.0.0.1:{port}")
        .with_env("KAFKA_LISTENER_SECURITY_PROTOCOL_MAP", "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT")
        .with_env("KAFKA_AUTO_CREATE_TOPICS_ENABLE", "false")
        .with_env("KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR", "1")
        .with_env("KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR", "1")
        .with_env("KAFKA_TRANSACTION_STATE_LOG_MIN_ISR", "1")
        .with_env("KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS", "0")
        .waiting_for(LogMessageWaitStrategy("Kafka Server started"))
    )
    postgres = PostgresContainer(
        POSTGRES_IMAGE, username="postgres", password=password, dbname="postgres", driver=None
    )
    postgres = postgres.with_env(
        "POSTGRES_INITDB_ARGS",
        "--encoding=UTF8 --locale=C --locale-provider=builtin --builtin-locale=C.UTF-8",
    ).with_command("postgres -c max_connections=200")
    with kafka, postgres:
        address = f"{postgres.get_container_host_ip()}:{postgres.get_exposed_port(5432)}"
        login_password = secrets.token_urlsafe(16)
        status, output = postgres.exec(
            ["psql", "-U", "postgres", "-c", f"{LOGIN_ROLE} PASSWORD '{login_password}'"]
        )
        if status != 0:
            raise RuntimeError(f"The login role could not be made: {output!r}")
        yield Services(
            f"127.0.0.1:{port}",
            f"postgresql://postgres:{password}@{address}",
            f"postgresql://ledger:{login_password}@{address}",
        )


@contextlib.asynccontextmanager
async def database_pair(services: Services) -> AsyncIterator[DatabasePair]:
    """Two databases with names of their own, with the rights that `ledger` and `vault` have; dropped afterwards."""
    suffix = secrets.token_hex(6)
    pair = DatabasePair(services, f"ledger_{suffix}", f"vault_{suffix}")
    connection = await asyncpg.connect(services.superuser_url("postgres"))
    try:
        for name in (pair.ledger, pair.vault):
            await connection.execute(f"CREATE DATABASE {name}")
            await connection.execute(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
            await connection.execute(f"GRANT CONNECT ON DATABASE {name} TO ledger")
    finally:
        await connection.close()
    try:
        yield pair
    finally:
        # A connection of its own: the test may have killed the one above, or the server.
        connection = await asyncpg.connect(services.superuser_url("postgres"))
        try:
            for name in (pair.ledger, pair.vault):
                await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        finally:
            await connection.close()
