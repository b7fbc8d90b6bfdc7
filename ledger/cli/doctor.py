"""The examination behind `ledger doctor`: it looks, it mends nothing, and it goes on after what is wrong."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger.core.errors import LedgerError, Unreachable
from ledger.embedded import Embedded
from ledger.embedded.postgres_programs import installed
from ledger.embedded.sources import Sources
from ledger.services import Addresses, resolve
from ledger.storage.condition import condition_of
from ledger.storage.opening import open_ledger
from streams.topics import Topics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from ledger.settings import Settings
    from ledger.storage.migrate import Database

_CLOCK_SECONDS = 5.0
_POSTGRES_FROM = 18


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at; `detail` says what was found, or what to mend. It never holds a key or a password."""

    name: str
    ok: bool
    detail: str
    unreachable: bool = False


async def examine(settings: Settings) -> AsyncIterator[Check]:
    """Every check, in the order in which one would mend them."""
    yield _origin(settings)
    yield _keys(settings.keys_directory)
    for check in _embedded(settings):
        yield check
    try:
        addresses = resolve(settings)
    except Unreachable as error:
        yield Check("servers", ok=False, detail=str(error), unreachable=True)
        return
    async for check in _topics(settings, addresses):
        yield check
    sound = True
    databases: tuple[tuple[Database, str, str], ...] = (
        ("ledger", addresses.database_url, addresses.migrate_database_url),
        ("vault", addresses.vault_url, addresses.migrate_vault_url),
    )
    for database, url, migrate_url in databases:
        async for check in _database(database, url, migrate_url):
            sound = sound and check.ok
            yield check
    if sound:
        yield await _ledger(settings, addresses)


def _origin(settings: Settings) -> Check:
    try:
        origin = settings.origin_of(settings.name)
    except LedgerError as error:
        return Check("settings", ok=False, detail=str(error))
    return Check("settings", ok=True, detail=f"ledger {settings.name}, origin {origin}")


def _keys(directory: Path) -> Check:
    if not directory.exists():
        return Check("keys", ok=True, detail="none yet: `ledger migrate` makes them")
    opened = [
        each.name for each in (directory, *directory.rglob("*")) if stat.S_IMODE(each.stat().st_mode) & 0o077
    ]
    if opened:
        return Check(
            "keys", ok=False, detail=f"open to others: {', '.join(sorted(opened))}; chmod 700 or 600"
        )
    return Check("keys", ok=True, detail="closed to others")


def _embedded(settings: Settings) -> Iterator[Check]:
    """Whether the embedded servers that the settings ask for could run, and do."""
    try:
        servers = Embedded(settings.home) if settings.embedded_kafka or settings.embedded_postgres else None
    except LedgerError as error:
        yield Check("embedded servers", ok=False, detail=str(error))
        return
    if servers and settings.embedded_kafka:
        sources = Sources.from_environment(os.environ, fallback_cache=settings.home / "data" / "cache")
        yield _program("java", sources.java)
        yield _running("kafka", servers.kafka_pid)
    if servers and settings.embedded_postgres:
        yield _program("postgres programs", installed)
        yield _running("postgres", servers.postgres_pid)


def _program(name: str, find: Callable[[], Path]) -> Check:
    try:
        return Check(name, ok=True, detail=str(find()))
    except LedgerError as error:
        return Check(name, ok=False, detail=str(error))


def _running(name: str, pid: int | None) -> Check:
    if pid:
        return Check(f"embedded {name}", ok=True, detail=f"runs as process {pid}")
    start = f"`make up` or `ledger embedded start {name}` starts it"
    return Check(f"embedded {name}", ok=False, detail=start, unreachable=True)


async def _topics(settings: Settings, addresses: Addresses) -> AsyncIterator[Check]:
    try:
        wrong = await Topics(settings, addresses.kafka_bootstrap).check()
    except Unreachable as error:
        yield Check("kafka", ok=False, detail=str(error), unreachable=True)
        return
    yield Check("kafka", ok=True, detail="answers")
    made = settings.create_topics if settings.create_topics is not None else settings.embedded_kafka
    if made and wrong and all("is missing" in each for each in wrong):
        yield Check("topics", ok=True, detail="not there yet: the worker makes them")
        return
    for each in wrong:
        yield Check("topics", ok=False, detail=each)
    if not wrong:
        yield Check("topics", ok=True, detail="settings keep what the ledger promises")


async def _database(database: Database, url: str, migrate_url: str) -> AsyncIterator[Check]:
    name = f"{database} database"
    try:
        found = await condition_of(url, migrate_url, database)
    except LedgerError as error:
        yield Check(name, ok=False, detail=str(error), unreachable=isinstance(error, Unreachable))
        return
    enough = found.version >= _POSTGRES_FROM
    yield Check(
        name, ok=enough, detail=f"PostgreSQL {found.version}{'' if enough else ': version 18 is needed'}"
    )
    apart = (
        f"{abs(found.clock_ahead):.1f} s {'ahead of' if found.clock_ahead > 0 else 'behind'} this machine's"
    )
    near = abs(found.clock_ahead) < _CLOCK_SECONDS
    yield Check(f"{name}: clock", ok=near, detail=apart if near else f"{apart}: synchronise the clocks")
    if found.pending is None:
        yield Check(f"{name}: migrations", ok=True, detail="not seen: this login may not look")
    elif found.changed:
        detail = (
            f"{', '.join(found.changed)} is not the file that was applied: install the version that was used"
        )
        yield Check(f"{name}: migrations", ok=False, detail=detail)
    else:
        detail = f"run `ledger migrate`: {', '.join(found.pending)}" if found.pending else "all applied"
        yield Check(f"{name}: migrations", ok=not found.pending, detail=detail)
    lacking = f"run `ledger migrate`: the login lacks {', '.join(found.roles_missing)}"
    yield Check(
        f"{name}: roles", ok=not found.roles_missing, detail=lacking if found.roles_missing else "all granted"
    )


async def _ledger(settings: Settings, addresses: Addresses) -> Check:
    try:
        async with open_ledger(
            settings.name, addresses.database_url, addresses.vault_url, settings.keys_directory
        ) as ledger:
            same = ledger.origin == settings.origin_of(settings.name)
    except LedgerError as error:
        return Check("ledger", ok=False, detail=str(error), unreachable=isinstance(error, Unreachable))
    detail = "opens" if same else "LEDGER_ORIGIN differs from the origin that this ledger was opened with"
    return Check("ledger", ok=same, detail=detail)
