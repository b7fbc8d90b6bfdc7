"""Appends the ledger's own entries: questions, exports, verifications. Several that wait share a transaction.

A question is appended before it is answered; if this raises, there is no answer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from accountability_ledger.errors import Refused
from accountability_ledger.identifier import normalise
from accountability_ledger.restricted_json import canonical
from ledger.core import own
from ledger.core.batch import Batch, Erasure, Item
from ledger.core.entry import Draft, SealedValue, fits, prepare
from ledger.core.randomness import system_randomness
from ledger.storage.append import Appender, PrepareAgain
from ledger.storage.intake import Intake
from ledger.storage.metrics import OWN_APPEND_SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg

    from ledger.core.batch import Appended
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
class _Waiting:
    """An entry that waits for its transaction, and who waits for it."""

    drafted: Draft
    via: bytes
    erasure: Erasure | None
    placed: asyncio.Future[Placed]


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
        self._appender = Appender(url, ledger_id, origin, role=role, own_only=True)
        self._intake = Intake(writer, ledger_id)
        self._origin = origin
        self._vault = vault
        self._vault_epoch: int | None = None
        self._random = system_randomness()
        self._waiting: deque[_Waiting] = deque()
        self._working: asyncio.Task[None] | None = None

    async def append(self, entry: OwnEntry) -> Placed:
        """Appends one entry, together with whatever else waits. Raises Unreachable after 20 s, and Refused where the
        entry cannot be made (a name that is no identifier, a leaf too large); who else waits does not notice, nor if
        this is cancelled.
        """
        drafted, via = entry.draft(self._origin), canonical({"api": entry.via})
        if not fits(drafted, via, self._origin):
            raise Refused(
                "leaf-too-large", "An entry of the ledger's own would be too large: ask for less at once."
            )
        waiting = _Waiting(drafted, via, entry.erasure, asyncio.get_running_loop().create_future())
        with OWN_APPEND_SECONDS.time():
            self._waiting.append(waiting)
            if self._working is None or self._working.done():
                self._working = asyncio.create_task(self._work())
            return await waiting.placed

    async def close(self) -> None:
        if self._working is not None:
            self._working.cancel()
            await asyncio.wait({self._working})
        await self._appender.close()

    async def _work(self) -> None:
        """Appends what waits until nothing does."""
        together: list[_Waiting] = []
        try:
            while self._waiting:
                together = [self._waiting.popleft() for _ in range(min(len(self._waiting), _MOST_TOGETHER))]
                together = [each for each in together if not each.placed.done()]  # the others have given up
                if together:
                    await self._append_together(together)
        except asyncio.CancelledError:
            for each in (*together, *self._waiting):
                each.placed.cancel()
            raise

    async def _append_together(self, together: list[_Waiting]) -> None:
        try:
            result = await self._append_prepared(together)
        except Exception as error:  # noqa: BLE001 -- whoever waits is told, whatever it is
            for each in together:
                if not each.placed.done():
                    each.placed.set_exception(error)
            return
        for each, seq, leaf_hash in zip(together, result.seqs, result.hashes, strict=True):
            if not each.placed.done():
                each.placed.set_result(Placed(seq, leaf_hash, result.size, result.root))

    async def _append_prepared(self, together: list[_Waiting]) -> Appended:
        for _ in range(_ATTEMPTS - 1):
            with suppress(PrepareAgain):
                return await self._append_once(together)
        return await self._append_once(together)

    async def _append_once(self, together: list[_Waiting]) -> Appended:
        """Prepares and appends. The vault's epoch is known from the time before: where it has moved since, the append
        is fenced, and the epoch is asked again before the keys are.
        """
        try:
            appended = await self._appender.append(await self._prepare(together), patience=_PATIENCE)
        except BaseException:
            self._vault_epoch = None
            raise
        if any(each.erasure for each in together):
            self._vault_epoch = None  # this very append has moved it
        return appended

    async def _prepare(self, together: list[_Waiting]) -> Batch:
        vault_epoch = self._vault_epoch
        if vault_epoch is None:
            vault_epoch = await self._intake.vault_epoch()
            self._vault.forget()
            self._vault_epoch = vault_epoch
        keys = await self._vault.keys(
            identifier for each in together for _, identifier in each.drafted.persons
        )
        items = []
        for each in together:
            persons = [keys[identifier] for _, identifier in each.drafted.persons]
            prepared = prepare(
                each.drafted,
                persons,
                introduced=[False] * len(persons),
                via=each.via,
                origin=self._origin,
                random=self._random,
            )
            items.append(Item(prepared, erasure=each.erasure))
        return Batch(items=tuple(items), vault_epoch=vault_epoch)
