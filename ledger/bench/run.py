"""The whole benchmark, part after part, on servers of its own."""

from __future__ import annotations

import asyncio
import shutil
import time
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING

from ledger.bench import growth, machine, peers, questions, sizes, verification, visible
from ledger.bench.events import Stream, persons_of
from ledger.bench.ground import clear, ground, stop
from ledger.bench.pairs import Pairs
from ledger.bench.result import LongGrowth, Result, Setting
from ledger.core.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ledger.bench.ground import Ground, Site
    from ledger.bench.growth import Growth
    from ledger.bench.peers import Peer
    from ledger.bench.plan import Plan
    from ledger.bench.questions import WhoAccessed
    from ledger.bench.verification import Verify
    from ledger.bench.visible import Visible

    Say = Callable[[str], None]

_GROWTH = "growth"
_BESIDE_SECONDS = 120
_PERSONS = 500
_RATE = 1_000
# Among so many events at the begin of a stream lie enough persons.
_SEARCHED = 50_000
# What an entry takes until a growth is over: its rows and indexes, its record in Kafka, and the log of the database.
_DISK_BYTES = 4_800
_DISK_SPARE = 6 * 2**30


async def run(home: Path, plan: Plan, say: Say) -> Result:
    """Measures everything of the plan on servers under `home`, of which nothing is left afterwards."""
    async with ground(home) as made:
        say("servers are up")
        return await measure(made, plan, say)


async def measure(made: Ground, plan: Plan, say: Say) -> Result:
    """Measures everything of the plan on servers that run."""
    began, clock = _now(), time.monotonic()
    stream = Stream(plan.stream)
    grown, taken, verified, asked, seen, seen_fast = await _large(made, stream, plan, say)
    pairs, beside = await _pairs(made, stream, plan, say)
    setting = await _setting(made, plan.name, began)
    return Result(
        plan=setting.plan,
        began=setting.began,
        seconds=round(time.monotonic() - clock, 1),
        machine=setting.machine,
        versions=setting.versions,
        postgresql=setting.postgresql,
        append=pairs.together(),
        cpu_us_per_event=pairs.cpu_us_per_event(),
        peers=beside,
        growth=grown,
        growth_short=grown,
        verify=verified,
        who_accessed=asked,
        visible=seen,
        visible_5000=seen_fast,
        bytes_per_event=round(sum(taken.values()), 1),
        bytes_per_event_of=taken,
    )


async def _pairs(made: Ground, stream: Stream, plan: Plan, say: Say) -> tuple[Pairs, list[Peer]]:
    pairs = Pairs(made, stream, plan.pair_events)
    rounds = []
    for number in range(plan.pairs):
        pair = await pairs.run(bulk=number < plan.bulk_pairs)
        say(
            f"pair {number + 1} of {plan.pairs}: ledger {pair.ledger:,.0f}/s, COPY {pair.copy:,.0f}/s, "
            f"ratio {pair.ratio:.3f}"
        )
        if number < plan.peer_rounds:
            rounds.append(await peers.measure(made, pairs.load, pair.copy))
            say("peers: " + ", ".join(f"{peer.name} {peer.events_per_s or 0:,.0f}/s" for peer in rounds[-1]))
    return pairs, [_middle(each) for each in zip(*rounds, strict=True)]


def _middle(rounds: tuple[Peer, ...]) -> Peer:
    """A peer's rounds as one: medians; where one could not run, the reason."""
    first = rounds[0]
    rates = [peer.events_per_s for peer in rounds if peer.events_per_s is not None]
    ratios = [peer.ratio_to_copy for peer in rounds if peer.ratio_to_copy is not None]
    if len(rates) < len(rounds):
        return next(peer for peer in rounds if peer.events_per_s is None)
    return peers.Peer(first.name, first.does, median(rates), median(ratios))


async def _large(
    made: Ground, stream: Stream, plan: Plan, say: Say
) -> tuple[Growth, dict[str, float], Verify, WhoAccessed, Visible, Visible]:
    """The large log: how it grows, what it takes, how it verifies, answers, and shows what is new. It comes first: the
    broker's virtual machine is warm when the pairs begin.
    """
    async with made.site() as site:
        grown = await growth.grow(made, site, stream, growth.Progress(plan.entries), say)
        say(f"growth to {grown.entries:,}: ratio {grown.ratio:.2f} ({grown.method})")
        taken = await sizes.bytes_per_event(site)
        verified = await verification.measure(site)
        say(f"verify: {verified.entries_per_s:,.0f}/s")
        worker = await site.program("worker")
        try:
            asked = await _questions(
                site, stream, Stream(plan.stream), plan.persons, plan.beside_seconds, say
            )
            await site.accounted(worker)
            slow, fast = plan.visible_rates
            seen = await visible.measure(site, worker, stream.following(plan.visible_seconds * slow), slow)
            say(f"visible at {slow:,}/s: p50 {seen.p50_ms:.0f} ms, p99 {seen.p99_ms:.0f} ms")
            seen_fast = await visible.measure(
                site, worker, stream.following(plan.visible_seconds * fast), fast
            )
            say(f"visible at {fast:,}/s: p50 {seen_fast.p50_ms:.0f} ms, p99 {seen_fast.p99_ms:.0f} ms")
        finally:
            await stop(worker)
    return grown, taken, verified, asked, seen, seen_fast


async def _questions(
    site: Site, stream: Stream, again: Stream, persons: int, seconds: int, say: Say
) -> WhoAccessed:
    """Questions about the persons that `again`, the same stream from its begin, names first."""
    again.foundations()
    named = await asyncio.to_thread(persons_of, again.following(_SEARCHED), persons)
    asked = await questions.measure(site, named, stream.following(seconds * _RATE), _RATE)
    say(f"who-accessed among {asked.entries:,}: p50 {asked.p50_ms:.0f} ms, p99 {asked.p99_ms:.0f} ms")
    return asked


async def run_growth(home: Path, entries: int, say: Say) -> LongGrowth:
    """A log of `entries`: how it grows, what it takes, and questions among them while others are appended. Interrupted,
    it keeps its data; the same call goes on. Raises BadInput where the disk is too small.
    """
    began = _now()
    size = entries + _BESIDE_SECONDS * _RATE
    _check_disk(home, entries)
    async with ground(home, keep=True) as made:
        noted = home / _GROWTH / "growth.json"
        progress = growth.Progress.load(noted, entries)
        site = made.at(_GROWTH) if progress.founded else await made.open(_GROWTH)
        stream = Stream(size)
        grown = await growth.grow(made, site, stream, progress, say)
        taken = await sizes.bytes_per_event(site)
        worker = await site.program("worker")
        try:
            asked = await _questions(site, stream, Stream(size), _PERSONS, _BESIDE_SECONDS, say)
        finally:
            await stop(worker)
        setting = await _setting(made, _GROWTH, began)
    await asyncio.to_thread(clear, home)
    return LongGrowth(setting, grown, asked, taken)


def _check_disk(home: Path, entries: int) -> None:
    home.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(home).free
    kept = sum(file.stat().st_size for file in (home / "data").rglob("*") if file.is_file())
    needed = entries * _DISK_BYTES + _DISK_SPARE
    if free + kept < needed:
        raise BadInput(
            f"{entries:,} entries need {needed / 2**30:.0f} GiB of disk for a while, and {free / 2**30:.0f} are free: "
            "give fewer with --entries."
        )


async def _setting(made: Ground, plan: str, began: str) -> Setting:
    return Setting(plan, began, machine.machine(), await machine.versions(made), await machine.settings(made))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
