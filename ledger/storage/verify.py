"""Verifies a stored log from its bytes: reads every row of one snapshot, in order, and feeds the pure verifier.

The tables are read in chunks by key, each on a connection of its own under the auditor's role, the next chunk while
the present one is judged; so memory stays the same however long the log is.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ledger.core import checkpoint as checkpoints
from ledger.core.errors import BadAnswer, NotFound
from ledger.core.merkle import Frontier
from ledger.core.own import REJECTED
from ledger.core.tile import WIDTH
from ledger.core.verifier.block import Seen
from ledger.core.verifier.log import LogVerifier
from ledger.core.verifier.read_leaf import hash_text
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
from ledger.core.verifier.stretch import Doubt, Joiner, sure, topics_of
from ledger.storage.database import translated
from ledger.storage.sql import load
from ledger.storage.verify_copy import FixedRows, Rows
from ledger.storage.verify_processes import screen_all
from ledger.storage.verify_stretch import CONNECTIONS, Task, beside, fewer_collections, snapshot
from ledger.storage.verify_vault import VaultCheck

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import asyncpg

    from ledger.core.checkpoint import Checkpoint
    from ledger.core.tile import FullTile
    from ledger.core.verifier.verdicts import Verdict
    from ledger.storage.opening import OpenLedger
    from ledger.storage.vault import Vault

_SQL = load("verify")
_CHUNK = 4 * WIDTH
_SEEN_AT_ONCE = 5000
# A stretch is at least so long, a multiple of so many leaves, and each process is to have so many.
_SHORTEST, _LONGEST, _EVEN, _EACH = 1 << 15, 1 << 20, 1 << 12, 4
_ANY_SEQ = 1 << 63
_parse_seen = FixedRows(["q", "h"])


@dataclass(frozen=True, slots=True)
class Report:
    """What a verification found. `size` leaves were there, with `root` over them (empty where leaves are missing that
    nothing records); `left_out` verdicts beyond the first thousand were counted alone.
    """

    ok: bool
    verdicts: tuple[Verdict, ...]
    size: int
    root: bytes
    left_out: int = 0


def available_processors() -> int:
    """How many processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not everywhere
        return os.cpu_count() or 1


async def verify(
    database: str,
    ledger: OpenLedger,
    *,
    vault: Vault | None = None,
    from_checkpoint: str | None = None,
    progress: Callable[[int, int | None], None] | None = None,
    processes: int | None = None,
) -> Report:
    """Verifies all that the database holds of one ledger, as of one snapshot.

    `vault` has persons' tags, blobs and identities checked too; `from_checkpoint` is the text of a signed checkpoint
    that the log must still hold to; `progress` is called with (entries done, entries in all); `processes` are at most
    as many as there are processors. Raises Unreachable, or ProcessEnded.

    The screen says quickly that nothing is wrong. Where it is in doubt, and where the vault is asked too, which it does
    not know, the log is judged entry by entry.
    """
    origin = ledger.keyring.log_signer.name
    with translated():
        async with snapshot(database, 2 + CONNECTIONS) as connections:
            tables = _Tables(connections, ledger.ledger_id)
            await tables.begin()
            checkpoint = None if from_checkpoint is None else _opened(from_checkpoint, ledger, tables)
            if vault is None and not tables.refused:
                with suppress(Doubt):
                    return await _screened(database, tables, origin, checkpoint, progress, processes)
            await tables.open_seen()
            return await _judged(database, ledger, tables, origin, checkpoint, vault, progress)


async def _screened(
    database: str,
    tables: _Tables,
    origin: str,
    checkpoint: Checkpoint | None,
    progress: Callable[[int, int | None], None] | None,
    processes: int | None,
) -> Report:
    """The report on a log of which the screen finds everything right; raises Doubt for any other."""
    head = tables.head
    sure(head.size == tables.end and not await tables.strays())
    roots = {}
    if checkpoint is not None:
        sure(checkpoint.origin == origin and checkpoint.size <= head.size)
        roots[checkpoint.size] = checkpoint.root
    count = processes or available_processors()
    done = 0

    def more(entries: int) -> None:
        nonlocal done
        done += entries
        if progress:
            progress(done, head.size)

    tasks = await tables.tasks(database, origin, roots, count)
    joiner = Joiner()
    seen = tables.seen_rows()

    async def join() -> None:
        async for stretch in screen_all(tasks, count, tables.others, more):
            stretch.check_seen(Seen(*await seen.until(stretch.end)))
            await tables.compare_upper(joiner.add(stretch, hash_text(joiner.last_hash)))
        sure(not (await seen.until(_ANY_SEQ))[0])

    await tables.sort_in_memory()
    await beside(join(), seen.read())
    slice_ = tables.slices[-1].slice if tables.slices else None
    root = joiner.finish(head, origin, slice_, tables.intake)
    return Report(ok=True, verdicts=(), size=head.size, root=root)


async def _judged(
    database: str,
    ledger: OpenLedger,
    tables: _Tables,
    origin: str,
    checkpoint: Checkpoint | None,
    vault: Vault | None,
    progress: Callable[[int, int | None], None] | None,
) -> Report:
    """The report of the verifier that names what is wrong."""
    verifier = LogVerifier(
        tables.head,
        tables.intake,
        tables.slices,
        origin=origin,
        checkpoint=checkpoint,
        keep_tags=vault is not None,
    )
    for verdict, detail in tables.refused:
        verifier.findings.add(verdict, None, detail)
    check = VaultCheck(ledger, vault, origin, verifier) if vault else None
    with fewer_collections():
        await _run(tables, verifier, check, progress)
    if check:
        await check.finish(database)
    verdicts = verifier.findings.sorted()
    return Report(not verdicts, verdicts, verifier.size, verifier.root() or b"", verifier.findings.left_out)


async def _run(
    tables: _Tables,
    verifier: LogVerifier,
    check: VaultCheck | None,
    progress: Callable[[int, int | None], None] | None,
) -> None:
    async for chunk in tables.chunks():
        verifier.feed(chunk, await check.living(chunk) if check else None)
        await _answer_covers(tables, verifier)
        if check:
            await check.look_at_closed()
        if progress:
            progress(chunk.end, tables.end)
    verifier.finish(await tables.strays())
    await _answer_covers(tables, verifier)


async def _answer_covers(tables: _Tables, verifier: LogVerifier) -> None:
    covers = verifier.take_covers()
    events = await tables.events_among({repeated for _, repeated in covers})
    for seq, repeated in covers:
        verifier.answer_cover(seq, is_event=repeated in events and repeated < seq)


def _opened(note: str, ledger: OpenLedger, tables: _Tables) -> Checkpoint | None:
    """The checkpoint behind a signed note; None where it does not hold, with the reason among `tables.refused`."""
    try:
        return checkpoints.open(note, ledger.keyring.log_signer.verifier)
    except BadAnswer as why:
        known = why.code if why.code in ("bad-signature", "unknown-key") else "bad-signature"
        tables.refused.append((known, str(why)))
        return None


class _Tables:
    """The rows of one ledger, of one snapshot, in order."""

    def __init__(self, connections: list[asyncpg.Connection], ledger_id: int) -> None:
        self._main, self._seen, *self.others = connections
        self._hashes, self._entries, self._beside, *_ = self.others
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

    def seen_rows(self) -> Rows:
        return Rows(self._seen, [_SQL.copy_seen.format(ledger_id=self._ledger_id)], _parse_seen, 2)

    async def open_seen(self) -> None:
        await self.sort_in_memory()
        self._cursor = await self._seen.cursor(_SQL.seen, self._ledger_id)

    async def tasks(self, database: str, origin: str, roots: dict[int, bytes], processes: int) -> list[Task]:
        """The log in stretches, a few for each process, but each long enough to be worth its beginning."""
        size = self.head.size
        width = -(-size // (_EACH * processes) // _EVEN) * _EVEN
        width = min(max(_SHORTEST, width), _LONGEST)
        snapshot_name = await self._main.fetchval("SELECT pg_export_snapshot()")
        return [
            Task(
                database=database,
                snapshot=snapshot_name,
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
