"""The oracle's programs beside a soak: its journalling producer, steered through standard input, and the others."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Self

from tests.faults.program import ROOT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.faults.run import Run

_MIX = ("--duplicates", "20", "--conflicts", "5", "--poison", "5")
_PERSONS = 2000


@asynccontextmanager
async def program(
    *arguments: str, reading: bool = False, steered: bool = False
) -> AsyncIterator[asyncio.subprocess.Process]:
    """`python -m tests.oracle ...`; killed where it still runs at the end. `reading` its output, `steered` by its input."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.oracle", *arguments),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE if steered else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE if reading or steered else None,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


class Producer:
    """Produces at the rate that it was last told; what was acknowledged is in the journal."""

    def __init__(self, run: Run, seed: int, most: int, journal: Path) -> None:
        self._opening = program(
            *(
                "produce",
                "--steered",
                "--kafka",
                run.bootstrap,
                "--topic",
                run.topic,
                "--journal",
                str(journal),
            ),
            *("--count", str(most), "--seed", str(seed), "--persons", str(_PERSONS), *_MIX),
            steered=True,
        )
        self.sent = 0

    async def __aenter__(self) -> Self:
        self._process = await self._opening.__aenter__()
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._opening.__aexit__(None, None, None)
        await self._reading

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.sent = int(json.loads(line)["sent"])

    async def steer(self, rate: float) -> None:
        """In events a second."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"%f\n" % rate)
        await self._process.stdin.drain()

    async def end(self) -> None:
        """Waits for the last acknowledgements."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()
        await self._reading
