"""Interleaved pairs: the append path and a plain COPY of the same rows, taking turns in who comes first."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

import msgspec

from ledger.bench.append import run_worker
from ledger.bench.copied import rows_of, run_copy

if TYPE_CHECKING:
    from ledger.bench.append import Appended
    from ledger.bench.copied import Chunk
    from ledger.bench.events import Event, Stream
    from ledger.bench.ground import Ground


class Pair(msgspec.Struct, frozen=True):
    """Rates in entries a second, each with all its rows. `bulk` is the COPY in one transaction, where it was run."""

    first: str
    ledger: float
    copy: float
    ratio: float
    per_transaction: int
    bulk: float | None = None


class Append(msgspec.Struct, frozen=True):
    """What the pairs showed together; ratios are medians of the pairs' own."""

    ratio_to_copy: float
    ratio_min: float
    ratio_max: float
    events_per_s: float
    copy_events_per_s: float
    bulk_copy_events_per_s: float | None
    events_a_run: int
    per_transaction: int
    pairs: list[Pair]


class Pairs:
    """Runs pairs in the order ledger, copy; copy, ledger; and so on. Two pairs that follow each other share their
    events, so that in each of them both sides write the same rows, salts apart.
    """

    def __init__(self, ground: Ground, stream: Stream, events: int) -> None:
        self._ground = ground
        self._stream = stream
        self._events = events
        self._foundations = stream.foundations()
        self.load: list[Event] = []
        self._appended: Appended | None = None
        self._chunks: list[Chunk] = []
        self._cpu: list[dict[str, float]] = []
        self.pairs: list[Pair] = []

    async def run(self, *, bulk: bool) -> Pair:
        """One more pair."""
        number = len(self.pairs)
        if number % 2:
            copied, in_bulk = await self._copy(), await self._bulk() if bulk else None
            appended = await self._append()
        else:
            self.load = self._stream.take(self._events)
            appended = await self._append()
            copied, in_bulk = await self._copy(), await self._bulk() if bulk else None
        pair = Pair(
            first="copy" if number % 2 else "ledger",
            ledger=appended.window.rate,
            copy=copied,
            ratio=appended.window.rate / copied,
            per_transaction=appended.per_transaction,
            bulk=in_bulk,
        )
        self.pairs.append(pair)
        return pair

    def together(self) -> Append:
        """What the pairs so far show."""
        bulks = [pair.bulk for pair in self.pairs if pair.bulk is not None]
        return Append(
            ratio_to_copy=median(pair.ratio for pair in self.pairs),
            ratio_min=min(pair.ratio for pair in self.pairs),
            ratio_max=max(pair.ratio for pair in self.pairs),
            events_per_s=median(pair.ledger for pair in self.pairs),
            copy_events_per_s=median(pair.copy for pair in self.pairs),
            bulk_copy_events_per_s=median(bulks) if bulks else None,
            events_a_run=self._events,
            per_transaction=round(median(pair.per_transaction for pair in self.pairs)),
            pairs=self.pairs,
        )

    def cpu_us_per_event(self) -> dict[str, float]:
        """Processor time an event by kind of process, the median of the runs."""
        names = {name: None for found in self._cpu for name in found}
        return {name: median(found.get(name, 0.0) for found in self._cpu) for name in names}

    async def _append(self) -> Appended:
        async with self._ground.site() as site:
            appended = await run_worker(self._ground, site, self._foundations, self.load)
            self._chunks = await rows_of(site, appended.window, appended.per_transaction)
        self._appended = appended
        self._cpu.append(appended.cpu_us_per_event)
        return appended

    async def _copy(self) -> float:
        return await self._copied(bulk=False)

    async def _bulk(self) -> float:
        return await self._copied(bulk=True)

    async def _copied(self, *, bulk: bool) -> float:
        assert self._appended is not None  # noqa: S101 -- a ledger's run always comes first
        async with self._ground.site() as site:
            return (await run_copy(self._ground, site, self._chunks, self._appended.window, bulk=bulk)).rate
