"""The ledger's own entries: appended in few round trips, read by key, and never under a key that is gone."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from ledger.core.own import type_name
from ledger.core.tile import WIDTH
from ledger.storage.erasure import erase
from ledger.storage.own_entries import OwnEntry
from ledger.storage.questions import Asker, who_accessed
from ledger.storage.sql import load
from ledger.storage.verify import verify
from tests.world import accessed, registering

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ledger.core.answer import Answer
    from ledger.storage.opening import OpenLedger
    from tests.world import World

ANN, BEN = "email:ann@example.eu", "email:ben@example.com"
OFFICER = Asker("user:officer", "cli")
EPOCH = "2026-01-01T00:00:00Z"
ROLES, TYPES, LINK_TYPES = "'{subject}'", "'{any}'", "'{linked}'"
KEY = "'00000000-0000-4000-8000-000000000000'"


async def ask(ledger: OpenLedger, subject: str) -> Answer:
    return await who_accessed(ledger, OFFICER, subject, since=None, until=None, known_at=None)


def entry(count: int) -> OwnEntry:
    data = {"question": "entries", "count": count}
    return OwnEntry(type_name("ledger.queried"), data, "cli", persons=(("actor", OFFICER.actor),))


async def test_own_entries_fill_tiles_alone_together_and_between_a_workers(world: World) -> None:
    await world.append(registering())
    async with world.opened() as ledger:
        for number in range(WIDTH - 5):
            await ledger.own.append(entry(number))
        await world.append([accessed(ANN), accessed(BEN), accessed(ANN)])
        placed = await asyncio.gather(*(ledger.own.append(entry(number)) for number in range(2 * WIDTH)))
        assert sorted(each.seq for each in placed) == list(range(placed[0].seq, placed[0].seq + 2 * WIDTH))
        await world.append([accessed(ANN)])
        report = await verify(ledger.database_url, ledger, vault=ledger.vault)
        tiles = await ledger.reader.fetchval("SELECT count(*) FROM tile WHERE level = 0")
    assert report.ok, report.verdicts
    assert tiles == placed[-1].size // WIDTH == 3


async def test_a_person_erased_by_another_process_is_not_sealed_for_under_the_old_key(world: World) -> None:
    await world.append([*registering(), accessed(ANN)])
    async with world.opened() as asking, world.opened() as erasing:
        assert len((await ask(asking, ANN)).entries) == 1
        await erase(erasing, OFFICER.actor, ANN, "case-1", settings=world.settings)
        answer = await ask(asking, ANN)  # whoever asks still remembers the vault's epoch of before
        assert answer.entries == ()
        again = await ask(asking, ANN)
        assert [each["seq"] for each in again.entries] == [answer.query_seq]
        report = await verify(asking.database_url, asking, vault=asking.vault)
    assert report.ok, report.verdicts


STATEMENTS = {
    "first_page": f"1, {KEY}, {LINK_TYPES}, {ROLES}, '{EPOCH}', NULL, {TYPES}, '{EPOCH}', 0, 10",
    "acts": f"1, '{{{KEY[1:-1]}}}', {ROLES}, 9, '{EPOCH}', NULL, '{EPOCH}', 0, {TYPES}, '{EPOCH}', 0, 10",
    "slots": f"1, '{{0}}', '{{0}}', '{{{KEY[1:-1]}}}', true",
    "blobs": "1, '{0}', '{0}', '{0}'",
    "identity_links": f"1, '{{{KEY[1:-1]}}}', {LINK_TYPES}, NULL",
}


@pytest.mark.parametrize("name", STATEMENTS)
@pytest.mark.parametrize("filled", [False, True])
async def test_no_question_reads_a_slice_through(world: World, name: str, *, filled: bool) -> None:
    """Every plan looks rows up by their key, whether the newest slice was empty when it was made, or had rows and no
    statistics yet.
    """
    file = "erasure" if name == "identity_links" else "questions"
    if filled:
        await world.append([*registering(), *(accessed(f"email:p{n}@example.eu") for n in range(500))])
    async with world.opened() as ledger, ledger.reader.acquire() as connection:
        await connection.execute(f"PREPARE asked AS {getattr(load(file), name)}")
        try:
            text = await connection.fetchval(f"EXPLAIN (FORMAT json) EXECUTE asked ({STATEMENTS[name]})")
        finally:
            await connection.execute("DEALLOCATE asked")
    found = list(scans(msgspec.json.decode(text)[0]["Plan"]))
    assert found
    for scan in found:
        condition = scan.get("Index Cond", "")
        by_key = "key_id = " in condition
        by_place = re.search(r"\bseq (=|>|>=) ", condition)
        assert by_key or by_place, (scan.get("Index Name"), condition)


def scans(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What a plan reads of the large tables; of a bitmap, how it is made."""
    large = ("entry", "sealed")
    node = plan["Node Type"]
    index = plan.get("Index Name", "")
    if node == "Seq Scan" and plan["Relation Name"].startswith(large):
        yield plan
    if node in ("Index Scan", "Index Only Scan", "Bitmap Index Scan") and index.startswith(large):
        yield plan
    for inner in plan.get("Plans", ()):
        yield from scans(inner)
