"""The soak: real servers and workers under load for minutes or hours, faults all the while, and the oracle's verdict.

    python -m tests.faults.soak --minutes 60 --load 0.8 --seed 7 --report soak.json

1. Servers of its own are started, and two `ledger worker` that are started again whenever they end.
2. The rate that the leaseholder keeps up with is measured, with the producer beside it: the rate is raised until the
   lag grows (or --rate says it).
3. For the minutes asked for, `--load` of that rate is produced in bursts. The machine could not store an hour of it: each
   minute begins with a burst, as long as `--max-events` over the whole time allows, and faults are thrown in bursts.
4. The rest is drained, everything is stopped in order, the oracle reads all again and judges, and `ledger verify` too.

What happens is written to `soak.jsonl` as it happens. Memory does not grow with time: journals are on disk.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import secrets
import shutil
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import uvloop

from ledger.storage.migrate import ensure_ledger, login_of, migrate
from tests.faults.program import members
from tests.faults.run import NAME, Run
from tests.faults.servers import OwnServers, own_servers
from tests.faults.soak_faults import FAULTS, Ground
from tests.faults.soak_judgement import judged, verified
from tests.faults.soak_report import Report, markdown
from tests.faults.steered import Producer, program
from tests.faults.supervised import Supervised
from tests.services import DatabasePair

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ORIGIN = "ledger.example/log/main"
_FIRST_RATE, _RAISED_BY, _STEP_SECONDS, _SETTLE_SECONDS = 1000.0, 1.5, 6.0, 2.0
_MINUTE = 60.0
_LEAST_BURST = 10.0
_PROGRESS_SECONDS = 180.0  # without a commit for so long after a fault, it is one of ours
_DRAIN_SECONDS = 1800.0
_SAMPLE_SECONDS = 10.0
_PAUSE_SECONDS = 6.0  # between two faults, in the mean
_SPARE_BYTES = 10 * 1024**3
_TWO_AT_ONCE = 0.15
_POSTGRES = {"shared_buffers": "512MB", "max_wal_size": "4GB", "checkpoint_timeout": "2min"}


@dataclass(frozen=True, slots=True)
class Options:
    minutes: float
    load: float
    rate: float | None
    seed: int
    max_events: int
    directory: Path


@dataclass
class Soak:
    """One run."""

    options: Options
    servers: OwnServers
    ground: Ground
    producer: Producer
    report: Report
    began: float = field(default_factory=time.monotonic)
    _burst: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self, what: str, **more: Any) -> None:
        """To the file, and to whoever watches."""
        line = {"at": round(time.monotonic() - self.began, 1), "what": what, **more}
        with (self.options.directory / "soak.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        sys.stdout.write(f"{line['at']:8.1f} s  {what}  {json.dumps(more) if more else ''}\n")
        sys.stdout.flush()

    async def accounted(self) -> int | None:
        """Offsets that are accounted for; None while PostgreSQL does not say."""
        return await self._ask("SELECT coalesce(sum(next_offset), 0)::bigint FROM ledger.intake")

    async def size(self) -> int | None:
        return await self._ask("SELECT size FROM ledger.head")

    async def _ask(self, question: str) -> int | None:
        with contextlib.suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            connection = await asyncpg.connect(self.ground.admin_url, timeout=5)
            try:
                return int(await connection.fetchval(question))
            finally:
                await connection.close(timeout=5)
        return None

    async def measure(self) -> float:
        """The rate that is kept up with, in events a second, while producing takes its share of the machine."""
        rate, best = _FIRST_RATE, 0.0
        await self.producer.steer(_FIRST_RATE / 10)
        while not await self.accounted() or await self.ground.run.lag() > _FIRST_RATE:
            await asyncio.sleep(0.5)  # the workers begin
        while True:
            await self.producer.steer(rate)
            await asyncio.sleep(_SETTLE_SECONDS)
            since, before, sent = time.monotonic(), await self.accounted() or 0, self.producer.sent
            await asyncio.sleep(_STEP_SECONDS)
            passed = time.monotonic() - since
            kept = ((await self.accounted() or 0) - before) / passed
            produced = (self.producer.sent - sent) / passed
            lag = await self.ground.run.lag()
            best = max(best, kept)
            self.note("capacity step", asked=round(rate), produced=round(produced), kept=round(kept), lag=lag)
            if lag > 2 * rate or produced < 0.9 * rate:
                break
            rate *= _RAISED_BY
        await self.producer.steer(0)
        await self.drained(_DRAIN_SECONDS)
        return best

    async def drained(self, seconds: float) -> bool:
        """Whether the lag came to zero, and stayed there."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(Exception):  # servers may be on their way back
                if await self.ground.run.lag() == 0:
                    await asyncio.sleep(1)
                    if await self.ground.run.lag() == 0:
                        return True
            await asyncio.sleep(0.5)
        return False

    async def load(self, rate: float, burst: float, until: float) -> None:
        """A burst at the beginning of each minute."""
        try:
            await self._load(rate, burst, until)
        finally:
            self._burst.set()  # whoever waits for the next one learns that the time is over

    async def _load(self, rate: float, burst: float, until: float) -> None:
        while (left := until - time.monotonic()) > 0:
            if shutil.disk_usage(self.options.directory).free < _SPARE_BYTES:
                self.note("disk nearly full: no more is produced")
                return
            await self.producer.steer(rate)
            self._burst.set()
            await asyncio.sleep(min(burst, left))
            if burst < _MINUTE:
                self._burst.clear()
                await self.producer.steer(0)
                await asyncio.sleep(max(0.0, min(_MINUTE - burst, until - time.monotonic())))

    async def throw(self, until: float) -> None:
        """Fault after fault, each within a burst; the next when the ledger grows again."""
        names, weights = list(FAULTS), [weight for weight, _ in FAULTS.values()]
        draw = self.ground.draw
        while time.monotonic() < until:
            await self._burst.wait()
            if time.monotonic() >= until:
                return
            count = 2 if draw.random() < _TWO_AT_ONCE else 1
            chosen = list(dict.fromkeys(draw.choices(names, weights, k=count)))
            began = time.monotonic()
            done = await asyncio.gather(
                *(FAULTS[name][1](self.ground) for name in chosen), return_exceptions=True
            )
            await (
                self.servers.mend()
            )  # two faults at once may leave a server down that was suspended and killed
            struck = time.monotonic() - began
            details = [str(each) for each in done]
            recovered = await self._recovered(began)
            self.report.faults.append(
                {"at": round(began - self.began, 1), "faults": chosen, "details": details}
                | {"struck_s": round(struck, 2), "next_commit_s": recovered}
            )
            self.note(" and ".join(chosen), details=details, next_commit_s=recovered)
            await asyncio.sleep(max(1.0, draw.expovariate(1 / _PAUSE_SECONDS)))

    async def _recovered(self, began: float) -> float | None:
        """Seconds from the beginning of the fault to the first commit that is seen after its end; None when there was
        nothing left to commit.
        """
        first = await self.size()
        deadline = time.monotonic() + _PROGRESS_SECONDS
        while time.monotonic() < deadline:
            now = await self.size()
            if now is not None and (first is None or now > first):
                return round(time.monotonic() - began, 2)
            first = now if first is None else first
            if not self._burst.is_set():
                with contextlib.suppress(Exception):
                    if await self.ground.run.lag() == 0:
                        return None
            await asyncio.sleep(0.1)
        self.report.defects.append(
            f"no commit for {_PROGRESS_SECONDS:.0f} s after a fault at {began - self.began:.0f} s"
        )
        return None

    async def sample(self) -> None:
        """Size, lag and memory, for as long as it is not cancelled."""
        while True:
            resident = [
                sum(each.resident for each in await members(worker.pid)) if worker.pid else 0
                for worker in self.ground.workers
            ]
            lag = None
            with contextlib.suppress(Exception):
                lag = await asyncio.wait_for(self.ground.run.lag(), 10)
            taken = {
                "at": round(time.monotonic() - self.began),
                "size": await self.size(),
                "sent": self.producer.sent,
                "lag": lag,
                "resident_mb": [round(each / 1e6) for each in resident],
                "disk_free_gb": round(shutil.disk_usage(self.options.directory).free / 1e9, 1),
            }
            self.report.samples.append(taken)
            with (self.options.directory / "soak.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(taken) + "\n")
            await asyncio.sleep(_SAMPLE_SECONDS)


async def run_soak(options: Options) -> Report:
    """The whole of it; the report says whether all was well."""
    directory = options.directory
    report = Report(
        options={**asdict(options), "directory": directory.name}, draw=f"FAULTS_SEED={options.seed}"
    )
    async with AsyncExitStack() as stack:
        servers = await stack.enter_async_context(
            own_servers(directory, postgres_settings=_POSTGRES, quick=False, by_request=False)
        )
        ground = await _ground(servers, options)
        url = ground.admin_url
        watching = await stack.enter_async_context(
            program("watch", url, "--ledger", NAME, "--heads", str(directory / "heads"))
        )
        producer = await stack.enter_async_context(
            Producer(ground.run, options.seed, options.max_events, directory / "journal")
        )
        soak = Soak(options, servers, ground, producer, report)
        supervising = [asyncio.create_task(worker.run()) for worker in ground.workers]
        sampling = asyncio.create_task(soak.sample())
        try:
            await _drive(soak)
        finally:
            sampling.cancel()
            for worker in ground.workers:
                await worker.stop()
            _, running = await asyncio.wait(supervising, timeout=90)
            for worker in ground.workers:
                worker.abandon()
            if running:
                report.defects.append("a worker did not end within 90 s of SIGTERM")
            watching.terminate()
            await watching.wait()
        report.endings = [asdict(each) for worker in ground.workers for each in worker.endings]
        report.defects += [
            f"{each.worker} ended with {each.code}, after {each.cause or 'nothing of ours'}"
            for worker in ground.workers
            for each in worker.endings
            if not each.as_it_should
        ]
        report.defects += [
            f"process {pid} outlived the worker that it belonged to"
            for worker in ground.workers
            for pid in worker.survivors
        ]
        report.sent = producer.sent + ground.sent
        soak.note("the oracle reads everything again")
        report.oracle = await judged(ground, directory)
        soak.note("ledger verify")
        report.verify = await verified(ground)
        report.minutes = round((time.monotonic() - soak.began) / 60, 1)
    return report


async def _ground(servers: OwnServers, options: Options) -> Ground:
    databases = DatabasePair(servers.services, "ledger", "vault")
    await migrate(databases.ledger_superuser_url, "ledger", [login_of(databases.ledger_url)])
    await migrate(databases.vault_superuser_url, "vault", [login_of(databases.vault_url)])
    await ensure_ledger(databases.ledger_superuser_url, NAME, ORIGIN)
    run = Run(databases, options.directory / "home")
    await run.make_topics()
    workers = []
    for number in (1, 2):
        home = options.directory / f"worker{number}"
        home.mkdir()
        env = {
            **run.env,
            "LEDGER_HOME": str(home),
            "LEDGER_KEYS": str(options.directory / "home" / "keys"),
            "LEDGER_DATABASE_URL": servers.through(databases.ledger_url),
            "LEDGER_VAULT_URL": servers.through(databases.vault_url),
            "LEDGER_KAFKA_BOOTSTRAP": servers.kafka_bootstrap,
        }
        for as_in_production in ("LEDGER_LEASE_SECONDS", "LEDGER_BATCH_RECORDS"):
            del env[as_in_production]
        workers.append(Supervised(f"worker{number}", env, home / "worker.log"))
    return Ground(servers, run, workers, random.Random(options.seed), options.directory / "transactions")


async def _drive(soak: Soak) -> None:
    options, report = soak.options, soak.report
    first = await _within(60, soak.ground.run.lag)
    soak.note("started", lag=first)
    if options.rate:
        rate = options.rate
    else:
        report.capacity = await soak.measure()
        rate = report.capacity * options.load
    seconds = options.minutes * 60
    share = min(1.0, (options.max_events - soak.producer.sent) / (rate * seconds))
    burst = _MINUTE if share >= 0.95 else max(_LEAST_BURST, _MINUTE * share)
    report.rate, report.burst = round(rate), round(burst, 1)
    soak.note(
        "load", rate=round(rate), burst_s=round(burst, 1), capacity=report.capacity and round(report.capacity)
    )
    until = time.monotonic() + seconds
    async with asyncio.TaskGroup() as both:
        both.create_task(soak.load(rate, burst, until))
        both.create_task(soak.throw(until))
    await soak.producer.end()
    soak.note("drains")
    began = time.monotonic()
    if not await soak.drained(_DRAIN_SECONDS):
        report.defects.append("the lag did not come to zero")
    report.drain_s = round(time.monotonic() - began, 1)


async def _within(seconds: float, ask: Callable[[], Awaitable[int]]) -> int:
    async with asyncio.timeout(seconds):
        return await ask()


def main() -> int:
    """Exit codes: 0 all was well, 1 not."""
    parser = argparse.ArgumentParser(prog="soak", description="Load, faults, and the oracle's verdict.")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--load", type=float, default=0.8, help="share of the measured capacity")
    parser.add_argument("--rate", type=float, help="events a second in a burst, instead of measuring")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 32))
    parser.add_argument("--max-events", type=int, default=4_000_000)
    parser.add_argument("--report", type=Path, default=Path(".ledger/soak.json"))
    parser.add_argument(
        "--directory", type=Path, help="where servers and journals live; default: a temporary one"
    )
    given = parser.parse_args()
    given.report.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.write(f"seed {given.seed}\n")
    with contextlib.ExitStack() as stack:
        directory = given.directory
        if directory is None:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ledger-soak-")))
        directory.mkdir(parents=True, exist_ok=True)
        options = Options(given.minutes, given.load, given.rate, given.seed, given.max_events, directory)
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                report = runner.run(run_soak(options))
        finally:
            _keep(directory, given.report)
    given.report.write_text(json.dumps(report.as_json(), indent=1) + "\n", encoding="utf-8")
    text = markdown(report)
    given.report.with_suffix(".md").write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0 if report.ok else 1


def _keep(directory: Path, report: Path) -> None:
    """What tells how it went, also where the soak itself failed."""
    for name, kept in (
        ("worker1/worker.log", ".worker1.log"),
        ("worker2/worker.log", ".worker2.log"),
        ("soak.jsonl", ".jsonl"),
    ):
        if (directory / name).exists():
            shutil.copy(directory / name, report.with_suffix(kept))


if __name__ == "__main__":
    sys.exit(main())
