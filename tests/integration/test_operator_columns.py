"""A malicious operator who changes, adds or deletes rows, as superuser: `ledger verify` alone finds each.

Every column of every table that verification covers is changed once at least. What is computed anew to hide a change
is in `test_operator_forgery.py`, what only the vault shows in `test_operator_vault.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ledger.keyring import KeyringFault
from tests.integration.command_line import CommandLine
from tests.integration.operated import copied, judged
from tests.integration.superuser import attack, superuser

if TYPE_CHECKING:
    from tests.integration.operated import Found, Operated

OTHER_LEDGER = "(SELECT ledger_id FROM ledger WHERE name = 'other')"
HERE = "ledger_id = 1 AND seq = {victim}"
SLOT = f"{HERE} AND slot = 0"
FIRST_TILE = "level = 0 AND index = 0"
FIRST_BATCH = "size = (SELECT min(size) FROM batch)"
ONE_KEY = "seq = {registering} AND section = (SELECT min(section) FROM register WHERE seq = {registering})"
ONE_POSITION = "(ledger_id, topic_id, partition) = (SELECT ledger_id, topic_id, partition FROM entry WHERE seq = {victim})"


def changed(table: str, column: str, value: str, where: str) -> list[str]:
    return [f'UPDATE {table} SET "{column}" = {value} WHERE {where}']


def flipped(column: str, at: int = 7) -> str:
    return f"set_byte({column}, {at}, get_byte({column}, {at}) # 1)"


def entry(column: str, value: str, *found: tuple[str, str | int | None]) -> tuple[list[str], Found]:
    return changed("entry", column, value, HERE), set(found) or {("changed-column", "victim")}


def sealed(column: str, value: str, *found: tuple[str, str | int | None]) -> tuple[list[str], Found]:
    return changed("sealed", column, value, SLOT), set(found)


def link(column: str, value: str, *found: tuple[str, str | int | None]) -> tuple[list[str], Found]:
    return changed("entry_person", column, value, SLOT), set(found) or {("changed-link", "victim")}


def seen(column: str, value: str, *found: tuple[str, str | int | None]) -> tuple[list[str], Found]:
    return changed("seen", column, value, HERE), set(found) or {("changed-seen", "victim")}


def tile(column: str, value: str) -> tuple[list[str], Found]:
    return changed("tile", column, value, FIRST_TILE), {("changed-tile", None)}


def batch(column: str, value: str) -> tuple[list[str], Found]:
    return changed("batch", column, value, FIRST_BATCH), {("changed-batch", None)}


def register(column: str, value: str, *found: tuple[str, str | int | None]) -> tuple[list[str], Found]:
    return changed("register", column, value, ONE_KEY), set(found) or {("changed-register", "registering")}


def intake(column: str, value: str) -> tuple[list[str], Found]:
    return changed("intake", column, value, ONE_POSITION), {("offset-not-covered", None)}


def head(column: str, value: str, *found: tuple[str, str | int | None]) -> tuple[list[str], Found]:
    return changed("head", column, value, "ledger_id = 1"), set(found) or {("changed-head", None)}


COLUMNS: dict[str, tuple[list[str], Found]] = {
    # entry
    "entry.ledger_id": entry("ledger_id", OTHER_LEDGER, ("gap", "victim")),
    "entry.slice": entry("slice", "0"),
    "entry.seq, beyond the end": entry("seq", "5000", ("gap", "victim"), ("changed-head", 5000)),
    "entry.seq, below 0": entry("seq", "-1", ("gap", "victim"), ("changed-head", -1)),
    "entry.appended": entry("appended", "appended + interval '1 us'"),
    "entry.time": entry("time", "time - interval '1 us'"),
    "entry.type": entry("type", "'org.accountability-ledger.ledger.person-erased.v1'"),
    "entry.topic_id": entry("topic_id", "gen_random_uuid()"),
    "entry.topic_id, none": entry("topic_id", "NULL"),
    "entry.partition": entry("partition", "partition + 7"),
    "entry.partition, none": entry("partition", "NULL"),
    "entry.offset": entry("offset", '"offset" + 5000'),
    "entry.offset, none": entry("offset", "NULL"),
    "entry.received": entry("received", "received - 1"),
    "entry.received, none": entry("received", "NULL"),
    "entry.leaf": entry("leaf", flipped("leaf", 40), ("changed-leaf", "victim")),
    "entry.leaf, emptied": entry("leaf", "''", ("changed-leaf", "victim")),
    "entry.leaf, of version 2": entry(
        "leaf",
        "convert_to(replace(convert_from(leaf, 'UTF8'), '\"v\":1', '\"v\":2'), 'UTF8')",
        ("changed-leaf", "victim"),
    ),
    # sealed
    "sealed.ledger_id": sealed("ledger_id", OTHER_LEDGER, ("sealed-missing", "victim")),
    "sealed.slice": sealed("slice", "0", ("changed-column", "victim")),
    "sealed.seq": sealed("seq", "{duplicate}", ("sealed-missing", "victim"), ("changed-blob", "duplicate")),
    "sealed.seq, beyond the end": sealed("seq", "5000", ("sealed-missing", "victim"), ("changed-blob", 5000)),
    "sealed.slot": sealed("slot", "9", ("sealed-missing", "victim"), ("changed-blob", "victim")),
    "sealed.slot, below 0": sealed("slot", "-1", ("sealed-missing", "victim"), ("changed-blob", "victim")),
    "sealed.blob": sealed("blob", flipped("blob", 20), ("changed-blob", "victim")),
    "sealed.blob, emptied": sealed("blob", "''", ("changed-blob", "victim")),
    # entry_person
    "entry_person.ledger_id": link("ledger_id", OTHER_LEDGER),
    "entry_person.slice": link("slice", "0"),
    "entry_person.key_id": link(
        "key_id", "gen_random_uuid()", ("changed-link", "victim"), ("changed-link", "next")
    ),
    "entry_person.seg": link("seg", "0"),
    "entry_person.j": link("j", "j + 1000"),
    "entry_person.seq": link("seq", "{duplicate}", ("changed-link", "victim"), ("changed-link", "duplicate")),
    "entry_person.seq, beyond the end": link(
        "seq", "5000", ("changed-link", "victim"), ("changed-link", 5000)
    ),
    "entry_person.slot": link("slot", "9"),
    "entry_person.slot, below 0": link("slot", "-1"),
    "entry_person.role": link("role", "'recipient'"),
    "entry_person.time": link("time", "time + interval '1 us'"),
    # seen
    "seen.ledger_id": seen("ledger_id", OTHER_LEDGER),
    "seen.id_digest, cut short": seen("id_digest", "substr(id_digest, 1, 15)"),
    "seen.conflict": seen("conflict", "content"),
    "seen.content, cut short": seen("content", "''"),
    "seen.seq": seen("seq", "{own}", ("changed-seen", "victim"), ("changed-seen", "own")),
    "seen.seq, beyond the end": seen("seq", "5000", ("changed-seen", "victim"), ("changed-seen", 5000)),
    "seen.content, of a conflict": (
        changed("seen", "content", flipped("content"), "seq = {conflict}"),
        {("changed-seen", "conflict")},
    ),
    "seen.conflict, of a conflict": (
        changed("seen", "conflict", flipped("conflict"), "seq = {conflict}"),
        {("changed-seen", "conflict")},
    ),
    # tile
    "tile.ledger_id": tile("ledger_id", OTHER_LEDGER),
    "tile.level": tile("level", "1"),
    "tile.index": tile("index", "1"),
    "tile.hashes": tile("hashes", flipped("hashes", 6_000)),
    "tile.hashes, cut short": tile("hashes", "substr(hashes, 1, 8000)"),
    "tile.root": tile("root", flipped("root")),
    # batch
    "batch.ledger_id": batch("ledger_id", OTHER_LEDGER),
    "batch.size": batch("size", "size + 1"),
    "batch.prev": batch("prev", flipped("prev")),
    "batch.root": batch("root", flipped("root")),
    "batch.appended": batch("appended", "appended + interval '1 us'"),
    # register
    "register.ledger_id": register("ledger_id", OTHER_LEDGER),
    "register.seq": register(
        "seq", "{victim}", ("changed-register", "registering"), ("changed-register", "victim")
    ),
    "register.section": register("section", "'purposes-too'"),
    "register.key": register("key", "'ann-smith'"),
    # intake
    "intake.ledger_id": intake("ledger_id", OTHER_LEDGER),
    "intake.topic_id": intake("topic_id", "gen_random_uuid()"),
    "intake.partition": intake("partition", "partition + 7"),
    "intake.topic": intake("topic", "topic || '-too'"),
    "intake.next_offset, forward": intake("next_offset", "next_offset + 1"),
    "intake.next_offset, back": intake("next_offset", "next_offset - 1"),
    "intake.next_offset, to the beginning": intake("next_offset", "0"),
    # head
    "head.size, less": head("size", "size - 1", ("changed-head", "last"), ("changed-head", None)),
    "head.size, more": head("size", "size + 1", ("truncated-tail", "last+1")),
    "head.prev": head("prev", flipped("prev")),
    "head.frontier": head("frontier", flipped("frontier")),
    "head.root": head("root", flipped("root")),
    "head.seg": head("seg", "seg + 1"),
    "head.seg_first": head("seg_first", "seg_first + 1"),
    "head.seg_began": head("seg_began", "seg_began - interval '1 day'"),
    "head.seg_began, none": head("seg_began", "NULL"),
    "head.appended": head("appended", "appended + interval '1 us'"),
    "head.slice": head("slice", "0"),
    # slice_start
    "slice_start.first_seq": (
        changed("slice_start", "first_seq", "first_seq + 1", "slice = 1"),
        {("changed-column", "slice")},
    ),
}
ROWS: dict[str, tuple[list[str], Found]] = {
    "doubles an entry": (
        [
            (
                'INSERT INTO entry SELECT ledger_id, 0, seq, appended, "time", type, topic_id, partition, "offset", received, leaf'
                " FROM entry WHERE seq = {victim}"
            )
        ],
        {("reordered", "victim"), ("changed-column", "victim")},
    ),
    "doubles a blob": (
        [
            "INSERT INTO sealed SELECT ledger_id, 0, seq, slot, blob FROM sealed WHERE seq = {victim} AND slot = 0"
        ],
        {("changed-blob", "victim")},
    ),
    "adds a blob": (
        [
            "INSERT INTO sealed SELECT ledger_id, slice, seq, 9, blob FROM sealed WHERE seq = {victim} AND slot = 0"
        ],
        {("changed-blob", "victim")},
    ),
    "exchanges blobs": (
        [
            (
                "UPDATE sealed SET blob = (SELECT min(blob) FROM sealed AS other WHERE other.seq = {later} + {victim} - sealed.seq"
                " AND slot = 0) WHERE seq IN ({victim}, {later}) AND slot = 0"
            )
        ],
        {("changed-blob", "victim"), ("changed-blob", "later")},
    ),
    "doubles a link": (
        [
            (
                'INSERT INTO entry_person SELECT ledger_id, 0, key_id, seg, j, seq, slot, role, "time" FROM entry_person'
                " WHERE seq = {victim} AND slot = 0"
            )
        ],
        {("changed-link", "victim")},
    ),
    "exchanges offsets": (
        [
            'UPDATE entry SET "offset" = -1 - "offset" WHERE seq IN ({victim}, {later})',
            (
                'UPDATE entry SET "offset" = (SELECT -1 - other."offset" FROM entry AS other'
                " WHERE other.seq = {later} + {victim} - entry.seq) WHERE seq = {victim}"
            ),
        ],
        {("changed-column", "victim"), ("changed-column", "later")},
    ),
    "forgets a registered key": (
        [f"DELETE FROM register WHERE {ONE_KEY}"],
        {("changed-register", "registering")},
    ),
    "forgets a conflict": (["DELETE FROM seen WHERE seq = {conflict}"], {("changed-seen", "conflict")}),
    "forgets a position": ([f"DELETE FROM intake WHERE {ONE_POSITION}"], {("offset-not-covered", None)}),
    "forgets all positions": (["DELETE FROM intake"], {("offset-not-covered", None)}),
    "invents a position": (
        ["INSERT INTO intake VALUES (1, gen_random_uuid(), 0, 'elsewhere', 5)"],
        {("offset-not-covered", None)},
    ),
    "invents a head": (
        ["INSERT INTO batch SELECT ledger_id, 1, prev, root, appended FROM batch WHERE size = {last} + 1"],
        {("changed-batch", None)},
    ),
    "invents a later head": (
        ["INSERT INTO batch SELECT ledger_id, 500, prev, root, appended FROM batch WHERE size = {last} + 1"],
        {("truncated-tail", "last+1")},
    ),
    "invents a tile": (
        ["INSERT INTO tile SELECT ledger_id, 0, 1, hashes, root FROM tile"],
        {("changed-tile", None)},
    ),
}
WHOLE = {
    "sealed": "sealed-missing",
    "entry_person": "changed-link",
    "seen": "changed-seen",
    "tile": "changed-tile",
    "batch": "changed-batch",
    "register": "changed-register",
}


@pytest.mark.parametrize("name", [*COLUMNS, *ROWS])
async def test_a_changed_row_is_found(
    operated_month: Operated, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    statements, found = (COLUMNS | ROWS)[name]
    async with copied(operated_month, "ledger") as ledger:
        await attack(ledger.world, *(each.format(**operated_month.places) for each in statements))
        judgement = await judged(ledger, monkeypatch)
    assert judgement.code == 1
    assert judgement.verdicts == operated_month.at(found)


@pytest.mark.parametrize("table", WHOLE)
async def test_an_emptied_table_is_found(
    operated_month: Operated, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    async with copied(operated_month, "ledger") as ledger:
        await attack(ledger.world, f"DELETE FROM {table}")
        judgement = await judged(ledger, monkeypatch)
    assert judgement.code == 1
    assert {verdict for verdict, _ in judgement.verdicts} == {WHOLE[table]}


@pytest.mark.parametrize(
    ("name", "statements"),
    {
        "slice_start.ledger_id": changed("slice_start", "ledger_id", OTHER_LEDGER, "slice = 1"),
        "slice_start.slice": [
            "SELECT open_slice(2)",
            *changed("slice_start", "slice", "2", "slice = 1"),
        ],
        "slice_start, deleted": ["DELETE FROM slice_start WHERE slice = 1"],
    }.items(),
)
async def test_a_slice_that_begins_elsewhere_moves_all_its_rows(
    operated_month: Operated, monkeypatch: pytest.MonkeyPatch, name: str, statements: list[str]
) -> None:
    async with copied(operated_month, "ledger") as ledger:
        await attack(ledger.world, *statements)
        judgement = await judged(ledger, monkeypatch)
    assert judgement.code == 1
    columns = {seq for verdict, seq in judgement.verdicts if verdict == "changed-column"}
    assert columns == set(range(operated_month["slice"], operated_month.size))
    assert {verdict for verdict, _ in judgement.verdicts} == {
        "changed-column",
        "changed-link",
        "changed-head",
    }


async def test_a_head_of_another_origin_is_refused_before_anything(
    operated_month: Operated, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signing key says whose log it signs: no command works on such a ledger."""
    async with copied(operated_month, "ledger") as ledger:
        await attack(ledger.world, "UPDATE head SET origin = 'ledger.example/log/x' WHERE ledger_id = 1")
        said = await CommandLine(ledger.world, monkeypatch)("verify", "--json")
    assert said.code == KeyringFault.exit_code
    assert "another origin" in said.err


# Nothing hashed speaks of these: docs/threat-model.md says what each could do.
UNSPOKEN = {
    "head.close_segment": head("close_segment", "NOT close_segment")[0],
    "head.epoch": head("epoch", "epoch + 1")[0],
    "head.vault_epoch": head("vault_epoch", "vault_epoch + 1")[0],
    "intake.probe": intake("probe", "NULL")[0],
    "intake.retired": intake("retired", "true")[0],
    "seen.id_digest": seen("id_digest", flipped("id_digest", 15))[0],
    "seen.content": seen("content", flipped("content"))[0],
    "lease.until": ["UPDATE lease SET until = 'infinity'"],
}


@pytest.mark.parametrize("name", UNSPOKEN)
async def test_what_nothing_hashed_speaks_of_is_not_found(
    operated_month: Operated, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Honesty about the limits: whoever makes one of these found corrects the threat model."""
    async with copied(operated_month, "ledger") as ledger:
        await attack(ledger.world, *(each.format(**operated_month.places) for each in UNSPOKEN[name]))
        judgement = await judged(ledger, monkeypatch)
    assert judgement.code == 0


async def test_no_column_is_left_out(operated_month: Operated) -> None:
    """Each column of the tables that are covered is changed above, but for those that nothing hashed speaks of."""
    apart = {"head.origin", "slice_start.ledger_id", "slice_start.slice"}
    key = {"head.ledger_id"}  # taken away, there is no such ledger
    tried = {name.split(",")[0] for name in COLUMNS} | apart
    async with superuser(operated_month.world) as connection:
        rows = await connection.fetch(
            "SELECT relname || '.' || attname AS name FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid"
            " WHERE relnamespace = 'ledger'::regnamespace AND attnum > 0 AND relname = ANY($1)",
            list({name.split(".")[0] for name in tried}),
        )
    assert {row["name"] for row in rows} == (tried | set(UNSPOKEN) | key) - {"lease.until"}
