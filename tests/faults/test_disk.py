"""Disks that are full, or fail: PostgreSQL's for data, its log's, Kafka's; a record that Kafka gives back damaged.

A full disk is a small one in memory, mounted as root. Without root a limit on the size of files (RLIMIT_FSIZE, set from
outside) makes the same writes fail.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from tests.faults.program import children
from tests.faults.test_limits import limit
from tests.oracle.synthetic import Mix

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.faults.run import Run
    from tests.faults.servers import OwnServers

_SECONDS = 120.0
_SMALL = {"LEDGER_BATCH_RECORDS": "20"}
_linux = pytest.mark.skipif(
    sys.platform != "linux", reason="Limits, mounts and system calls are tampered with as Linux does it."
)


@contextlib.contextmanager
def small_disk(at: Path, size: str, owner: os.stat_result) -> Iterator[Path]:
    """A disk of this size, mounted at `at`, that belongs to who owns PostgreSQL's data."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("A small disk must be mounted, which needs root on Linux.")
    at.mkdir()
    options = f"size={size},mode=0700,uid={owner.st_uid},gid={owner.st_gid}"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(at)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"A small disk cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield at
    finally:
        subprocess.run(["umount", "--lazy", str(at)], check=True)


def fill(disk: Path) -> Path:
    """Takes all the space that is left; the file that holds it."""
    filler = disk / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(65536))
    return filler


async def test_the_disk_for_data_is_full(own: OwnServers, struck: Run) -> None:
    """PostgreSQL refuses (SQLSTATE 53100): the same batch again, until there is space."""
    admin = await asyncpg.connect(own.embedded.superuser_url("postgres"))
    name = struck.databases.ledger
    try:
        with small_disk(own.data / "small", "128m", own.postgres_data.stat()) as disk:
            await admin.execute(f"CREATE TABLESPACE small LOCATION '{disk}'")
            await admin.execute(f"ALTER DATABASE {name} SET TABLESPACE small")
            async with struck.worker(**_SMALL) as worker, asyncio.timeout(_SECONDS):
                await struck.produce(60, seed=1)
                await struck.drained(worker)
                filler = fill(disk)
                await struck.produce(600, seed=2)
                await worker.says("append.transient")
                filler.unlink()
                await struck.drained(worker)
                assert await worker.terminate() == 0, worker.said
            assert await struck.findings() == []
            await admin.execute(f"ALTER DATABASE {name} SET TABLESPACE pg_default")
            await admin.execute("DROP TABLESPACE small")
    finally:
        await admin.close()


@pytest.mark.long
async def test_the_disk_for_the_write_ahead_log_is_full(own: OwnServers, struck: Run) -> None:
    """PostgreSQL stops (PANIC); when there is space and it runs again, the worker goes on."""
    log = own.postgres_data / "pg_wal"
    with small_disk(own.data / "wal", "256m", own.postgres_data.stat()) as disk:
        await own.stop("postgres")
        _copy(log, disk / "pg_wal")
        shutil.rmtree(log)
        log.symlink_to(disk / "pg_wal")
        try:
            await own.start("postgres")
            async with struck.worker(**_SMALL) as worker, asyncio.timeout(_SECONDS):
                await struck.produce(60, seed=1)
                await struck.drained(worker)
                filler = fill(disk)
                await _until_it_panics(own)
                await struck.produce(60, seed=2)
                await worker.says("worker.unreachable")
                filler.unlink()
                await own.mend()
                await struck.drained(worker)
                assert await worker.terminate() == 0, worker.said
            assert await struck.findings() == []
        finally:
            await own.stop("postgres")
            log.unlink()
            _copy(disk / "pg_wal", log)
            await own.start("postgres")


def _copy(source: Path, target: Path) -> None:
    """With its owner."""
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)


async def _until_it_panics(own: OwnServers) -> None:
    """Writes to the log, from one segment to the next, until the server ends the session."""
    with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        session = await asyncpg.connect(own.embedded.superuser_url("postgres"))
        for _ in range(1000):
            await session.execute(
                "SELECT pg_logical_emit_message(false, 'filler', 'filler'), pg_switch_wal()"
            )
        pytest.fail("PostgreSQL writes on and on.")


@_linux
async def test_the_write_ahead_log_cannot_be_written(own: OwnServers, struck: Run) -> None:
    """The same by a limit, without root: the server's processes may not write beyond the first bytes of a file."""
    async with struck.worker(**_SMALL) as worker, asyncio.timeout(_SECONDS):
        await struck.produce(60, seed=1)
        await struck.drained(worker)
        postmaster = own.embedded.postgres_pid
        assert postmaster is not None
        for pid in (postmaster, *await children(postmaster)):
            await _limit_files(pid, own.postgres_data.stat())
        await _until_it_panics(own)
        await struck.produce(60, seed=2)
        await worker.says("worker.unreachable")
        if own.embedded.postgres_pid is not None:
            await own.kill("postgres")  # its limits go with it
        await own.mend()
        await struck.drained(worker)
        assert await worker.terminate() == 0, worker.said
    assert await struck.findings() == []


async def _limit_files(pid: int, owner: os.stat_result) -> None:
    """As the account that it runs as: not every root may do this to another's process."""
    program = shutil.which("prlimit")
    if program is None:
        pytest.skip("The limit is set by prlimit (util-linux), which is not installed.")
    account: dict[str, Any] = {}
    if os.geteuid() == 0:
        account = {"user": owner.st_uid, "group": owner.st_gid}
    setting = await asyncio.create_subprocess_exec(program, "--pid", str(pid), "--fsize=8192:", **account)
    assert await setting.wait() == 0


@_linux
async def test_kafkas_log_cannot_be_written(own: OwnServers, struck: Run) -> None:
    """The broker gives up its disk and ends; nothing that it did not acknowledge is missed, all else is appended."""
    async with struck.worker(**_SMALL) as worker, asyncio.timeout(_SECONDS):
        await struck.produce(60, seed=1)
        await struck.drained(worker)
        broker = own.embedded.kafka_pid
        assert broker is not None
        limit(broker, "RLIMIT_FSIZE", 65536)
        producing = asyncio.create_task(struck.produce(1000, seed=2))
        while own.embedded.kafka_pid == broker:
            await asyncio.sleep(0.1)
        await own.start("kafka")
        await producing
        await struck.drained(worker)
        assert await worker.terminate() == 0, worker.said
    assert await struck.findings() == []


@_linux
async def test_fsync_fails(own: OwnServers, struck: Run) -> None:
    """EIO for every fsync and fdatasync: PostgreSQL stops rather than to claim what may not be on the disk."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("System calls are made to fail by strace, which is not installed.")
    async with struck.worker(**_SMALL) as worker, asyncio.timeout(_SECONDS):
        await struck.produce(60, seed=1)
        await struck.drained(worker)
        postmaster = own.embedded.postgres_pid
        assert postmaster is not None
        pids = [word for pid in await children(postmaster) for word in ("-p", str(pid))]
        tracing = await asyncio.create_subprocess_exec(
            *(strace, "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync"),
            *("-e", "inject=fsync,fdatasync:error=EIO", *pids),
            stderr=asyncio.subprocess.PIPE,
        )
        await struck.produce(60, seed=2)
        _, said = await tracing.communicate()  # it ends with those that it traces
        if said:
            pytest.skip(f"strace may not trace here: {said.decode().strip()}")
        await own.mend()
        assert "PANIC:  could not f" in (own.root / "log" / "postgres.log").read_text(encoding="utf-8")
        await struck.drained(worker)
        assert await worker.terminate() == 0, worker.said
    assert await struck.findings() == []


async def test_a_damaged_record_in_one_partition(own: OwnServers, struck: Run) -> None:
    """Its checksum does not fit: what was read of other partitions meanwhile is not lost, and nothing is passed over.
    With the bytes as they were, all is read.
    """
    await struck.produce(300, seed=1, mix=Mix(), **{"batch.num.messages": 10})
    await own.stop("kafka")
    segment = own.kafka_data / f"{struck.topic}-1" / "00000000000000000000.log"
    whole = segment.read_bytes()
    middle = len(whole) // 2
    segment.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    await own.start("kafka")
    async with struck.worker(**_SMALL) as worker, asyncio.timeout(_SECONDS):
        await worker.says("worker.unreachable", times=2)
        assert await struck.lag() > 0
        await own.stop("kafka")
        segment.write_bytes(whole)
        await own.start("kafka")
        await struck.drained(worker)
        assert await worker.terminate() == 0, worker.said
    assert await struck.findings() == []
