"""Several ledgers share a database: each with its own chain, persons, positions and keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import msgspec
import pytest

from ledger.core.errors import BadInput, NotFound
from ledger.storage.migrate import ensure_ledger
from ledger.storage.opening import open_ledger
from tests.world import accessed, make_world

if TYPE_CHECKING:
    from pathlib import Path

    from tests.services import DatabasePair

ANN = "email:ann@example.eu"


async def test_each_ledger_has_its_own_chain_and_its_own_persons(
    fresh_databases: DatabasePair, tmp_path: Path
) -> None:
    worlds = [await make_world(fresh_databases, tmp_path / ".ledger", name) for name in ("eu", "us")]
    same = accessed(ANN, id="one")
    for world in worlds:
        await world.append([same, accessed(ANN)])
    connection = await asyncpg.connect(fresh_databases.ledger_superuser_url)
    try:
        rows = await connection.fetch("SELECT ledger_id, seq, leaf FROM ledger.entry ORDER BY 1, 2")
    finally:
        await connection.close()
    assert [(row["ledger_id"], row["seq"]) for row in rows] == [(1, 0), (1, 1), (2, 0), (2, 1)]
    assert [msgspec.json.decode(row["leaf"])["ledger"] for row in rows] == [
        "ledger.example/log/eu",
        "ledger.example/log/eu",
        "ledger.example/log/us",
        "ledger.example/log/us",
    ]
    keys = []
    for world in worlds:
        async with world.opened() as ledger:
            known = await ledger.vault.known(ANN)
            assert known is not None
            keys.append(known)
    assert keys[0].key_id != keys[1].key_id
    assert keys[0].tag_key != keys[1].tag_key


async def test_an_origin_never_changes_and_an_unknown_ledger_is_said(
    fresh_databases: DatabasePair, tmp_path: Path
) -> None:
    world = await make_world(fresh_databases, tmp_path / ".ledger")
    with pytest.raises(BadInput, match="never changes"):
        await ensure_ledger(fresh_databases.ledger_superuser_url, "main", "elsewhere.example/log")
    settings = world.settings
    with pytest.raises(NotFound, match="ledger migrate"):
        async with open_ledger("other", settings.database_url, settings.vault_url, settings.keys_directory):
            pass
