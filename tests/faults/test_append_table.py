"""The append transaction at each of its points, for each thing that may happen there: what is persisted, and what is not.

In the manner of sunlight's tests: a table whose rows say `failed, not persisted` or `failed, persisted`; after every row
the oracle reads the whole log.
"""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Literal, get_args

import asyncpg
import pytest

from ledger.core.protocol import Protocol
from ledger.storage.append import Appender, Fenced
from tests.faults.conftest import ORIGIN, Opened
from tests.faults.test_append_commit import batch, names

if TYPE_CHECKING:
    from ledger.core.protocol import Point
    from tests.faults.postgres_proxy import PostgresProxy

Action = Literal["kill", "stop", "raise", "disconnect"]
Outcome = Literal["failed, not persisted", "failed, persisted", "done"]
_SECONDS = 60.0
_POINTS: tuple[Point, ...] = ("locked", "fenced", "copied half", "copied", "committing", "committed")


def outcome(point: Point, action: Action) -> Outcome:
    """Up to `committing` nothing is persisted, from `committed` on all is. Who only loses the connection tries again; so
    does who was stopped and whose session was ended, but then another epoch has begun and fences it.
    """
    if action == "disconnect":
        return "done"
    return "failed, persisted" if point == "committed" else "failed, not persisted"


ROWS = [
    (point, action, nth, outcome(point, action))
    for point, action, nth in itertools.product(_POINTS, get_args(Action), (1, 3))
]


class Hit(Protocol):
    """At the nth time that `point` is reached: says so, and goes on when it is told how."""

    def __init__(self, point: Point, nth: int) -> None:
        self.point, self.left = point, nth
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()
        self.error: Exception | None = None

    async def reach(self, point: Point) -> None:
        if point != self.point:
            return
        self.left -= 1
        if self.left == 0:
            self.reached.set()
            await self.go_on.wait()
            if self.error is not None:
                raise self.error


async def strike(
    action: Action,
    hit: Hit,
    writer: Appender,
    task: asyncio.Task[object],
    epoch: int,
    admin: asyncpg.Connection,
    rival: Appender,
    proxy: PostgresProxy,
) -> bool:
    """Does it; whether the caller of `append` got its answer."""
    if action == "kill":  # the process is gone with its connection, and its task with it
        assert writer._connection is not None
        writer._connection.terminate()
        writer._connection = None
        task.cancel()
    elif action == "raise":
        hit.error = RuntimeError("struck")
        hit.go_on.set()
    elif action == "disconnect":
        proxy.cut()
        hit.go_on.set()
    else:  # stopped: another worker takes over, which ends the session that is in its way; then the first goes on
        await rival.append(batch("heir"))
        await admin.execute("UPDATE ledger.head SET epoch = $1", epoch + 1)
        hit.go_on.set()
    try:
        await task
    except (RuntimeError, Fenced, asyncio.CancelledError):
        return False
    return True


@pytest.mark.parametrize("action", get_args(Action))
async def test_every_row(
    opened: Opened, proxy: PostgresProxy, monkeypatch: pytest.MonkeyPatch, action: Action
) -> None:
    monkeypatch.setattr("ledger.storage.patience.LOCK_PATIENCE", 0.2)
    admin = await asyncpg.connect(opened.databases.ledger_superuser_url)
    rival = Appender(opened.databases.ledger_url, opened.ledger_id, ORIGIN)
    rows = [row for row in ROWS if row[1] == action]
    assert len(rows) == 2 * len(_POINTS)
    try:
        for number, (point, _, nth, expected) in enumerate(rows):
            async with asyncio.timeout(_SECONDS):
                hit = Hit(point, nth)
                writer = Appender(proxy.url, opened.ledger_id, ORIGIN, protocol=hit)
                before = await names(opened)
                epoch = await admin.fetchval("SELECT epoch FROM ledger.head")
                mine = [f"{number} {each}" for each in range(nth)]
                for each in mine[:-1]:
                    await writer.append(batch(each, epoch=epoch))
                task: asyncio.Task[object] = asyncio.create_task(
                    writer.append(batch(mine[-1], f"{mine[-1]} too", epoch=epoch))
                )
                await hit.reached.wait()
                answered = await strike(action, hit, writer, task, epoch, admin, rival, proxy)
                await rival.append(batch(f"{number} after"))
                await writer.close()
            gone = [name for name in (mine[-1], f"{mine[-1]} too") if expected == "failed, not persisted"]
            after = [name for name in await names(opened) if name not in before and name != "heir"]
            wanted = [*mine, f"{mine[-1]} too", f"{number} after"]
            assert after == [name for name in wanted if name not in gone], (point, action, nth, expected)
            assert answered == (expected == "done" or (action == "stop" and point == "committed"))
    finally:
        await rival.close()
        await admin.close()
