"""The command line of the oracle: `python -m tests.oracle produce|watch|check --help`."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import threading
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from tests.oracle import broker, database, synthetic
from tests.oracle.check import Judge
from tests.oracle.evidence import Evidence
from tests.oracle.journal import Journal, acknowledgements, read_heads
from tests.oracle.produce import Stream, produce
from tests.oracle.watch import Watcher

if TYPE_CHECKING:
    from collections.abc import Iterator

_TELL_SECONDS = 0.5
_SHOWN = 100  # findings of one code that are told; all are counted


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 nothing found; 1 findings; other failures are exceptions."""
    options = _parser().parse_args(arguments)
    if options.command == "produce":
        mix = synthetic.Mix(options.duplicates, options.conflicts, options.poison)
        made = synthetic.events(options.count, options.seed, mix, options.source, options.persons)
        if options.steered:
            return _stream(options, made)
        acknowledged = produce(options.kafka, options.topic, made, options.journal)
        _say({"acknowledged": len(acknowledged)})
        return 0
    if options.command == "watch":
        asyncio.run(_watch(options.source, options.ledger, options.heads))
        return 0
    return asyncio.run(_check(options))


async def _watch(source: str, ledger: str, heads: Path) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await Watcher(source, ledger, heads).run(stop)


def _stream(options: argparse.Namespace, made: Iterator[synthetic.Made]) -> int:
    """Each line of standard input is a new rate, in events a second; its end is the end."""
    stop = threading.Event()
    with Journal(options.journal) as journal:
        stream = Stream(options.kafka, options.topic, made, journal)
        running = threading.Thread(target=stream.run, args=(stop,))
        telling = threading.Thread(target=_tell, args=(stream, stop), daemon=True)
        running.start()
        telling.start()
        for line in sys.stdin:
            stream.rate = float(line)
        stop.set()
        running.join()
    telling.join()
    _tell_once(stream)
    return 0


def _tell(stream: Stream, stop: threading.Event) -> None:
    while not stop.wait(_TELL_SECONDS):
        _tell_once(stream)


def _tell_once(stream: Stream) -> None:
    """One line; not `_say`, whose answers are for people too."""
    sys.stdout.write(json.dumps({"sent": stream.sent, "acknowledged": stream.acknowledged}) + "\n")
    sys.stdout.flush()


async def _check(options: argparse.Namespace) -> int:
    watched = read_heads(options.heads) if options.heads else []
    acknowledged = 0
    with Evidence(options.evidence) as evidence:
        async with database.view(options.database, options.ledger) as view:
            judge, head = Judge(evidence, view.claims, watched), view.claims.head
            await view.read_leaves(judge.take)
        broker.observe(options.kafka, options.topic, evidence)
        for path in options.journal:
            for each in acknowledgements(path):
                evidence.add_acknowledgement(each)
                acknowledged += 1
        counts: Counter[str] = Counter()
        shown = []
        for finding in judge.findings():
            counts[finding.code] += 1
            if counts[finding.code] <= _SHOWN:
                shown.append(asdict(finding))
    _say(
        {
            "ok": not counts,
            "size": head.size,
            "root": head.root.hex(),
            "acknowledged": acknowledged,
            "watched": len(watched),
            "counts": dict(counts),
            "findings": shown,
        }
    )
    return 1 if counts else 0


def _say(answer: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(answer, indent=1) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="oracle", description="Checks the ledger against Kafka, by itself.")
    commands = parser.add_subparsers(dest="command", required=True)

    producing = commands.add_parser("produce", help="produce made-up events, and keep what was acknowledged")
    producing.add_argument("--kafka", required=True, metavar="HOST:PORT")
    producing.add_argument("--topic", default=synthetic.TOPIC)
    producing.add_argument("--journal", type=Path, required=True)
    producing.add_argument("--count", type=int, default=1000)
    producing.add_argument("--seed", type=int, default=1)
    producing.add_argument("--source", default=synthetic.SOURCE, help="`source` of the events")
    producing.add_argument("--persons", type=int, default=50, help="how many persons the events are about")
    producing.add_argument(
        "--steered",
        action="store_true",
        help="produce on and on, at the rate that lines on standard input say",
    )
    for name in ("duplicates", "conflicts", "poison"):
        producing.add_argument(f"--{name}", type=int, default=0, metavar="PER_THOUSAND")

    watching = commands.add_parser("watch", help="note every head that is claimed, until it is stopped")
    watching.add_argument("source", help="a database URL, or http://host:port of the API")
    watching.add_argument("--ledger", required=True)
    watching.add_argument("--heads", type=Path, required=True)

    checking = commands.add_parser("check", help="read everything again and compare")
    checking.add_argument("--kafka", required=True, metavar="HOST:PORT")
    checking.add_argument("--database", required=True, metavar="URL")
    checking.add_argument("--ledger", required=True)
    checking.add_argument("--topic", action="append", required=True, help="each topic that feeds the ledger")
    checking.add_argument("--journal", type=Path, action="append", default=[])
    checking.add_argument("--heads", type=Path)
    checking.add_argument(
        "--evidence", type=Path, help="a file to be made, for a log that does not fit in memory"
    )
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
