"""The judgement after a soak: the oracle, which reads everything again, and `ledger verify`."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import TYPE_CHECKING, Any

from tests.faults.program import ROOT
from tests.faults.run import NAME
from tests.faults.steered import program

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.soak_faults import Ground


async def judged(ground: Ground, directory: Path) -> dict[str, Any]:
    """The oracle's answer."""
    run = ground.run
    topics = [word for name in run.inbound for word in ("--topic", name)]
    ground.transactions.touch()
    journals = [
        word for path in (directory / "journal", ground.transactions) for word in ("--journal", str(path))
    ]
    evidence = directory / "evidence"
    asked = program(
        *("check", "--kafka", run.bootstrap, "--database", ground.admin_url, "--ledger", NAME, *topics),
        *(*journals, "--heads", str(directory / "heads"), "--evidence", str(evidence)),
        reading=True,
    )
    async with asked as judge:
        said, _ = await judge.communicate()
    evidence.unlink(missing_ok=True)
    try:
        verdict: dict[str, Any] = json.loads(said)
    except ValueError:  # what it could not do it has said on standard error
        return {"ok": False, "said": said.decode()[-2000:]}
    return verdict


async def verified(ground: Ground) -> dict[str, Any]:
    """What `ledger verify --vault` says, and its exit code."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ledger.cli", "verify", "--vault", "--json"),
        env={**os.environ, **ground.run.env},
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, errors = await process.communicate()
    try:
        answer = json.loads(said)
    except ValueError:
        answer = {"said": errors.decode()[-2000:]}
    return {"exit_code": process.returncode, "answer": answer}
