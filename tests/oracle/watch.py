"""Heads as they were claimed while it happened: from the database, or as signed notes over HTTP."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import asyncpg

from tests.oracle.journal import Journal, head_line
from tests.oracle.observed import Head

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

_POLL_SECONDS = 0.05
_HTTP_SECONDS = 10.0
_SELECT = "SELECT size, root FROM ledger.head JOIN ledger.ledger USING (ledger_id) WHERE name = $1"


class Watcher:
    """Notes each head that differs from the last one. Servers may come and go meanwhile; a watcher only waits."""

    def __init__(self, source: str, ledger: str, journal: Path | None = None) -> None:
        """`source` is a libpq URL, or `http://host:port` of the API."""
        self.heads: list[Head] = []
        self._source, self._ledger, self._journal = source, ledger, journal

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until `stop` is set, and look once more after that."""
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(Journal(self._journal)) if self._journal is not None else None
            while True:
                last = stop.is_set()
                async for head in self._polled(stop):
                    if not self.heads or head != self.heads[-1]:
                        self.heads.append(head)
                        if file is not None:
                            file.write([head_line(head)])
                if last:
                    return
                await _pause(stop)

    async def _polled(self, stop: asyncio.Event) -> AsyncIterator[Head]:
        """Heads until the source fails or `stop` is set; at least one, where the source answers."""
        if self._source.startswith("http"):
            with contextlib.suppress(OSError):
                note = await asyncio.to_thread(_get, f"{self._source}/log/{self._ledger}/checkpoint")
                yield parse_checkpoint(note)
            return
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            connection = await asyncpg.connect(self._source)
            try:
                while True:
                    row = await connection.fetchrow(_SELECT, self._ledger)
                    if row is not None:
                        yield Head(row["size"], bytes(row["root"]))
                    if stop.is_set():
                        return
                    await _pause(stop)
            finally:
                await connection.close()


def parse_checkpoint(note: bytes) -> Head:
    """Size and root of a C2SP tlog-checkpoint; the signature is for others to check. Raises ValueError."""
    text, separator, _ = note.decode().partition("\n\n")
    lines = text.split("\n")
    if not separator or len(lines) < 3:
        raise ValueError("This is not a checkpoint.")
    return Head(int(lines[1]), base64.b64decode(lines[2], validate=True))


async def _pause(stop: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), _POLL_SECONDS)


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=_HTTP_SECONDS) as answer:  # noqa: S310 -- `source` begins with http
        body = answer.read()
    return bytes(body)
