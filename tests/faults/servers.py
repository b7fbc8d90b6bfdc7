"""Servers of one test alone, so that it may kill, stop and starve them; a worker reaches each through a proxy.

Kafka has a second listener beside its own, which names the proxy as its address: who asks there for the brokers is sent
to the proxy again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from ledger.embedded import Embedded
from ledger.embedded.process import free_port, started_at
from tests.faults.kafka_proxy import KafkaProxy
from tests.faults.tcp_proxy import TcpProxy
from tests.services import Services

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

_SECONDS = 60.0


class OwnServers:
    """Embedded Kafka and PostgreSQL; `kafka` and `postgres` are the wires to them."""

    def __init__(
        self, root: Path, embedded: Embedded, kafka: KafkaProxy | TcpProxy, postgres: TcpProxy
    ) -> None:
        self.root = root
        self.embedded = embedded
        self.kafka, self.postgres = kafka, postgres

    @property
    def services(self) -> Services:
        """The servers themselves, past the proxies."""
        return Services(
            self.embedded.kafka_bootstrap,
            self.embedded.superuser_url("").rstrip("/"),
            self.embedded.login_url("").rstrip("/"),
        )

    @property
    def kafka_data(self) -> Path:
        """The broker's log directory."""
        return self.data / "kafka"

    @property
    def postgres_data(self) -> Path:
        return self.data / "postgres"

    @property
    def data(self) -> Path:
        """Where both keep their data, by a path that the account of PostgreSQL may walk."""
        return (self.root / "data").resolve()

    @property
    def kafka_bootstrap(self) -> str:
        return f"127.0.0.1:{self.kafka.port}"

    def through(self, url: str) -> str:
        """The same database behind the proxy."""
        parts = urlsplit(url)
        login = parts.netloc.rpartition("@")[0]
        return urlunsplit(parts._replace(netloc=f"{login}@127.0.0.1:{self.postgres.port}"))

    def _pid(self, name: str) -> int:
        pid = self.embedded.kafka_pid if name == "kafka" else self.embedded.postgres_pid
        assert pid is not None, f"{name} does not run"
        return pid

    async def kill(self, name: str) -> None:
        """kill -9 of the broker, or of the postmaster alone; back when it is gone."""
        pid = self._pid(name)
        os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(_SECONDS):
            while started_at(pid) is not None:
                await asyncio.sleep(0.01)

    async def start(self, name: str) -> None:
        """On the same data and the same port."""
        start = self.embedded.start_kafka if name == "kafka" else self.embedded.start_postgres
        await asyncio.to_thread(start)

    async def recovered(self) -> None:
        """Until PostgreSQL lets clients in again, after it has ended all sessions."""
        async with asyncio.timeout(_SECONDS):
            while True:
                with contextlib.suppress(asyncpg.PostgresError, OSError):
                    connection = await asyncpg.connect(self.embedded.superuser_url("postgres"))
                    await connection.close()
                    return
                await asyncio.sleep(0.05)

    async def stop(self, name: str) -> None:
        """In the orderly way."""
        stop = self.embedded.stop_kafka if name == "kafka" else self.embedded.stop_postgres
        await asyncio.to_thread(stop)

    async def mend(self) -> None:
        """Whatever was done to servers and wires: they run, and let everything pass."""
        for wire in (self.kafka, self.postgres):
            wire.refusing, wire.delay = False, 0.0
            wire.flow()
        for name in ("kafka", "postgres"):
            await self.start(name)
        await self.recovered()

    @asynccontextmanager
    async def suspended(self, name: str) -> AsyncIterator[None]:
        """SIGSTOP of its main process until the end of the context."""
        pid = self._pid(name)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


@asynccontextmanager
async def own_servers(
    directory: Path,
    *,
    postgres_settings: Mapping[str, str] | None = None,
    kafka_settings: Mapping[str, str] | None = None,
    quick: bool = True,
    by_request: bool = True,
) -> AsyncIterator[OwnServers]:
    """Both servers, running. `by_request`: whether the Kafka proxy follows the protocol, which costs time."""
    async with KafkaProxy() if by_request else TcpProxy() as kafka, TcpProxy() as postgres:
        listener = free_port()
        settings = {
            "listeners": "PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port},"
            f"PROXIED://127.0.0.1:{listener}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{{port}},PROXIED://127.0.0.1:{kafka.port}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT",
            "inter.broker.listener.name": "PLAINTEXT",
            **(kafka_settings or {}),
        }
        root = directory / ".ledger"
        embedded = Embedded(root, kafka_settings=settings, postgres_settings=postgres_settings)
        try:
            await asyncio.to_thread(embedded.start, quick)
            kafka.upstream, postgres.upstream = listener, embedded.postgres_port
            yield OwnServers(root, embedded, kafka, postgres)
        finally:
            await asyncio.to_thread(embedded.delete)
