"""In what condition a database is: whether its server answers, its clock, its migrations, and the login's roles."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from typing import TYPE_CHECKING, get_args

import asyncpg

from ledger.storage.database import Role, translated
from ledger.storage.sql import load

if TYPE_CHECKING:
    from ledger.storage.migrate import Database

_SQL = load("condition")


@dataclass(frozen=True, slots=True)
class Condition:
    """One database. `clock_ahead` is in seconds; `pending` and `changed` are names of migrations, None where the login
    may not see which were applied.
    """

    version: int
    clock_ahead: float
    roles_missing: tuple[str, ...]
    pending: tuple[str, ...] | None
    changed: tuple[str, ...] | None


async def condition_of(url: str, migrate_url: str, database: Database) -> Condition:
    """Looks; changes nothing. Raises Unreachable or NotMigrated where the server does not let the login in."""
    roles = [role for role in get_args(Role) if role.startswith(database)]
    with translated():
        connection = await asyncpg.connect(url, timeout=10)
        try:
            before = datetime.now(UTC)
            row = await connection.fetchrow(_SQL.clock)
            assert row is not None  # noqa: S101 -- a SELECT without FROM gives one row; tells mypy
            after = datetime.now(UTC)
            missing = await connection.fetch(_SQL.roles_missing, roles)
        finally:
            await connection.close()
    applied = await _applied(migrate_url)
    shipped = _shipped(database)
    return Condition(
        version=row["version"],
        clock_ahead=(row["clock"] - before - (after - before) / 2).total_seconds(),
        roles_missing=tuple(each["wanted"] for each in missing),
        pending=None if applied is None else tuple(name for name in shipped if name not in applied),
        changed=None
        if applied is None
        else tuple(name for name, digest in shipped.items() if applied.get(name, digest) != digest),
    )


async def _applied(url: str) -> dict[str, bytes] | None:
    with translated():
        connection = await asyncpg.connect(url, timeout=10)
        try:
            return {row["name"]: row["sha256"] for row in await connection.fetch(_SQL.applied)}
        except asyncpg.UndefinedTableError:
            return {}
        except asyncpg.InsufficientPrivilegeError:
            return None
        finally:
            await connection.close()


def _shipped(database: Database) -> dict[str, bytes]:
    directory = files("ledger.storage").joinpath("migrations", database)
    texts = sorted(
        (each for each in directory.iterdir() if each.name.endswith(".sql")), key=lambda each: each.name
    )
    return {each.name: hashlib.sha256(each.read_bytes()).digest() for each in texts}
