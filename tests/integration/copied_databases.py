"""Copies of a world's databases: what takes long to build is built once, and each test spoils a copy."""

from __future__ import annotations

import secrets
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import asyncpg

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.world import World


@asynccontextmanager
async def copies(world: World, which: tuple[str, ...]) -> AsyncIterator[World]:
    """A world with copies of the databases named, `ledger` and `vault`, for an operator to spoil; the others stay."""
    pair = world.databases
    names: dict[str, Any] = {each: f"{each}_{secrets.token_hex(6)}" for each in which}
    connection = await asyncpg.connect(pair.services.superuser_url("postgres"))
    try:
        for each, name in names.items():
            await connection.execute(f"CREATE DATABASE {name} TEMPLATE {getattr(pair, each)}")
            await connection.execute(f"GRANT CONNECT ON DATABASE {name} TO ledger")
        copy = replace(pair, **names)
        urls = {"database_url": copy.ledger_url, "vault_url": copy.vault_url}
        yield replace(world, databases=copy, settings=world.settings.model_copy(update=urls))
    finally:
        for name in names.values():
            await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await connection.close()
