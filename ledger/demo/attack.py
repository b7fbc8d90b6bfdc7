"""What a malicious operator would type. It goes round the ledger's own storage on purpose, as a superuser can."""

from __future__ import annotations

import asyncpg

_LEAF = (
    "SELECT leaf, slice FROM ledger.entry JOIN ledger.ledger USING (ledger_id) WHERE name = $1 AND seq = $2"
)
_EDIT = (
    "UPDATE ledger.entry SET leaf = $3 WHERE seq = $2"
    " AND ledger_id = (SELECT ledger_id FROM ledger.ledger WHERE name = $1)"
)


class Attacker:
    """A superuser of the ledger's database."""

    def __init__(self, url: str, ledger: str) -> None:
        self._url = url
        self._ledger = ledger

    async def leaf(self, seq: int) -> bytes:
        connection = await asyncpg.connect(self._url)
        try:
            return bytes(await connection.fetchval(_LEAF, self._ledger, seq))
        finally:
            await connection.close()

    async def refused(self, seq: int, leaf: bytes) -> bool:
        """Whether a plain UPDATE is refused, even to a superuser with replication's privilege to skip triggers."""
        connection = await asyncpg.connect(self._url)
        try:
            await connection.execute("SET session_replication_role = replica")
            await connection.execute(_EDIT, self._ledger, seq, leaf)
        except asyncpg.InsufficientPrivilegeError:
            return True
        else:
            return False
        finally:
            await connection.close()

    async def overwrite(self, seq: int, leaf: bytes) -> None:
        """Takes the triggers off the entry's slice, edits, puts them back: nothing shows in the schema afterwards."""
        connection = await asyncpg.connect(self._url)
        try:
            async with connection.transaction():
                row = await connection.fetchrow(_LEAF, self._ledger, seq)
                assert row is not None  # noqa: S101 -- the entry that the story is about
                table = f"ledger.entry_s{row['slice']}"
                await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
                await connection.execute(_EDIT, self._ledger, seq, leaf)
                await connection.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER refuse_row")
                await connection.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER refuse_all")
        finally:
            await connection.close()
