"""`verify` in several processes: the same answer, of one moment, and none from a process that did not end well."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from ledger.core.errors import Unreachable
from ledger.core.verifier.stretch import Doubt
from ledger.storage import verify as verification
from ledger.storage import verify_copy, verify_tables
from ledger.storage.verify import verify
from ledger.storage.verify_processes import ProcessEnded
from ledger.storage.verify_tables import Tables
from tests.integration.superuser import attack
from tests.world import accessed, event, registering

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ledger.storage.verify import Report
    from ledger.storage.verify_stretch import Task
    from tests.world import World

WIDTH = 256


@pytest.fixture
def short_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small log is cut, too, so that each process gets a part of it."""
    monkeypatch.setattr(verify_tables, "_SHORTEST", WIDTH)
    monkeypatch.setattr(verify_tables, "_EVEN", WIDTH)


def persons(count: int) -> Iterator[bytes]:
    return (accessed(f"email:p{number % 40}@example.eu", record_count=number) for number in range(count))


async def checked(world: World, processes: int) -> Report:
    async with world.opened() as ledger:
        return await verify(ledger.database_url, ledger, processes=processes)


async def judged_one_by_one(world: World, monkeypatch: pytest.MonkeyPatch) -> Report:
    """The report without the screen."""

    async def in_doubt(*_: object) -> Report:
        raise Doubt

    with monkeypatch.context() as patched:
        patched.setattr(verification, "_screened", in_doubt)
        return await checked(world, 1)


async def doubted(*_: object, **__: object) -> Report:
    raise AssertionError("the screen was in doubt about a log without a fault")


@pytest.mark.usefixtures("short_stretches")
async def test_processes_agree_with_the_verifier(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    first = accessed("email:ann@example.eu", id="one")
    await world.append([*registering(), first, *persons(500), first, b"{"])
    await world.append([event("source.heartbeat", coverage=["data.accessed"]), *persons(400)])
    expected = await judged_one_by_one(world, monkeypatch)
    assert expected.ok
    monkeypatch.setattr(verification, "_judged", doubted)
    assert await checked(world, 3) == expected
    assert await checked(world, 1) == expected


@pytest.mark.usefixtures("short_stretches")
async def test_fault_in_any_stretch_has_its_verdict(world: World) -> None:
    await world.append([*registering(), *persons(800)])
    for seq in (10, 300, 790):
        await attack(world, f"UPDATE entry SET type = type || 'x' WHERE seq = {seq}")
    report = await checked(world, 3)
    assert [(each.verdict, each.seq) for each in report.verdicts] == [
        ("changed-column", seq) for seq in (10, 300, 790)
    ]


async def test_doubt_while_rows_are_being_sent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The verifier begins anew though the screen left off in the middle of everything."""
    monkeypatch.setattr(verify_copy, "_ENOUGH", 1)
    await world.append([*registering(), *persons(3000)])
    await attack(world, "UPDATE entry SET type = type || 'x' WHERE seq = 10")
    assert [(each.verdict, each.seq) for each in (await checked(world, 1)).verdicts] == [
        ("changed-column", 10)
    ]


@pytest.mark.usefixtures("short_stretches")
async def test_log_that_grows_is_verified_as_it_was_at_the_start(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "_judged", doubted)
    async with world.working() as parts:
        world.publish([*registering(), *persons(600)])
        await world.caught_up(parts)

        async def publish() -> None:
            while True:
                world.publish(persons(50))
                await asyncio.sleep(0.05)

        publishing = asyncio.create_task(publish())
        try:
            sizes = []
            for _ in range(3):
                report = await checked(world, 2)
                assert report.ok
                sizes.append(report.size)
        finally:
            publishing.cancel()
            with suppress(asyncio.CancelledError):
                await publishing
        await world.caught_up(parts)
    assert sizes == sorted(sizes)
    assert sizes[0] < (await checked(world, 2)).size


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[asyncio.subprocess.Process]:
    """The processes that are started."""
    found: list[asyncio.subprocess.Process] = []
    start = asyncio.create_subprocess_exec

    async def noted(*arguments: Any, **options: Any) -> asyncio.subprocess.Process:
        found.append(await start(*arguments, **options))
        return found[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", noted)
    return found


@pytest.mark.usefixtures("short_stretches")
async def test_killed_process_fails_the_verification(
    world: World, monkeypatch: pytest.MonkeyPatch, started: list[asyncio.subprocess.Process]
) -> None:
    await world.append([*registering(), *persons(1200)])
    start = asyncio.create_subprocess_exec

    async def held(*arguments: Any, **options: Any) -> asyncio.subprocess.Process:
        """It must not be done before it is killed."""
        process = await start(*arguments, **options)
        process.send_signal(signal.SIGSTOP)
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", held)

    def kill(_done: int, _total: int | None) -> None:
        while alive := [each for each in started if each not in killed]:
            killed.extend(alive)
            for process in alive:  # once: a second signal would take its exit code away from who waits for it
                process.kill()

    killed: list[asyncio.subprocess.Process] = []
    monkeypatch.setattr(verification, "_judged", doubted)
    async with world.opened() as ledger:
        with pytest.raises(ProcessEnded):
            await verify(ledger.database_url, ledger, processes=2, progress=kill)
    (process,) = started
    # 255: asyncio's word for a process whose exit code another wait has taken.
    assert process.returncode in (-signal.SIGKILL, 255)


@pytest.mark.usefixtures("short_stretches")
async def test_cancelled_verification_leaves_no_process(
    world: World, started: list[asyncio.subprocess.Process]
) -> None:
    await world.append([*registering(), *persons(1200)])
    begun = asyncio.Event()
    async with world.opened() as ledger:
        verifying = asyncio.create_task(
            verify(ledger.database_url, ledger, processes=3, progress=lambda *_: begun.set())
        )
        await begun.wait()
        verifying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await verifying
    assert len(started) == 2
    assert all(process.returncode is not None for process in started)


@pytest.mark.usefixtures("short_stretches")
async def test_database_that_another_process_cannot_reach(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This process has its connections already; the other one must tell that it gets none."""
    await world.append([*registering(), *persons(1200)])
    monkeypatch.setattr(verification, "_judged", doubted)
    tasks_of = Tables.tasks

    async def elsewhere(self: Any, database: str, *rest: Any) -> list[Task]:
        nowhere = database.rpartition("@")[0] + "@127.0.0.1:1/ledger"
        return await tasks_of(self, nowhere, *rest)

    monkeypatch.setattr(Tables, "tasks", elsewhere)
    async with world.opened() as ledger:
        with pytest.raises(Unreachable):
            await verify(ledger.database_url, ledger, processes=2)
