"""The log as others read it, and the state at a glance: checkpoint, proofs, tiles, export, counts, places."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from ledger.core import answer_receipt, base64url, own
from ledger.core import checkpoint as checkpoints
from ledger.core.answer import Pin
from ledger.core.errors import BadAnswer, BadInput, LedgerError, NotFound
from ledger.core.leaf import parse
from ledger.core.merkle import leaf_hash, root_of
from ledger.core.note import decode_base64
from ledger.core.static_log import check_static_log
from ledger.core.tile import entries_path, parse_bundle, tile_path
from ledger.core.tlog_proof import parse as parse_proof
from ledger.services import Addresses
from ledger.storage.log_reader import (
    checkpoint,
    entry_bundle,
    export_log,
    head,
    inclusion,
    leaves,
    tile,
)
from ledger.storage.questions import Asker
from ledger.storage.receipts import find_place, receipt
from ledger.storage.status import status
from tests.conformance.go_programs import fsck
from tests.world import accessed, registering

if TYPE_CHECKING:
    from pathlib import Path

    from ledger.storage.opening import OpenLedger
    from tests.world import World

ANN = "email:ann@example.eu"
OFFICER = Asker("user:officer", "cli", "audit", "case-7")


async def superuser(world: World, *statements: str) -> None:
    connection = await asyncpg.connect(world.databases.ledger_superuser_url)
    try:
        await connection.execute("SET search_path TO ledger")
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def names(directory: Path) -> set[str]:
    return {each.name for each in directory.iterdir()}


async def stored(ledger: OpenLedger) -> list[bytes]:
    pin = await head(ledger)
    return [leaf async for leaf in leaves(ledger, 0, pin.size)]


@pytest.fixture
async def filled(world: World) -> World:
    """A log of two full bundles and a bit."""
    await world.append(registering())
    await world.append([accessed(ANN, record_count=n) for n in range(520)])
    return world


async def test_proofs_and_tiles_are_those_of_the_leaves(filled: World) -> None:
    async with filled.opened() as ledger:
        log = await stored(ledger)
        hashes = [leaf_hash(leaf) for leaf in log]
        size = len(log)
        signed = checkpoints.open(await checkpoint(ledger), ledger.keyring.log_signer.verifier)
        assert (signed.size, signed.root) == (size, root_of(hashes))
        assert await head(ledger) == Pin(size, root_of(hashes))
        for of, seq in ((size, 0), (size, size - 1), (size, 300), (257, 256), (256, 17), (1, 0), (512, 511)):
            proof = await inclusion(ledger, seq, of)
            assert decode_base64(proof["root"]) == root_of(hashes[:of])
            assert base64url.decode(proof["leaf_hash"]) == hashes[seq]
            handed = parse_proof(proof["tlog_proof"])
            assert handed.verify(hashes[seq], ledger.keyring.log_signer.verifier).size == of
        assert (await inclusion(ledger, 3))["size"] == size
        assert await tile(ledger, tile_path(0, 1)) == b"".join(hashes[256:512])
        assert await tile(ledger, tile_path(0, 2, size - 512)) == b"".join(hashes[512:])
        assert await tile(ledger, tile_path(0, 1, 7)) == b"".join(hashes[256:263])
        assert await tile(ledger, tile_path(1, 0, 2)) == root_of(hashes[:256]) + root_of(hashes[256:512])
        assert parse_bundle(await entry_bundle(ledger, entries_path(2, size - 512))) == log[512:]
        for path in (tile_path(0, 2), tile_path(1, 0, 3), tile_path(2, 0, 1), tile_path(0, 9)):
            with pytest.raises(NotFound):
                await tile(ledger, path)
        with pytest.raises(NotFound):
            await entry_bundle(ledger, entries_path(2))
        for wrong in (entries_path(0), "tile/0/0", "../../x"):
            with pytest.raises(BadInput):
                await tile(ledger, wrong)
        beyond: tuple[tuple[int, int | None], ...] = (
            (size, None),
            (-1, None),
            (0, size + 1),
            (5, 5),
            (0, 0),
        )
        for seq, tree in beyond:
            with pytest.raises(NotFound):
                await inclusion(ledger, seq, tree)
        assert (await head(ledger)).size == size  # none of this is a chained read


async def test_an_export_is_a_log_that_others_accept(filled: World, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    directory = tmp_path / "deep" / "export"
    async with filled.opened() as ledger:
        before = await head(ledger)
        done = await export_log(ledger, directory, lambda at, of: told.append((at, of)), asker=OFFICER)
        assert (done.size, done.root) == (before.size, before.root)
        assert done.seq == before.size
        entry = parse((await stored(ledger))[done.seq])
        assert entry["event"]["type"] == own.type_name("ledger.exported")
        assert entry["event"]["data"]["size"] == before.size
        assert [slot["r"] for slot in entry["who"]] == ["actor"]
        verifier = ledger.keyring.log_signer.verifier
        vkeys = (directory / "vkeys").read_text().splitlines()
        assert vkeys[0] == verifier.vkey() == (directory / "log.pub").read_text().strip()
        assert len(vkeys) == 3
    assert told[-1] == (before.size, before.size)
    assert names(directory.parent) == {"export"}
    checked = check_static_log(lambda path: (directory / path).read_bytes(), verifier)
    assert (checked.ok, checked.size) == (True, before.size)
    passed, said = fsck(directory, directory / "log.pub")
    assert passed, said


async def test_an_export_is_whole_and_recorded_or_not_there(filled: World, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "file").write_text("mine")
    empty = tmp_path / "empty"
    empty.mkdir()
    async with filled.opened() as ledger:
        with pytest.raises(BadInput):
            await export_log(ledger, taken, asker=OFFICER)
        with pytest.raises(BadInput):
            await export_log(ledger, taken / "file", asker=OFFICER)
        await export_log(ledger, empty, asker=OFFICER)
        assert (empty / "checkpoint").exists()
        await superuser(filled, "REVOKE INSERT ON entry FROM ledger_writer")
        with pytest.raises(LedgerError):
            await export_log(ledger, tmp_path / "unrecorded", asker=OFFICER)
        await superuser(
            filled,
            "GRANT INSERT ON entry TO ledger_writer",
            "ALTER TABLE entry_s0 DISABLE TRIGGER ALL",
            "UPDATE entry SET leaf = set_byte(leaf, 300, 120) WHERE seq = 100",
        )
        with pytest.raises(BadAnswer):
            await export_log(ledger, tmp_path / "changed", asker=OFFICER)
        with pytest.raises(BadAnswer):
            await inclusion(ledger, 100)
    assert names(tmp_path) - {".ledger"} == {"empty", "taken"}
    assert (taken / "file").read_text() == "mine"


async def test_counts_are_of_records_and_add_up(world: World) -> None:
    one = accessed(ANN, id="one")
    values: list[Any] = [
        *registering(),
        one,
        accessed(ANN, purpose="never_registered"),
        b"{}",
        b"not json",
        None,
    ]
    async with world.working() as parts, world.opened() as ledger:
        world.publish(values[:3])
        await world.caught_up(parts)
        world.publish(values[3:])
        await world.caught_up(parts)
        world.publish([one, one, accessed(ANN, id="one", record_count=7)])
        await world.caught_up(parts)
        found = await status(ledger, None, parts.topics)
        assert found["counts"] == {"appended": 5, "rejected": 3, "duplicate": 2, "conflict": 1}
        assert sum(found["counts"].values()) == len(values) + 3
        assert found["lag"] == 0
        assert found["unregistered"] == 1
        assert found["services"] is None
        pin = await head(ledger)
        assert (found["size"], decode_base64(found["root"])) == (pin.size, pin.root)
        assert found["vkeys"]["log"] == ledger.keyring.log_signer.verifier.vkey()
        assert found["vkeys"]["witnesses"] == []
        (where,) = await ledger.reader.fetch(
            "SELECT topic_id, partition, max(\"offset\") AS last FROM entry WHERE type LIKE '%data.accessed%' "
            "GROUP BY topic_id, partition"
        )
        places = [
            await find_place(ledger, where["topic_id"], where["partition"], offset)
            for offset in range(where["last"], where["last"] + 8)
        ]
        outcomes = [each.outcome for each in places if each]
        assert outcomes == [
            "appended",
            "rejected",
            "rejected",
            "rejected",
            "duplicate",
            "duplicate",
            "conflict",
        ]
        assert places[-1] is None
        assert places[4] == places[5]
    world.publish([one])
    async with world.opened() as ledger:
        assert (await status(ledger, None, parts.topics))["lag"] == 1


async def test_addresses_are_told_without_their_passwords(world: World) -> None:
    async with world.working() as parts, world.opened() as ledger:
        settings = world.settings
        addresses = Addresses(
            settings.database_url,
            settings.vault_url,
            world.databases.ledger_superuser_url,
            world.databases.vault_superuser_url,
            settings.kafka_bootstrap,
        )
        found = await status(ledger, addresses, parts.topics, api="http://127.0.0.1:1")
        services = found["services"]
        assert (services["kafka"], services["api"]) == (settings.kafka_bootstrap, "http://127.0.0.1:1")
        secret = settings.database_url.split(":")[2].split("@")[0]
        assert secret
        assert secret not in str(found)
        assert services["database"].endswith(world.databases.ledger)
        embedded = await status(ledger, addresses, parts.topics, embedded=True)
        assert embedded["services"]["database"] == world.databases.ledger_superuser_url


async def test_a_receipt_names_the_leaf(filled: World) -> None:
    async with filled.opened() as ledger:
        log = await stored(ledger)
        signed = await receipt(ledger, 17)
        found = answer_receipt.read(signed, ledger.keyring.receipt_signer.verifier)
        assert found == answer_receipt.Receipt(17, leaf_hash(log[17]))
        with pytest.raises(NotFound):
            await receipt(ledger, len(log))
