"""Verifies a stored log from its bytes: reads every row of one snapshot, in order, and feeds the pure verifier.

The tables are read in chunks by key, each on a connection of its own under the auditor's role, the next chunk while
the present one is judged; so memory stays the same however long the log is.
"""

from __future__ import annotations

import asyncio
import gc
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ledger.core import checkpoint as checkpoints
from ledger.core.errors import BadAnswer, NotFound
from ledger.core.own import REJECTED
from ledger.core.tile import WIDTH
from ledger.core.verifier.log import LogVerifier
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
from ledger.storage.database import connect, translated
from ledger.storage.sql import load
from ledger.storage.verify_vault import VaultCheck

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    import asyncpg

    from ledger.core.checkpoint import Checkpoint
    from ledger.core.verifier.verdicts import Verdict
    from ledger.storage.opening import OpenLedger
    from ledger.storage.vault import Vault

_SQL = load("verify")
_CHUNK = 4 * WIDTH
_SEEN_AT_ONCE = 5000
_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


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


async def verify(
    database: str,
    ledger: OpenLedger,
    *,
    vault: Vault | None = None,
    from_checkpoint: str | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> Report:
    """Verifies all that the database holds of one ledger, as of one snapshot.

    `vault` has persons' tags, blobs and identities checked too; `from_checkpoint` is the text of a signed checkpoint
    that the log must still hold to; `progress` is called with (entries done, entries in all). Raises Unreachable.
    """
    origin = ledger.keyring.log_signer.name
    with translated():
        async with _snapshot(database, 5) as connections:
            tables = _Tables(connections, ledger.ledger_id)
            await tables.begin()
            verifier = LogVerifier(
                tables.head,
                tables.intake,
                tables.slices,
                origin=origin,
                checkpoint=None if from_checkpoint is None else _opened(from_checkpoint, ledger, tables),
                keep_tags=vault is not None,
            )
            for verdict, detail in tables.refused:
                verifier.findings.add(verdict, None, detail)
            check = VaultCheck(ledger, vault, origin, verifier) if vault else None
            with _fewer_collections():
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


@contextmanager
def _fewer_collections() -> Iterator[None]:
    """Rows by the thousand come and go without cycles: collecting garbage as often as usual takes a third of the time."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


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


@asynccontextmanager
async def _snapshot(database: str, count: int) -> AsyncIterator[list[asyncpg.Connection]]:
    """Connections of the auditor's role that all see the same moment."""
    async with AsyncExitStack() as stack:
        connections = []
        name = None
        for _ in range(count):
            connection = await connect(database, "ledger_auditor")
            stack.callback(connection.terminate)
            # Compiling a query of many slices takes longer than running it once a chunk.
            await connection.execute("SET jit = off")
            await connection.execute(_SNAPSHOT)
            if name is None:
                name = await connection.fetchval("SELECT pg_export_snapshot()")
            else:
                await connection.execute(f"SET TRANSACTION SNAPSHOT '{name}'")
            connections.append(connection)
        yield connections


class _Tables:
    """The rows of one ledger, of one snapshot, in order."""

    def __init__(self, connections: list[asyncpg.Connection], ledger_id: int) -> None:
        self._main, self._hashes, self._entries, self._beside, self._seen = connections
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
        # The one table that is not in order of seq; PostgreSQL sorts it, on disk where it is large.
        await self._seen.execute("SET LOCAL work_mem = '64MB'")
        self._cursor = await self._seen.cursor(_SQL.seen, self._ledger_id)

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
        await self._seen_until(size, size)
        seen = self._waiting[0].seq if self._waiting else self._stray_seen
        return found if seen is None else [*found, Stray("seen", seen)]

    async def events_among(self, seqs: set[int]) -> set[int]:
        """Which of these entries are events from Kafka that were accepted, or conflicts."""
        known = [seq for seq in seqs if 0 <= seq < 2**63]
        if not known:
            return set()
        rows = await self._main.fetch(_SQL.events_among, self._ledger_id, known, REJECTED)
        return {row["seq"] for row in rows}
