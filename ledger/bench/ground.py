"""What is measured on: embedded servers in a directory of their own, and fresh ledgers in databases of their own."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg

from ledger.bench.send import delete_topics
from ledger.core.errors import Unreachable
from ledger.embedded import Embedded, process
from ledger.embedded.errors import with_log_tail
from ledger.settings import Settings
from ledger.storage.database import translated
from ledger.storage.migrate import ensure_ledger, login_of, migrate
from ledger.storage.opening import open_ledger
from ledger.storage.sql import load
from streams.topics import Topics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from ledger.embedded.process import Running
    from ledger.storage.migrate import Database

NAME = "bench"
_TEMPLATE = "template"
_SQL = load("ground", "ledger.bench.sql")
_STOP_SECONDS = 30.0
_PATIENCE_SECONDS = 600.0
_POLL_SECONDS = 0.05
# The benchmark's own servers are embedded, and its own addresses hold, whatever the environment says.
_NOT_INHERITED = (
    "LEDGER_KAFKA_",
    "LEDGER_API_",
    "LEDGER_MIGRATE_",
    "LEDGER_WORKER_METRICS_PORT",
    "LEDGER_ORIGIN",
)


def postgres_settings() -> dict[str, str]:
    """Settings of a server that serves benchmarks alone; durability is untouched."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "shared_buffers": f"{memory // 4 // 2**20}MB",
        "max_wal_size": "8GB",
        "checkpoint_timeout": "30min",
        "wal_buffers": "64MB",
    }


@dataclass(frozen=True, slots=True)
class Site:
    """One ledger with its databases, topics and programs. `superuser` is the libpq URL of its database."""

    settings: Settings
    superuser: str
    environment: Mapping[str, str]
    log: Path

    @property
    def topics(self) -> Topics:
        return Topics(self.settings, self.settings.kafka_bootstrap)

    async def program(self, name: str, *arguments: str) -> Running:
        """Starts `ledger NAME` as an operator would; it ends with this process at the latest."""
        command = process.Command(
            name=f"ledger {name}",
            argv=[sys.executable, "-m", "ledger.cli", name, *arguments],
            env=self.environment,
            cwd=Path.cwd(),
            log=self.log,
            pid_file=self.log.with_suffix(f".{name}.pid"),
            stop_signal=signal.SIGTERM,
            stop_seconds=_STOP_SECONDS,
        )
        return await asyncio.to_thread(process.spawn, command, detached=False)

    async def connect(self) -> asyncpg.Connection:
        """A connection that looks on, as the superuser."""
        with translated():
            return await asyncpg.connect(self.superuser, server_settings={"search_path": "ledger"})

    async def ends(self) -> int:
        """How many offsets the inbound topics hold, of all partitions together."""
        described = await self.topics.describe()
        names = [(topic.name, each) for topic in described.values() for each in topic.partitions]
        return sum((await self.topics.offsets(names, earliest=False)).values())

    async def accounted(self, worker: Running, wanted: int | None = None) -> None:
        """Waits until the ledger has accounted for `wanted` offsets, else for all that are in Kafka now.

        Raises Unreachable where the worker ends before, or takes longer than ten minutes without an entry.
        """
        wanted = await self.ends() if wanted is None else wanted
        connection = await self.connect()
        try:
            reached, since = -1, asyncio.get_running_loop().time()
            while (now := int(await connection.fetchval(_SQL.accounted))) < wanted:
                clock = asyncio.get_running_loop().time()
                if now > reached:
                    reached, since = now, clock
                if not worker.alive() or clock - since > _PATIENCE_SECONDS:
                    raise Unreachable(with_log_tail("The worker has ended, or stands still.", self.log))
                await asyncio.sleep(_POLL_SECONDS)
        finally:
            await connection.close()


async def stop(program: Running) -> None:
    """Asks a program to end in order, and waits."""
    await asyncio.to_thread(process.end, program, signal.SIGTERM, _STOP_SECONDS)


@dataclass(slots=True)
class Ground:
    """The servers of one benchmark."""

    home: Path
    servers: Embedded
    _numbers: int = field(default=0)

    @asynccontextmanager
    async def site(self) -> AsyncIterator[Site]:
        """A fresh ledger, gone again afterwards: databases copied from the migrated ones, topics of its own."""
        self._numbers += 1
        site = await self.open(f"run{self._numbers}")
        try:
            yield site
        finally:
            await self.drop(site)

    @asynccontextmanager
    async def database(self, name: str) -> AsyncIterator[str]:
        """An empty database that is no ledger's, gone again afterwards; the superuser's URL of it."""
        connection = await self._superuser()
        try:
            await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            await connection.execute(f'CREATE DATABASE "{name}"')
            try:
                yield self.servers.superuser_url(name)
            finally:
                await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        finally:
            await connection.close()

    async def open(self, name: str) -> Site:
        """A fresh ledger of this name."""
        await self._copy_databases(name)
        site = self.at(name)
        await site.topics.ensure()
        return site

    def at(self, name: str) -> Site:
        """The ledger of this name, as it is."""
        settings = self._settings(name)
        return Site(
            settings,
            self.servers.superuser_url(f"ledger_{name}"),
            _environment(settings),
            settings.home / "log",
        )

    async def drop(self, site: Site) -> None:
        """Removes a ledger with its databases and topics: the next one finds the disk as this one did."""
        await asyncio.to_thread(delete_topics, site.settings)
        connection = await self._superuser()
        try:
            for kind in ("ledger", "vault"):
                await connection.execute(
                    f'DROP DATABASE IF EXISTS "{kind}_{site.settings.home.name}" WITH (FORCE)'
                )
        finally:
            await connection.close()
        shutil.rmtree(site.settings.home, ignore_errors=True)

    async def checkpoint(self) -> None:
        """Writes out what earlier work left in memory, so that no run pays for the one before it."""
        connection = await self._superuser()
        try:
            await connection.execute("CHECKPOINT")
        finally:
            await connection.close()

    async def configure(self, settings: Mapping[str, str | None]) -> None:
        """Changes settings of PostgreSQL that need no restart; None gives back what the server began with."""
        connection = await self._superuser()
        try:
            for name, value in settings.items():
                change = f"RESET {name}" if value is None else f"SET {name} = '{value}'"
                await connection.execute(f"ALTER SYSTEM {change}")
            await connection.execute("SELECT pg_reload_conf()")
        finally:
            await connection.close()

    async def prepare(self) -> None:
        """Makes the databases that every ledger here is a copy of."""
        connection = await self._superuser()
        try:
            known = await connection.fetchval(_SQL.database_exists, f"ledger_{_TEMPLATE}")
        finally:
            await connection.close()
        if known:
            return
        await self._make_databases(_TEMPLATE, None)
        settings = self._settings(_TEMPLATE)
        kinds: tuple[Database, ...] = ("ledger", "vault")
        for kind in kinds:
            url = self.servers.superuser_url(f"{kind}_{_TEMPLATE}")
            await migrate(url, kind, [login_of(settings.database_url)])
        await ensure_ledger(self.servers.superuser_url(f"ledger_{_TEMPLATE}"), NAME, settings.origin_of(NAME))
        async with open_ledger(NAME, settings.database_url, settings.vault_url, settings.keys_directory):
            pass  # opening an empty ledger makes its keys, which all runs share

    async def _copy_databases(self, name: str) -> None:
        await self._make_databases(name, _TEMPLATE)

    async def _make_databases(self, name: str, template: str | None) -> None:
        connection = await self._superuser()
        try:
            for kind in ("ledger", "vault"):
                made = f'"{kind}_{name}"'
                source = f' TEMPLATE "{kind}_{template}"' if template else ""
                await connection.execute(f"DROP DATABASE IF EXISTS {made} WITH (FORCE)")
                await connection.execute(f"CREATE DATABASE {made}{source}")
                await connection.execute(f"REVOKE ALL ON DATABASE {made} FROM PUBLIC")
                await connection.execute(f"GRANT CONNECT ON DATABASE {made} TO ledger")
        finally:
            await connection.close()

    async def _superuser(self) -> asyncpg.Connection:
        with translated():
            return await asyncpg.connect(self.servers.superuser_url("postgres"))

    def _settings(self, name: str) -> Settings:
        home = self.home / name
        home.mkdir(parents=True, exist_ok=True)
        return Settings(
            name=NAME,
            home=home,
            keys=self.home / "keys",
            origin="ledger.example/log/{ledger}",
            database_url=self.servers.login_url(f"ledger_{name}"),
            vault_url=self.servers.login_url(f"vault_{name}"),
            migrate_database_url=None,
            migrate_vault_url=None,
            kafka_bootstrap=self.servers.kafka_bootstrap,
            kafka_security_protocol="PLAINTEXT",
            kafka_sasl_mechanism=None,
            topic_prefix=f"{name}.",
            create_topics=True,
        )


def _environment(settings: Settings) -> dict[str, str]:
    """The variables of a program that uses this ledger; other settings of the environment, say of a batch, hold."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED)}
    return inherited | {
        "LEDGER_NAME": settings.name,
        "LEDGER_HOME": str(settings.home),
        "LEDGER_KEYS": str(settings.keys_directory),
        "LEDGER_DATABASE_URL": settings.database_url,
        "LEDGER_VAULT_URL": settings.vault_url,
        "LEDGER_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
        "LEDGER_TOPIC_PREFIX": settings.topic_prefix,
        "LEDGER_CREATE_TOPICS": "1",
    }


@asynccontextmanager
async def ground(home: Path, *, keep: bool = False) -> AsyncIterator[Ground]:
    """Starts servers under `home` with the settings of a benchmark. Unless `keep`, what an earlier run left there is
    removed first, and everything afterwards.
    """
    servers = await asyncio.to_thread(_servers, home, keep=keep)
    try:
        await asyncio.to_thread(servers.start, quick=False)
        made = Ground(home, servers)
        await made.prepare()
        yield made
    finally:
        await asyncio.shield(asyncio.to_thread(_stop, servers, home, keep=keep))


def _servers(home: Path, *, keep: bool) -> Embedded:
    if not keep:
        clear(home)
    home.mkdir(parents=True, exist_ok=True)
    return Embedded(home, postgres_settings=postgres_settings())


def _stop(servers: Embedded, home: Path, *, keep: bool) -> None:
    if keep:
        servers.stop()
    else:
        clear(home)


def clear(home: Path) -> None:
    """Stops what runs under `home`, and removes all of it."""
    if home.exists():
        Embedded(home).delete()
        shutil.rmtree(home)
