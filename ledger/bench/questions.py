"""One person's `who-accessed` over HTTP, among all entries, while others are appended."""

from __future__ import annotations

import asyncio
import json
import time
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

import msgspec

from ledger.bench import pace
from ledger.bench.ground import NAME, stop
from ledger.bench.latency import percentile
from ledger.core.errors import Unreachable
from ledger.embedded import process
from ledger.embedded.errors import with_log_tail

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ledger.bench.events import Event
    from ledger.bench.ground import Site

_READY_SECONDS = 60.0
_ANSWER_SECONDS = 60.0


class WhoAccessed(msgspec.Struct, frozen=True):
    """Milliseconds of a question: the handle for the person, the question's own entry, the answer, each over HTTP.

    `answered` is the median number of entries in an answer; `appended_per_s` what was appended beside the questions.
    """

    p50_ms: float
    p99_ms: float
    max_ms: float
    entries: int
    persons: int
    answered: int
    appended_per_s: float


async def measure(site: Site, persons: Sequence[str], beside: Iterable[Event], rate: float) -> WhoAccessed:
    """Asks about each person once, one question after the other, while `beside` is sent at `rate` a second.

    A worker must be running. `beside` should outlast the questions; the rate that was really appended is told.
    """
    port = process.free_port()
    api = await site.program("serve", "--port", str(port), "--metrics-port", "0")
    try:
        await _ready(site, api, port)
        written, stamped = site.settings.home / "events", site.settings.home / "stamps"
        await asyncio.to_thread(pace.write_events, written, beside)
        producer = await asyncio.to_thread(pace.start, site, written, stamped, rate)
        connection = await site.connect()
        try:
            await asyncio.sleep(1)  # until the producer is under way
            entries = int(await connection.fetchval("SELECT size FROM head"))
            began = time.perf_counter()
            asked = await asyncio.to_thread(_ask_all, site, port, persons)
            seconds = time.perf_counter() - began
            grown = int(await connection.fetchval("SELECT size FROM head")) - entries
        finally:
            await connection.close()
            await stop(producer)
    finally:
        await stop(api)
    times = [each for each, _ in asked]
    return WhoAccessed(
        p50_ms=percentile(times, 50),
        p99_ms=percentile(times, 99),
        max_ms=max(times),
        entries=entries,
        persons=len(asked),
        answered=round(percentile([count for _, count in asked], 50)),
        appended_per_s=(grown - len(asked)) / seconds,
    )


async def _ready(site: Site, api: process.Running, port: int) -> None:
    """Waits until the API listens."""
    deadline = time.monotonic() + _READY_SECONDS
    while not await asyncio.to_thread(process.accepts, port):
        if not api.alive() or time.monotonic() > deadline:
            raise Unreachable(with_log_tail("The API did not start.", site.log))
        await asyncio.sleep(0.05)


def _ask_all(site: Site, port: int, persons: Sequence[str]) -> list[tuple[float, int]]:
    """Of each question how long it took in milliseconds, and how many entries were the answer."""
    token = site.settings.token_file.read_text(encoding="ascii").strip()
    client = HTTPConnection("127.0.0.1", port, timeout=_ANSWER_SECONDS)
    try:
        return [_ask(client, token, person) for person in persons]
    finally:
        client.close()


def _ask(client: HTTPConnection, token: str, person: str) -> tuple[float, int]:
    began = time.perf_counter()
    base = f"/v1/ledgers/{NAME}/subjects"
    handle = _call(client, token, "POST", f"{base}/resolve", json.dumps({"identifier": person}))["handle"]
    answer = _call(client, token, "GET", f"{base}/{handle}/accesses")
    return (time.perf_counter() - began) * 1000, len(answer["entries"])


def _call(client: HTTPConnection, token: str, method: str, path: str, body: str | None = None) -> Any:
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Ledger-Reason": "benchmark",
        "Ledger-Case": "benchmark",
    }
    client.request(method, path, body, headers)
    response = client.getresponse()
    content = response.read()
    if response.status != 200:
        raise Unreachable(f"The API answered a question with {response.status}.")
    return json.loads(content)
