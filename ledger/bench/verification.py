"""`ledger verify` as an auditor runs it: a program, started, finished, its verdict read."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import TYPE_CHECKING

import msgspec

from ledger.core.errors import InternalFault

if TYPE_CHECKING:
    from ledger.bench.ground import Site

_UNWITNESSED = 5


class Verify(msgspec.Struct, frozen=True):
    """Wall time of the whole command, its start included."""

    entries_per_s: float
    entries: int
    seconds: float


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
    return Verify(entries_per_s=size / seconds, entries=size, seconds=seconds)
