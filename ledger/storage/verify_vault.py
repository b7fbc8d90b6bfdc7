"""The part of a verification that needs the vault: `ledger verify --vault`.

The vault is another database and is read after the ledger's snapshot: a person may be erased meanwhile. So what seems
to be missing is looked at once more, in the ledger as it is then, before it is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from ledger.core.identity import Digester
from ledger.core.tag import tag
from ledger.core.verifier.living import Living
from ledger.core.verifier.read_leaf import hash_text
from ledger.keyring import KeyringFault
from ledger.storage.database import connect
from ledger.storage.sql import load
from ledger.storage.vault import VaultRowBroken

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from ledger.core.entry import PersonKey
    from ledger.core.verifier.log import LogVerifier
    from ledger.core.verifier.stored import Chunk
    from ledger.storage.opening import OpenLedger
    from ledger.storage.vault import Vault

_SQL = load("verify")
_KEYS_CACHED = 50_000
_KEYS_AT_ONCE = 1000
_SEGMENTS_AT_ONCE = 32
_TAGS_AT_ONCE = 1_000_000
_LOWEST = UUID(int=0)


class VaultCheck:
    """Hands the verifier the keys of living persons, and walks all keys over the tags that no link row has."""

    def __init__(self, ledger: OpenLedger, vault: Vault, origin: str, verifier: LogVerifier) -> None:
        self._ledger = ledger
        self._vault = vault
        self._origin = origin
        self._verifier = verifier
        self._findings = verifier.findings
        self._digester = Digester(ledger.keyring.dedup)
        self._cache: dict[bytes, PersonKey | None] = {}
        self._broken: set[bytes] = set()
        self._absent: dict[UUID, int] = {}
        self._given: list[Living] = []
        self._closed: list[tuple[int, dict[str, int], dict[UUID, int]]] = []

    async def living(self, chunk: Chunk) -> Living:
        """The check of one chunk, with the keys that its links name."""
        if len(self._cache) > _KEYS_CACHED:
            self._cache.clear()
        wanted = {row.key_id.bytes for row in chunk.links}
        unknown = [each for each in wanted if each not in self._cache]
        found = await self._open(unknown)
        self._cache.update({each: found.get(each) for each in unknown})
        keys = {each: key for each in wanted if (key := self._cache[each]) is not None}
        living = Living(self._findings, self._origin, keys, self._digester.identity)
        self._given.append(living)
        return living

    async def _open(self, key_ids: list[bytes]) -> dict[bytes, PersonKey]:
        """The living keys among these; a row that does not belong where it stands is a verdict."""
        try:
            return await self._vault.by_key_id(key_ids)
        except (VaultRowBroken, KeyringFault, ValueError):  # ValueError: a row that was cut short
            if len(key_ids) == 1:
                self._report_broken(key_ids[0])
                return {}
            half = len(key_ids) // 2
            return await self._open(key_ids[:half]) | await self._open(key_ids[half:])

    def _report_broken(self, key_id: bytes) -> None:
        if key_id not in self._broken:
            self._broken.add(key_id)
            self._findings.add(
                "changed-vault", None, f"The row of key {UUID(bytes=key_id)} is not bound to where it stands."
            )

    async def look_at_closed(self) -> None:
        """Walks the keys over the segments that have ended, several at once."""
        self._collect_absent(keep=2)
        self._closed += self._verifier.links.take_closed()
        held = sum(len(tags) + len(counts) for _, tags, counts in self._closed)
        if len(self._closed) >= _SEGMENTS_AT_ONCE or held > _TAGS_AT_ONCE:
            await self._walk()

    def _collect_absent(self, keep: int) -> None:
        # A chunk is judged when the next one is fed: its answers stand only then.
        while len(self._given) > keep:
            for key_id, seq in self._given.pop(0).absent.items():
                self._absent.setdefault(key_id, seq)

    async def _walk(self) -> None:
        """Looks for tags of living keys among those that no link row has: the row was taken out, or the key of an
        erased person is back.
        """
        closed, self._closed = self._closed, []
        hits: dict[UUID, tuple[int, bool]] = {}
        async for key in self._all_keys():
            key_id = UUID(bytes=key.key_id)
            for seg, tags, counts in closed:
                count = counts.get(key_id, 0)
                seq = tags.get(hash_text(tag(key.tag_key, seg, count + 1)))
                if seq is not None:
                    first, counted = hits.get(key_id, (seq, False))
                    hits[key_id] = (min(seq, first), counted or count > 0)
        if hits:
            linked = await self._still_linked(hits, self._ledger.database_url)
            for key_id, (seq, known) in hits.items():
                if known or key_id in linked:
                    self._findings.add(
                        "changed-link", seq, "The link of a living person's slot was taken out."
                    )
                else:
                    self._findings.add(
                        "erased-returned", seq, "A key whose links were erased is in the vault."
                    )

    async def _all_keys(self) -> AsyncIterator[PersonKey]:
        """Every living key; each row is opened, so that swapped rows are found though nobody links them."""
        connection = await connect(self._ledger.vault_url, "vault_keeper")
        try:
            last = _LOWEST
            while rows := await connection.fetch(
                _SQL.vault_keys, self._ledger.ledger_id, last, _KEYS_AT_ONCE
            ):
                indexes = {row["key_id"].bytes: row["blind_index"] for row in rows}
                last = rows[-1]["key_id"]
                for key in (await self._open(list(indexes))).values():
                    self._compare_index(key, indexes[key.key_id])
                    yield key
        finally:
            connection.terminate()

    def _compare_index(self, key: PersonKey, index: bytes) -> None:
        """A row that was wrapped anew opens wherever it stands: the index must be that of the identifier in it."""
        if self._vault.blind_index(key.identifier) != index:
            self._findings.add(
                "changed-vault",
                None,
                f"The row of key {UUID(bytes=key.key_id)} stands under the blind index of another.",
            )

    async def _still_linked(self, key_ids: Iterable[UUID], database: str) -> dict[UUID, int]:
        """Which of these keys have links now, with the first of their seqs."""
        connection = await connect(database, "ledger_auditor")
        try:
            rows = await connection.fetch(_SQL.still_linked, self._ledger.ledger_id, list(key_ids))
            return {row["key_id"]: row["seq"] for row in rows}
        finally:
            connection.terminate()

    async def finish(self, database: str) -> None:
        """Walks what is left, and looks again at the keys that links name and the vault did not hold."""
        self._collect_absent(keep=0)
        self._closed += self._verifier.links.take_closed()
        await self._walk()
        absent = {each: seq for each, seq in self._absent.items() if each.bytes not in self._broken}
        if not absent:
            return
        for key_id in await self._still_linked(absent, database):
            if not await self._open([key_id.bytes]):
                self._findings.add(
                    "changed-vault",
                    absent[key_id],
                    "The vault holds no key for a link: an erasure is unfinished, or the vault lost a row.",
                )
