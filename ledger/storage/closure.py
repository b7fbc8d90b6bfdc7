"""A person is the closure of the identity links known: `identity.linked` joins two keys, `identity.unlinked` parts them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from accountability_ledger.catalog import full_name
from ledger.storage.database import translated
from ledger.storage.sql import load

if TYPE_CHECKING:
    from collections.abc import Iterable

    import asyncpg

_SQL = load("erasure")
LINKED, UNLINKED = full_name("identity.linked"), full_name("identity.unlinked")


async def closure(
    reader: asyncpg.Pool | asyncpg.Connection,
    ledger_id: int,
    key_ids: Iterable[bytes],
    known_at_ms: int | None = None,
) -> set[bytes]:
    """The key ids of one person, from any of them, by the links known at `known_at_ms` (None: by now). A link applies
    whatever the time asked about; of a pair, what was said last counts, in the order of knowledge.
    """
    found: set[bytes] = set()
    reached = set(key_ids)
    while reached - found:
        found |= reached
        with translated():
            rows = await reader.fetch(
                _SQL.identity_links,
                ledger_id,
                [UUID(bytes=each) for each in found],
                [LINKED, UNLINKED],
                known_at_ms,
            )
        joined: dict[frozenset[bytes], bool] = {}
        for row in rows:
            joined[frozenset((row["one"].bytes, row["two"].bytes))] = row["type"] == LINKED
        reached = found | {key for pair, linked in joined.items() if linked for key in pair}
    return found
