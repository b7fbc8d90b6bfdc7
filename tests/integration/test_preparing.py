"""Preparation in a process of its own: it may be killed, stopped or refused at any moment, and leaves with its worker."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from accountability_ledger.catalog import full_name
from ledger.core.errors import BadInput
from ledger.core.own import REJECTED
from ledger.embedded import process
from ledger.storage.verify import verify
from streams import last_head, preparing_process
from streams.last_head import HeadBehind, LastHead
from streams.parts import assemble
from streams.preparing_process import PreparationLost, PreparingProcess
from streams.service import AppendService
from tests.faults.program import Program
from tests.integration.test_append_service import events, refuse_in_database
from tests.world import accessed, event

if TYPE_CHECKING:
    from collections.abc import Callable

    from ledger.core.batch import Batch
    from tests.world import World

ANN = "email:ann@example.eu"
PREPARING = (sys.executable, "-m", "ledger.cli.preparing")
_SECONDS = 60.0


def children(pid: int) -> list[int]:
    """The preparing processes of a worker."""
    found = []
    for each in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(each.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1])
        except OSError:
            continue
        child = int(each.parent.name)
        if parent == pid and "ledger.cli.preparing" in process.command_line(child):
            found.append(child)
    return found


async def until(holds: Callable[[], bool], what: str) -> None:
    try:
        async with asyncio.timeout(_SECONDS):
            while not holds():
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(what) from None


async def sound(world: World, entries: int) -> None:
    """The log verifies, and holds so many events, each once."""
    async with world.opened() as ledger:
        report = await verify(ledger.database_url, ledger, vault=ledger.vault)
    assert report.verdicts == ()
    assert len(await events(world)) == entries


async def test_it_is_killed_again_and_again(world: World) -> None:
    """What it had prepared and was not appended is read again; nothing is lost, nothing doubled."""
    small = world.settings.model_copy(update={"batch_records": 20})
    killed = 0
    async with assemble(small) as parts:
        service = AppendService(parts, preparing=PREPARING)
        await service.start()
        try:
            world.publish([accessed(ANN) for _ in range(300)])
            for size in (40, 120, 200):
                while (await parts.intake.head(0))[0] < size:
                    await asyncio.sleep(0.005)
                for child in children(os.getpid()):
                    os.kill(child, signal.SIGKILL)
                    killed += 1
            await world.caught_up(parts)
        finally:
            await service.stop()
    assert killed >= 3
    await sound(world, 300)


async def test_it_is_stopped_and_says_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that lives and does nothing is started again."""
    monkeypatch.setattr(preparing_process, "_SILENCE_SECONDS", 3.0)
    async with world.working(preparing=PREPARING) as parts:
        world.publish([accessed(ANN) for _ in range(10)])
        await world.caught_up(parts)
        (stopped,) = children(os.getpid())
        os.kill(stopped, signal.SIGSTOP)
        world.publish([accessed(ANN) for _ in range(10)])
        await world.caught_up(parts)
        (heir,) = children(os.getpid())
        assert heir != stopped
    await sound(world, 20)


async def test_it_leaves_with_its_worker(world: World, tmp_path: Path) -> None:
    """kill -9 of the worker alone: nobody is left to kill it, and it must not read on."""
    environment = {
        "LEDGER_HOME": str(tmp_path),
        "LEDGER_NAME": world.settings.name,
        "LEDGER_DATABASE_URL": world.settings.database_url,
        "LEDGER_VAULT_URL": world.settings.vault_url,
        "LEDGER_KAFKA_BOOTSTRAP": world.settings.kafka_bootstrap,
        "LEDGER_TOPIC_PREFIX": world.settings.topic_prefix,
        "LEDGER_CREATE_TOPICS": "true",
    }
    async with Program("-m", "tests.faults.append_worker", env=environment) as worker:
        await worker.says("worker.leased")
        (child,) = children(worker.process.pid)
        worker.process.kill()
        await until(lambda: not process.command_line(child), "The preparing process outlives its worker.")


async def test_a_value_that_postgresql_refuses(world: World) -> None:
    """Batches that were sent ahead of the halving are void; each record is appended once."""
    await world.append([])
    await refuse_in_database(world, "data.anonymised")
    fields = msgspec.json.decode(accessed(ANN))["data"]
    for name in ("operation", "outcome", "system"):
        fields.pop(name, None)
    odd = event("data.anonymised", **fields, method="aggregated", store="crm")
    values = [accessed(ANN) for _ in range(90)]
    values[33] = odd
    world.publish(values)
    small = world.settings.model_copy(update={"batch_records": 10})
    async with assemble(small) as parts:
        service = AppendService(parts, preparing=PREPARING)
        await service.start()
        try:
            await world.caught_up(parts)
        finally:
            await service.stop()
    found = [each["type"] for each in await events(world)]
    assert found.count(full_name("data.accessed")) == 89
    assert found.count(REJECTED) == 1
    await sound(world, 90)


async def test_a_program_that_cannot_run(world: World) -> None:
    """It is reported as what waiting may cure; the worker tries again."""

    async def append(_: Batch) -> None:
        raise AssertionError("There is nothing to append.")

    lost = PreparingProcess((sys.executable, "-c", "raise SystemExit(1)"), world.settings)
    with pytest.raises(PreparationLost):
        await lost.run(1, append)
    await lost.close()


async def test_a_head_that_is_behind_halts_the_worker(world: World) -> None:
    """The worker remembers over a restart how far the log was: an old backup must not be read on from."""
    await world.append([accessed(ANN) for _ in range(3)])
    head = LastHead(world.settings, world.settings.origin_of(world.settings.name))
    assert head.size == 3
    head.appended(4, bytes(32))
    head.save()
    async with assemble(world.settings) as parts:
        service = AppendService(parts)
        await service.start()
        try:
            await until(lambda: service.crashed, "The worker does not notice.")
            assert isinstance(service.crash_reason, HeadBehind)
        finally:
            await service.stop()
    assert len(await events(world)) == 3


async def test_half_a_file_of_the_last_head_is_no_knowledge(world: World) -> None:
    directory = world.settings.home / "heads"
    directory.mkdir(parents=True)
    (directory / f"{world.settings.name}.json").write_bytes(b'{"origin":"led')
    await world.append([accessed(ANN)])
    assert LastHead(world.settings, world.settings.origin_of(world.settings.name)).size == 1


def test_a_head_of_another_history_is_noticed(world: World) -> None:
    known = last_head.LastHead(world.settings, "o")
    known.appended(7, b"r" * 32)
    known.check(9, b"r" * 32)
    for size, root in ((6, None), (9, b"s" * 32), (9, None)):
        with pytest.raises(HeadBehind):
            known.check(size, root)


async def test_a_last_head_that_cannot_be_read_says_where(world: World) -> None:
    """Not as a fault of ours, and not after a wait."""
    async with assemble(world.settings) as parts:
        (world.settings.home / "heads").write_text("in the place of a directory")
        with pytest.raises(BadInput, match="heads"):
            AppendService(parts)
