"""The append transaction when its connection, its process or its lease is lost: each row of the table says what is
persisted, and the oracle reads the whole log after it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import asyncpg
import pytest
from msgspec import structs
from prometheus_client import REGISTRY

from ledger.core import own
from ledger.core.batch import Batch, Item, Move
from ledger.core.protocol import Protocol
from ledger.storage.append import Appender, Fenced
from ledger.storage.sql import load
from tests.faults import mutants
from tests.faults.conftest import ORIGIN, Opened
from tests.faults.postgres_proxy import Fault, PostgresProxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from uuid import UUID

    from ledger.core.protocol import Point

_ENDED = "ledger_blocking_writers_ended_total"
_SECONDS = 60.0
_ENTRIES = r"COPY .*entry"


def batch(*names: str, **more: object) -> Batch:
    """A batch of plain entries that carry these names."""
    entries = [
        own.plain_entry(
            own.type_name("ledger.verified"), origin=ORIGIN, time="2026-11-22T10:00:00Z", data={"name": name}
        )
        for name in names
    ]
    return replace(Batch(tuple(map(Item, entries)), vault_epoch=0), **more)  # type: ignore[arg-type]


async def names(opened: Opened) -> list[str]:
    """The names in the log, which the oracle found sound; the entries about the clock do not count."""
    events = [json.loads(leaf)["event"] for leaf in (await opened.snapshot()).leaves]
    return [event["data"]["name"] for event in events if "name" in event["data"]]


@pytest.fixture
async def appender(opened: Opened, proxy: PostgresProxy) -> AsyncIterator[Appender]:
    made = Appender(proxy.url, opened.ledger_id, ORIGIN)
    yield made
    await made.close()


@pytest.fixture
async def rival(opened: Opened) -> AsyncIterator[Appender]:
    """Another process's appender, on a connection of its own."""
    made = Appender(opened.databases.ledger_url, opened.ledger_id, ORIGIN)
    yield made
    await made.close()


@pytest.mark.parametrize("fault", [Fault.DROP_BEFORE, Fault.DROP_REPLY])
async def test_a_connection_lost_in_commit_neither_loses_nor_doubles(
    opened: Opened, proxy: PostgresProxy, appender: Appender, fault: Fault
) -> None:
    async with asyncio.timeout(_SECONDS):
        await appender.append(batch("a", "b"))
        strike = proxy.arm(fault, touching=_ENTRIES)
        appended = await appender.append(batch("c", "d"))
        assert strike.struck.is_set()
        assert appended.seqs == (2, 3)
        again = await appender.append(batch("e"))
    assert again.seqs == (4,)
    assert await names(opened) == ["a", "b", "c", "d", "e"]
    snapshot = await opened.snapshot()
    assert (again.size, again.root) == (snapshot.head.size, snapshot.head.root)


@pytest.mark.parametrize("fault", [Fault.DROP_BEFORE, Fault.DROP_REPLY])
async def test_every_commit_of_a_series_may_be_lost(
    opened: Opened, proxy: PostgresProxy, appender: Appender, fault: Fault
) -> None:
    async with asyncio.timeout(_SECONDS):
        for number in range(5):
            proxy.arm(fault, touching=_ENTRIES)
            await appender.append(batch(f"{number}"))
    assert await names(opened) == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize("fault", [Fault.DROP_BEFORE, Fault.DROP_REPLY])
async def test_another_writer_comes_between_the_lost_commit_and_the_next_attempt(
    opened: Opened, proxy: PostgresProxy, appender: Appender, rival: Appender, fault: Fault
) -> None:
    async with asyncio.timeout(_SECONDS):
        strike = proxy.arm(fault, touching=_ENTRIES)
        ours = asyncio.create_task(appender.append(batch("ours", "ours too")))
        await strike.struck.wait()
        proxy.refusing = True
        theirs = await rival.append(batch("theirs"))
        proxy.refusing = False
        appended = await ours
    first = ["ours", "ours too"]
    expected = [*first, "theirs"] if fault is Fault.DROP_REPLY else ["theirs", *first]
    assert await names(opened) == expected
    assert [expected[seq] for seq in appended.seqs] == first
    assert [expected[seq] for seq in theirs.seqs] == ["theirs"]


async def test_a_lost_answer_after_a_jump_of_the_clock_names_the_right_entries(
    opened: Opened, proxy: PostgresProxy, appender: Appender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The entry about the clock stands behind those of the batch, and is none of them."""
    jumped = asyncio.Event()
    honest = Appender._clock_jump
    from datetime import timedelta  # noqa: PLC0415

    def jump(self: Appender, now: object) -> timedelta | None:
        found = honest(self, now)  # type: ignore[arg-type]
        if jumped.is_set():
            return found
        jumped.set()
        return timedelta(seconds=60)

    async with asyncio.timeout(_SECONDS):
        await appender.append(batch("a"))
        monkeypatch.setattr(Appender, "_clock_jump", jump)
        proxy.arm(Fault.DROP_REPLY, touching=_ENTRIES)
        appended = await appender.append(batch("b", "c"))
    assert await names(opened) == ["a", "b", "c"]
    assert appended.seqs == (1, 2)


@pytest.mark.parametrize("fault", [Fault.DROP_BEFORE, Fault.DROP_REPLY, Fault.HOLD_REPLY])
async def test_cancelled_in_commit_leaves_a_sound_log(
    opened: Opened, proxy: PostgresProxy, appender: Appender, rival: Appender, fault: Fault
) -> None:
    """The caller gives up at the worst moment. All of the batch is there or nothing of it."""
    async with asyncio.timeout(_SECONDS):
        await appender.append(batch("a"))
        strike = proxy.arm(fault, touching=_ENTRIES)
        task = asyncio.create_task(appender.append(batch("b", "c")))
        await strike.struck.wait()
        task.cancel()
        strike.release()
        with pytest.raises(asyncio.CancelledError):  # swallowed, it would leave a task that no one can end
            await task
        await rival.append(batch("d"))
        await appender.append(batch("e"))
    found = await names(opened)
    assert found in (["a", "b", "c", "d", "e"], ["a", "d", "e"])
    if fault is not Fault.DROP_BEFORE:
        assert found == ["a", "b", "c", "d", "e"]


class Stop(Protocol):
    """Holds whoever reaches `point` for the first time, until released."""

    def __init__(self, point: Point) -> None:
        self.point = point
        self.reached = asyncio.Event()
        self.released = asyncio.Event()

    async def reach(self, point: Point) -> None:
        if point == self.point and not self.reached.is_set():
            self.reached.set()
            await self.released.wait()


class Lost(Protocol):
    """Runs `strike` the first time that `point` is reached."""

    def __init__(self, point: Point, strike: Callable[[], object]) -> None:
        self.point = point
        self.strike = strike
        self.struck = False

    async def reach(self, point: Point) -> None:
        if point == self.point and not self.struck:
            self.struck = True
            self.strike()


_POINTS: list[tuple[Point, bool]] = [
    ("locked", False),
    ("fenced", False),
    ("copied half", False),
    ("copied", False),
    ("committing", False),
    ("committed", True),
]


@pytest.mark.parametrize(("point", "persisted"), _POINTS)
async def test_a_writer_that_dies_at_a_point(
    opened: Opened, rival: Appender, point: Point, persisted: bool
) -> None:
    """It is held there and its connection dies with it, as in kill -9; another writer finds what the table says."""
    stop = Stop(point)
    dying = Appender(opened.databases.ledger_url, opened.ledger_id, ORIGIN, protocol=stop)
    async with asyncio.timeout(_SECONDS):
        task = asyncio.create_task(dying.append(batch("a", "b")))
        await stop.reached.wait()
        assert dying._connection is not None
        dying._connection.terminate()
        dying._connection = None
        task.cancel()
        await rival.append(batch("c"))
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await dying.close()
    assert await names(opened) == (["a", "b", "c"] if persisted else ["c"])


@pytest.mark.parametrize(("point", "persisted"), _POINTS)
async def test_a_connection_that_dies_at_a_point(
    opened: Opened, proxy: PostgresProxy, point: Point, persisted: bool
) -> None:
    """The writer lives on: wherever it was, the batch is there once."""
    lost = Lost(point, proxy.cut)
    writer = Appender(proxy.url, opened.ledger_id, ORIGIN, protocol=lost)
    async with asyncio.timeout(_SECONDS):
        appended = await writer.append(batch("a", "b"))
        await writer.append(batch("c"))
        await writer.close()
    assert lost.struck
    assert appended.seqs == (0, 1)
    assert await names(opened) == ["a", "b", "c"]


async def test_a_backend_that_is_terminated_in_mid_copy(opened: Opened, appender: Appender) -> None:
    """PostgreSQL says 57P01, the operator's intervention: transient, the same batch again."""
    admin = await asyncpg.connect(opened.databases.ledger_superuser_url)
    stop = Stop("copied half")
    writer = Appender(opened.databases.ledger_url, opened.ledger_id, ORIGIN, protocol=stop)
    try:
        async with asyncio.timeout(_SECONDS):
            task = asyncio.create_task(writer.append(batch("a")))
            await stop.reached.wait()
            ended = await admin.fetchval(
                "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid, 10000)) FROM pg_stat_activity "
                "WHERE datname = current_database() AND state = 'idle in transaction'"
            )
            stop.released.set()
            await task
            await writer.close()
    finally:
        await admin.close()
    assert ended == 1
    assert await names(opened) == ["a"]


async def test_a_writer_stopped_in_mid_copy_is_ended_by_who_waits(opened: Opened, rival: Appender) -> None:
    """No time-out of PostgreSQL ends it, and it holds the head. When it wakes up, another epoch has begun."""
    stop = Stop("copied half")
    before = REGISTRY.get_sample_value(_ENDED) or 0.0
    zombie = Appender(opened.databases.ledger_url, opened.ledger_id, ORIGIN, protocol=stop)
    admin = await asyncpg.connect(opened.databases.ledger_superuser_url)
    try:
        async with asyncio.timeout(_SECONDS):
            task = asyncio.create_task(zombie.append(batch("zombie", epoch=0)))
            await stop.reached.wait()
            await rival.append(batch("rival"))
            await admin.execute("UPDATE ledger.head SET epoch = epoch + 1")
            stop.released.set()
            with pytest.raises(Fenced):
                await task
            await zombie.close()
    finally:
        await admin.close()
    assert REGISTRY.get_sample_value(_ENDED) == before + 1
    assert await names(opened) == ["rival"]


async def test_the_epoch_fences(opened: Opened, appender: Appender) -> None:
    with pytest.raises(Fenced):
        await appender.append(batch("a", epoch=1))
    assert await names(opened) == []


async def test_a_position_that_is_not_where_the_batch_began_fences(
    opened: Opened, appender: Appender
) -> None:
    """Positions move in the transaction that appends, or not at all."""
    admin = await asyncpg.connect(opened.databases.ledger_superuser_url)
    try:
        topic_id: UUID = await admin.fetchval(
            "INSERT INTO ledger.intake (ledger_id, topic_id, partition, topic) VALUES ($1, gen_random_uuid(), 0, 't') RETURNING topic_id",
            opened.ledger_id,
        )
        moved = Move("t", topic_id, 0, 0, 5, None)
        appended = batch("a", moves=(moved,))
        await appender.append(appended)
        with pytest.raises(Fenced):
            await appender.append(appended)
        with pytest.raises(Fenced):
            await appender.append(batch("b", moves=(structs.replace(moved, start=6, end=7),)))
        position = await admin.fetchval("SELECT next_offset FROM ledger.intake")
    finally:
        await admin.close()
    assert position == 5
    assert [json.loads(leaf)["event"]["data"]["name"] for leaf in await leaves(opened)] == ["a"]


async def test_without_the_epoch_check_the_test_of_it_fails(
    opened: Opened, appender: Appender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Appender, "_fence", Appender._fence)  # put back afterwards
    mutants.no_epoch_check()
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        await test_the_epoch_fences(opened, appender)


async def test_without_the_check_of_the_position_the_test_of_it_fails(
    opened: Opened, appender: Appender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load("append"), "move", load("append").move)  # put back afterwards
    mutants.no_from_check()
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        await test_a_position_that_is_not_where_the_batch_began_fences(opened, appender)


async def leaves(opened: Opened) -> list[bytes]:
    connection = await asyncpg.connect(opened.databases.ledger_superuser_url)
    try:
        return [row["leaf"] for row in await connection.fetch("SELECT leaf FROM ledger.entry ORDER BY seq")]
    finally:
        await connection.close()
