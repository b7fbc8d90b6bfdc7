"""Other ways to keep an audit log, in the same run: what they do with the same events, and how fast.

None of them seals, knows a person, recognises a conflict, or is fenced: see what each row of the table says.
"""

from __future__ import annotations

import asyncio
import time
from datetime import datetime  # noqa: TC003 -- msgspec reads the annotations
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec

from accountability_ledger.accept import accept
from accountability_ledger.errors import Refused
from ledger.bench import tessera
from ledger.core.errors import InternalFault
from ledger.storage.database import translated
from ledger.storage.sql import load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ledger.bench.events import Event
    from ledger.bench.ground import Ground

_SQL = load("peers", "ledger.bench.sql")
_ROWS_A_TRANSACTION = 1_000
_COLUMNS = ("time", "type", "subject", "actor", "body")
CHAINED = "PostgreSQL, hash-chain trigger"
AUDITED = "PostgreSQL, jsonb audit trigger"
TESSERA = "Tessera POSIX"
TESSERA_DEDUP = "Tessera POSIX with deduplication"
DOES = {
    CHAINED: "one typed row an event with the event's bytes and two more indexes, chained by SHA-256 in a trigger; "
    f"binary COPY, {_ROWS_A_TRANSACTION:,} rows a transaction",
    AUDITED: "one typed row an event with jsonb and two more indexes, and by a trigger a jsonb copy in an audit table; "
    f"binary COPY, {_ROWS_A_TRANSACTION:,} rows a transaction",
    TESSERA: "the event's bytes as a bare leaf of a Merkle tree in files, in batches of 2,000; no index, no duplicates found",
    TESSERA_DEDUP: "the same, and duplicates recognised by an index on disk (antispam, which does not sync each write)",
}


class Peer(msgspec.Struct, frozen=True):
    """One peer's rate; None where it could not be run, and then `note` says why."""

    name: str
    does: str
    events_per_s: float | None
    ratio_to_copy: float | None
    note: str | None = None


class _Fields(msgspec.Struct):
    time: datetime
    type: str


async def measure(ground: Ground, events: Sequence[Event], copy_rate: float) -> list[Peer]:
    """Runs every peer once over the events that are valid; ratios are to `copy_rate`, rows of the ledger's a second."""
    rows = await asyncio.to_thread(_rows, events)
    found = []
    for name, make, check, text in (
        (CHAINED, _SQL.make_chained, _SQL.check_chained, False),
        (AUDITED, _SQL.make_audited, _SQL.check_audited, True),
    ):
        rate = await _postgres(ground, make, check, rows, text=text)
        found.append(Peer(name, DOES[name], rate, rate / copy_rate))
    leaves = [row[-1] for row in rows]
    for name, dedup in ((TESSERA, False), (TESSERA_DEDUP, True)):
        try:
            rate = await asyncio.to_thread(tessera.rate, ground.home, leaves, dedup=dedup)
        except tessera.NotAvailable as error:
            found.append(Peer(name, DOES[name], None, None, str(error)))
        else:
            found.append(Peer(name, DOES[name], rate, rate / copy_rate))
    return found


def _rows(events: Sequence[Event]) -> list[tuple[Any, ...]]:
    """Time, type, first subject, actor and bytes of every valid event, each once."""
    found = {}
    for each in events:
        try:
            event = accept(each.value)
        except Refused:
            continue
        fields = msgspec.json.decode(each.value, type=_Fields)
        persons = {person.role: person.identifier for person in reversed(event.persons)}
        found[event.attributes["source"], event.attributes["id"]] = (
            fields.time,
            fields.type,
            persons.get("subject"),
            persons.get("actor"),
            each.value,
        )
    return list(found.values())


async def _postgres(
    ground: Ground, make: str, check: str, rows: Sequence[tuple[Any, ...]], *, text: bool
) -> float:
    """Rows a second into the first table that `make` makes, each commit durable; `check` counts what is as it must be."""
    table = make.split("CREATE TABLE ", 1)[1].split(" ", 1)[0]
    if text:
        rows = [(*row[:-1], row[-1].decode()) for row in rows]
    async with ground.database("peer") as url:
        with translated():
            connection = await asyncpg.connect(url)
        try:
            await connection.execute(make)
            await ground.checkpoint()
            began = time.perf_counter()
            for first in range(0, len(rows), _ROWS_A_TRANSACTION):
                await connection.copy_records_to_table(
                    table, columns=_COLUMNS, records=rows[first : first + _ROWS_A_TRANSACTION]
                )
            seconds = time.perf_counter() - began
            if await connection.fetchval(check) != len(rows):
                raise InternalFault(f"The peer's table {table} does not hold what was written.")
        finally:
            await connection.close()
    return len(rows) / seconds
