"""Erasing a person: the key is destroyed, the links are deleted, the chain still verifies, and it is an entry.

The order across the two databases, each step resumable by its case:
1. `ledger.erasure-started` is appended, the keys are noted in the vault;
2. one transaction of the vault writes the suppression and destroys the rows: from here on nothing opens;
3. one head-locked transaction of the ledger raises the vault's epoch, deletes the links and appends
   `ledger.person-erased`. Batches prepared with a cached key are prepared again, since the epoch moved.
If the process dies between two steps, erasing again under the same case goes on where it stopped.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from accountability_ledger.catalog import full_name
from ledger.core import disclosure, own, seal
from ledger.core.entry import SealedValue
from ledger.core.errors import BadInput, Forbidden
from ledger.core.leaf import parse
from ledger.core.protocol import Protocol
from ledger.storage.closure import closure
from ledger.storage.database import connect, translated
from ledger.storage.own_entries import OwnEntries, OwnEntry
from ledger.storage.sql import load

if TYPE_CHECKING:
    import asyncpg

    from ledger.core.entry import PersonKey
    from ledger.settings import Settings
    from ledger.storage.opening import OpenLedger

_SQL = load("erasure")
_VAULT = load("vault")
_STARTED, _ERASED = own.type_name("ledger.erasure-started"), own.type_name("ledger.person-erased")
_HOLDS = [full_name("legal_hold.placed"), full_name("legal_hold.released")]
_KEK_LIFE = timedelta(days=7)


class UnderHold(Forbidden):
    """A legal hold covers the person: it comes first."""

    code = "legal-hold"


@dataclass(frozen=True, slots=True)
class Plan:
    """What an erasure would do: keys to destroy (the person's closure), links to delete, holds in the way, and when
    the last copy in Kafka, dead letters and backups expires.
    """

    keys: int
    links: int
    holds: int
    effective_by: datetime


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure did. `started` is None where it went on with one that was under way."""

    started: int | None
    erased: int
    keys: int
    links: int
    effective_by: datetime


def effective_by(settings: Settings, now: datetime) -> datetime:
    """When the last copy is gone: the later of the expiry of topics, dead letters, WAL and backups (which are dead
    once their key-encryption key is).
    """
    days = max(
        settings.topic_retention_days,
        settings.dead_letter_retention_days,
        min(settings.backup_retention_days, _KEK_LIFE.days) if settings.backup_retention_days else 0,
    )
    return now + timedelta(days=days)


async def plan(ledger: OpenLedger, subject: str, settings: Settings) -> Plan:
    """What erasing this person would do; changes nothing. A person whom nobody knows has nothing to erase."""
    key = await ledger.vault.known(subject)
    keys = await closure(ledger.reader, ledger.ledger_id, [key.key_id]) if key else set()
    return Plan(
        keys=len(keys),
        links=await _count_links(ledger, keys),
        holds=len(await _holds_on(ledger, keys)),
        effective_by=effective_by(settings, datetime.now(UTC)),
    )


async def erase(
    ledger: OpenLedger,
    asker: str,
    subject: str,
    case: str,
    *,
    settings: Settings,
    via: str = "cli",
    protocol: Protocol | None = None,
) -> Erased:
    """Erases a person, or goes on with an erasure under way for this case. `asker` is `user:<login>`.

    Raises BadInput for a person nobody knows (nothing under way either), UnderHold where a legal hold is in force.
    """
    protocol = protocol or Protocol()
    case_digest = hmac.digest(ledger.keyring.suppression, b"case\x00" + case.encode(), "sha256")
    connection = await connect(ledger.vault_url, "vault_eraser")
    try:
        with translated():
            await connection.execute("SELECT pg_advisory_lock($1)", 0x65726173 + ledger.ledger_id)
        under_way = await _under_way(connection, ledger, case_digest)
        started: int | None = None
        if not under_way:
            started, under_way = await _begin(ledger, connection, asker, subject, case, case_digest, via)
            await protocol.reach("erasure started")
        await _destroy(ledger, connection, case_digest, under_way, settings)
        await protocol.reach("erasure destroyed")
        return await _finish(ledger, connection, case_digest, asker, case, started, settings, via, protocol)
    finally:
        await connection.close()


async def _under_way(
    connection: asyncpg.Connection, ledger: OpenLedger, case_digest: bytes
) -> dict[UUID, str]:
    with translated():
        rows = await connection.fetch(_SQL.under_way, ledger.ledger_id, case_digest)
    return {row["key_id"]: row["state"] for row in rows}


async def _begin(
    ledger: OpenLedger,
    connection: asyncpg.Connection,
    asker: str,
    subject: str,
    case: str,
    case_digest: bytes,
    via: str,
) -> tuple[int, dict[UUID, str]]:
    key = await ledger.vault.known(subject)
    if key is None:
        raise BadInput("Nobody of this identifier is known to the ledger: there is nothing to erase.")
    keys = await closure(ledger.reader, ledger.ledger_id, [key.key_id])
    if holds := await _holds_on(ledger, keys):
        raise UnderHold(f"{len(holds)} legal hold(s) cover this person: have them released first.")
    placed = await ledger.own.append(_entry(_STARTED, {"keys": len(keys)}, asker, case, via))
    key_ids = [UUID(bytes=each) for each in keys]
    with translated():
        await connection.execute(_SQL.begin, ledger.ledger_id, case_digest, key_ids)
    return placed.seq, dict.fromkeys(key_ids, "started")


async def _destroy(
    ledger: OpenLedger,
    connection: asyncpg.Connection,
    case_digest: bytes,
    under_way: dict[UUID, str],
    settings: Settings,
) -> None:
    """One transaction of the vault: suppression written, rows destroyed."""
    waiting = [key_id for key_id, state in under_way.items() if state == "started"]
    if not waiting:
        return
    with translated():
        epoch = await ledger.reader.fetchval(_SQL.vault_epoch, ledger.ledger_id)
        living = await ledger.vault.by_key_id(each.bytes for each in waiting)
        marks = [ledger.vault.suppression_mark(key.identifier) for key in living.values()]
        async with connection.transaction():
            if settings.suppression_days:
                life = timedelta(days=settings.suppression_days)
                await connection.execute(_VAULT.suppress, ledger.ledger_id, marks, life)
            await connection.execute(_VAULT.destroy, ledger.ledger_id, waiting)
            await connection.execute(_SQL.destroyed, ledger.ledger_id, case_digest, waiting, epoch)
    ledger.vault.forget()


async def _finish(
    ledger: OpenLedger,
    connection: asyncpg.Connection,
    case_digest: bytes,
    asker: str,
    case: str,
    started: int | None,
    settings: Settings,
    via: str,
    protocol: Protocol,
) -> Erased:
    """The head-locked transaction, by a role that may delete links."""
    with translated():
        rows = await connection.fetch(_SQL.under_way, ledger.ledger_id, case_digest)
        keys = [row["key_id"] for row in rows]
    links = await _count_links(ledger, {each.bytes for each in keys})
    by = effective_by(settings, datetime.now(UTC))
    data = {"effective_by": own.clock_text(by), "keys": len(keys)}
    eraser = OwnEntries(
        ledger.database_url,
        ledger.ledger_id,
        ledger.origin,
        ledger.vault,
        ledger.writer,
        role="ledger_eraser",
    )
    try:
        placed = await eraser.append(_entry(_ERASED, data, asker, case, via, erase=tuple(keys)))
    finally:
        await eraser.close()
    await protocol.reach("erasure appended")
    with translated():
        await connection.execute(_SQL.finish, ledger.ledger_id, case_digest, keys)
    return Erased(started, placed.seq, len(keys), links, by)


def _entry(
    kind: str, data: dict[str, Any], asker: str, case: str, via: str, erase: tuple[UUID, ...] = ()
) -> OwnEntry:
    """No slot of the erased person; the case is sealed to the actor."""
    sealed = (SealedValue("data.case", case, "actor"),)
    return OwnEntry(kind, data, via, persons=(("actor", asker),), sealed=sealed, erase=erase)


async def _count_links(ledger: OpenLedger, keys: set[bytes]) -> int:
    with translated():
        key_ids = [UUID(bytes=each) for each in keys]
        return int(await ledger.reader.fetchval(_SQL.count_links, ledger.ledger_id, key_ids))


async def _holds_on(ledger: OpenLedger, keys: set[bytes]) -> set[str]:
    """The ids of the holds in force that cover these keys: a hold without subjects covers everybody."""
    with translated():
        rows = await ledger.reader.fetch(_SQL.holds, ledger.ledger_id, _HOLDS)
        seqs = list({row["seq"] for row in rows})
        subjects: dict[int, set[bytes]] = {}
        for row in await ledger.reader.fetch(_SQL.subjects_of, ledger.ledger_id, seqs):
            subjects.setdefault(row["seq"], set()).add(row["key_id"].bytes)
    owners = await ledger.vault.by_key_id(row["key_id"].bytes for row in rows)
    in_force: dict[str, bool] = {}
    for row in rows:
        covered = subjects.get(row["seq"])
        owner = owners.get(row["key_id"].bytes)
        if owner is None or (covered is not None and not covered & keys):
            continue
        hold = _opened_hold(ledger, row, owner)
        if hold is not None:
            in_force[hold] = row["type"] == _HOLDS[0]
    return {hold for hold, holds in in_force.items() if holds}


def _opened_hold(ledger: OpenLedger, row: asyncpg.Record, owner: PersonKey) -> str | None:
    """The hold's id, where this slot's blob holds it."""
    texts = seal.unseal(owner.cipher, row["blob"], seal.associated_data(ledger.origin, row["role"]))
    event, _ = disclosure.open_event(parse(row["leaf"]), [text for text in texts if not _introduces(text)])
    hold = event["data"].get("hold_id")
    return None if hold is None else str(hold)


def _introduces(text: str) -> bool:
    return disclosure.parse(text).name == "person"
