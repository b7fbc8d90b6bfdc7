"""What the tests of the embedded servers share: a parent process to be killed, and clients that ask one thing."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

if TYPE_CHECKING:
    from collections.abc import Callable

    from ledger.embedded.process import Running

CLONE = Path(__file__).parents[2]
GONE_SECONDS = 30.0


def sql(url: str, statement: str) -> Any:
    """One value from one statement. In a thread, so that it also works where a test's event loop exists."""

    async def ask() -> Any:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(ask())).result()


def produce(bootstrap: str, topic: str, value: bytes) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    if topic not in admin.list_topics(timeout=30).topics:
        admin.create_topics([NewTopic(topic, 1, 1)])[topic].result()
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all"})
    producer.produce(topic, value)
    assert producer.flush(30) == 0


def consume(bootstrap: str, topic: str, count: int) -> list[bytes | None]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "trial", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, 0, 0)])
    messages = consumer.consume(count, timeout=30)
    consumer.close()
    return [message.value() for message in messages]


def parent(root: Path, body: str) -> subprocess.Popen[str]:
    """A process of its own with `servers = Embedded(root)` that runs `body`; it leads a session, as a shell's job does."""
    program = "\n".join(
        [
            *(
                "import os, signal, sys, time",
                "from pathlib import Path",
                "from ledger.embedded import Embedded",
            ),
            *("servers = Embedded(Path(sys.argv[1]))", body),
        ]
    )
    return subprocess.Popen(
        [sys.executable, "-c", program, str(root)],
        cwd=CLONE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(CLONE), *sys.path])},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def reported(process: subprocess.Popen[str]) -> list[int]:
    """The process ids that a parent printed on one line."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, "the parent ended before its servers were up"
    return [int(word) for word in line.split()]


def eventually(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + GONE_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def gone(servers: list[Running]) -> bool:
    """Whether all have ended, within a bounded time."""
    return eventually(lambda: not any(server.alive() for server in servers))
