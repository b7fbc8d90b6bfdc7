"""From Kafka to the ledger: what is accepted, refused, recognised; what stands in clear and what never does."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec
import pytest
from aiokafka import AIOKafkaConsumer
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from accountability_ledger.catalog import full_name
from ledger.core import base64url
from ledger.core.merkle import leaf_hash, root_of
from ledger.core.own import CONFLICT, DUPLICATE, REJECTED
from streams import dead_letters
from tests.world import accessed, event, registering

if TYPE_CHECKING:
    from tests.world import World

ANN = "email:ann@example.eu"


async def leaves(world: World) -> list[dict[str, Any]]:
    connection = await asyncpg.connect(world.databases.ledger_superuser_url)
    try:
        rows = await connection.fetch("SELECT leaf FROM ledger.entry ORDER BY seq")
    finally:
        await connection.close()
    return [msgspec.json.decode(row["leaf"]) for row in rows]


async def test_an_event_becomes_an_entry_with_nothing_personal_in_clear(world: World) -> None:
    await world.append(registering())
    await world.append(
        [accessed(ANN, source_ip="192.0.2.7", justification="ticket of Ann", case_id="case-77")]
    )
    *_, leaf = await leaves(world)
    event_part = leaf["event"]
    assert event_part["type"] == full_name("data.accessed")
    assert event_part["source"] == "app"
    assert event_part["data"]["purpose"] == "provide_service"
    assert event_part["data"]["system"] == "crm"
    assert event_part["data"]["actor"] == {"kind": "employee"}
    assert [slot["r"] for slot in leaf["who"]] == ["subject", "actor"]
    text = msgspec.json.encode(leaf)
    for secret in (b"ann@", b"support-1", b"192.0.2.7", b"ticket", b"case-77"):
        assert secret not in text


async def test_values_that_the_register_does_not_know_are_sealed(world: World) -> None:
    await world.append([accessed(ANN, purpose="ann-smith-vip")])
    (leaf,) = await leaves(world)
    assert leaf["event"]["data"]["purpose"] == "unregistered"
    assert leaf["event"]["source"] == "unregistered"
    assert b"ann-smith" not in msgspec.json.encode(leaf)


async def test_a_duplicate_is_recognised_and_a_conflict_is_recorded(world: World) -> None:
    first = accessed(ANN, id="one")
    spaced = b" \n" + first + b"\n"
    other = accessed(ANN, id="one", operation="export")
    await world.append([first, spaced])
    await world.append([first, other, other])
    kinds = [leaf["event"]["type"] for leaf in await leaves(world)]
    assert kinds.count(full_name("data.accessed")) == 1
    assert kinds.count(CONFLICT) == 1
    covers = [
        sum(len(cover["offsets"]) for cover in leaf["event"]["data"]["covers"])
        for leaf in await leaves(world)
        if leaf["event"]["type"] == DUPLICATE
    ]
    assert sum(covers) == 3


async def test_what_is_refused_is_an_entry_and_an_encrypted_letter(world: World) -> None:
    poison = b'{"specversion":"1.0","subject":"email:ann@example.eu"}'
    await world.append([poison, None, accessed(ANN)])
    rejected = [leaf for leaf in await leaves(world) if leaf["event"]["type"] == REJECTED]
    assert sorted(leaf["event"]["data"]["reason"] for leaf in rejected) == ["empty", "envelope"]
    key = X25519PrivateKey.from_private_bytes(
        (world.settings.home / "operations" / "dead-letters.key").read_bytes()
    )
    consumer = AIOKafkaConsumer(
        world.settings.topic_prefix + "privacy.rejected",
        bootstrap_servers=world.settings.kafka_bootstrap,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        letters = [(await consumer.getone()).value for _ in rejected]
    finally:
        await consumer.stop()
    assert all(b"ann@" not in letter for letter in letters)
    opened = [dead_letters.read(key, letter) for letter in letters]
    digests = {
        base64url.encode(
            hashlib.sha256(base64url.decode(each["salt"]) + base64url.decode(each["value"])).digest()
        )
        for each in opened
    }
    assert digests == {leaf["event"]["data"]["digest"] for leaf in rejected}
    assert poison in [base64url.decode(each["value"]) for each in opened]


async def test_the_mended_event_is_accepted(world: World) -> None:
    await world.append([accessed(ANN, id="one", record_count=-1)])
    await world.append([accessed(ANN, id="one", record_count=1)])
    assert [leaf["event"]["type"] for leaf in await leaves(world)] == [REJECTED, full_name("data.accessed")]


async def test_chain_tree_tiles_and_head_agree_over_several_tiles(world: World) -> None:
    await world.append(accessed(f"email:p{number % 40}@example.eu") for number in range(700))
    connection = await asyncpg.connect(world.databases.ledger_superuser_url)
    try:
        stored = [row["leaf"] for row in await connection.fetch("SELECT leaf FROM ledger.entry ORDER BY seq")]
        head = await connection.fetchrow("SELECT * FROM ledger.head")
        tiles = await connection.fetch("SELECT * FROM ledger.tile ORDER BY level, index")
    finally:
        await connection.close()
    hashes = [leaf_hash(leaf) for leaf in stored]
    assert head is not None
    assert head["size"] == len(stored) == 700
    assert head["root"] == root_of(hashes)
    assert head["prev"] == hashes[-1]
    prevs = [base64url.decode(msgspec.json.decode(leaf)["prev"]) for leaf in stored]
    assert prevs == [bytes(32), *hashes[:-1]]
    assert [(tile["level"], tile["index"]) for tile in tiles] == [(0, 0), (0, 1)]
    assert b"".join(tile["hashes"] for tile in tiles) == b"".join(hashes[:512])
    assert tiles[0]["root"] == root_of(hashes[:256])


async def test_no_two_leaves_share_a_tag_and_a_key_is_introduced_once(world: World) -> None:
    await world.append([accessed(ANN) for _ in range(30)])
    await world.append([accessed(ANN) for _ in range(30)])
    slots = [slot for leaf in await leaves(world) for slot in leaf["who"]]
    assert len({slot["t"] for slot in slots}) == len(slots) == 120
    assert sum("n" in slot for slot in slots) == 2


async def test_too_large_a_leaf_is_refused_by_the_same_rule_wherever_it_stands(world: World) -> None:
    persons = [f"email:{number}@example.eu" for number in range(255)]
    wide = accessed(ANN, subjects=persons, data_categories=["user.contact.email"] * 1000)
    await world.append([wide, wide])
    kinds = [(leaf["event"]["type"], leaf["event"]["data"].get("reason")) for leaf in await leaves(world)]
    assert kinds == [(REJECTED, "leaf-too-large")] * 2


ROLES = ("ledger_writer", "ledger_eraser", "ledger_auditor", "ledger_reader")
TABLES = (
    "entry",
    "entry_s0",
    "tile",
    "batch",
    "seen",
    "seen_other",
    "sealed",
    "sealed_s0",
    "entry_person",
    "register",
)


async def test_no_role_may_change_what_is_written(world: World) -> None:
    for role in ROLES:
        connection = await asyncpg.connect(world.databases.ledger_url, server_settings={"role": role})
        try:
            for table in TABLES:
                for statement in (f"UPDATE ledger.{table} SET ledger_id = 2", f"TRUNCATE ledger.{table}"):
                    with pytest.raises(asyncpg.InsufficientPrivilegeError):
                        await connection.execute(statement)
        finally:
            await connection.close()


async def test_triggers_stop_the_owner_too_even_as_a_replica(world: World) -> None:
    await world.append([accessed(ANN)])
    connection = await asyncpg.connect(world.databases.ledger_superuser_url)
    try:
        await connection.execute("SET session_replication_role = replica")
        for table in ("entry", "entry_s0", "seen", "sealed_s0", "entry_person_s0", "batch"):
            statements = [f"UPDATE ledger.{table} SET ledger_id = 2", f"DELETE FROM ledger.{table}"]
            if table.endswith("_s0"):
                statements.append(f"TRUNCATE ledger.{table}")
            for statement in statements:
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(statement)
    finally:
        await connection.close()


async def test_slices_open_ahead_and_the_log_goes_on_in_them(world: World) -> None:
    small = world.settings.model_copy(update={"slice_leaves": 1000})
    await world.append(accessed(f"email:p{number % 9}@example.eu") for number in range(1001))
    async with world.working() as parts:
        assert await parts.intake.advance_slice(small.slice_leaves) == 1
        world.publish([accessed(ANN)])
        await world.caught_up(parts)
    connection = await asyncpg.connect(world.databases.ledger_superuser_url)
    try:
        rows = await connection.fetch("SELECT slice, count(*) FROM ledger.entry GROUP BY 1 ORDER BY 1")
        starts = await connection.fetch("SELECT slice, first_seq FROM ledger.slice_start ORDER BY 1")
    finally:
        await connection.close()
    assert [tuple(row) for row in rows] == [(0, 1001), (1, 1)]
    assert [tuple(row) for row in starts] == [(0, 0), (1, 1001)]


async def test_a_registered_key_is_in_clear_from_then_on(world: World) -> None:
    await world.append([accessed(ANN)])
    await world.append(registering())
    await world.append([accessed(ANN)])
    purposes = [
        leaf["event"]["data"]["purpose"]
        for leaf in await leaves(world)
        if leaf["event"]["type"] == full_name("data.accessed")
    ]
    assert purposes == ["unregistered", "provide_service"]


async def test_an_event_without_persons_shows_its_id(world: World) -> None:
    await world.append([event("source.heartbeat", id="beat-1", coverage=["data.accessed"])])
    (leaf,) = await leaves(world)
    assert leaf["who"] == []
    if leaf["event"]["type"] != REJECTED:
        assert leaf["event"]["id"] == "beat-1"
