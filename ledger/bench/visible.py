"""From send to visible: how long after it was sent an event is committed, as another connection sees it."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_right
from typing import TYPE_CHECKING

import msgspec

from ledger.bench import pace
from ledger.bench.latency import percentile
from ledger.core.errors import Unreachable
from ledger.embedded import process
from ledger.storage.sql import load

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ledger.bench.events import Event
    from ledger.bench.ground import Site
    from ledger.bench.pace import Stamp
    from ledger.embedded.process import Running

_SQL = load("ground", "ledger.bench.sql")
_LOOK_SECONDS = 0.001
_SEND_SECONDS = 60.0

Place = tuple[str, int]
Look = tuple[int, int]
"""When the query was answered (monotonic nanoseconds), and the partition's next offset then."""


class Visible(msgspec.Struct, frozen=True):
    """Milliseconds from the client's send to the first answer that has the event committed."""

    p50_ms: float
    p99_ms: float
    max_ms: float
    rate: float
    rate_reached: float
    events: int


async def measure(site: Site, worker: Running, events: Iterable[Event], rate: float) -> Visible:
    """Sends the events at `rate` a second from a process of its own while a worker appends, and looks all the time.

    A position in `intake` moves in the transaction that appends: an offset below it is an entry that can be read.
    """
    written, stamped = site.settings.home / "events", site.settings.home / "stamps"
    count = await asyncio.to_thread(pace.write_events, written, events)
    producer = await asyncio.to_thread(pace.start, site, written, stamped, rate)
    looking = asyncio.Event()
    looks = asyncio.create_task(_look(site, looking))
    try:
        await asyncio.to_thread(process.wait_gone, producer, _SEND_SECONDS + count / rate)
        await site.accounted(worker)
    finally:
        looking.set()
        seen = await looks
    stamps = await asyncio.to_thread(pace.read_stamps, stamped)
    if len(stamps) != count:
        raise Unreachable("Kafka did not acknowledge every record: look at its log.")
    waits = waited(stamps, seen)
    sent = [stamp.sent_ns for stamp in stamps]
    return Visible(
        p50_ms=percentile(waits, 50),
        p99_ms=percentile(waits, 99),
        max_ms=max(waits),
        rate=rate,
        rate_reached=len(sent) / max((max(sent) - min(sent)) / 1e9, 1e-9),
        events=len(waits),
    )


def waited(stamps: Sequence[Stamp], seen: dict[Place, list[Look]]) -> list[float]:
    """Milliseconds each record waited until a look showed the position beyond it."""
    waits = []
    for stamp in stamps:
        looks = seen[stamp.topic, stamp.partition]
        first = bisect_right(looks, stamp.offset, key=lambda look: look[1])
        waits.append((looks[first][0] - stamp.sent_ns) / 1e6)
    return waits


async def _look(site: Site, over: asyncio.Event) -> dict[Place, list[Look]]:
    """Every partition's positions as they change, a look a millisecond at the most."""
    seen: dict[Place, list[Look]] = {}
    connection = await site.connect()
    try:
        positions = await connection.prepare(_SQL.positions)
        last_look = False
        while not last_look:
            last_look = over.is_set()
            rows = await positions.fetch()
            now = time.monotonic_ns()
            for topic, partition, offset in rows:
                looks = seen.setdefault((topic, partition), [])
                if not looks or looks[-1][1] != offset:
                    looks.append((now, offset))
            await asyncio.sleep(_LOOK_SECONDS)
    finally:
        await connection.close()
    return seen
