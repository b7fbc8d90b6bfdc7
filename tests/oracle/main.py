"""The command line of the oracle: `python -m tests.oracle produce|watch|check --help`."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from dataclasses import asdict
from pathlib import Path

from tests.oracle import broker, database, synthetic
from tests.oracle.check import check
from tests.oracle.journal import read_acknowledgements, read_heads
from tests.oracle.produce import produce
from tests.oracle.watch import Watcher


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 nothing found; 1 findings; other failures are exceptions."""
    options = _parser().parse_args(arguments)
    if options.command == "produce":
        mix = synthetic.Mix(options.duplicates, options.conflicts, options.poison)
        made = synthetic.events(options.count, options.seed, mix, options.source)
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


async def _check(options: argparse.Namespace) -> int:
    snapshot = await database.snapshot(options.database, options.ledger)
    partitions = broker.read_again(options.kafka, options.topic)
    acknowledged = [line for path in options.journal for line in read_acknowledgements(path)]
    watched = read_heads(options.heads) if options.heads else []
    findings = check(snapshot, partitions, acknowledged, watched)
    _say(
        {
            "ok": not findings,
            "size": snapshot.head.size,
            "root": snapshot.head.root.hex(),
            "acknowledged": len(acknowledged),
            "watched": len(watched),
            "findings": [asdict(finding) for finding in findings],
        }
    )
    return 1 if findings else 0


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
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
