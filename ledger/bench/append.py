"""One run of the append path: a load that lies in Kafka, a worker that is ready, and the rate of its transactions."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from ledger.bench import cpu
from ledger.bench.ground import stop
from ledger.bench.send import Held, send
from ledger.core.errors import BadInput
from ledger.storage.sql import load

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ledger.bench.events import Event
    from ledger.bench.ground import Ground, Site
    from ledger.embedded.process import Running

_SQL = load("append", "ledger.bench.sql")
_TRANSACTIONS_NEEDED = 3
OTHERS = "everything else on the machine"


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a log that was appended while the clock ran: entries `first` <= seq < `end` in `seconds`."""

    first: int
    end: int
    seconds: float

    @property
    def rate(self) -> float:
        """Entries a second."""
        return (self.end - self.first) / self.seconds


@dataclass(frozen=True, slots=True)
class Appended:
    """What one run measured. `per_transaction` is the median number of entries in a transaction of the window."""

    window: Window
    per_transaction: int
    cpu_us_per_event: dict[str, float]


def window_of(batches: Sequence[tuple[int, datetime]], since: int, until: int) -> tuple[Window, int]:
    """The window over the transactions that appended the entries `since` <= seq < `until`, and the median of entries in
    one of its transactions. `batches` are (size afterwards, moment of the head's lock), in order.

    The clock runs from the moment at which the first of them has the head's lock to the moment at which the last has
    it, so the last one's entries are not counted. Raises BadInput where there are fewer than three.
    """
    inside = [(size, at) for size, at in batches if size > since]
    after = next((index for index, (size, _) in enumerate(inside) if size >= until), len(inside) - 1)
    inside = inside[: after + 1]
    if len(inside) < _TRANSACTIONS_NEEDED:
        raise BadInput("Too few events to measure: the worker appended them in less than three transactions.")
    counted = [since, *(size for size, _ in inside[:-1])]
    sizes = [later - earlier for earlier, later in pairwise(counted)]
    seconds = (inside[-1][1] - inside[0][1]).total_seconds()
    return Window(since, counted[-1], seconds), round(median(sizes))


async def run_worker(
    ground: Ground, site: Site, foundations: Sequence[Event], load_: Sequence[Event]
) -> Appended:
    """Appends `load_` with a worker of its own: it has appended the foundations and waits when all of the load, in
    Kafka already, becomes visible to it at once.
    """
    worker = await site.program("worker")
    try:
        await asyncio.to_thread(send, site.settings, foundations)
        await site.accounted(worker)
        held = await asyncio.to_thread(Held, site.settings, load_)
        await ground.checkpoint()
        connection = await site.connect()
        try:
            since = int(await connection.fetchval("SELECT size FROM head"))
            before = processes_spent(ground, worker)
            await asyncio.to_thread(held.release)
            await site.accounted(worker)
            after = processes_spent(ground, worker)
            until = 1 + int(await connection.fetchval(_SQL.last_record))
            batches = [(row["size"], row["appended"]) for row in await connection.fetch(_SQL.batches)]
        finally:
            await connection.close()
    finally:
        await stop(worker)
    window, per_transaction = window_of(batches, since, until)
    return Appended(window, per_transaction, cpu.difference(before, after, held.count))


def processes_spent(ground: Ground, worker: Running) -> dict[str, float]:
    """Processor time so far of all that takes part, this process among them, and of everything else on the machine."""
    roots = {
        "worker": worker.pid,
        "kafka": ground.servers.kafka_pid,
        "postgres": ground.servers.postgres_pid,
    }
    found = cpu.spent({name: pid for name, pid in roots.items() if pid is not None})
    ours = os.times()
    found["benchmark"] = ours.user + ours.system
    everything = cpu.busy()
    return found | ({OTHERS: everything - sum(found.values())} if everything else {})
