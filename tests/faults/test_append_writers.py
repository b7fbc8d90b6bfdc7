"""Several writers on one log: random batches in turn, races for a person's first entry, waiting and giving up."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import pytest

from accountability_ledger.errors import Refused
from ledger.core import own
from ledger.core.batch import Batch, Item
from ledger.core.entry import prepare
from ledger.core.errors import Unreachable
from ledger.core.randomness import system_randomness
from ledger.storage import writer_memory
from ledger.storage.append import Appender
from ledger.storage.intake import Intake
from ledger.storage.opening import open_ledger
from ledger.storage.own_entries import OwnEntries, OwnEntry
from ledger.storage.verify import verify
from tests.faults.conftest import ORIGIN, Opened
from tests.faults.postgres_proxy import Fault, PostgresProxy
from tests.faults.run import NAME

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from ledger.storage.opening import OpenLedger

_SECONDS = 60.0
_QUERIED = own.type_name("ledger.queried")


@dataclass(frozen=True, slots=True)
class Writers:
    """One open ledger and two appenders on it."""

    opened: Opened
    ledger: OpenLedger
    one: Appender
    two: Appender

    async def batch(self, persons: Sequence[Sequence[str]]) -> Batch:
        """One entry for each list of persons, prepared as if nothing were known of them."""
        keys = await self.ledger.vault.keys(each for several in persons for each in several)
        random_bytes = system_randomness()
        items = []
        for number, several in enumerate(persons):
            drafted = own.own_draft(
                _QUERIED,
                origin=ORIGIN,
                time="2026-11-22T10:00:00Z",
                data={"count": number},
                persons=[("actor", each) for each in several],
            )
            entry = prepare(
                drafted,
                [keys[each] for each in several],
                introduced=[False] * len(several),
                via=own.APPEND_VIA,
                origin=ORIGIN,
                random=random_bytes,
            )
            items.append(Item(entry))
        return Batch(tuple(items), vault_epoch=0)

    async def hold(self) -> None:
        """The log is sound for the oracle, and for the verifier with the vault."""
        await self.opened.snapshot()
        report = await verify(self.ledger.database_url, self.ledger, vault=self.ledger.vault)
        assert report.verdicts == ()


@pytest.fixture
async def writers(opened: Opened, tmp_path: Path) -> AsyncIterator[Writers]:
    databases = opened.databases
    async with open_ledger(NAME, databases.ledger_url, databases.vault_url, tmp_path / "keys") as ledger:
        one, two = (Appender(databases.ledger_url, opened.ledger_id, ORIGIN) for _ in range(2))
        yield Writers(opened, ledger, one, two)
        await one.close()
        await two.close()


async def superuser(opened: Opened) -> asyncpg.Connection:
    connection = await asyncpg.connect(opened.databases.ledger_superuser_url)
    await connection.execute("SET search_path TO ledger")
    return connection


@pytest.mark.parametrize(
    ("seed", "delta", "counters"), [(1, 20_000, 500_000), (2, 100, 500_000), (3, 20_000, 3)]
)
async def test_two_writers_in_turn_keep_one_chain(
    writers: Writers, monkeypatch: pytest.MonkeyPatch, seed: int, delta: int, counters: int
) -> None:
    """Whoever comes next goes on from what the other left: tiles, segments, and each key's counter. Also where the
    delta is too long to be read, and where the memory of counters is full.
    """
    monkeypatch.setattr(writer_memory, "_DELTA_LIMIT", delta)
    monkeypatch.setattr(writer_memory, "_COUNTERS_LIMIT", counters)
    draw = random.Random(seed)
    admin = await superuser(writers.opened)
    try:
        for _ in range(24):
            if draw.random() < 0.25:
                await admin.execute("UPDATE head SET close_segment = true")
            size = draw.choice((1, 3, 60, 255, 256, 257, 300))
            persons = [[f"user:{draw.randrange(12)}" for _ in range(draw.randrange(3))] for _ in range(size)]
            await draw.choice((writers.one, writers.two)).append(await writers.batch(persons))
        assert await admin.fetchval("SELECT max(seg) FROM entry_person") > 2
    finally:
        await admin.close()
    await writers.hold()


@pytest.mark.parametrize("segment_between", [False, True])
async def test_a_person_whom_another_writer_introduced_first_is_not_introduced_again(
    writers: Writers, segment_between: bool
) -> None:
    """The vault's row was made for a batch that waits; meanwhile another writer appends the person's first entry."""
    waiting = await writers.batch([["user:ann"]])
    await writers.two.append(await writers.batch([["user:ann"]]))
    if segment_between:
        admin = await superuser(writers.opened)
        await admin.execute("UPDATE head SET close_segment = true")
        await admin.close()
    await writers.one.append(waiting)
    await writers.hold()
    leaves = (await writers.opened.snapshot()).leaves
    assert sum(b'"n":"' in leaf for leaf in leaves) == 1


async def test_the_clock_is_read_under_the_lock(writers: Writers) -> None:
    """Else an entry that waited for the lock would claim to be older than it is."""
    await writers.one.append(await writers.batch([[]]))
    holder = await superuser(writers.opened)
    try:
        transaction = holder.transaction()
        await transaction.start()
        await holder.execute("SELECT FROM head FOR UPDATE")
        waiting = asyncio.create_task(writers.one.append(await writers.batch([[]])))
        while not await holder.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            await asyncio.sleep(0.01)
        released = await holder.fetchval("SELECT clock_timestamp()")
        await transaction.rollback()
        await waiting
        assert await holder.fetchval("SELECT appended FROM head") > released
    finally:
        await holder.close()


async def test_a_long_lock_that_is_not_ours_to_end_is_waited_for(
    writers: Writers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An administrator's session is no stopped writer, and no reason to halt."""
    monkeypatch.setattr("ledger.storage.patience.LOCK_PATIENCE", 0.1)
    holder = await superuser(writers.opened)
    try:
        transaction = holder.transaction()
        await transaction.start()
        await holder.execute("SELECT FROM head FOR UPDATE")
        waiting = asyncio.create_task(writers.one.append(await writers.batch([[]])))
        assert await asyncio.wait({waiting}, timeout=1.0) == (set(), {waiting})
        await transaction.rollback()
        assert (await waiting).seqs == (0,)
    finally:
        await holder.close()


async def test_patience_ends_though_the_server_says_nothing(writers: Writers) -> None:
    holder = await superuser(writers.opened)
    try:
        transaction = holder.transaction()
        await transaction.start()
        await holder.execute("SELECT FROM head FOR UPDATE")
        with pytest.raises(Unreachable):
            async with asyncio.timeout(_SECONDS):
                await writers.one.append(await writers.batch([[]]), patience=0.3)
        await transaction.rollback()
        assert (await writers.one.append(await writers.batch([[]]))).seqs == (0,)
    finally:
        await holder.close()


async def test_the_lease_is_taken_though_a_stopped_writer_holds_the_head(
    writers: Writers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.storage.patience.LOCK_PATIENCE", 0.2)
    intake = Intake(writers.ledger.writer, writers.opened.ledger_id)
    stopped = await asyncpg.connect(
        writers.opened.databases.ledger_url, server_settings={"role": "ledger_writer"}
    )
    await stopped.execute("BEGIN")
    await stopped.execute("SELECT FROM ledger.head FOR UPDATE")
    owner, rival = (UUID(int=number) for number in (1, 2))
    async with asyncio.timeout(_SECONDS):
        assert await intake.take_lease(owner, 0.15) == 1
    assert await intake.take_lease(rival, 1.0) is None, (
        "the lease begins when it is taken, not when it was asked for"
    )
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
        await stopped.execute("SELECT 1")


@pytest.mark.parametrize("fault", [Fault.DROP_REPLY, Fault.HOLD_REPLY])
async def test_who_is_cancelled_in_commit_is_cancelled(
    writers: Writers, proxy: PostgresProxy, fault: Fault
) -> None:
    """A cancellation that is swallowed leaves a task that nobody can end."""
    appender = Appender(proxy.url, writers.opened.ledger_id, ORIGIN)
    async with asyncio.timeout(_SECONDS):
        strike = proxy.arm(fault, touching=r"COPY .*entry")
        proxy_refuses = asyncio.create_task(_refuse_when_struck(strike, proxy))
        task = asyncio.create_task(appender.append(await writers.batch([[]])))
        await strike.struck.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await proxy_refuses
        strike.release()
        await appender.close()
    assert (await writers.two.append(await writers.batch([[]]))).seqs == (1,)
    await writers.hold()


async def _refuse_when_struck(strike: Any, proxy: PostgresProxy) -> None:
    await strike.struck.wait()
    proxy.refusing = True


async def test_a_jump_of_the_clock_is_told_though_its_first_transaction_failed(
    writers: Writers, proxy: PostgresProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    appender = Appender(proxy.url, writers.opened.ledger_id, ORIGIN)
    await appender.append(await writers.batch([[]]))
    assert appender._clock is not None
    now, monotonic = appender._clock
    appender._clock = (now - timedelta(seconds=60), monotonic)
    proxy.arm(Fault.DROP_BEFORE, touching=r"COPY .*entry")
    await appender.append(await writers.batch([[]]))
    await appender.close()
    leaves = (await writers.opened.snapshot()).leaves
    assert sum(own.CLOCK_ACCEPTED.encode() in leaf for leaf in leaves) == 1


@pytest.fixture
async def stalled(writers: Writers) -> AsyncIterator[Callable[[], Any]]:
    """The head is locked until what this gives is awaited."""
    holder = await superuser(writers.opened)
    transaction = holder.transaction()
    await transaction.start()
    await holder.execute("SELECT FROM head FOR UPDATE")
    yield transaction.rollback
    await holder.close()


def asked(name: str) -> OwnEntry:
    return OwnEntry(_QUERIED, {"count": 1}, "http", persons=(("actor", name),))


async def _queued(own_entries: OwnEntries, names: Sequence[str]) -> list[asyncio.Task[Any]]:
    """Tasks that have all begun to wait, in this order."""
    tasks = []
    for name in names:
        tasks.append(asyncio.create_task(own_entries.append(asked(name))))
        await asyncio.sleep(0)
    return tasks


async def test_who_gives_up_takes_no_one_along(writers: Writers, stalled: Callable[[], Any]) -> None:
    """Several questions share a transaction; one client hangs up, the others get their answers."""
    own_entries = writers.ledger.own
    first, *others = await _queued(own_entries, ["user:a", "user:b", "user:c"])
    while len(own_entries._waiting) > 2:
        await asyncio.sleep(0.01)
    first.cancel()
    await asyncio.wait({first})
    await stalled()
    async with asyncio.timeout(_SECONDS):
        placed = await asyncio.gather(*others)
    assert first.cancelled()
    assert len({each.seq for each in placed}) == 2
    await writers.hold()


async def test_an_entry_that_cannot_be_made_takes_no_one_along(
    writers: Writers, stalled: Callable[[], Any]
) -> None:
    tasks = await _queued(writers.ledger.own, ["user:a", "email:nobody", "user:c"])
    large = replace(asked("user:d"), data={"text": "x" * 70_000})
    tasks.append(asyncio.create_task(writers.ledger.own.append(large)))
    await asyncio.sleep(0)
    await stalled()
    async with asyncio.timeout(_SECONDS):
        answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each) is Refused for each in answers] == [False, True, False, True]
    await writers.hold()
    assert len((await writers.opened.snapshot()).leaves) == 2


async def test_a_key_that_was_read_before_the_vault_was_forgotten_is_not_cached(writers: Writers) -> None:
    """Else an erasure between the two would leave a key that seals after it."""
    vault = writers.ledger.vault
    before = await vault.key_of("user:ann")
    vault.forget()
    admin = await asyncpg.connect(writers.opened.databases.vault_superuser_url)
    try:
        honest = vault._look
        read, go_on = asyncio.Event(), asyncio.Event()

        async def look(missing: dict[bytes, str]) -> Any:
            found = await honest(missing)
            read.set()
            await go_on.wait()
            return found

        vault._look = look  # type: ignore[method-assign]
        late = asyncio.create_task(vault.key_of("user:ann"))
        await read.wait()
        await admin.execute("DELETE FROM vault.person")
        vault.forget()
        go_on.set()
        assert (await late).key_id == before.key_id
        vault._look = honest  # type: ignore[method-assign]
        assert (await vault.key_of("user:ann")).key_id != before.key_id
    finally:
        await admin.close()


async def test_a_row_that_is_destroyed_while_it_is_made_is_made_again(writers: Writers) -> None:
    """Nobody gets an answer without a key, nor an error that names the person."""
    vault = writers.ledger.vault
    admin = await asyncpg.connect(writers.opened.databases.vault_superuser_url)
    honest = vault._create
    made = 0

    async def create(connection: Any, missing: dict[bytes, str]) -> None:
        nonlocal made
        made += 1
        await honest(connection, missing)
        if made == 1:
            await admin.execute("DELETE FROM vault.person")

    vault._create = create  # type: ignore[method-assign]
    try:
        assert (await vault.key_of("user:ann")).identifier == "user:ann"
    finally:
        await admin.close()
    assert made == 2
