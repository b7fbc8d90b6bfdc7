"""Does the append rate hold as the log grows? A load that lies in Kafka whole, and the rate from stretch to stretch."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from ledger.bench import cpu
from ledger.bench.append import processes_spent
from ledger.bench.ground import stop
from ledger.bench.send import send
from ledger.core.errors import BadInput, Unreachable
from ledger.embedded.errors import with_log_tail
from ledger.storage.sql import load

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import asyncpg

    from ledger.bench.events import Stream
    from ledger.bench.ground import Ground, Site
    from ledger.embedded.process import Running

SETTINGS = {"checkpoint_timeout": "2min", "max_wal_size": "4GB"}
CYCLES = "whole checkpoint cycles"
QUARTERS = "quarters of the log"
_SQL = load("growth", "ledger.bench.sql")
_PART = 100_000
_LOOK_SECONDS = 0.5
_SAY_SECONDS = 10.0
_PATIENCE_SECONDS = 120.0
_GAP = timedelta(seconds=5)
_QUARTERS = 4
_BATCHES_NEEDED = 3

Batch: TypeAlias = tuple[int, datetime]
"""The size after a transaction, and the moment at which it had the head's lock."""
Sample: TypeAlias = tuple[int, dict[str, float], float]
"""The size at a moment, the processor time of each kind of process until then, and how long a fixed piece of work took."""
Say: TypeAlias = "Callable[[str], None]"


class Stretch(msgspec.Struct, frozen=True):
    """A part of the log: its size at the begin and at the end, the rate between them, and who spent what on it.

    `calibration_us` is what a fixed piece of work took meanwhile, the median: it tells a slower log from a slower machine.
    """

    begin: int
    end: int
    events_per_s: float
    calibration_us: float = 0.0
    cpu_us_per_event: dict[str, float] = {}


class Growth(msgspec.Struct, frozen=True):
    """`ratio` is the last stretch's rate against the first's. A log that grew for less than two whole checkpoint cycles
    is told in quarters. `machine_ratio` is how fast the machine itself was in the last stretch against the first.
    """

    ratio: float
    machine_ratio: float
    entries: int
    method: str
    stretches: list[Stretch]


class Progress(msgspec.Struct):
    """Where an interrupted growth goes on: whether the foundations are in, how many events were sent, and when
    PostgreSQL began its checkpoints.
    """

    entries: int
    founded: bool = False
    sent: int = 0
    checkpoints: list[datetime] = msgspec.field(default_factory=list)

    def save(self, path: Path) -> None:
        """Notes it, in one step."""
        aside = path.with_suffix(".new")
        aside.write_bytes(msgspec.json.encode(self))
        aside.replace(path)

    @classmethod
    def load(cls, path: Path, entries: int) -> Progress:
        """What was noted; a begin where nothing was. Raises BadInput where a growth of another size was interrupted."""
        if not path.exists():
            return cls(entries)
        found = msgspec.json.decode(path.read_bytes(), type=cls)
        if found.entries != entries:
            raise BadInput(
                f"A growth to {found.entries} entries was interrupted: finish it with --entries {found.entries}, "
                f"or remove {path.parent.parent}."
            )
        return found


async def grow(ground: Ground, site: Site, stream: Stream, progress: Progress, say: Say) -> Growth:
    """Sends what is not sent yet while no worker runs, then lets a worker append all of it; the rates."""
    noted = site.settings.home / "growth.json"
    await _fill(site, stream, progress, noted, say)
    await ground.configure(SETTINGS)
    await ground.checkpoint()
    worker = await site.program("worker")
    connection = await site.connect()
    try:
        samples = await _append_all(ground, site, connection, worker, progress, noted, say)
        batches = [(row["size"], row["appended"]) for row in await connection.fetch(_SQL.batches)]
    finally:
        await connection.close()
        await stop(worker)
        await ground.configure(dict.fromkeys(SETTINGS))
    stretches, method = cycles(batches, progress.checkpoints), CYCLES
    if len(stretches) < 2:
        stretches, method = quarters(batches), QUARTERS
    told = [measured(each, samples) for each in stretches]
    first, last = told[0], told[-1]
    return Growth(
        ratio=last.events_per_s / first.events_per_s,
        machine_ratio=first.calibration_us / last.calibration_us if last.calibration_us else 1.0,
        entries=batches[-1][0],
        method=method,
        stretches=told,
    )


async def _fill(site: Site, stream: Stream, progress: Progress, noted: Path, say: Say) -> None:
    foundations = stream.foundations()
    if not progress.founded:
        worker = await site.program("worker")
        try:
            await asyncio.to_thread(send, site.settings, foundations)
            await site.accounted(worker)
        finally:
            await stop(worker)
        progress.founded = True
        progress.save(noted)
    await asyncio.to_thread(stream.skip, progress.sent)
    while progress.sent < progress.entries:
        part = min(_PART, progress.entries - progress.sent)
        if not await asyncio.to_thread(send, site.settings, stream.following(part)):
            raise BadInput("The example month has no more events.")
        progress.sent += part
        progress.save(noted)
        say(f"sent {progress.sent:,} of {progress.entries:,}")


async def _append_all(
    ground: Ground,
    site: Site,
    connection: asyncpg.Connection,
    worker: Running,
    progress: Progress,
    noted: Path,
    say: Say,
) -> list[Sample]:
    """Waits until all that is in Kafka is accounted for; notes when PostgreSQL begins a checkpoint, and what the
    processes spend.
    """
    wanted = await site.ends()
    samples: list[Sample] = []
    last, moved, said = -1, time.monotonic(), time.monotonic()
    while last < wanted:
        await asyncio.sleep(_LOOK_SECONDS)
        row = await connection.fetchrow(_SQL.look)
        assert row is not None  # noqa: S101 -- a query without FROM gives a row
        samples.append((row["size"], processes_spent(ground, worker), cpu.calibrate()))
        began = row["checkpoint"]
        if not progress.checkpoints or progress.checkpoints[-1] != began:
            progress.checkpoints.append(began)
            progress.save(noted)
        now = time.monotonic()
        if row["accounted"] > last:
            last, moved = row["accounted"], now
        if now - said >= _SAY_SECONDS:
            said = now
            say(f"appended {row['size']:,} of about {progress.entries:,}")
        if not worker.alive() or now - moved > _PATIENCE_SECONDS:
            raise Unreachable(with_log_tail("The worker has ended, or stands still.", site.log))
    return samples


def measured(stretch: Stretch, samples: Sequence[Sample]) -> Stretch:
    """A stretch with what the samples within it say: microseconds of processor time an event from the first to the last
    of them, and the median of the fixed work.
    """
    inside = [sample for sample in samples if stretch.begin <= sample[0] <= stretch.end]
    if not inside:
        return stretch
    events = inside[-1][0] - inside[0][0]
    return msgspec.structs.replace(
        stretch,
        calibration_us=median(sample[2] for sample in inside),
        cpu_us_per_event=cpu.difference(inside[0][1], inside[-1][1], events) if events else {},
    )


def cycles(batches: Sequence[Batch], checkpoints: Sequence[datetime]) -> list[Stretch]:
    """The rates of the whole checkpoint cycles: from one begin to the next, with appends all the time."""
    found = []
    for begin, end in pairwise(sorted(set(checkpoints))):
        inside = [batch for batch in batches if begin <= batch[1] < end]
        moments = [begin, *(at for _, at in inside), end]
        if all(later - earlier <= _GAP for earlier, later in pairwise(moments)):
            found += _stretch(inside)
    return found


def quarters(batches: Sequence[Batch]) -> list[Stretch]:
    """The rates of the four quarters, by entries, of what was appended since the longest pause: the start of the worker
    that appended it.
    """
    pauses = [later[1] - earlier[1] for earlier, later in pairwise(batches)]
    longest = max(range(len(pauses)), key=lambda index: pauses[index], default=-1)
    since = batches[longest + 1 :]
    if len(since) < _QUARTERS * _BATCHES_NEEDED:
        raise BadInput("Too few events to tell a growth: give more.")
    first, last = since[0][0], since[-1][0]
    bounds = [first + (last - first) * part // _QUARTERS for part in range(_QUARTERS + 1)]
    found = []
    for low, high in pairwise(bounds):
        found += _stretch([batch for batch in since if low <= batch[0] <= high])
    return found


def _stretch(inside: Sequence[Batch]) -> list[Stretch]:
    """The rate from the first transaction's lock to the last one's, whose own entries are not counted: between the locks
    lie the commits of all the others. Nothing where there are too few.
    """
    if len(inside) < _BATCHES_NEEDED:
        return []
    # Of the first one only the size afterwards is known here; the clock is moved with it.
    seconds = (inside[-1][1] - inside[1][1]).total_seconds()
    entries = inside[-2][0] - inside[0][0]
    return [Stretch(inside[0][0], inside[-2][0], entries / seconds)]
