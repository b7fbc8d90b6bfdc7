"""In what condition a database is: its server's settings, its migrations, the login's rights, and who may do too much."""

from __future__ import annotations

import hashlib
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from typing import TYPE_CHECKING, get_args

import asyncpg

from ledger.storage.database import Role, translated
from ledger.storage.sql import load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from ledger.storage.migrate import Database

_SQL = load("condition")
_SETTINGS = (
    "archive_mode",
    "autovacuum",
    "fsync",
    "full_page_writes",
    "log_min_duration_sample",
    "log_min_duration_statement",
    "log_parameter_max_length",
    "log_statement",
    "synchronous_commit",
    "synchronous_standby_names",
    "wal_level",
)


@dataclass(frozen=True, slots=True)
class Condition:
    """One database, as the login sees it. `server` is the cluster's own id. `clock_ahead` is in seconds; `settings` are
    PostgreSQL's, for this login in this database. `pending` and `changed` are names of migrations, None where they may
    not be seen; `standbys` counts those that commits wait for, None likewise. `unguarded`, `unvacuumed` are tables;
    `excess` is what somebody may do beyond the migrations' grants.
    """

    version: int
    server: str
    database: str
    clock_ahead: float
    read_only: bool
    connections_free: int
    superuser: bool
    may_own: bool
    settings: Mapping[str, str]
    roles_missing: tuple[str, ...]
    unguarded: tuple[str, ...]
    unvacuumed: tuple[str, ...]
    excess: tuple[str, ...]
    standbys: int | None
    pending: tuple[str, ...] | None
    changed: tuple[str, ...] | None


async def condition_of(url: str, migrate_url: str, database: Database) -> Condition:
    """Looks; changes nothing. Raises Unreachable or NotMigrated where the server does not let the login in."""
    roles = [role for role in get_args(Role) if role.startswith(database)]
    async with _connected(url) as connection:
        before = datetime.now(UTC)
        [server] = await connection.fetch(_SQL.server, f"{database}_owner")
        after = datetime.now(UTC)
        settings = {row["name"]: row["setting"] for row in await connection.fetch(_SQL.settings, _SETTINGS)}
        missing = await connection.fetch(_SQL.roles_missing, roles)
        unguarded = await connection.fetch(_SQL.unguarded) if database == "ledger" else []
        unvacuumed = await connection.fetch(_SQL.unvacuumed, database)
        excess = await connection.fetch(_SQL.excess, database)
    async with _connected(migrate_url) as connection:
        applied = await _applied(connection)
        standbys = await _standbys(connection)
    shipped = _shipped(database)
    return Condition(
        version=server["version"],
        server=server["server"],
        database=server["database"],
        clock_ahead=(server["clock"] - before - (after - before) / 2).total_seconds(),
        read_only=server["read_only"],
        connections_free=server["connections_free"],
        superuser=server["superuser"],
        may_own=server["may_own"],
        settings=settings,
        roles_missing=tuple(row["wanted"] for row in missing),
        unguarded=tuple(row["relname"] for row in unguarded),
        unvacuumed=tuple(row["relname"] for row in unvacuumed),
        excess=tuple(row["told"] for row in excess),
        standbys=standbys,
        pending=None if applied is None else tuple(name for name in shipped if name not in applied),
        changed=None
        if applied is None
        else tuple(name for name, digest in shipped.items() if applied.get(name, digest) != digest),
    )


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    with translated():
        connection = await asyncpg.connect(url, timeout=10)
        try:
            yield connection
        finally:
            await connection.close()


async def _applied(connection: asyncpg.Connection) -> dict[str, bytes] | None:
    try:
        return {row["name"]: row["sha256"] for row in await connection.fetch(_SQL.applied)}
    except asyncpg.UndefinedTableError:
        return {}
    except asyncpg.InsufficientPrivilegeError:
        return None


async def _standbys(connection: asyncpg.Connection) -> int | None:
    """How standbys stand is shown to members of pg_read_all_stats alone; to others it is null, and counts as none."""
    if not await connection.fetchval("SELECT pg_has_role('pg_read_all_stats', 'USAGE')"):
        return None
    return int(await connection.fetchval(_SQL.standbys))


def _shipped(database: Database) -> dict[str, bytes]:
    directory = files("ledger.storage").joinpath("migrations", database)
    texts = sorted(
        (each for each in directory.iterdir() if each.name.endswith(".sql")), key=lambda each: each.name
    )
    return {each.name: hashlib.sha256(each.read_bytes()).digest() for each in texts}
