"""`python -m ledger.bench.pace EVENTS STAMPS RATE`: a producer of its own process that keeps to a timetable.

EVENTS is a file of MessagePack as `write_events` makes it; STAMPS is written at the end: for each record its topic,
partition, offset, and the monotonic clock at which it was handed to the client. Settings come from the environment.
SIGTERM ends it early, in order.
"""

from __future__ import annotations

import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from ledger.bench.events import Event
from ledger.bench.send import offer, paced, producer
from ledger.embedded import process
from ledger.settings import load

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ledger.bench.ground import Site
    from ledger.embedded.process import Running

_FLUSH_SECONDS = 60.0
_STOP_SECONDS = 70.0


class Stamp(NamedTuple):
    """A record that Kafka acknowledged, and when it was sent (monotonic nanoseconds)."""

    topic: str
    partition: int
    offset: int
    sent_ns: int


def write_events(path: Path, events: Iterable[Event]) -> int:
    """Writes events for the program to read; how many."""
    listed = list(events)
    path.write_bytes(msgspec.msgpack.encode(listed))
    return len(listed)


def read_stamps(path: Path) -> list[Stamp]:
    """What the program wrote."""
    return msgspec.msgpack.decode(path.read_bytes(), type=list[Stamp])


def start(site: Site, events: Path, stamps: Path, rate: float) -> Running:
    """Starts the program for a ledger; it ends with this process at the latest."""
    argv = [sys.executable, "-m", "ledger.bench.pace", str(events), str(stamps), str(rate)]
    command = process.Command(
        name="The paced producer",
        argv=argv,
        env=site.environment,
        cwd=Path.cwd(),
        log=site.log,
        pid_file=events.with_suffix(".pid"),
        stop_signal=signal.SIGTERM,
        stop_seconds=_STOP_SECONDS,
    )
    return process.spawn(command, detached=False)


class _Ended(Exception):  # noqa: N818
    """SIGTERM came."""


def _end(_number: int, _frame: Any) -> None:
    raise _Ended


def main(events_file: str, stamps_file: str, rate: str) -> int:
    """Sends the events; the exit code."""
    settings = load()
    events = msgspec.msgpack.decode(Path(events_file).read_bytes(), type=list[Event])
    stamps: list[Stamp] = []
    # One millisecond of linger: what is measured is the ledger, and at these rates batches fill anyway.
    kafka = producer(settings, **{"linger.ms": 1})

    def stamped(sent_ns: int) -> Any:
        def delivered(error: object, message: Any) -> None:
            if error is None:
                stamps.append(Stamp(message.topic(), message.partition(), message.offset(), sent_ns))

        return delivered

    signal.signal(signal.SIGTERM, _end)
    with suppress(_Ended):
        for event in paced(events, float(rate)):
            offer(kafka, settings.topic_prefix, event, stamped(time.monotonic_ns()))
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    left = kafka.flush(_FLUSH_SECONDS)
    Path(stamps_file).write_bytes(msgspec.msgpack.encode(stamps))
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
