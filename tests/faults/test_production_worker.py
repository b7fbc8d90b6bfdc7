"""`ledger worker` as it is run in production, Faust and all; the oracle as programs of their own beside it."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg

from tests.faults.program import Program
from tests.oracle.journal import read_acknowledgements

if TYPE_CHECKING:
    from tests.faults.run import Run

_ORACLE = ("-m", "tests.oracle")


def worker(run: Run) -> Program:
    return Program("-m", "ledger.cli", "worker", env=run.env)


async def test_killed_and_started_again(run: Run) -> None:
    """kill -9 in mid-stream, then SIGTERM: nothing lost, nothing doubled, every head a prefix of the log."""
    home = Path(run.env["LEDGER_HOME"])
    journal, heads = home / "acknowledged.journal", home / "watched.journal"
    url = run.databases.ledger_superuser_url
    produce = (*_ORACLE, "produce", "--kafka", run.bootstrap, "--topic", run.topic, "--journal", str(journal))
    mix = ("--duplicates", "60", "--conflicts", "20", "--poison", "20")
    async with Program(*_ORACLE, "watch", url, "--ledger", "main", "--heads", str(heads)) as watcher:
        async with worker(run) as first, Program(*produce, "--count", "1500", *mix) as producer:
            await run.grown_to(200, first)
            await run.kill(first)
            assert await producer.ended() == 0, producer.said
        async with worker(run) as second:
            await run.drained(second)
            assert await second.terminate() == 0, second.said
        assert await watcher.terminate() == 0, watcher.said
    topics = [word for name in run.inbound for word in ("--topic", name)]
    check = (*_ORACLE, "check", "--kafka", run.bootstrap, "--database", url, "--ledger", "main", *topics)
    async with Program(*check, "--journal", str(journal), "--heads", str(heads)) as judge:
        assert await judge.ended() == 0, judge.said
    verdict = json.loads("\n".join(judge.lines))
    assert verdict["ok"]
    assert verdict["watched"] > 1
    assert verdict["acknowledged"] == len(read_acknowledgements(journal)) == 1500


async def test_an_invariant_that_is_broken_ends_it(run: Run) -> None:
    """A halt is an exit code, in Faust's worker too: not 0, and not 128 and a signal's number."""
    await run.produce(60, seed=1)
    async with worker(run) as first:
        await run.drained(first)
        await run.kill(first)
    connection = await asyncpg.connect(run.databases.ledger_superuser_url)
    try:
        await connection.execute(
            "UPDATE ledger.intake SET next_offset = next_offset + 1 WHERE next_offset > 0"
        )
    finally:
        await connection.close()
    async with worker(run) as second:
        code = await second.ended()
    assert code > 0, second.said
    assert code not in {128 + signal.SIGTERM, 128 + signal.SIGINT}
