"""The rows of one ledger, of one snapshot: in chunks for the verifier, in stretches for the screen."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from ledger.core.errors import NotFound
from ledger.core.merkle import Frontier
from ledger.core.own import REJECTED
from ledger.core.tile import WIDTH
from ledger.core.verifier.stored import (
    BatchRow,
    Chunk,
    EntryRow,
    HeadRow,
    IntakeRow,
    LinkRow,
    RegisterRow,
    SealedRow,
    SeenRow,
    SliceRow,
    Stray,
    TileRow,
)
from ledger.core.verifier.stretch import sure, topics_of
from ledger.storage.sql import load
from ledger.storage.verify_copy import FixedRows, Rows
from ledger.storage.verify_stretch import Task

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg

    from ledger.core.tile import FullTile

_SQL = load("verify")
_CHUNK = 4 * WIDTH
_SEEN_AT_ONCE = 5000
# A stretch is at least so long, a multiple of so many leaves, and each process is to have so many.
_SHORTEST, _LONGEST, _EVEN, _EACH = 1 << 15, 1 << 20, 1 << 12, 4
_parse_seen = FixedRows(["q", "h"])


class Tables:
    """The rows of one ledger, of one snapshot, in order."""

    def __init__(self, connections: list[asyncpg.Connection], ledger_id: int) -> None:
        self._main, self._seen, self._hashes, self._entries, self._beside = connections
        self._ledger_id = ledger_id
        self._waiting: list[SeenRow] = []  # read from the cursor, not yet handed out
        self._stray_seen: int | None = None
        self._cursor: Any = None
        self.refused: list[tuple[str, str]] = []
        self.end = 0

    async def begin(self) -> None:
        row = await self._main.fetchrow(_SQL.head, self._ledger_id)
        if row is None:
            raise NotFound("The ledger has no head row: `ledger migrate` opens a ledger.")
        self.head = HeadRow(*row)
        self.intake = [IntakeRow(*each) for each in await self._main.fetch(_SQL.intake, self._ledger_id)]
        self.slices = [SliceRow(*each) for each in await self._main.fetch(_SQL.slices, self._ledger_id)]
        last = await self._main.fetchval(_SQL.last_seq, self._ledger_id)
        self.end = max(0, min(self.head.size, -1 if last is None else last + 1))

    async def sort_in_memory(self) -> None:
        """`seen` is the one table that is not in order of seq; PostgreSQL sorts it, on disk where it is large."""
        await self._seen.execute("SET LOCAL work_mem = '64MB'")

    async def seen_rows(self) -> Rows:
        """The memory of events seen as the screen takes it."""
        await self.sort_in_memory()
        return Rows(self._seen, [_SQL.copy_seen.format(ledger_id=self._ledger_id)], _parse_seen, 2)

    async def open_seen(self) -> None:
        await self.sort_in_memory()
        self._cursor = await self._seen.cursor(_SQL.seen, self._ledger_id)

    async def tasks(
        self, database: str, name: str, origin: str, roots: dict[int, bytes], processes: int
    ) -> list[Task]:
        """The log in stretches, a few for each process, but each long enough to be worth its beginning."""
        size = self.head.size
        width = -(-size // (_EACH * processes) // _EVEN) * _EVEN
        width = min(max(_SHORTEST, width), _LONGEST)
        return [
            Task(
                database=database,
                snapshot=name,
                ledger_id=self._ledger_id,
                origin=origin,
                start=start,
                end=min(start + width, size),
                size=size,
                nodes=await self._frontier(start),
                slices=[(row.slice, row.first_seq) for row in self.slices],
                topics=topics_of(self.intake),
                roots=roots,
            )
            for start in range(0, size, width)
        ]

    async def _frontier(self, size: int) -> list[bytes]:
        """The frontier before a stretch, out of the roots of tiles; that they are right is found when it is joined."""
        frontier = Frontier()
        for level, first, past in ((1, 0, size // WIDTH**2), (0, size // WIDTH**2 * WIDTH, size // WIDTH)):
            rows = await self._main.fetch(_SQL.tile_roots, self._ledger_id, level, first, past)
            sure(len(rows) == past - first)
            if level == 0:
                frontier = Frontier(first, frontier.nodes)
            frontier.extend(row["root"] for row in rows)
        return list(frontier.nodes)

    async def compare_upper(self, tiles: list[FullTile]) -> None:
        """Compares the tiles of level 1 and above; `tiles` count their levels from there."""
        for tile in tiles:
            row = await self._main.fetchrow(_SQL.tile, self._ledger_id, tile.level + 1, tile.index)
            sure(row is not None and (row["hashes"], row["root"]) == (tile.data, tile.root))

    async def chunks(self) -> AsyncIterator[Chunk]:
        """The chunks up to the last entry, the next being read while the caller has one."""
        start = 0
        ahead = asyncio.create_task(self._chunk(start)) if self.end else None
        try:
            while ahead is not None:
                chunk, ahead = await ahead, None
                start = chunk.end
                if not chunk.entries:  # a hole may be as wide as a changed head says: go on behind it
                    found = await self._main.fetchval(_SQL.next_seq, self._ledger_id, start)
                    start = self.end if found is None else max(start, found // WIDTH * WIDTH)
                if start < self.end:
                    ahead = asyncio.create_task(self._chunk(start))
                yield chunk
        finally:
            if ahead is not None:
                ahead.cancel()

    async def _chunk(self, start: int) -> Chunk:
        end = min(start + _CHUNK, self.end)
        (tiles, batches), entries, (sealed, links), seen = await asyncio.gather(
            self._fetch_hashes(start, end),
            self._entries.fetch(_SQL.entries, self._ledger_id, start, end),
            self._fetch_beside(start, end),
            self._seen_until(start, end),
        )
        registered = [
            RegisterRow(*row)
            for row in await self._beside.fetch(_SQL.registered, self._ledger_id, start, end)
        ]
        rows = [EntryRow(*row) for row in entries]
        return Chunk(start, end, rows, sealed, links, seen, tiles, batches, registered)

    async def _fetch_hashes(self, start: int, end: int) -> tuple[list[TileRow], list[BatchRow]]:
        levels, firsts, pasts = [], [], []
        level, width = 0, WIDTH
        while width <= end:
            if start // width < end // width:
                levels.append(level)
                firsts.append(start // width)
                pasts.append(end // width)
            level, width = level + 1, width * WIDTH
        tiles = await self._hashes.fetch(_SQL.tiles, self._ledger_id, levels, firsts, pasts) if levels else []
        batches = await self._hashes.fetch(_SQL.batches, self._ledger_id, start, end)
        return [TileRow(*row) for row in tiles], [BatchRow(*row) for row in batches]

    async def _fetch_beside(self, start: int, end: int) -> tuple[list[SealedRow], list[LinkRow]]:
        sealed = await self._beside.fetch(_SQL.sealed, self._ledger_id, start, end)
        links = await self._beside.fetch(_SQL.links, self._ledger_id, start, end)
        return [SealedRow(*row) for row in sealed], [LinkRow(*row) for row in links]

    async def _seen_until(self, start: int, end: int) -> list[SeenRow]:
        """The rows of events seen of the seqs [start, end), from the one cursor over all of them."""
        found: list[SeenRow] = []
        while True:
            for at, row in enumerate(self._waiting):
                if row.seq >= end:
                    self._waiting = self._waiting[at:]
                    return found
                if row.seq >= start:
                    found.append(row)
                elif self._stray_seen is None:
                    self._stray_seen = row.seq
            self._waiting = [SeenRow(*row) for row in await self._cursor.fetch(_SEEN_AT_ONCE)]
            if not self._waiting:
                return found

    async def strays(self) -> list[Stray]:
        """The first row of each table that stands at no place of the log."""
        size = self.head.size
        found = []
        for table in ("entry", "sealed", "entry_person", "batch", "tile", "register"):
            seq = await self._main.fetchval(getattr(_SQL, f"stray_{table}"), self._ledger_id, size)
            if seq is not None:
                found.append(Stray(table, seq))
        if self._cursor is not None:  # else whoever reads them by ranges finds those that are in none
            await self._seen_until(size, size)
            seen = self._waiting[0].seq if self._waiting else self._stray_seen
            found += [] if seen is None else [Stray("seen", seen)]
        return found

    async def events_among(self, seqs: set[int]) -> set[int]:
        """Which of these entries are events from Kafka that were accepted, or conflicts."""
        known = [seq for seq in seqs if 0 <= seq < 2**63]
        if not known:
            return set()
        rows = await self._main.fetch(_SQL.events_among, self._ledger_id, known, REJECTED)
        return {row["seq"] for row in rows}
