"""Creates and upgrades the two databases: numbered files, under an advisory lock, with their digests recorded."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from importlib.resources import files
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote, urlsplit

import asyncpg

from ledger.core.errors import BadInput
from ledger.storage.database import translated

if TYPE_CHECKING:
    from collections.abc import Sequence

Database = Literal["ledger", "vault"]

_ROLES: dict[Database, tuple[str, ...]] = {
    "ledger": ("ledger_owner", "ledger_writer", "ledger_eraser", "ledger_reader", "ledger_auditor"),
    "vault": ("vault_owner", "vault_keeper", "vault_eraser"),
}
_LOCK = 0x6C656467  # "ledg"; one number, since each database has advisory locks of its own
_JOURNAL = """
CREATE TABLE IF NOT EXISTS public.ledger_migration (
    number integer PRIMARY KEY, name text NOT NULL, sha256 bytea NOT NULL, applied timestamptz NOT NULL DEFAULT now())
"""


class MigrationChanged(BadInput):
    """A migration that was applied is not the file that is shipped now."""

    code = "migration-changed"


def login_of(url: str) -> str:
    """The login role of a libpq URL."""
    return unquote(urlsplit(url).username or "")


async def migrate(url: str, database: Database, logins: Sequence[str]) -> list[str]:
    """Brings one database up to date and lets `logins` take its roles; the names of the migrations applied.

    `url` must belong to a role that may create roles and schemas. Safe to run by several at once.
    """
    with translated():
        connection = await asyncpg.connect(url, timeout=10)
        try:
            await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
            await _make_roles(connection, database, logins)
            return await _apply(connection, database)
        finally:
            await connection.close()


async def ensure_ledger(url: str, name: str, origin: str) -> int:
    """Opens a ledger in a migrated database, or finds it; its id. The origin of a ledger never changes."""
    with translated():
        connection = await asyncpg.connect(url, timeout=10)
        try:
            async with connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
                await connection.execute("SET LOCAL ROLE ledger_owner")
                await connection.execute("SET LOCAL search_path TO ledger")
                found = await connection.fetchrow(
                    "SELECT ledger_id, origin FROM ledger JOIN head USING (ledger_id) WHERE name = $1", name
                )
                if found is None:
                    number = await connection.fetchval(
                        "INSERT INTO ledger (ledger_id, name) SELECT coalesce(max(ledger_id), 0) + 1, $1 FROM ledger RETURNING ledger_id",
                        name,
                    )
                    await connection.execute(
                        "INSERT INTO head (ledger_id, origin) VALUES ($1, $2)", number, origin
                    )
                    await connection.execute("INSERT INTO lease (ledger_id) VALUES ($1)", number)
                    return int(number)
        finally:
            await connection.close()
    if found["origin"] != origin:
        raise BadInput(
            "LEDGER_ORIGIN differs from the origin that this ledger was opened with; an origin never changes."
        )
    return int(found["ledger_id"])


async def _make_roles(connection: asyncpg.Connection, database: Database, logins: Sequence[str]) -> None:
    for role in _ROLES[database]:
        # Roles belong to the whole server: another database's migration may be making the same one right now.
        try:
            if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
                await connection.execute(f'CREATE ROLE "{role}" NOLOGIN')
        except (asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
            continue
    grants = (
        ['GRANT "ledger_writer" TO "ledger_eraser" WITH INHERIT TRUE, SET FALSE']
        if database == "ledger"
        else []
    )
    for login in logins:
        quoted = '"' + login.replace('"', '""') + '"'
        grants += [
            f'GRANT "{role}" TO {quoted} WITH INHERIT FALSE, SET TRUE' for role in _ROLES[database][1:]
        ]
    for grant in grants:
        await _granted(connection, grant)
    owner = await connection.fetchval("SELECT current_user")
    await _granted(connection, f'GRANT "{_ROLES[database][0]}" TO "{owner}" WITH INHERIT FALSE, SET TRUE')


async def _granted(connection: asyncpg.Connection, grant: str) -> None:
    """Grants, again where a migration beside this one changed the same row of the catalogue."""
    for _ in range(20):
        with suppress(
            asyncpg.InternalServerError, asyncpg.UniqueViolationError
        ):  # "tuple concurrently updated"
            await connection.execute(grant)
            return
    await connection.execute(grant)


async def _apply(connection: asyncpg.Connection, database: Database) -> list[str]:
    await connection.execute(_JOURNAL)
    done = {row["number"]: row for row in await connection.fetch("SELECT * FROM public.ledger_migration")}
    applied = []
    for file in sorted(
        files("ledger.storage").joinpath("migrations", database).iterdir(), key=lambda each: each.name
    ):
        if not file.name.endswith(".sql"):
            continue
        text = file.read_bytes()
        number, digest = int(file.name.split("_", 1)[0]), hashlib.sha256(text).digest()
        if row := done.get(number):
            if row["sha256"] != digest:
                raise MigrationChanged(
                    f"Migration {file.name} is not the one that this database was made with."
                )
            continue
        async with connection.transaction():
            await connection.execute(text.decode())
            await connection.execute(
                "INSERT INTO public.ledger_migration (number, name, sha256) VALUES ($1, $2, $3)",
                number,
                file.name,
                digest,
            )
            # SET LOCAL would not outlive it, but SET does: the next migration starts as the login again.
            await connection.execute("RESET search_path")
        applied.append(file.name)
    return applied
