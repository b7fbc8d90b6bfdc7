"""`verify` on real tables: the untouched log holds, and each thing that a superuser may do has its verdict."""

from __future__ import annotations

import secrets
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from ledger.core.own import type_name
from ledger.storage.erasure import erase
from ledger.storage.own_entries import OwnEntry
from ledger.storage.verify import verify
from tests.services import DatabasePair, database_pair
from tests.world import accessed, event, make_world, registering

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ledger.storage.verify import Report
    from tests.services import Services
    from tests.world import World

ANN, BEN = "email:ann@example.eu", "email:ben@example.com"
OFFICER = "user:officer"
SCREW = "DO $$ DECLARE each regclass; BEGIN FOR each IN SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'ledger' AND relkind = 'r' LOOP EXECUTE format('ALTER TABLE %s DISABLE TRIGGER ALL', each); END LOOP; END $$"


@asynccontextmanager
async def superuser(world: World, *, vault: bool = False) -> AsyncIterator[asyncpg.Connection]:
    """Someone whom no trigger stops."""
    databases = world.databases
    url = databases.vault_superuser_url if vault else databases.ledger_superuser_url
    connection = await asyncpg.connect(url)
    try:
        if not vault:
            await connection.execute("SET search_path TO ledger")
            await connection.execute(SCREW)
        yield connection
    finally:
        await connection.close()


async def attack(world: World, *statements: str, vault: bool = False) -> None:
    async with superuser(world, vault=vault) as connection:
        for statement in statements:
            assert not (await connection.execute(statement)).endswith(" 0"), statement


async def checked(world: World, *, vault: bool = False, **options: Any) -> Report:
    async with world.opened() as ledger:
        return await verify(ledger.database_url, ledger, vault=ledger.vault if vault else None, **options)


async def problems(world: World, **options: Any) -> list[tuple[str, int | None]]:
    report = await checked(world, **options)
    assert report.ok is not bool(report.verdicts)
    return [(each.verdict, each.seq) for each in report.verdicts]


async def month(world: World) -> None:
    """A few hundred entries of every kind, over more than one tile."""
    first = accessed(ANN, id="one")
    await world.append(
        [*registering(), first, accessed(BEN), first, accessed(ANN, id="one", operation="export"), b"{"]
    )
    await world.append(accessed(f"email:p{number % 20}@example.eu") for number in range(300))
    async with world.opened() as ledger:
        for _ in range(3):
            await ledger.own.append(
                OwnEntry(type_name("ledger.queried"), {"count": 1}, "cli", persons=(("actor", OFFICER),))
            )
    await world.append([event("source.heartbeat", coverage=["data.accessed"]), accessed(ANN)])


@pytest.fixture(scope="module")
async def whole_month(services: Services, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A month that no test may change."""
    async with database_pair(services) as pair:
        world = await make_world(pair, tmp_path_factory.mktemp("month") / ".ledger")
        await month(world)
        yield world


@pytest.fixture
async def copied(whole_month: World) -> AsyncIterator[World]:
    """A copy of the month's databases, to be attacked."""
    pair = whole_month.databases
    suffix = secrets.token_hex(6)
    copy = DatabasePair(pair.services, f"ledger_{suffix}", f"vault_{suffix}")
    connection = await asyncpg.connect(pair.services.superuser_url("postgres"))
    try:
        for original, name in ((pair.ledger, copy.ledger), (pair.vault, copy.vault)):
            await connection.execute(f"CREATE DATABASE {name} TEMPLATE {original}")
            await connection.execute(f"GRANT CONNECT ON DATABASE {name} TO ledger")
        urls = {"database_url": copy.ledger_url, "vault_url": copy.vault_url}
        yield replace(whole_month, databases=copy, settings=whole_month.settings.model_copy(update=urls))
        for name in (copy.ledger, copy.vault):
            await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await connection.close()


async def test_the_untouched_log_holds(world: World) -> None:
    assert await problems(world, vault=True) == []
    await month(world)
    seen: list[tuple[int, int | None]] = []
    report = await checked(world, vault=True, progress=lambda done, total: seen.append((done, total)))
    assert report.verdicts == ()
    assert report.ok
    async with superuser(world) as connection:
        head = await connection.fetchrow("SELECT size, root FROM head")
    assert head is not None
    assert (report.size, report.root) == (head["size"], head["root"])
    assert seen[-1] == (head["size"], head["size"])


async def test_erasure_leaves_a_log_that_holds(world: World) -> None:
    await month(world)
    async with world.opened() as ledger:
        await erase(ledger, OFFICER, ANN, "case-1", settings=world.settings)
    assert await problems(world, vault=True) == []
    await world.append([accessed(ANN), accessed(BEN)])
    assert await problems(world, vault=True) == []


ATTACKS = {
    "edits a leaf": (
        [
            "UPDATE entry SET leaf = convert_to(replace(convert_from(leaf, 'UTF8'), '\"read\"', '\"edit\"'), 'UTF8') WHERE seq = 100"
        ],
        [("changed-leaf", 100)],
    ),
    "edits a leaf of the partial tile": (
        [
            "UPDATE entry SET leaf = convert_to(replace(convert_from(leaf, 'UTF8'), '\"read\"', '\"edit\"'), 'UTF8') WHERE seq = 290"
        ],
        [("changed-leaf", 290)],
    ),
    "edits a column": (["UPDATE entry SET type = 'x' WHERE seq = 100"], [("changed-column", 100)]),
    "edits a time": (
        ["UPDATE entry SET time = time + interval '1 us' WHERE seq = 100"],
        [("changed-column", 100)],
    ),
    "moves an entry to another slice": (
        ["SELECT open_slice(1)", "UPDATE entry SET slice = 1 WHERE seq = 100"],
        [("changed-column", 100)],
    ),
    "edits a blob": (
        ["UPDATE sealed SET blob = set_byte(blob, 20, get_byte(blob, 20) # 1) WHERE seq = 100 AND slot = 0"],
        [("changed-blob", 100)],
    ),
    "deletes a blob": (["DELETE FROM sealed WHERE seq = 100 AND slot = 0"], [("sealed-missing", 100)]),
    "deletes blobs of a range": (
        ["DELETE FROM sealed WHERE seq BETWEEN 50 AND 60"],
        [("sealed-missing", 50)],
    ),
    "swaps two entries": (
        [
            "UPDATE entry SET seq = -1 WHERE seq = 20",
            "UPDATE entry SET seq = 20 WHERE seq = 30",
            "UPDATE entry SET seq = 30 WHERE seq = -1",
        ],
        [("reordered", 20), ("reordered", 30)],
    ),
    "deletes an entry": (["DELETE FROM entry WHERE seq = 40"], [("gap", 40)]),
    "cuts the tail": (["DELETE FROM entry WHERE seq > 305"], [("truncated-tail", 306)]),
    "inflates the head": (["UPDATE head SET size = 1::bigint << 60"], [("truncated-tail", None)]),
    "moves the position forward": (
        ["UPDATE intake SET next_offset = next_offset + 3 WHERE next_offset > 0"],
        [("offset-not-covered", None)],
    ),
    "edits a link's role": (
        ["UPDATE entry_person SET role = 'recipient' WHERE seq = 100 AND slot = 0"],
        [("changed-link", 100)],
    ),
    "deletes a link": (["DELETE FROM entry_person WHERE seq = 100 AND slot = 0"], [("changed-link", 100)]),
    "adds a link": (
        [
            "INSERT INTO entry_person SELECT ledger_id, slice, gen_random_uuid(), seg, 1, seq, 7, role, time FROM entry_person WHERE seq = 100 AND slot = 0"
        ],
        [("changed-link", 100)],
    ),
    "edits a tile": (
        ["UPDATE tile SET hashes = set_byte(hashes, 70, get_byte(hashes, 70) # 1)"],
        [("changed-tile", None)],
    ),
    "deletes a tile": (["DELETE FROM tile"], [("changed-tile", None)]),
    "edits a batch": (
        ["UPDATE batch SET root = sha256('x') WHERE size = (SELECT min(size) FROM batch)"],
        [("changed-batch", None)],
    ),
    "deletes a batch": (
        ["DELETE FROM batch WHERE size = (SELECT min(size) FROM batch)"],
        [("changed-batch", None)],
    ),
    "edits the head's root": (["UPDATE head SET root = sha256('x')"], [("changed-head", None)]),
    "forgets an event": (["DELETE FROM seen WHERE seq = 100"], [("changed-seen", 100)]),
    "invents an event seen": (
        [
            "INSERT INTO seen SELECT ledger_id, sha256('x')::bytea, '', content, 100000 FROM seen WHERE seq = 100"
        ],
        [("changed-seen", 100_000)],
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
async def test_attack_by_a_superuser(copied: World, name: str) -> None:
    statements, expected = ATTACKS[name]
    await attack(copied, *statements)
    found = await problems(copied)
    if name == "inflates the head":
        found = [(verdict, None) for verdict, _ in found]
    assert sorted(set(found), key=str) == sorted(expected, key=str)
