"""The proxy against real PostgreSQL: what it says has happened has happened."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.faults.postgres_proxy import Fault, PostgresProxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.services import DatabasePair

_SECONDS = 20.0


@pytest.fixture
async def proxy(fresh_databases: DatabasePair) -> AsyncIterator[PostgresProxy]:
    async with PostgresProxy(fresh_databases.ledger_superuser_url) as running:
        yield running


@pytest.fixture
async def direct(fresh_databases: DatabasePair) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(fresh_databases.ledger_superuser_url)
    await connection.execute("CREATE TABLE kept (n integer PRIMARY KEY); CREATE TABLE other (n integer)")
    yield connection
    await connection.close()


async def commit_one(url: str, number: int, *, table: str = "kept", extended: bool = False) -> None:
    connection = await asyncpg.connect(url, timeout=_SECONDS)
    try:
        await connection.execute("BEGIN")
        await connection.execute(f"INSERT INTO {table} VALUES ($1)", number)
        if extended:
            await connection.fetch("COMMIT")
        else:
            await connection.execute("COMMIT;")
    finally:
        connection.terminate()


async def kept(direct: asyncpg.Connection) -> list[int]:
    return [row["n"] for row in await direct.fetch("SELECT n FROM kept ORDER BY n")]


async def test_what_is_not_struck_passes(proxy: PostgresProxy, direct: asyncpg.Connection) -> None:
    async with asyncio.timeout(_SECONDS):
        await commit_one(proxy.url, 1)
        await commit_one(proxy.url, 2, extended=True)
        copying = await asyncpg.connect(proxy.url)
        await copying.copy_records_to_table("kept", records=[(number,) for number in range(10, 20_010)])
        await copying.close()
    assert len(await kept(direct)) == 20_002


@pytest.mark.parametrize("extended", [False, True])
async def test_dropped_before_is_not_persisted(
    proxy: PostgresProxy, direct: asyncpg.Connection, extended: bool
) -> None:
    strike = proxy.arm(Fault.DROP_BEFORE, touching="kept")
    with pytest.raises((OSError, asyncpg.PostgresConnectionError)):
        await commit_one(proxy.url, 1, extended=extended)
    assert strike.struck.is_set()
    async with asyncio.timeout(_SECONDS):
        await commit_one(proxy.url, 1)  # waits for the end of the cut session; would be refused had it won
    assert await kept(direct) == [1]


@pytest.mark.parametrize("extended", [False, True])
async def test_a_dropped_reply_is_persisted(
    proxy: PostgresProxy, direct: asyncpg.Connection, extended: bool
) -> None:
    strike = proxy.arm(Fault.DROP_REPLY, touching="kept")
    with pytest.raises((OSError, asyncpg.PostgresConnectionError)):
        await commit_one(proxy.url, 1, extended=extended)
    assert strike.struck.is_set()
    assert await kept(direct) == [1]


async def test_a_held_reply_is_persisted_before_the_client_knows(
    proxy: PostgresProxy, direct: asyncpg.Connection
) -> None:
    strike = proxy.arm(Fault.HOLD_REPLY, touching="kept")
    committing = asyncio.create_task(commit_one(proxy.url, 1))
    async with asyncio.timeout(_SECONDS):
        await strike.struck.wait()
        assert await kept(direct) == [1]
        assert not committing.done()
        strike.release()
        await committing


async def test_only_the_nth_commit_that_touches_the_table_is_struck(
    proxy: PostgresProxy, direct: asyncpg.Connection
) -> None:
    strike = proxy.arm(Fault.DROP_BEFORE, touching=r"\bkept\b", nth=2)
    async with asyncio.timeout(_SECONDS):
        await commit_one(proxy.url, 1)
        await commit_one(proxy.url, 1, table="other")
        assert not strike.struck.is_set()
        with pytest.raises((OSError, asyncpg.PostgresConnectionError)):
            await commit_one(proxy.url, 2)
        await commit_one(proxy.url, 3)
    assert strike.struck.is_set()
    assert await kept(direct) == [1, 3]


async def test_cut_and_refused_connections_end_at_once(
    proxy: PostgresProxy, direct: asyncpg.Connection
) -> None:
    async with asyncio.timeout(_SECONDS):
        connection = await asyncpg.connect(proxy.url)
        proxy.cut()
        with pytest.raises((OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError)):
            await connection.fetchval("SELECT 1")
        proxy.refusing = True
        with pytest.raises((OSError, asyncpg.PostgresConnectionError)):
            await asyncpg.connect(proxy.url)
        assert proxy.refused.is_set()
        proxy.refusing = False
        await commit_one(proxy.url, 1)
    assert await kept(direct) == [1]
