"""A ledger of the example month, built once for a module and copied for each thing that a malicious operator does."""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec

from ledger.core.own import CONFLICT, DUPLICATE, type_name
from ledger.example.month import generate
from ledger.storage.migrate import ensure_ledger
from ledger.storage.own_entries import OwnEntry
from tests.integration.command_line import CommandLine
from tests.integration.copied_databases import copies
from tests.integration.superuser import signed_checkpoint, superuser
from tests.services import database_pair
from tests.world import make_world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import pytest

    from tests.services import Services
    from tests.world import World

Found = set[tuple[str, str | int | None]]
OTHER = "other"
_OFFICER = "user:officer"
_AT_ONCE = 25


@dataclass(frozen=True, slots=True)
class Operated:
    """A ledger, a checkpoint that somebody kept of it, and the seqs that are worth an operator's while.

    `victim`: an event about a person who is not introduced by it, in the full tile and in the second segment and
    slice; `next`: the next entry of that person; `later`: the one behind it, of the same Kafka partition; `pair`: the first
    of two neighbours from different partitions; `own`: a question that was asked; `duplicate`, `conflict`, `registering`: entries of those kinds;
    `slice`: the first of the second slice; `last`: the last entry.
    """

    world: World
    checkpoint: str
    size: int
    places: dict[str, int]

    def __getitem__(self, name: str) -> int:
        return self.places[name]

    def at(self, found: Found) -> set[tuple[str, int | None]]:
        """Verdicts whose seqs are given by name, as `victim` or `victim+1`, with the seqs of this ledger."""
        return {(verdict, self._seq(where) if isinstance(where, str) else where) for verdict, where in found}

    def _seq(self, text: str) -> int:
        name, sign, more = re.split(r"([+-])", f"{text}+0", maxsplit=1)
        return self[name] + int(sign + more.removesuffix("+0"))


@asynccontextmanager
async def operated(services: Services, home: Path) -> AsyncIterator[Operated]:
    """Two days of the example's month in two segments and two slices, with another ledger beside it."""
    async with database_pair(services) as pair:
        world = await make_world(pair, home / ".ledger")
        lines = list(generate(days=2, persons=8))
        await world.append(line.value for line in lines if line.wave == 0)
        async with superuser(world) as connection:
            await connection.execute("SELECT open_slice(1)")
            await connection.execute("UPDATE head SET close_segment = true")
        async with world.working() as parts:
            values = [line.value for line in lines if line.wave > 0]
            for at in range(0, len(values), _AT_ONCE):  # so that the topics take turns
                world.publish(values[at : at + _AT_ONCE])
                await world.caught_up(parts)
        async with world.opened() as ledger:
            queried = OwnEntry(
                type_name("ledger.queried"), {"count": 1}, "cli", persons=(("actor", _OFFICER),)
            )
            await ledger.own.append(queried)
            signer = ledger.keyring.log_signer
        async with superuser(world) as connection:
            kept = await signed_checkpoint(connection, signer)
            size = await connection.fetchval("SELECT size FROM head")
            places = await _places(connection)
        await ensure_ledger(pair.ledger_superuser_url, OTHER, "ledger.example/log/other")
        async with replace(world, settings=world.settings.model_copy(update={"name": OTHER})).opened():
            pass  # makes its keys
        yield Operated(world, kept, size, places)


async def _places(connection: asyncpg.Connection) -> dict[str, int]:
    pairs = """SELECT one.seq FROM entry AS one JOIN entry AS two ON two.seq = one.seq + 1 AND two.slice = one.slice
                WHERE one.slice = 1 AND one.seq < 240 AND one.type NOT LIKE '%.ledger.%' AND two.type NOT LIKE '%.ledger.%'
                  AND position('"n":'::bytea IN one.leaf || two.leaf) = 0 AND {} ORDER BY one.seq LIMIT 1"""
    victim = await connection.fetchval(
        pairs.format(
            """(two.topic_id, two.partition, two."offset") = (one.topic_id, one.partition, one."offset" + 1)
               AND EXISTS (SELECT FROM entry_person AS here JOIN entry_person AS after USING (key_id, seg)
                            WHERE here.seq = one.seq AND here.slot = 0 AND here.j > 1 AND after.seq > one.seq)
               AND (SELECT count(*) = count(DISTINCT key_id) FROM entry_person WHERE seq = one.seq)
               AND EXISTS (SELECT FROM entry_person WHERE seq = two.seq)"""
        )
    )
    pair = await connection.fetchval(
        pairs.format("(two.topic_id, two.partition) <> (one.topic_id, one.partition)")
    )
    own = await connection.fetchval("SELECT max(seq) FROM entry WHERE topic_id IS NULL")
    following = await connection.fetchval(
        "SELECT min(after.seq) FROM entry_person AS here JOIN entry_person AS after USING (key_id)"
        " WHERE here.seq = $1 AND here.slot = 0 AND after.seq > $1",
        victim,
    )
    of_type = "SELECT max(seq) FROM entry WHERE type = $1"
    return {
        "victim": victim,
        "next": following,
        "later": victim + 1,
        "pair": pair,
        "own": own,
        "conflict": await connection.fetchval(of_type, CONFLICT),
        "duplicate": await connection.fetchval(of_type, DUPLICATE),
        "registering": await connection.fetchval("SELECT min(seq) FROM register"),
        "slice": await connection.fetchval("SELECT max(first_seq) FROM slice_start"),
        "last": await connection.fetchval("SELECT max(seq) FROM entry"),
    }


@asynccontextmanager
async def copied(ledger: Operated, *which: str) -> AsyncIterator[Operated]:
    """A copy of the databases named, `ledger` and `vault`; the others stay the first's."""
    async with copies(ledger.world, which) as world:
        yield replace(ledger, world=world)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What `ledger verify --json` said: its exit code, {(verdict, seq)}, and the whole document."""

    code: int
    verdicts: set[tuple[str, int | None]]
    document: dict[str, Any]


async def judged(ledger: Operated, monkeypatch: pytest.MonkeyPatch, *options: str) -> Judgement:
    """Runs `ledger verify`. Where it finds something, it must have appended nothing."""
    before = await _heads(ledger)
    said = await CommandLine(ledger.world, monkeypatch)("verify", "--json", *options)
    assert said.out, said.err
    document = msgspec.json.decode(said.out)
    assert document["ok"] is (said.code == 0) is not bool(document["verdicts"])
    if said.code:
        assert said.code == 1
        assert await _heads(ledger) == before
    return Judgement(said.code, {(each["verdict"], each["seq"]) for each in document["verdicts"]}, document)


async def _heads(ledger: Operated) -> list[Any]:
    """Every head and the number of all entries: what an append would change."""
    connection = await asyncpg.connect(ledger.world.databases.ledger_superuser_url)
    try:
        heads = await connection.fetch("SELECT * FROM ledger.head ORDER BY ledger_id")
        return [*heads, await connection.fetchval("SELECT count(*) FROM ledger.entry")]
    finally:
        connection.terminate()
