"""Waiting for a lock that a stopped writer may hold.

A writer stopped in mid-COPY holds the head for ever, and no time-out of PostgreSQL ends it. So whoever waits longer
than 5 s ends the sessions in the way.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

import structlog
from prometheus_client import Counter

from ledger.storage.sql import load

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from typing import Any

    import asyncpg

_T = TypeVar("_T")
_SQL = load("append")
LOCK_PATIENCE = 5.0  # seconds
_log = structlog.get_logger(__name__)
ENDED = Counter(
    "ledger_blocking_writers_ended_total", "Sessions ended because they held the head for more than 5 s"
)


async def patiently(waiting: Coroutine[Any, Any, _T], end_blockers: Callable[[], Awaitable[None]]) -> _T:
    """What `waiting` gives; `end_blockers` is called each time that it has waited for another 5 s."""
    task = asyncio.ensure_future(waiting)
    try:
        while True:
            done, _ = await asyncio.wait({task}, timeout=LOCK_PATIENCE)
            if done:
                return task.result()
            await end_blockers()
    except BaseException:
        task.cancel()
        with suppress(BaseException):
            await task
        raise


async def end_blockers(connection: asyncpg.Connection | asyncpg.pool.PoolConnectionProxy, pid: int) -> int:
    """Ends the sessions that the backend `pid` waits for; how many. Only those of this login: another's lock, an
    administrator's for instance, is waited for. `connection` must not stand under a group role, which may signal none
    of the login's sessions.
    """
    ended = int(await connection.fetchval(_SQL.terminate_blockers, pid))
    if ended:
        ENDED.inc(ended)
        _log.error("append.blocking_writer_ended", ended=ended)
    return ended
