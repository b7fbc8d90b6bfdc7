"""What someone can do whom no trigger stops: the operator, as superuser of both databases, with the signing key."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec

from accountability_ledger.restricted_json import canonical
from ledger.core import base64url
from ledger.core.checkpoint import Checkpoint, sign
from ledger.core.merkle import Frontier, leaf_hash
from ledger.core.tile import TileEdge

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from ledger.core.note import Ed25519Signer
    from tests.world import World

DISABLE_TRIGGERS = "DO $$ DECLARE each regclass; BEGIN FOR each IN SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'ledger' AND relkind = 'r' LOOP EXECUTE format('ALTER TABLE %s DISABLE TRIGGER ALL', each); END LOOP; END $$"


@asynccontextmanager
async def superuser(world: World, *, vault: bool = False) -> AsyncIterator[asyncpg.Connection]:
    """Someone whom no trigger stops."""
    databases = world.databases
    url = databases.vault_superuser_url if vault else databases.ledger_superuser_url
    connection = await asyncpg.connect(url)
    try:
        if not vault:
            await connection.execute("SET search_path TO ledger")
            await connection.execute(DISABLE_TRIGGERS)
        yield connection
    finally:
        await connection.close()


async def attack(world: World, *statements: str, vault: bool = False) -> None:
    async with superuser(world, vault=vault) as connection:
        for statement in statements:
            assert not (await connection.execute(statement)).endswith(" 0"), statement


async def signed_checkpoint(connection: asyncpg.Connection, signer: Ed25519Signer) -> str:
    head = await connection.fetchrow("SELECT size, root FROM head WHERE origin = $1", signer.name)
    assert head is not None
    return sign(Checkpoint(signer.name, head["size"], head["root"]), signer)


async def recompute(
    connection: asyncpg.Connection, at: int, change: Callable[[dict[str, Any]], None] | None = None
) -> None:
    """Edits one leaf and writes anew everything that is computed from it: links, tiles, batches, head."""
    leaves = [row["leaf"] for row in await connection.fetch("SELECT leaf FROM entry ORDER BY seq")]
    prev, hashes, roots = bytes(32), [], {}
    frontier = Frontier()
    for seq, leaf in enumerate(leaves):
        parsed = msgspec.json.decode(leaf)
        parsed["prev"] = base64url.encode(prev)
        if seq == at:
            (change or (lambda each: each["event"]["data"].update(operation="export")))(parsed)
        text = canonical(parsed)
        prev = leaf_hash(text)
        hashes.append(prev)
        frontier.append(prev)
        roots[seq + 1] = (prev, frontier.root())
        await connection.execute("UPDATE entry SET leaf = $1 WHERE seq = $2", text, seq)
    for tile in TileEdge().extend(hashes)[1]:
        await connection.execute(
            "UPDATE tile SET hashes = $1, root = $2 WHERE level = $3 AND index = $4",
            tile.data,
            tile.root,
            tile.level,
            tile.index,
        )
    for row in await connection.fetch("SELECT size FROM batch"):
        await connection.execute(
            "UPDATE batch SET prev = $1, root = $2 WHERE size = $3", *roots[row["size"]], row["size"]
        )
    await connection.execute(
        "UPDATE head SET prev = $1, root = $2, frontier = $3", prev, frontier.root(), frontier.to_bytes()
    )
