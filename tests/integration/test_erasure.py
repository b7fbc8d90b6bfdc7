"""Erasure: the key is destroyed, the links go, the chain still holds, and no cached key seals afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec
import pytest

from accountability_ledger.catalog import full_name
from ledger.core.errors import BadInput
from ledger.core.merkle import leaf_hash, root_of
from ledger.core.own import type_name
from ledger.core.protocol import Protocol
from ledger.storage.erasure import UnderHold, erase, plan
from ledger.storage.sql import load
from tests.world import accessed, event, registering

if TYPE_CHECKING:
    from ledger.core.protocol import Point
    from tests.world import World

ANN, ANNS_PHONE, BEN = "email:ann@example.eu", "phone:+4930123456", "email:ben@example.com"
OFFICER = "user:officer"


async def rows(world: World, query: str, *, vault: bool = False) -> list[Any]:
    databases = world.databases
    connection = await asyncpg.connect(
        databases.vault_superuser_url if vault else databases.ledger_superuser_url
    )
    try:
        return list(await connection.fetch(query))
    finally:
        await connection.close()


async def kinds(world: World) -> list[str]:
    return [row["type"] for row in await rows(world, "SELECT type FROM ledger.entry ORDER BY seq")]


class Crash(Exception):  # noqa: N818
    """The process dies here."""


class DiesAt(Protocol):
    def __init__(self, point: str) -> None:
        self._point = point

    async def reach(self, point: Point) -> None:
        if point == self._point:
            raise Crash


async def test_the_person_goes_and_the_chain_holds(world: World) -> None:
    await world.append([*registering(), accessed(ANN), accessed(ANN), accessed(BEN)])
    async with world.opened() as ledger:
        planned = await plan(ledger, ANN, world.settings)
        assert (planned.keys, planned.links, planned.holds) == (1, 2, 0)
        erased = await erase(ledger, OFFICER, ANN, "case-1", settings=world.settings)
        assert (erased.keys, erased.links) == (1, 2)
        assert await ledger.vault.known(ANN) is None
        assert await ledger.vault.known(BEN) is not None
    assert (await kinds(world))[-2:] == [
        type_name("ledger.erasure-started"),
        type_name("ledger.person-erased"),
    ]
    stored = [row["leaf"] for row in await rows(world, "SELECT leaf FROM ledger.entry ORDER BY seq")]
    (head,) = await rows(world, "SELECT root, size, vault_epoch FROM ledger.head")
    assert head["root"] == root_of([leaf_hash(leaf) for leaf in stored])
    assert head["vault_epoch"] == 1
    last = msgspec.json.decode(stored[-1])
    assert [slot["r"] for slot in last["who"]] == ["actor"]
    assert set(last["event"]["data"]) == {"_sd", "_sd_alg", "effective_by", "keys", "linked"}
    assert (last["event"]["data"]["keys"], last["event"]["data"]["linked"]) == (1, 1)
    assert await rows(world, "SELECT FROM ledger.sealed WHERE seq < 6") != []


async def test_the_identifier_is_found_nowhere_in_either_database(world: World) -> None:
    await world.append([accessed(ANN, justification="ann@example.eu asked")])
    async with world.opened() as ledger:
        await erase(ledger, OFFICER, ANN, "case-1", settings=world.settings)
    for vault in (False, True):
        schema = "vault" if vault else "ledger"
        tables = await rows(
            world,
            f"SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname = '{schema}'",
            vault=vault,
        )
        for table in tables:
            dump = repr(await rows(world, f"SELECT * FROM {table['name']}", vault=vault))
            assert "ann@example" not in dump


async def test_a_linked_identifier_goes_with_the_person(world: World) -> None:
    linked = event(
        "identity.linked", subjects=[ANN, ANNS_PHONE], actor={"id": "user:support-1", "kind": "employee"}
    )
    await world.append([accessed(ANN), accessed(ANNS_PHONE), linked])
    async with world.opened() as ledger:
        erased = await erase(ledger, OFFICER, ANNS_PHONE, "case-1", settings=world.settings)
        assert erased.keys == 2
        assert await ledger.vault.known(ANN) is None


async def test_who_comes_back_is_a_new_person_marked_after_erasure(world: World) -> None:
    await world.append([accessed(ANN)])
    async with world.opened() as ledger:
        before = await ledger.vault.known(ANN)
        await erase(ledger, OFFICER, ANN, "case-1", settings=world.settings)
    await world.append([accessed(ANN)])
    async with world.opened() as ledger:
        after = await ledger.vault.known(ANN)
    assert before is not None
    assert after is not None
    assert after.after_erasure
    assert after.key_id != before.key_id
    assert after.tag_key != before.tag_key


async def test_a_replayed_event_does_not_bring_the_person_back(world: World) -> None:
    first = accessed(ANN, id="one")
    await world.append([first])
    async with world.opened() as ledger:
        await erase(ledger, OFFICER, ANN, "case-1", settings=world.settings)
        await world.append([first])
        assert await ledger.vault.known(ANN) is None


@pytest.mark.parametrize("point", ["erasure started", "erasure destroyed", "erasure appended"])
async def test_an_erasure_that_crashed_goes_on_under_its_case(world: World, point: str) -> None:
    await world.append([accessed(ANN), accessed(ANN)])
    async with world.opened() as ledger:
        with pytest.raises(Crash):
            await erase(ledger, OFFICER, ANN, "case-1", settings=world.settings, protocol=DiesAt(point))
        resumed = await erase(ledger, OFFICER, ANN, "case-1", settings=world.settings)
        assert resumed.started is None
        assert resumed.keys == 1
        assert await ledger.vault.known(ANN) is None
    found = await kinds(world)
    assert found.count(type_name("ledger.erasure-started")) == 1
    assert found.count(type_name("ledger.person-erased")) == 1


class ErasesBetween(Protocol):
    """An erasure between preparation and append: the first batch after it must be prepared again."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.armed = False
        self.done = False

    async def reach(self, point: Point) -> None:
        if point == "prepared" and self.armed and not self.done:
            self.done = True
            async with self._world.opened() as ledger:
                await erase(ledger, OFFICER, ANN, "case-1", settings=self._world.settings)


async def test_a_cached_key_does_not_seal_after_an_erasure(world: World) -> None:
    protocol = ErasesBetween(world)
    async with world.working(protocol) as parts:
        world.publish([accessed(ANN)])
        await world.caught_up(parts)
        async with world.opened() as ledger:
            before = await ledger.vault.known(ANN)
        protocol.armed = True
        world.publish([accessed(ANN)])
        await world.caught_up(parts)
    assert protocol.done
    async with world.opened() as ledger:
        after = await ledger.vault.known(ANN)
    assert before is not None
    assert after is not None
    assert after.key_id != before.key_id
    linked = {
        row["key_id"].bytes
        for row in await rows(world, "SELECT key_id FROM ledger.entry_person WHERE role = 'subject'")
    }
    assert linked == {after.key_id}


async def test_a_legal_hold_comes_first(world: World) -> None:
    actor = {"id": "user:counsel", "kind": "employee"}
    placed = event("legal_hold.placed", subjects=[ANN], actor=actor, hold_id="h1")
    await world.append([accessed(ANN), accessed(BEN), placed])
    async with world.opened() as ledger:
        assert (await plan(ledger, ANN, world.settings)).holds == 1
        with pytest.raises(UnderHold):
            await erase(ledger, OFFICER, ANN, "case-1", settings=world.settings)
        assert (await erase(ledger, OFFICER, BEN, "case-2", settings=world.settings)).keys == 1
    await world.append([event("legal_hold.released", subjects=[ANN], actor=actor, hold_id="h1")])
    async with world.opened() as ledger:
        assert (await erase(ledger, OFFICER, ANN, "case-1", settings=world.settings)).keys == 1


async def test_nobody_to_erase_is_a_clear_error(world: World) -> None:
    async with world.opened() as ledger:
        with pytest.raises(BadInput, match="nothing to erase"):
            await erase(ledger, OFFICER, ANN, "case-1", settings=world.settings)
    assert await kinds(world) == []


async def test_a_suppression_lives_anew_with_each_erasure_and_goes_when_its_time_is_over(
    world: World,
) -> None:
    """It names a person in a way, if only to us: it has a limited life, which begins with the last erasure."""
    await world.append([accessed(ANN), accessed(BEN)])
    async with world.opened() as ledger:
        for number, subject in enumerate((ANN, BEN)):
            await erase(ledger, OFFICER, subject, f"case-{number}", settings=world.settings)
        await rows(world, "UPDATE vault.suppression SET expires = now() - interval '1 day'", vault=True)
        await world.append([accessed(ANN)])
        returned = await ledger.vault.known(ANN)
        assert returned is not None
        assert not returned.after_erasure
        await erase(ledger, OFFICER, ANN, "case-3", settings=world.settings)
        assert len(await rows(world, "SELECT FROM vault.suppression", vault=True)) == 1
    await world.append([accessed(ANN)])
    async with world.opened() as ledger:
        again = await ledger.vault.known(ANN)
    assert again is not None
    assert again.after_erasure


async def test_holds_are_not_looked_for_in_the_whole_log(world: World) -> None:
    connection = await asyncpg.connect(world.databases.ledger_superuser_url)
    try:
        await connection.execute("SET search_path TO ledger; SET enable_seqscan = off")
        plan_of_it = await connection.fetch(f"EXPLAIN {load('erasure').holds.replace('$1', '1')}")
    finally:
        await connection.close()
    (on_entry,) = [line["QUERY PLAN"] for line in plan_of_it if " on entry_s0 " in line["QUERY PLAN"]]
    assert "Index" in on_entry
    assert not [line for line in plan_of_it if "Filter: (type" in line["QUERY PLAN"]]
    for short in ("legal_hold.placed", "legal_hold.released"):
        assert full_name(short) in load("erasure").holds
