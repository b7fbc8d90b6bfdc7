"""Screens one stretch of a stored log: four connections of one snapshot, three of which stream the large tables."""

from __future__ import annotations

import asyncio
import gc
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from ledger.core.own import REJECTED
from ledger.core.tile import WIDTH
from ledger.core.verifier.block import Blobs, Block, Links
from ledger.core.verifier.screen import Screen
from ledger.core.verifier.stored import BatchRow, RegisterRow, TileRow
from ledger.core.verifier.stretch import Stretch, sure
from ledger.storage.database import connect
from ledger.storage.sql import load
from ledger.storage.verify_copy import FixedRows, Rows, parse_blobs, parse_entries

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence

    import asyncpg

_SQL = load("verify")
_T = TypeVar("_T")
_BLOCK = 4 * WIDTH
CONNECTIONS = 4
_SPAN = 16 * _BLOCK
_parse_links = FixedRows(["q", "h", "q", "i", "i", "q", "16s"])


class Task(msgspec.Struct, frozen=True):
    """A stretch to be screened: [start, end) of a log of `size` leaves. `slices` are (slice, first seq) in order,
    `nodes` the frontier before `start`, `topics` and `roots` as `Screen` takes them.
    """

    database: str
    snapshot: str
    ledger_id: int
    origin: str
    start: int
    end: int
    size: int
    nodes: list[bytes]
    slices: list[tuple[int, int]]
    topics: dict[bytes, str]
    roots: dict[int, bytes]


@asynccontextmanager
async def snapshot(
    database: str, count: int, name: str | None = None
) -> AsyncIterator[list[asyncpg.Connection]]:
    """Connections of the auditor's role that all see the same moment: that of the snapshot `name`, else now."""
    async with AsyncExitStack() as stack:
        connections = []
        for _ in range(count):
            connection = await connect(database, "ledger_auditor")
            stack.callback(connection.terminate)
            # Compiling a query of many slices takes longer than running it once a chunk; and the processors are shared
            # out already.
            await connection.execute("SET jit = off; SET max_parallel_workers_per_gather = 0")
            await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            if name is None:
                name = await connection.fetchval("SELECT pg_export_snapshot()")
            else:
                await connection.execute(f"SET TRANSACTION SNAPSHOT '{name}'")
            connections.append(connection)
        yield connections


@contextmanager
def fewer_collections() -> Iterator[None]:
    """Rows by the thousand come and go without cycles: collecting garbage as often as usual takes a third of the time."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


async def screen_stretch(
    task: Task, connections: Sequence[asyncpg.Connection], progress: Callable[[int], None]
) -> Stretch:
    """What the screen finds of a stretch, over CONNECTIONS connections of the task's snapshot; `progress` is called with
    how many more entries are done. Raises Doubt.
    """
    reader = _Reader(task, connections)
    await reader.look_elsewhere()
    with fewer_collections():
        return await reader.screen(progress)


async def beside(judging: Coroutine[Any, Any, _T], streams: Sequence[Rows]) -> _T:
    """The result of what judges, while the streams that it judges are read; the first error of any ends all."""
    tasks: list[asyncio.Task[Any]] = [
        asyncio.create_task(each) for each in (judging, *(stream.read() for stream in streams))
    ]
    try:
        # Not `gather`: cancelled, it would cancel them, and again below, in the middle of their clearing up.
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for each in done:
            each.result()
    except BaseException:
        for stream in streams:
            stream.abandon()
        raise
    finally:
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    result: _T = tasks[0].result()
    return result


class _Reader:
    def __init__(self, task: Task, connections: Sequence[asyncpg.Connection]) -> None:
        self._task = task
        self._main, *self._streaming = connections
        entries, blobs, links = self._streaming
        self._parts = [
            {
                "ledger_id": task.ledger_id,
                "slice": slice_,
                "start": max(first, task.start),
                "end": min(end, task.end),
            }
            for (slice_, first), (_, end) in pairwise([*task.slices, (-1, task.size)])
            if first < task.end and end > task.start
        ]
        self._entries = Rows(entries, self._queries(_SQL.copy_entries), parse_entries, 2)
        self._blobs = Rows(blobs, self._queries(_SQL.copy_blobs), parse_blobs, 3)
        self._links = Rows(links, self._queries(_SQL.copy_links), _parse_links, 7)

    def _queries(self, sql: str) -> list[str]:
        return [sql.format(**part) for part in self._parts]

    async def look_elsewhere(self) -> None:
        """Each row stands in the slice in which its seq belongs; what stands elsewhere would not be read."""
        for (
            connection
        ) in self._streaming:  # the keys' order is the wanted one: to sort would be to write to disk
            await connection.execute("SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off")
        for part in self._parts:
            sure(not await self._main.fetchval(_SQL.elsewhere.format(**part)))

    async def screen(self, progress: Callable[[int], None]) -> Stretch:
        streams = (self._entries, self._blobs, self._links)
        found: Stretch = await beside(self._judge(progress), streams)
        sure(all(stream.is_over for stream in streams))
        return found

    async def _judge(self, progress: Callable[[int], None]) -> Stretch:
        task = self._task
        screen = Screen(task.start, task.nodes, origin=task.origin, topics=task.topics, roots=task.roots)
        start = task.start
        while start < task.end:
            past = min(start + _SPAN, task.end)
            tiles, batches, registered = await self._small(start, past)
            for at in range(start, past, _BLOCK):
                end = min(at + _BLOCK, past)
                block = await self._block(at, end, tiles, batches, registered)
                await self._answer(screen.block(block))
                progress(end - at)
            start = past
        return screen.finish()

    async def _small(self, start: int, end: int) -> tuple[list[TileRow], list[BatchRow], list[RegisterRow]]:
        ledger_id = self._task.ledger_id
        full = ([0], [start // WIDTH], [end // WIDTH])
        return (
            [TileRow(*row) for row in await self._main.fetch(_SQL.tiles, ledger_id, *full)],
            [BatchRow(*row) for row in await self._main.fetch(_SQL.batches, ledger_id, start, end)],
            [RegisterRow(*row) for row in await self._main.fetch(_SQL.registered, ledger_id, start, end)],
        )

    async def _block(
        self,
        start: int,
        end: int,
        tiles: list[TileRow],
        batches: list[BatchRow],
        registered: list[RegisterRow],
    ) -> Block:
        _, entries = await self._entries.until(end)
        return Block(
            start,
            end,
            entries,
            Blobs(*await self._blobs.until(end)),
            Links(*await self._links.until(end)),
            [tile for tile in tiles if start <= tile.index * WIDTH < end],
            [batch for batch in batches if start < batch.size <= end],
            [row for row in registered if start <= row.seq < end],
        )

    async def _answer(self, covers: list[tuple[int, int]]) -> None:
        """What is called repeated is an earlier event from Kafka that was accepted, or a conflict."""
        if covers:
            repeated = {each for _, each in covers}
            sure(all(0 <= each < seq for seq, each in covers))
            rows = await self._main.fetch(_SQL.events_among, self._task.ledger_id, list(repeated), REJECTED)
            sure({row["seq"] for row in rows} == repeated)
