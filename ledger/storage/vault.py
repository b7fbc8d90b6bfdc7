"""The vault: persons' secrets, one row each, wrapped under a key-encryption key.

Nothing but the blind index is in clear. A secret is 32 random bytes: a derived one could not be destroyed. What leaves
this module is what sealing and tagging need (`PersonKey`), never the secret.
"""

from __future__ import annotations

import hmac
import os
import secrets
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from accountability_ledger.identifier import normalise
from accountability_ledger.restricted_json import canonical
from ledger.core import base64url, seal, tag
from ledger.core.entry import PersonKey
from ledger.core.errors import InternalFault
from ledger.storage.database import translated
from ledger.storage.metrics import VAULT_KEYS
from ledger.storage.sql import load

if TYPE_CHECKING:
    from collections.abc import Iterable

    import asyncpg

    from ledger.keyring import Keyring

_SQL = load("vault")
_CONTEXT = b"ledger/vault/v1\x00"
_CACHE_LIMIT = 200_000


class VaultRowBroken(InternalFault):
    """A row that does not open under its key-encryption key, blind index and key id: swapped, or changed."""

    code = "vault-row-broken"


class _Wrapped(msgspec.Struct, frozen=True):
    id: str
    secret: str
    after_erasure: bool = False


class Vault:
    """One ledger's rows of the vault. Keys are cached until `forget`: whoever appends calls it when the vault's epoch
    moved, or a cached key would seal after its erasure.
    """

    def __init__(self, pool: asyncpg.Pool, ledger_id: int, keyring: Keyring) -> None:
        self._pool = pool
        self._ledger_id = ledger_id
        self._keyring = keyring
        self._cache: dict[str, PersonKey] = {}
        self._forgotten = 0

    def forget(self) -> None:
        self._cache.clear()
        self._forgotten += 1

    def blind_index(self, identifier: str) -> bytes:
        """HMAC-SHA256 of the normalised identifier under the ledger's blind-index key."""
        return hmac.digest(self._keyring.blind_index, identifier.encode(), "sha256")

    def suppression_mark(self, identifier: str) -> bytes:
        return hmac.digest(self._keyring.suppression, identifier.encode(), "sha256")

    async def keys(self, identifiers: Iterable[str]) -> dict[str, PersonKey]:
        """The keys of persons by normalised identifier; who is not known yet gets a row, committed before this
        returns. A question about a person nobody knows takes the same path, with the same timing.
        """
        wanted = list(dict.fromkeys(identifiers))
        found = {each: self._cache[each] for each in wanted if each in self._cache}
        missing = {self.blind_index(each): each for each in wanted if each not in found}
        VAULT_KEYS.labels("cached").inc(len(found))
        if missing:
            forgotten = self._forgotten
            looked = await self._look(missing)
            # What was read before the cache was forgotten may have been destroyed since: it must not come back.
            if forgotten == self._forgotten:
                if len(self._cache) > _CACHE_LIMIT:
                    self._cache.clear()
                self._cache |= looked
            found |= looked
        return found

    async def _look(self, missing: dict[bytes, str]) -> dict[str, PersonKey]:
        """The keys behind blind indexes, found or made. Again where a row was destroyed between the two."""
        found: dict[str, PersonKey] = {}
        with translated():
            async with self._pool.acquire() as connection:
                outcome = "found"
                while True:
                    rows = await connection.fetch(_SQL.find, self._ledger_id, list(missing))
                    for row in rows:
                        found[missing.pop(row["blind_index"])] = self._open(row)
                    VAULT_KEYS.labels(outcome).inc(len(rows))
                    if not missing:
                        return found
                    await self._create(connection, missing)
                    outcome = "created"

    async def key_of(self, identifier: str) -> PersonKey:
        """The key of one person, by an identifier of any spelling."""
        normalised = normalise(identifier)
        return (await self.keys([normalised]))[normalised]

    async def known(self, identifier: str) -> PersonKey | None:
        """The key of one person, or None: makes no row. Only for who administers the vault."""
        with translated():
            rows = await self._pool.fetch(
                _SQL.find, self._ledger_id, [self.blind_index(normalise(identifier))]
            )
        return self._open(rows[0]) if rows else None

    async def by_key_id(self, key_ids: Iterable[bytes]) -> dict[bytes, PersonKey]:
        """The living keys among these key ids."""
        wanted = [UUID(bytes=each) for each in set(key_ids)]
        if not wanted:
            return {}
        with translated():
            rows = await self._pool.fetch(_SQL.find_by_key, self._ledger_id, wanted)
        return {row["key_id"].bytes: self._open(row) for row in rows}

    async def _create(self, connection: asyncpg.pool.PoolConnectionProxy, missing: dict[bytes, str]) -> None:
        """Makes rows, in the order of their indexes: two processes that make the same ones must not block each
        other. Where another was quicker, its row stays.
        """
        marks = {self.suppression_mark(identifier): index for index, identifier in missing.items()}
        suppressed = {
            marks[row["mark"]]
            for row in await connection.fetch(_SQL.suppressed, self._ledger_id, list(marks))
        }
        kek_id, kek = self._keyring.current_kek()
        indexes, key_ids, wrapped = sorted(missing), [], []
        for index in indexes:
            key_id = UUID(bytes=os.urandom(16), version=4)
            secret = base64url.encode(secrets.token_bytes(32))
            text = canonical(msgspec.to_builtins(_Wrapped(missing[index], secret, index in suppressed)))
            nonce = os.urandom(12)
            key_ids.append(key_id)
            wrapped.append(nonce + kek.encrypt(nonce, text, self._bound_to(index, key_id.bytes)))
        await connection.execute(_SQL.insert, self._ledger_id, indexes, key_ids, kek_id, wrapped)

    def _open(self, row: asyncpg.Record) -> PersonKey:
        index, key_id, wrapped = row["blind_index"], row["key_id"].bytes, row["wrapped"]
        kek = self._keyring.kek(row["kek_id"])
        try:
            text = kek.decrypt(wrapped[:12], wrapped[12:], self._bound_to(index, key_id))
        except InvalidTag as error:
            raise VaultRowBroken(
                "A row of the vault does not belong where it stands: restore the vault."
            ) from error
        person = msgspec.json.decode(text, type=_Wrapped)
        secret = base64url.decode(person.secret)
        return PersonKey(
            key_id=key_id,
            identifier=person.id,
            tag_key=tag.derive_tag_key(secret),
            cipher=AESGCM(seal.derive_seal_key(secret)),
            after_erasure=person.after_erasure,
        )

    def _bound_to(self, index: bytes, key_id: bytes) -> bytes:
        return _CONTEXT + self._ledger_id.to_bytes(4, "big") + index + key_id
