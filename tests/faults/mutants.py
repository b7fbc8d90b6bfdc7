"""The append path with one of its guards taken out: `MUTANT=NAME` for append_worker.py. Each must be noticed, or the
tests that rest on the guard prove nothing.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import asyncpg
from msgspec import structs

import streams.fetch
from ledger.storage.append import Appender
from ledger.storage.sql import load
from streams.fetch import Fetcher
from streams.prepare import Preparer

if TYPE_CHECKING:
    from collections.abc import Callable

    from ledger.core.batch import Appended, Batch

_APPEND_SQL = load("append")
_FROM = "AND i.next_offset = m.start "


def no_epoch_check() -> None:
    """A zombie's batch is taken for the leaseholder's."""
    honest = Appender._fence

    async def fence(self: Appender, connection: Any, locked: Any, batch: Batch) -> None:
        await honest(self, connection, locked, replace(batch, epoch=None))

    Appender._fence = fence  # type: ignore[method-assign]


def no_from_check() -> None:
    """A position moves from wherever it is."""
    assert _FROM in _APPEND_SQL.move
    _APPEND_SQL.move = _APPEND_SQL.move.replace(_FROM, "")


def no_fence() -> None:
    no_epoch_check()
    no_from_check()


def offsets_apart() -> None:
    """Positions move in a transaction of their own, after the one that appends."""
    honest = Appender.append

    async def append(self: Appender, batch: Batch, *, patience: float | None = None) -> Appended:
        result = await honest(self, replace(batch, moves=()), patience=patience)
        connection = await asyncpg.connect(self._url)
        try:
            await connection.execute("SET ROLE ledger_writer; SET search_path TO ledger")
            for move in batch.moves:
                await connection.execute(
                    "UPDATE intake SET next_offset = $1, probe = $2 WHERE topic_id = $3 AND partition = $4",
                    move.end,
                    move.probe,
                    move.topic_id,
                    move.partition,
                )
        finally:
            await connection.close()
        return result

    Appender.append = append  # type: ignore[method-assign]


def no_dedup() -> None:
    """What was seen is not looked up, and not noted."""
    honest = Preparer.prepare

    async def prepare(self: Preparer, *arguments: Any, **more: Any) -> Batch:
        batch = await honest(self, *arguments, **more)
        return replace(batch, items=tuple(structs.replace(item, seen=None) for item in batch.items))

    async def look_up(self: Preparer, judged: Any, known: Any, recent: Any) -> None:
        """Nobody is asked."""

    Preparer.prepare = prepare  # type: ignore[method-assign]
    Preparer._look_up = look_up  # type: ignore[method-assign]


def uncommitted_reads() -> None:
    """Records are taken before it is known whether their transaction commits."""
    honest = streams.fetch.AIOKafkaConsumer  # type: ignore[attr-defined]

    @functools.wraps(honest)
    def consumer(**options: Any) -> Any:
        return honest(**{**options, "isolation_level": "read_uncommitted"})

    streams.fetch.AIOKafkaConsumer = consumer  # type: ignore[attr-defined]


def no_seek() -> None:
    """After a fault, reading goes on where the consumer is; nothing else would hold it, so the fence is out too."""
    no_fence()
    honest = Fetcher.claim

    async def claim(self: Fetcher) -> tuple[list[Any], list[Any]]:
        return ([], []) if self._consumer is not None else await honest(self)

    Fetcher.claim = claim  # type: ignore[method-assign]


MUTANTS: dict[str, Callable[[], None]] = {
    each.__name__: each
    for each in (no_epoch_check, no_from_check, no_fence, offsets_apart, no_dedup, uncommitted_reads, no_seek)
}
