"""`ledger verify` as an auditor runs it: a program, started, finished, its verdict read; and its leaves and tree alone."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from ledger.core.errors import InternalFault
from ledger.core.merkle import Frontier
from ledger.core.tile import WIDTH, full_root
from ledger.storage.sql import load
from ledger.storage.verify_copy import Rows, parse_blobs
from ledger.storage.verify_stretch import beside

if TYPE_CHECKING:
    from ledger.bench.ground import Site

_UNWITNESSED = 5
_SQL = load("verification", "ledger.bench.sql")


class Verify(msgspec.Struct, frozen=True):
    """Wall time of the whole command, its start included. `leaves_and_tree_per_s` are leaves read and hashed up to the
    head's root, in one process, and nothing else compared.
    """

    entries_per_s: float
    entries: int
    seconds: float
    leaves_and_tree_per_s: float = 0.0


async def measure(site: Site) -> Verify:
    """Verifies the ledger. Raises InternalFault where the log that was just made does not verify."""
    began = time.perf_counter()
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ledger.cli", "verify", "--json", "--reason", "benchmark"),
        env=site.environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, _ = await program.communicate()
    seconds = time.perf_counter() - began
    if program.returncode not in {0, _UNWITNESSED}:
        raise InternalFault(
            f"`ledger verify` ended with {program.returncode} on a log that was just made: run it by hand."
        )
    size = int(json.loads(said)["size"])
    alone = await _leaves_and_tree(site)
    return Verify(entries_per_s=size / seconds, entries=size, seconds=seconds, leaves_and_tree_per_s=alone)


async def _leaves_and_tree(site: Site) -> float:
    """Leaves a second. Raises InternalFault where they do not hash to the head's root."""
    connection = await site.connect()
    try:
        began = time.perf_counter()
        (head,) = await connection.fetch(_SQL.head)
        rows = Rows(connection, [_SQL.leaves], parse_blobs, 3)
        tree, rest = Frontier(), list[bytes]()

        async def climb() -> None:
            for start in range(0, head["size"], WIDTH):
                _, _, leaves = await rows.until(start + WIDTH)
                hashes = [sha256(b"\0" + leaf).digest() for leaf in leaves]
                if len(hashes) == WIDTH:
                    tree.append(full_root(hashes))
                else:
                    rest.extend(hashes)

        await beside(climb(), [rows])
        seconds = time.perf_counter() - began
    finally:
        await connection.close()
    whole = Frontier(tree.size * WIDTH, tree.nodes)
    whole.extend(rest)
    if (whole.size, whole.root()) != (head["size"], head["root"]):
        raise InternalFault("The leaves that were just appended do not hash to the head's root.")
    return float(whole.size / seconds)
