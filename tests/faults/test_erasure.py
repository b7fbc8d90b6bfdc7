"""An erasure between preparation and append: what was prepared with the person's key must not be appended with it."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

from ledger.core import base64url
from ledger.core.seal import SealBroken, associated_data, unseal
from ledger.core.tag import tag
from ledger.settings import Settings
from ledger.storage.erasure import erase
from ledger.storage.opening import open_ledger
from tests.oracle import synthetic

if TYPE_CHECKING:
    from ledger.core.entry import PersonKey
    from tests.faults.run import Run

_PERSON = "email:person3@example.com"
_SECONDS = 60.0


@pytest.mark.parametrize("nth", [1, 3])
async def test_an_erasure_between_prepare_and_append(run: Run, nth: int) -> None:
    """At the third batch the stopped worker may hold the head besides: then its session is ended, and it goes on."""
    home = Path(run.env["LEDGER_HOME"])
    made = [synthetic.made(b"%d" % number, synthetic.access(3, number)) for number in range(120)]
    await run.produce_these(*made[:20])
    async with run.worker() as before:
        await run.drained(before)
        assert await before.terminate() == 0, before.said
    await run.produce_these(*made[20:])
    async with (
        run.worker(f"prepared:{nth}:stop", LEDGER_BATCH_RECORDS="20") as worker,
        asyncio.timeout(_SECONDS),
    ):
        await worker.says("struck prepared")
        async with open_ledger(
            "main", run.databases.ledger_url, run.databases.vault_url, home / "keys"
        ) as ledger:
            key = await ledger.vault.known(_PERSON)
            assert key is not None
            erased = await erase(ledger, "user:officer", _PERSON, "case-1", settings=Settings(home=home))
        worker.signal(signal.SIGCONT)
        await run.drained(worker)
        assert await worker.terminate() == 0, worker.said
    assert await run.findings() == []
    opened, last = await opened_by(run, key)
    assert opened, "before the erasure there are entries of the person"
    assert max(opened) < erased.erased, "nothing after the erasure is sealed or tagged under the erased key"
    assert last > erased.erased, "and the person's later events are in the ledger"


async def opened_by(run: Run, key: PersonKey) -> tuple[list[int], int]:
    """The entries that this key opens or tags, and the last that holds any person as subject."""
    connection = await asyncpg.connect(run.databases.ledger_superuser_url)
    try:
        rows = await connection.fetch(
            "SELECT seq, slot, blob, leaf FROM ledger.sealed JOIN ledger.entry USING (ledger_id, slice, seq)"
        )
    finally:
        await connection.close()
    opened, last = [], -1
    for row in rows:
        leaf = json.loads(row["leaf"])
        slot = leaf["who"][row["slot"]]
        if slot["r"] == "subject":
            last = max(last, row["seq"])
        tags = {base64url.encode(tag(key.tag_key, leaf["seg"], j)) for j in range(1, 500)}
        try:
            unseal(key.cipher, row["blob"], associated_data(leaf["ledger"], slot["r"]))
        except SealBroken:
            if slot["t"] not in tags:
                continue
        opened.append(row["seq"])
    return opened, last
