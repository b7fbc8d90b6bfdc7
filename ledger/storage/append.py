"""The transaction that appends: entries, head, tiles and Kafka positions, all or nothing, fenced.

Lock order: head, then intake. If this process dies before COMMIT, nothing is persisted; if the connection is lost in
COMMIT, the outcome is unknown, and the next attempt finds out under the lock from the batch row, never from a plain
SELECT beside it.
"""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import asyncpg
import structlog

from accountability_ledger.moment import to_microseconds
from ledger.core import own
from ledger.core.batch import Appended, Batch, Item, topic_id_text
from ledger.core.chain import Chain, Head, LinkedEntry, VariantMissing
from ledger.core.errors import InternalFault, InvariantBroken, LedgerError, Unreachable
from ledger.core.merkle import Frontier
from ledger.core.protocol import Protocol
from ledger.core.tag import Tagger
from ledger.storage.copying import copy, copy_as_made
from ledger.storage.database import TRANSIENT, Role, connect
from ledger.storage.inserting import insert_own
from ledger.storage.metrics import CLOCK_ACCEPTED, TRANSIENT_FAULTS
from ledger.storage.patience import end_blockers, patiently
from ledger.storage.rows import Rows
from ledger.storage.sql import load
from ledger.storage.tiles import store_full_tiles
from ledger.storage.writer_memory import Memory, glance, recall

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from ledger.core.entry import PreparedEntry

_SQL = load("append")
_CLOCK_JUMP = timedelta(seconds=5)
# Entries beyond the batch's items: one that covers its duplicates, one where the clock jumped.
_MADE_BY_APPEND = 2
_log = structlog.get_logger(__name__)


class Fenced(LedgerError):  # noqa: N818
    """Another worker holds the ledger now: drop the batch."""

    code = "fenced"


class PrepareAgain(LedgerError):  # noqa: N818
    """An erasure, or an event that another batch brought, came between preparation and append."""

    code = "prepare-again"


class DataRefused(InternalFault):
    """PostgreSQL refuses a value of the batch; whoever made it bisects it by record."""

    code = "data-refused"


class _OutcomeUnknown(Exception):  # noqa: N818
    """The connection was lost in COMMIT; `result` is what the batch became if the COMMIT won, and `clock` what the
    clocks showed then.
    """

    def __init__(self, result: Appended, clock: tuple[datetime, float]) -> None:
        self.result = result
        self.clock = clock


class Appender:
    """Appends batches to one ledger, one transaction at a time in this process."""

    def __init__(
        self,
        url: str,
        ledger_id: int,
        origin: str,
        *,
        role: Role = "ledger_writer",
        protocol: Protocol | None = None,
        own_only: bool = False,
    ) -> None:
        """With `own_only` every batch holds a few of the ledger's own entries and nothing else: no record, no move."""
        self._url = url
        self._ledger_id = ledger_id
        self._origin = origin
        self._role: Role = role
        self._protocol = protocol or Protocol()
        self._own_only = own_only
        self._connection: asyncpg.Connection | None = None
        self._memory: Memory | None = None
        self._clock: tuple[datetime, float] | None = None
        self._tagger = Tagger()
        self._turn = asyncio.Lock()

    async def append(self, batch: Batch, *, patience: float | None = None) -> Appended:
        """Appends a batch. Transient faults block and back off (up to 30 s between attempts); with `patience`
        seconds, Unreachable is raised when they are over, whatever the server does.

        Raises Fenced, PrepareAgain, DataRefused or InvariantBroken; then nothing of the batch is persisted. After
        Unreachable, or when cancelled, the outcome is unknown to the caller.
        """
        try:
            async with asyncio.timeout(patience), self._turn:
                return await self._until_known(batch)
        except TimeoutError as error:
            raise Unreachable("PostgreSQL does not answer: check that it runs and try again.") from error

    async def close(self) -> None:
        async with self._turn:
            self._drop()

    async def _until_known(self, batch: Batch) -> Appended:
        unknown: _OutcomeUnknown | None = None
        pause = 0.05
        while True:
            try:
                return await self._attempt(batch, unknown)
            except _OutcomeUnknown as error:
                unknown = error
                TRANSIENT_FAULTS.labels("database").inc()
                _log.warning("append.outcome_unknown", size=error.result.size)
            except TRANSIENT as error:
                TRANSIENT_FAULTS.labels("database").inc()
                _log.warning("append.transient", error=type(error).__name__)
            await asyncio.sleep(pause)
            pause = min(pause * 2, 30.0)

    async def _attempt(self, batch: Batch, unknown: _OutcomeUnknown | None) -> Appended:
        """One transaction. Whatever goes wrong, memory and connection of the attempt are dropped."""
        try:
            connection = self._connection
            if connection is None or connection.is_closed():
                connection = self._connection = await connect_raw(self._url, self._role)
            return await self._transaction(connection, batch, unknown)
        except (
            asyncpg.UniqueViolationError,
            asyncpg.DataError,
            asyncpg.NotNullViolationError,
            asyncpg.CheckViolationError,
        ) as error:
            self._drop()
            raise _refused(error) from error
        except (asyncpg.SyntaxOrAccessError, asyncpg.InvalidCatalogNameError) as error:
            self._drop()
            raise InvariantBroken(
                f"The database is not as this version needs it (SQLSTATE {error.sqlstate}): halt, run `ledger doctor`."
            ) from error
        except VariantMissing as error:
            self._drop()
            raise PrepareAgain("A person was erased while the batch was prepared.") from error
        except BaseException:
            self._drop()
            raise

    def _drop(self) -> None:
        self._memory = None
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def _transaction(
        self, connection: asyncpg.Connection, batch: Batch, unknown: _OutcomeUnknown | None
    ) -> Appended:
        transaction = connection.transaction()
        await transaction.start()
        locked = await self._lock_head(connection)
        await self._protocol.reach("locked")
        if unknown:
            root = await connection.fetchval(_SQL.committed, self._ledger_id, unknown.result.size)
            if root == unknown.result.root:
                await transaction.rollback()
                self._clock = unknown.clock
                return unknown.result
        await self._fence(connection, locked, batch)
        await self._protocol.reach("fenced")
        before, self._memory = self._memory, None
        if self._own_only:  # few and seldom
            most = len(batch.items) + _MADE_BY_APPEND
            memory = await glance(connection, self._ledger_id, locked["size"], most)
        else:
            memory = await recall(connection, self._ledger_id, locked["size"], before)
        await memory.count(connection, self._ledger_id, batch)
        jump, clock = self._clock_jump(locked["now"]), (locked["now"], time.monotonic())
        linked, chain, root = await self._write(connection, locked, memory, batch, jump)
        await self._protocol.reach("copied")
        ours = linked[: len(batch.items)]
        result = Appended(
            tuple(each.seq for each in ours), tuple(each.hash for each in ours), chain.size, root
        )
        await self._protocol.reach("committing")
        try:
            await transaction.commit()
        except Exception as error:
            # A cancellation goes through: who is gone needs no outcome, and begins again from what is durable.
            if isinstance(error, asyncpg.PostgresError) and not isinstance(error, TRANSIENT):
                raise
            raise _OutcomeUnknown(result, clock) from error
        memory.size = chain.size
        self._memory, self._clock = None if self._own_only else memory, clock
        if jump:
            CLOCK_ACCEPTED.inc()
        await self._protocol.reach("committed")
        return result

    async def _lock_head(self, connection: asyncpg.Connection) -> asyncpg.Record:
        """Locks the head row; ends the writers that hold it for longer than 5 s, and counts them."""

        async def end() -> None:
            other = await asyncpg.connect(self._url, timeout=10)
            try:
                await end_blockers(other, connection.get_server_pid())
            finally:
                other.terminate()

        row: asyncpg.Record | None = await patiently(
            connection.fetchrow(_SQL.lock_head, self._ledger_id), end
        )
        if row is None:
            raise InvariantBroken("The ledger has no head row: run `ledger migrate`.")
        return row

    async def _fence(self, connection: asyncpg.Connection, locked: asyncpg.Record, batch: Batch) -> None:
        if batch.epoch is not None and locked["epoch"] != batch.epoch:
            raise Fenced("Another worker has taken the ledger over.")
        if locked["vault_epoch"] != batch.vault_epoch:
            raise PrepareAgain("A person was erased while the batch was prepared.")
        if not batch.moves:
            return
        moves = sorted(batch.moves, key=lambda move: (move.topic_id, move.partition))
        status = await connection.execute(
            _SQL.move,
            self._ledger_id,
            [move.topic_id for move in moves],
            [move.partition for move in moves],
            [move.start for move in moves],
            [move.end for move in moves],
            [move.probe for move in moves],
        )
        if status != f"UPDATE {len(moves)}":
            raise Fenced("The positions in Kafka are not where this batch began: another writer appended it.")

    def _entries(
        self, batch: Batch, linked: list[LinkedEntry], appended: datetime, jump: timedelta | None
    ) -> Iterator[tuple[PreparedEntry, Item | None]]:
        """The batch's entries, and those that only its append makes; `linked` holds the earlier ones."""
        for item in batch.items:
            yield item.entry, item
        if batch.duplicates:
            yield self._covers(batch, linked, appended), None
        if jump:
            data = {"seconds": int(jump.total_seconds())}
            time = own.clock_text(appended)
            yield own.plain_entry(own.CLOCK_ACCEPTED, origin=self._origin, time=time, data=data), None

    def _covers(self, batch: Batch, linked: list[LinkedEntry], appended: datetime) -> PreparedEntry:
        """The batch's one `events-duplicate` entry: which offsets say again what which entries say."""
        covers: dict[tuple[str, UUID, int], list[tuple[int, int]]] = {}
        for each in batch.duplicates:
            seq = each.seq if each.item is None else linked[each.item].seq
            if seq is None:
                raise InvariantBroken("A duplicate names no entry.")
            place = each.place
            covers.setdefault((place.topic, place.topic_id, place.partition), []).append((place.offset, seq))
        data = {
            "covers": [
                {
                    "topic": topic,
                    "topic_id": topic_id_text(topic_id),
                    "partition": partition,
                    "offsets": [offset for offset, _ in pairs],
                    "seqs": [seq for _, seq in pairs],
                }
                for (topic, topic_id, partition), pairs in covers.items()
            ]
        }
        return own.plain_entry(own.DUPLICATE, origin=self._origin, time=own.clock_text(appended), data=data)

    def _clock_jump(self, now: datetime) -> timedelta | None:
        """How far PostgreSQL's clock has run ahead of our monotonic one since our last transaction, if beyond 5 s."""
        if self._clock is None:
            return None
        before, then = self._clock
        jump = (now - before) - timedelta(seconds=time.monotonic() - then)
        return jump if jump > _CLOCK_JUMP else None

    async def _write(
        self,
        connection: asyncpg.Connection,
        locked: asyncpg.Record,
        memory: Memory,
        batch: Batch,
        jump: timedelta | None,
    ) -> tuple[list[LinkedEntry], Chain, bytes]:
        """Links the entries while PostgreSQL takes in their rows, then writes what follows from them: full tiles, the
        batch, the head; the linked entries, the chain behind them, and the new root.
        """
        ledger_id = self._ledger_id
        slice_ = locked["newest_slice"]
        if slice_ != locked["slice"] or locked["size"] == 0:
            await connection.execute(_SQL.start_slice, ledger_id, slice_, locked["size"])
        now: datetime = locked["now"]
        appended = max(now, locked["appended"] or now)
        chain = Chain(self._origin, _head(locked), memory.counters, self._tagger)
        linked: list[LinkedEntry] = []
        if self._own_only:
            for entry, _ in self._entries(batch, linked, appended, jump):
                linked.append(chain.link(entry, appended))
            await self._protocol.reach("copied half")
            await insert_own(connection, ledger_id, slice_, appended, linked)
        else:
            rows = Rows(ledger_id, slice_, to_microseconds(appended))

            def linking() -> Iterator[bytes]:
                for entry, item in self._entries(batch, linked, appended, jump):
                    each = chain.link(entry, appended)
                    linked.append(each)
                    yield rows.add(each, item)

            await copy_as_made(connection, "entry", linking())
            await self._protocol.reach("copied half")
            await copy(connection, "sealed", rows.sealed)
            await copy(connection, "entry_person", rows.links)
            await copy(connection, "seen", rows.seen)
        ours = list(zip(linked, batch.items, strict=False))
        registered = [(each.seq, *row) for each, item in ours for row in item.registered]
        if registered:
            await connection.execute(
                _SQL.insert_registered, ledger_id, *map(list, zip(*registered, strict=True))
            )
        memory.pending += [each.hash for each in linked]
        memory.pending = await store_full_tiles(connection, ledger_id, locked["size"], memory.pending)
        if batch.retire:
            await connection.execute(_SQL.retire, ledger_id, list(batch.retire))
        for each, item in ours:
            if item.erasure:
                await connection.execute(_SQL.delete_links, ledger_id, list(item.erasure.key_ids))
                await connection.execute(_SQL.raise_vault_epoch, ledger_id)
                await connection.execute(_SQL.insert_erased, ledger_id, item.erasure.erasure_id, each.seq)
        head = chain.head()
        root = head.frontier.root()
        await connection.execute(
            _SQL.advance_head,
            ledger_id,
            head.size,
            head.prev,
            head.frontier.to_bytes(),
            root,
            head.seg,
            head.seg_first,
            head.seg_began,
            head.close_segment,
            appended,
            slice_,
        )
        return linked, chain, root


def _head(locked: asyncpg.Record) -> Head:
    return Head(
        size=locked["size"],
        prev=locked["prev"],
        frontier=Frontier.from_bytes(locked["size"], locked["frontier"]),
        seg=locked["seg"],
        seg_first=locked["seg_first"],
        seg_began=locked["seg_began"],
        appended=locked["appended"],
        close_segment=locked["close_segment"],
    )


async def connect_raw(url: str, role: Role) -> asyncpg.Connection:
    """A connection whose errors stay the driver's own: this module tells them apart."""
    try:
        return await connect(url, role)
    except LedgerError as error:
        if isinstance(error, Unreachable) and isinstance(error.__cause__, TRANSIENT):
            raise error.__cause__ from None
        raise


def _refused(error: asyncpg.PostgresError) -> LedgerError:
    if isinstance(error, asyncpg.UniqueViolationError):
        if str(error.table_name or "").startswith("seen"):
            return PrepareAgain("An event of the batch was appended already.")
        return InvariantBroken(
            f"A place in the ledger is taken already ({error.constraint_name}): halt, run `ledger verify`."
        )
    return DataRefused(f"PostgreSQL refuses a value of the batch (SQLSTATE {error.sqlstate}).")
