"""A malicious operator who holds the vault and its keys: what `ledger verify --vault` finds, and what without it.

A row that is exchanged as it lies does not open where it stands. Whoever has the key-encryption key writes rows that
open: then the tags, the blobs and the blind index of the person give them away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
import pytest

from accountability_ledger.restricted_json import canonical
from ledger.core import base64url
from ledger.storage.erasure import erase
from tests.integration.forgery import forge
from tests.integration.operated import copied, judged
from tests.integration.superuser import attack, superuser

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.operated import Operated
    from tests.world import World

ONE = "key_id = (SELECT min(key_id::text)::uuid FROM vault.person)"
TWO = "key_id = (SELECT max(key_id::text)::uuid FROM vault.person)"


async def _found(ledger: Operated, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The names of what `--vault` finds; without it nothing is found."""
    without = await judged(ledger, monkeypatch)
    assert without.verdicts == set()
    judgement = await judged(ledger, monkeypatch, "--vault")
    return {verdict for verdict, _ in judgement.verdicts}


def _column(name: str, value: str) -> str:
    return f"UPDATE vault.person SET {name} = {value} WHERE {ONE}"


@pytest.mark.parametrize(
    ("name", "statement"),
    {
        "ledger_id": _column("ledger_id", "2"),
        "blind_index": _column("blind_index", "set_byte(blind_index, 3, get_byte(blind_index, 3) # 1)"),
        "key_id": _column("key_id", "gen_random_uuid()"),
        "kek_id": _column("kek_id", "'of-no-file'"),
        "wrapped": _column("wrapped", "set_byte(wrapped, 30, get_byte(wrapped, 30) # 1)"),
        "wrapped, cut short": _column("wrapped", "substr(wrapped, 1, 5)"),
        "wrapped, of another": _column("wrapped", f"(SELECT wrapped FROM vault.person WHERE {TWO})"),
        "all deleted": "DELETE FROM vault.person",
    }.items(),
)
async def test_a_row_that_does_not_open_where_it_stands(
    operated_month: Operated, monkeypatch: pytest.MonkeyPatch, name: str, statement: str
) -> None:
    async with copied(operated_month, "ledger", "vault") as ledger:
        await attack(ledger.world, statement, vault=True)
        assert await _found(ledger, monkeypatch) == {"changed-vault"}


@dataclass(slots=True)
class Row:
    """A row of the vault as its keeper reads it. `wrapped` holds `id` and `secret`."""

    key_id: UUID
    blind_index: bytes
    wrapped: dict[str, Any]


async def _rewrap(world: World, change: Callable[[Row, Row], None]) -> None:
    """Changes the rows of two persons and wraps them anew, so that they open where they stand."""
    async with world.opened() as ledger, superuser(world, vault=True) as connection:
        found = await connection.fetch(f"SELECT * FROM vault.person WHERE {ONE} OR {TWO} ORDER BY key_id")
        keyring, bound_to = ledger.keyring, ledger.vault._bound_to
        rows = []
        for each in found:
            nonce, text = each["wrapped"][:12], each["wrapped"][12:]
            bound = bound_to(each["blind_index"], each["key_id"].bytes)
            opened = msgspec.json.decode(keyring.kek(each["kek_id"]).decrypt(nonce, text, bound))
            rows.append(Row(each["key_id"], each["blind_index"], opened))
        change(*rows)
        kek_id, kek = keyring.current_kek()
        await connection.execute(f"DELETE FROM vault.person WHERE {ONE} OR {TWO}")
        for row in rows:
            bound = bound_to(row.blind_index, row.key_id.bytes)
            sealed = bytes(12) + kek.encrypt(bytes(12), canonical(row.wrapped), bound)
            await connection.execute(
                "INSERT INTO vault.person (ledger_id, blind_index, key_id, kek_id, wrapped) VALUES (1, $1, $2, $3, $4)",
                row.blind_index,
                row.key_id,
                kek_id,
                sealed,
            )


def exchange_indexes(one: Row, two: Row) -> None:
    one.blind_index, two.blind_index = two.blind_index, one.blind_index


def hide(one: Row, _: Row) -> None:
    """No question finds a person under an index that is of nobody."""
    one.blind_index = bytes(32)


def exchange_key_ids(one: Row, two: Row) -> None:
    one.key_id, two.key_id = two.key_id, one.key_id


def exchange_secrets(one: Row, two: Row) -> None:
    one.wrapped["secret"], two.wrapped["secret"] = two.wrapped["secret"], one.wrapped["secret"]


def exchange_names(one: Row, two: Row) -> None:
    one.wrapped["id"], two.wrapped["id"] = two.wrapped["id"], one.wrapped["id"]


def exchange_names_and_indexes(one: Row, two: Row) -> None:
    exchange_names(one, two)
    exchange_indexes(one, two)


def forget_secret(one: Row, _: Row) -> None:
    one.wrapped["secret"] = base64url.encode(bytes(range(32)))


REWRAPPED: dict[str, tuple[Callable[[Row, Row], None], set[str]]] = {
    "exchanges blind indexes": (exchange_indexes, {"changed-vault"}),
    "hides a person behind a blind index of nobody": (hide, {"changed-vault"}),
    "exchanges key ids": (exchange_key_ids, {"changed-link"}),
    "exchanges secrets": (exchange_secrets, {"changed-link"}),
    "exchanges names": (exchange_names, {"changed-vault", "disclosure-mismatch"}),
    "exchanges names and blind indexes": (exchange_names_and_indexes, {"disclosure-mismatch"}),
    "puts another secret in the place of one": (forget_secret, {"changed-link"}),
}


@pytest.mark.parametrize("name", REWRAPPED)
async def test_a_row_that_was_wrapped_anew(
    operated_month: Operated, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    change, found = REWRAPPED[name]
    async with copied(operated_month, "ledger", "vault") as ledger:
        await _rewrap(ledger.world, change)
        assert await _found(ledger, monkeypatch) == found


async def _erase_a_subject(ledger: Operated) -> UUID:
    """Erases whom the victim is about, having kept what the erasure destroys."""
    async with superuser(ledger.world, vault=True) as connection:
        await connection.execute("CREATE TABLE kept AS SELECT * FROM vault.person")
    async with superuser(ledger.world) as connection:
        await connection.execute("CREATE TABLE kept AS SELECT * FROM entry_person")
        key_id = await connection.fetchval(
            "SELECT key_id FROM entry_person WHERE seq = $1 AND slot = 0", ledger["victim"]
        )
    async with ledger.world.opened() as opened:
        subject = (await opened.vault.by_key_id([key_id.bytes]))[key_id.bytes].identifier
        await erase(opened, "user:officer", subject, "case-1", settings=ledger.world.settings)
    return UUID(str(key_id))


@pytest.mark.parametrize(
    ("back", "found", "with_vault"),
    [
        ({"row"}, set(), {"erased-returned"}),
        ({"links"}, {"erased-returned"}, {"erased-returned", "changed-vault"}),
        ({"row", "links"}, {"erased-returned"}, {"erased-returned"}),
        ({"row", "links but the first"}, {"changed-link"}, {"changed-link"}),
    ],
)
async def test_an_erased_person_brought_back(
    operated_month: Operated,
    monkeypatch: pytest.MonkeyPatch,
    back: set[str],
    found: set[str],
    with_vault: set[str],
) -> None:
    async with copied(operated_month, "ledger", "vault") as ledger:
        key_id = await _erase_a_subject(ledger)
        if "row" in back:
            statement = "INSERT INTO vault.person SELECT * FROM kept ON CONFLICT DO NOTHING"
            await attack(ledger.world, statement, vault=True)
        if "links" in back:
            await attack(ledger.world, "INSERT INTO entry_person SELECT * FROM kept ON CONFLICT DO NOTHING")
        if "links but the first" in back:
            first = f"SELECT min(seq) FROM kept WHERE key_id = '{key_id}'"
            later = f"SELECT * FROM kept WHERE key_id = '{key_id}' AND seq > ({first})"
            await attack(ledger.world, f"INSERT INTO entry_person {later}")
        without = await judged(ledger, monkeypatch)
        judgement = await judged(ledger, monkeypatch, "--vault")
    assert {verdict for verdict, _ in without.verdicts} == found
    assert {verdict for verdict, _ in judgement.verdicts} == with_vault


async def test_an_erasure_that_was_never_recorded(
    operated_month: Operated, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row and links of a person are gone; no entry says that they were erased."""
    async with copied(operated_month, "ledger", "vault") as ledger:
        async with superuser(ledger.world) as connection:
            key_id = await connection.fetchval(
                "SELECT key_id FROM entry_person WHERE seq = $1 AND slot = 0", ledger["victim"]
            )
            slots = {
                row["seq"]
                for row in await connection.fetch("SELECT seq FROM entry_person WHERE key_id = $1", key_id)
            }
        await attack(ledger.world, f"DELETE FROM entry_person WHERE key_id = '{key_id}'")
        await attack(ledger.world, f"DELETE FROM vault.person WHERE key_id = '{key_id}'", vault=True)
        judgement = await judged(ledger, monkeypatch)
    assert judgement.verdicts == {("changed-link", seq) for seq in slots}


async def test_an_entry_given_to_another_person(
    operated_month: Operated, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The link, and the tag with everything that is computed from it, say another person; the blob stays hers."""
    async with copied(operated_month, "ledger", "vault") as ledger:
        async with superuser(ledger.world) as connection:
            row = await connection.fetchrow(
                "SELECT here.key_id, there.key_id FROM entry_person AS here JOIN entry_person AS there"
                " ON there.key_id <> here.key_id AND there.seq < here.seq AND there.slot = 0"
                " WHERE here.seq = $1 AND here.slot = 0 ORDER BY there.seq LIMIT 1",
                ledger["victim"],
            )
            assert row is not None
            ours, theirs = row
            where = f"seq = {ledger['victim']} AND slot = 0 AND key_id = '{ours}'"
        await attack(ledger.world, f"UPDATE entry_person SET key_id = '{theirs}', j = 1000 WHERE {where}")
        await forge(ledger.world, lambda _: None)
        without = await judged(ledger, monkeypatch)
        judgement = await judged(ledger, monkeypatch, "--vault")
    assert without.verdicts == set()
    assert judgement.verdicts == {("changed-vault", ledger["victim"])}


async def test_memories_of_two_events_exchanged(
    operated_month: Operated, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each entry keeps a row: only the ids within the blobs say whose."""
    one, two = operated_month["victim"], operated_month["later"]
    async with copied(operated_month, "ledger") as ledger:
        await attack(ledger.world, f"UPDATE seen SET seq = {one} + {two} - seq WHERE seq IN ({one}, {two})")
        without = await judged(ledger, monkeypatch)
        judgement = await judged(ledger, monkeypatch, "--vault")
    assert without.verdicts == set()
    assert judgement.verdicts == {("changed-seen", one), ("changed-seen", two)}
