"""`verify` on real tables: the untouched log holds, and each thing that a superuser may do has its verdict."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from ledger import verify_cli
from ledger.core.batch import topic_id_text
from ledger.core.checkpoint import Checkpoint, sign
from ledger.core.note import Ed25519Signer, parse_verifier
from ledger.core.own import DUPLICATE, type_name
from ledger.core.verifier.export import verify_export
from ledger.storage.erasure import erase
from ledger.storage.log_reader import export_log
from ledger.storage.migrate import ensure_ledger
from ledger.storage.own_entries import OwnEntry
from ledger.storage.questions import Asker
from ledger.storage.verify import verify
from tests.integration.copied_databases import copies
from tests.integration.superuser import attack, recompute, signed_checkpoint, superuser
from tests.services import database_pair
from tests.world import accessed, event, make_world, registering

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from ledger.storage.verify import Report
    from tests.services import Services
    from tests.world import World

ANN, BEN = "email:ann@example.eu", "email:ben@example.com"
OFFICER = "user:officer"


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
    async with copies(whole_month, ("ledger", "vault")) as world:
        yield world


@pytest.fixture
async def copied_ledger(whole_month: World) -> AsyncIterator[World]:
    """A copy of the month's ledger beside the month's own vault."""
    async with copies(whole_month, ("ledger",)) as world:
        yield world


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


ATTACKS: dict[str, tuple[list[str], list[tuple[str, int | None]]]] = {
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
    "forges a registered key": (
        ["INSERT INTO register (ledger_id, seq, section, key) VALUES (1, 100, 'purposes', 'ann-smith')"],
        [("changed-register", 100)],
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
async def test_attack_by_a_superuser(copied_ledger: World, name: str) -> None:
    statements, expected = ATTACKS[name]
    await attack(copied_ledger, *statements)
    found = await problems(copied_ledger)
    if name == "inflates the head":
        found = [(verdict, None) for verdict, _ in found]
    assert sorted(set(found), key=str) == sorted(expected, key=str)


async def test_renumbering_after_a_deletion(copied: World) -> None:
    statements = [
        f"DELETE FROM {table} WHERE seq = 40" for table in ("entry", "sealed", "entry_person", "seen")
    ]
    for table in ("entry", "sealed", "entry_person", "seen"):
        statements += [
            f"UPDATE {table} SET seq = -seq WHERE seq > 40",
            f"UPDATE {table} SET seq = -seq - 1 WHERE seq < 0",
        ]
    statements.append("UPDATE head SET size = size - 1")
    await attack(copied, *statements)
    found = await problems(copied)
    assert found[0] == ("gap", 40)
    assert {verdict for verdict, _ in found} == {
        "gap",
        "truncated-tail",
    }  # the last batch still tells the size


async def test_recomputed_chain_is_caught_by_a_checkpoint_alone(copied: World) -> None:
    async with copied.opened() as ledger:
        signer = ledger.keyring.log_signer
    async with superuser(copied) as connection:
        kept = await signed_checkpoint(connection, signer)
        await recompute(connection, 100)
    assert await problems(copied) == []
    assert await problems(copied, from_checkpoint=kept) == [("bad-root", None)]


async def test_checkpoint_of_the_log_holds_and_of_others_does_not(copied: World) -> None:
    async with copied.opened() as ledger:
        signer = ledger.keyring.log_signer
    async with superuser(copied) as connection:
        kept = await signed_checkpoint(connection, signer)
        later = sign(Checkpoint(signer.name, 100_000, bytes(32)), signer)
    stranger = Ed25519Signer(signer.name, bytes(32))
    assert await problems(copied, from_checkpoint=kept) == []
    assert [each for each, _ in await problems(copied, from_checkpoint=later)] == ["truncated-tail"]
    foreign = sign(Checkpoint(signer.name, 1, bytes(32)), stranger)
    assert await problems(copied, from_checkpoint=foreign) == [("unknown-key", None)]
    forged = kept.replace("\n\n", "0\n\n", 1)
    assert await problems(copied, from_checkpoint=forged) == [("bad-signature", None)]
    assert await problems(copied, from_checkpoint="rubbish") == [("bad-signature", None)]


async def test_old_backup_is_caught_by_asigned_checkpoint(copied: World) -> None:
    """A log that is older than what was signed."""
    async with copied.opened() as ledger:
        signer = ledger.keyring.log_signer
        size = (await verify(ledger.database_url, ledger)).size
    newer = sign(Checkpoint(signer.name, size + 1, bytes(32)), signer)
    assert await problems(copied, from_checkpoint=newer) == [("truncated-tail", size)]


async def test_entry_moved_to_another_ledger(copied: World) -> None:
    number = await ensure_ledger(copied.databases.ledger_superuser_url, "other", "ledger.example/log/other")
    await attack(copied, f"UPDATE entry SET ledger_id = {number}, seq = 0 WHERE seq = 40")
    assert await problems(copied) == [("gap", 40)]
    other = replace(copied, settings=copied.settings.model_copy(update={"name": "other"}))
    assert await problems(other) == [("changed-head", 0)]
    await attack(copied, f"UPDATE head SET size = 1 WHERE ledger_id = {number}")
    assert ("changed-leaf", 0) in await problems(other)


async def test_event_called_a_duplicate_falsely(copied: World) -> None:
    """The operator drops an entry, says that its offset repeats another one, and computes everything anew."""
    async with superuser(copied) as connection:
        seq = await connection.fetchval("SELECT seq FROM entry WHERE type = $1", DUPLICATE)
        place = await connection.fetchrow('SELECT topic_id, partition, "offset" FROM entry WHERE seq = 100')
        assert place is not None
        row = await connection.fetchrow("SELECT leaf FROM entry WHERE seq = $1", seq)
        assert row is not None

        def lie(leaf: dict[str, Any]) -> None:
            (cover,) = leaf["event"]["data"]["covers"]
            own = {**cover, "topic_id": topic_id_text(place["topic_id"]), "partition": place["partition"]}
            leaf["event"]["data"]["covers"] = [cover, {**own, "offsets": [place["offset"]], "seqs": [0]}]

        await recompute(connection, seq, lie)
    assert await problems(copied) == [("offset-not-covered", 100)]


async def test_links_of_two_persons_exchanged_is_seen_with_the_vault_alone(copied: World) -> None:
    """Each has one link in the segment, so their counters still fit."""
    lonely = "SELECT key_id FROM entry_person GROUP BY key_id HAVING count(*) = 15 ORDER BY key_id LIMIT 2"
    async with superuser(copied) as connection:
        one, two = [row["key_id"] for row in await connection.fetch(lonely)]
    await attack(
        copied,
        f"UPDATE entry_person SET seg = -1, key_id = '{two}' WHERE key_id = '{one}'",
        f"UPDATE entry_person SET key_id = '{one}' WHERE key_id = '{two}' AND seg <> -1",
        "UPDATE entry_person SET seg = 0 WHERE seg = -1",
    )
    assert await problems(copied) == []
    assert {verdict for verdict, _ in await problems(copied, vault=True)} == {"changed-link"}


async def test_swapped_rows_of_the_vault(copied: World) -> None:
    async with superuser(copied, vault=True) as connection:
        rows = await connection.fetch("SELECT key_id, blind_index FROM vault.person ORDER BY key_id LIMIT 2")
        one, two = [(row["key_id"], row["blind_index"]) for row in rows]
        move = "UPDATE vault.person SET blind_index = $2 WHERE key_id = $1"
        for key_id, index in ((one[0], b""), (two[0], one[1]), (one[0], two[1])):
            await connection.execute(move, key_id, index)
    assert await problems(copied) == []
    assert {verdict for verdict, _ in await problems(copied, vault=True)} == {"changed-vault"}


async def test_deleted_row_of_the_vault(copied: World) -> None:
    gone = "DELETE FROM vault.person WHERE key_id = (SELECT min(key_id::text)::uuid FROM vault.person)"
    await attack(copied, gone, vault=True)
    assert {verdict for verdict, _ in await problems(copied, vault=True)} == {"changed-vault"}


async def test_erased_row_brought_back(copied: World) -> None:
    async with superuser(copied, vault=True) as connection:
        await connection.execute("CREATE TABLE kept AS SELECT * FROM vault.person")
    async with copied.opened() as ledger:
        await erase(ledger, OFFICER, ANN, "case-1", settings=copied.settings)
    assert await problems(copied, vault=True) == []
    await attack(copied, "INSERT INTO vault.person SELECT * FROM kept ON CONFLICT DO NOTHING", vault=True)
    assert await problems(copied) == []
    assert {verdict for verdict, _ in await problems(copied, vault=True)} == {"erased-returned"}


async def test_erased_link_brought_back(copied: World) -> None:
    async with superuser(copied) as connection:
        await connection.execute("CREATE TABLE kept AS SELECT * FROM entry_person")
    async with copied.opened() as ledger:
        await erase(ledger, OFFICER, ANN, "case-1", settings=copied.settings)
    await attack(copied, "INSERT INTO entry_person SELECT * FROM kept ON CONFLICT DO NOTHING")
    assert await problems(copied) == [("erased-returned", None)]
    assert {verdict for verdict, _ in await problems(copied, vault=True)} == {
        "changed-vault",
        "erased-returned",
    }


async def test_last_link_of_a_person_taken_out_after_an_erasure(copied: World) -> None:
    """Without the vault the erasure would explain it."""
    async with superuser(copied) as connection:
        victim = await connection.fetchrow(
            "SELECT key_id, max(j) AS j, max(seq) AS seq FROM entry_person GROUP BY key_id HAVING max(j) > 10 ORDER BY 2 LIMIT 1"
        )
        assert victim is not None
    async with copied.opened() as ledger:
        await erase(ledger, OFFICER, ANN, "case-1", settings=copied.settings)
    await attack(
        copied, f"DELETE FROM entry_person WHERE key_id = '{victim['key_id']}' AND j = {victim['j']}"
    )
    assert await problems(copied) == []
    assert await problems(copied, vault=True) == [("changed-link", victim["seq"])]


async def test_memory_of_an_event_given_to_another(copied: World) -> None:
    await attack(
        copied, "UPDATE seen SET id_digest = overlay(id_digest placing '\\x0102' from 10) WHERE seq = 100"
    )
    assert await problems(copied) == []
    assert await problems(copied, vault=True) == [("changed-seen", 100)]


async def test_real_export_is_checked_offline(copied: World, tmp_path: Path) -> None:
    async with copied.opened() as ledger:
        done = await export_log(ledger, tmp_path / "log", asker=Asker(OFFICER, "cli"))
    key, bundle = tmp_path / "log.pub", tmp_path / "log" / "tile" / "entries" / "000"
    (tmp_path / "log" / "log.pub").rename(key)
    report = verify_export(
        lambda path: (tmp_path / "log" / path).read_bytes(), parse_verifier(key.read_text())
    )
    assert (report.verdicts, report.size, report.root) == ((), done.size, done.root)
    assert verify_cli.main([str(tmp_path / "log"), "--key", str(key)]) == 0
    content = bundle.read_bytes()
    bundle.write_bytes(content.replace(b'"read"', b'"edit"', 1))
    assert verify_cli.main([str(tmp_path / "log"), "--key", str(key)]) == 10
