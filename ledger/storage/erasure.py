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
from uuid import UUID, uuid4

from ledger.core import own
from ledger.core.batch import Erasure
from ledger.core.entry import SealedValue
from ledger.core.errors import BadInput, Forbidden
from ledger.core.protocol import Protocol
from ledger.storage.closure import closure
from ledger.storage.database import connect, translated
from ledger.storage.holds import holds_on
from ledger.storage.own_entries import OwnEntries, OwnEntry
from ledger.storage.sql import load

if TYPE_CHECKING:
    import asyncpg

    from ledger.settings import Settings
    from ledger.storage.opening import OpenLedger

_SQL = load("erasure")
_VAULT = load("vault")
_STARTED, _ERASED = own.type_name("ledger.erasure-started"), own.type_name("ledger.person-erased")
_LOCK = 0x65726173  # "eras"


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
    """When the last copy is gone: the later of the expiry of topics, dead letters, WAL and backups. (A backup of the
    vault is dead as soon as the key-encryption key that it was made under is destroyed; nothing rotates those yet.)
    """
    days = max(
        settings.topic_retention_days,
        settings.dead_letter_retention_days,
        settings.backup_retention_days,
    )
    return now + timedelta(days=days)


async def plan(ledger: OpenLedger, subject: str, settings: Settings) -> Plan:
    """What erasing this person would do; changes nothing. A person whom nobody knows has nothing to erase."""
    key = await ledger.vault.known(subject)
    keys = await closure(ledger.reader, ledger.ledger_id, [key.key_id]) if key else set()
    return Plan(
        keys=len(keys),
        links=await _count_links(ledger, keys),
        holds=len(await holds_on(ledger, keys)),
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
    """Erases a person; first goes on with what is under way for this case. `asker` is `user:<login>`.

    Raises BadInput for a person nobody knows (nothing under way either), UnderHold where a legal hold is in force.
    """
    connection = await connect(ledger.vault_url, "vault_eraser")
    try:
        with translated():
            await connection.execute("SELECT pg_advisory_lock($1)", _LOCK + ledger.ledger_id)
        run = _Run(ledger, connection, asker, case, settings, via, protocol or Protocol())
        resumed = await run.resume()
        if resumed and await ledger.vault.known(subject) is None:
            return resumed
        return await run.erase(subject)
    finally:
        await connection.close()


class _Run:
    """One erasure under the vault's lock: at most one a ledger at a time."""

    def __init__(
        self,
        ledger: OpenLedger,
        connection: asyncpg.Connection,
        asker: str,
        case: str,
        settings: Settings,
        via: str,
        protocol: Protocol,
    ) -> None:
        self._ledger = ledger
        self._connection = connection
        self._asker = asker
        self._case = case
        self._case_digest = hmac.digest(ledger.keyring.suppression, b"case\x00" + case.encode(), "sha256")
        self._settings = settings
        self._via = via
        self._protocol = protocol

    async def erase(self, subject: str) -> Erased:
        """All three steps."""
        ledger = self._ledger
        key = await ledger.vault.known(subject)
        if key is None:
            raise BadInput("Nobody of this identifier is known to the ledger: there is nothing to erase.")
        keys = await closure(ledger.reader, ledger.ledger_id, [key.key_id])
        if holds := await holds_on(ledger, keys):
            raise UnderHold(f"{len(holds)} legal hold(s) cover this person: have them released first.")
        placed = await ledger.own.append(self._entry(_STARTED, {"keys": len(keys)}))
        erasure = Erasure(uuid4(), tuple(UUID(bytes=each) for each in keys))
        with translated():
            await self._connection.execute(
                _SQL.begin, ledger.ledger_id, self._case_digest, list(erasure.key_ids), erasure.erasure_id
            )
        await self._protocol.reach("erasure started")
        await self._destroy(erasure)
        return await self._finish(erasure, placed.seq)

    async def resume(self) -> Erased | None:
        """Goes on with an erasure of this case that stopped between two steps."""
        with translated():
            rows = await self._connection.fetch(_SQL.under_way, self._ledger.ledger_id, self._case_digest)
        if not rows:
            return None
        erasure = Erasure(rows[0]["erasure_id"], tuple(row["key_id"] for row in rows))
        if any(row["state"] == "started" for row in rows):
            await self._destroy(erasure)
        return await self._finish(erasure, None)

    async def _destroy(self, erasure: Erasure) -> None:
        """One transaction of the vault: suppression written, or begun anew, rows destroyed. Suppressions whose time is
        over go along.
        """
        ledger, settings = self._ledger, self._settings
        living = await ledger.vault.by_key_id(each.bytes for each in erasure.key_ids)
        marks = [ledger.vault.suppression_mark(key.identifier) for key in living.values()]
        with translated():
            async with self._connection.transaction():
                await self._connection.execute(_VAULT.unsuppress, ledger.ledger_id, marks)
                if settings.suppression_days:
                    life = timedelta(days=settings.suppression_days)
                    await self._connection.execute(_VAULT.suppress, ledger.ledger_id, marks, life)
                await self._connection.execute(_VAULT.destroy, ledger.ledger_id, list(erasure.key_ids))
                await self._connection.execute(_SQL.destroyed, ledger.ledger_id, erasure.erasure_id)
        ledger.vault.forget()
        await self._protocol.reach("erasure destroyed")

    async def _finish(self, erasure: Erasure, started: int | None) -> Erased:
        """The head-locked transaction, by a role that may delete links, unless it had won before a crash."""
        ledger = self._ledger
        key_ids = {each.bytes for each in erasure.key_ids}
        links, linked = await _count_links(ledger, key_ids), await _count_linked(ledger, key_ids)
        by = effective_by(self._settings, datetime.now(UTC))
        with translated():
            seq = await ledger.reader.fetchval(_SQL.appended, ledger.ledger_id, erasure.erasure_id)
        if seq is None:
            # `linked` lets a verifier see links that came back: so many keys at least have lost theirs here.
            data = {"effective_by": own.clock_text(by), "keys": len(erasure.key_ids), "linked": linked}
            eraser = OwnEntries(
                ledger.database_url,
                ledger.ledger_id,
                ledger.origin,
                ledger.vault,
                ledger.writer,
                role="ledger_eraser",
            )
            try:
                seq = (await eraser.append(self._entry(_ERASED, data, erasure))).seq
            finally:
                await eraser.close()
            await self._protocol.reach("erasure appended")
        with translated():
            await self._connection.execute(_SQL.finish, ledger.ledger_id, erasure.erasure_id)
        return Erased(started, seq, len(erasure.key_ids), links, by)

    def _entry(self, kind: str, data: dict[str, Any], erasure: Erasure | None = None) -> OwnEntry:
        """No slot of the erased person; the case is sealed to the actor."""
        sealed = (SealedValue("data.case", self._case, "actor"),)
        return OwnEntry(kind, data, self._via, (("actor", self._asker),), sealed, erasure)


async def _count_links(ledger: OpenLedger, keys: set[bytes]) -> int:
    with translated():
        key_ids = [UUID(bytes=each) for each in keys]
        return int(await ledger.reader.fetchval(_SQL.count_links, ledger.ledger_id, key_ids))


async def _count_linked(ledger: OpenLedger, keys: set[bytes]) -> int:
    """How many of these keys the log knows at all: a row of the vault may be of nobody in it yet."""
    with translated():
        key_ids = [UUID(bytes=each) for each in keys]
        return int(await ledger.reader.fetchval(_SQL.count_linked, ledger.ledger_id, key_ids))
