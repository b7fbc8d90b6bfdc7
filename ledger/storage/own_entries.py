"""Appends the ledger's own entries: questions, exports, verifications. Several that wait share a transaction.

A question is appended before it is answered; if this raises, there is no answer.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from accountability_ledger.identifier import normalise
from accountability_ledger.restricted_json import canonical
from ledger.core import own
from ledger.core.batch import Batch, Erasure, Item
from ledger.core.entry import Draft, SealedValue, prepare
from ledger.core.randomness import system_randomness
from ledger.storage.append import Appender, PrepareAgain
from ledger.storage.intake import Intake

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg

    from ledger.storage.database import Role
    from ledger.storage.vault import Vault

_PATIENCE = 20.0
_MOST_TOGETHER = 500
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class OwnEntry:
    """One of the ledger's own entries to append. `data` is public; `sealed` goes to its owners alone; `persons` are
    (role, identifier); `via` names the way in (`http`, `cli`, ...); `erasure` names the links that go with it.
    """

    kind: str
    data: dict[str, Any]
    via: str
    persons: Sequence[tuple[str, str]] = ()
    sealed: Sequence[SealedValue] = ()
    erasure: Erasure | None = None

    def draft(self, origin: str) -> Draft:
        persons = [(role, normalise(identifier)) for role, identifier in self.persons]
        time = own.clock_text(datetime.now(UTC))
        return own.own_draft(
            self.kind, origin=origin, time=time, data=self.data, persons=persons, sealed=self.sealed
        )


@dataclass(frozen=True, slots=True)
class Placed:
    """Where an own entry came to stand: its seq and leaf hash, and the log's size and root after its transaction."""

    seq: int
    leaf_hash: bytes
    size: int
    root: bytes


class OwnEntries:
    """The API's and the command line's way to append. Checks no lease, only the head and the vault's epoch."""

    def __init__(
        self,
        url: str,
        ledger_id: int,
        origin: str,
        vault: Vault,
        writer: asyncpg.Pool,
        *,
        role: Role = "ledger_writer",
    ) -> None:
        self._appender = Appender(url, ledger_id, origin, role=role)
        self._intake = Intake(writer, ledger_id)
        self._origin = origin
        self._vault = vault
        self._vault_epoch = -1
        self._random = system_randomness()
        self._waiting: list[tuple[OwnEntry, asyncio.Future[Placed]]] = []
        self._turn = asyncio.Lock()

    async def append(self, entry: OwnEntry) -> Placed:
        """Appends one entry, together with whatever else waits. Raises Unreachable after 20 s."""
        future: asyncio.Future[Placed] = asyncio.get_running_loop().create_future()
        self._waiting.append((entry, future))
        async with self._turn:
            if not future.done():
                together, self._waiting = self._waiting[:_MOST_TOGETHER], self._waiting[_MOST_TOGETHER:]
                try:
                    await self._append_together(together)
                except BaseException as error:
                    for _, each in together:
                        if not each.done():
                            each.set_exception(error) if isinstance(error, Exception) else each.cancel()
                    if not future.done():
                        raise
        return await future

    async def close(self) -> None:
        await self._appender.close()

    async def _append_together(self, together: list[tuple[OwnEntry, asyncio.Future[Placed]]]) -> None:
        entries = [entry for entry, _ in together]
        for attempt in range(_ATTEMPTS):
            batch = await self._prepare(entries)
            try:
                result = await self._appender.append(batch, patience=_PATIENCE)
            except PrepareAgain:
                if attempt == _ATTEMPTS - 1:
                    raise
                continue
            for (_, future), seq, leaf_hash in zip(together, result.seqs, result.hashes, strict=True):
                if not future.done():
                    future.set_result(Placed(seq, leaf_hash, result.size, result.root))
            return

    async def _prepare(self, entries: list[OwnEntry]) -> Batch:
        vault_epoch = await self._intake.vault_epoch()
        if vault_epoch != self._vault_epoch:
            self._vault.forget()
            self._vault_epoch = vault_epoch
        drafts = [entry.draft(self._origin) for entry in entries]
        looked = await self._vault.keys(identifier for each in drafts for _, identifier in each.persons)
        items = []
        for entry, drafted in zip(entries, drafts, strict=True):
            keys = [looked[identifier].key for _, identifier in drafted.persons]
            prepared = prepare(
                drafted,
                keys,
                introduced=[False] * len(keys),
                via=canonical({"api": entry.via}),
                origin=self._origin,
                random=self._random,
            )
            items.append(Item(prepared, erasure=entry.erasure))
        return Batch(
            items=tuple(items),
            vault_epoch=vault_epoch,
            fresh=frozenset(each.key.key_id for each in looked.values() if each.fresh),
        )
