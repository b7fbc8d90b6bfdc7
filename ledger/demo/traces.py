"""Looks for an identifier wherever it could lie: every row of every table, every file of the servers, every record."""

from __future__ import annotations

import asyncio
import base64
import mmap
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
from confluent_kafka import Consumer, TopicPartition

from streams.kafka import librdkafka_options
from streams.topics import KafkaUnreachable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ledger.settings import Settings

_TABLES = (
    "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables"
    " WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1"
)
_SECONDS = 30.0
_WAIT_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Looked:
    """How much was looked through, and in how many of these places the identifier stands."""

    places: int
    bytes: int
    found: int


def forms_of(identifier: str) -> tuple[bytes, ...]:
    """The identifier without its type as it could stand in bytes: plain, in base64 at each of three alignments, hex."""
    plain = identifier.partition(":")[2].encode()
    # Of each alignment the characters that depend on the identifier alone.
    aligned = [base64.b64encode(b"\0" * shift + plain) for shift in range(3)]
    cut = [each[-(-shift * 8 // 6) : len(each) - 4] for shift, each in enumerate(aligned)]
    url_safe = [each.translate(bytes.maketrans(b"+/", b"-_")) for each in cut]
    return tuple(dict.fromkeys((plain, *cut, *url_safe, plain.hex().encode())))


async def in_tables(urls: Sequence[str], forms: Sequence[bytes]) -> Looked:
    """Every table of these databases, copied out whole and in binary."""
    places = size = found = 0
    for url in urls:
        connection = await asyncpg.connect(url)
        try:
            for row in await connection.fetch(_TABLES):
                search = _Search(forms)
                await connection.copy_from_query(
                    f"SELECT * FROM {row['name']}",  # noqa: S608 -- names of the catalogue, quoted by it
                    output=search.feed,
                    format="binary",
                )
                places, size, found = places + 1, size + search.size, found + search.found
        finally:
            await connection.close()
    return Looked(places, size, found)


def in_files(directory: Path, forms: Sequence[bytes], *, without: str) -> Looked:
    """Every file below a directory (links followed), WAL and logs among them, except below directories named `without`."""
    places = size = found = 0
    for root, directories, names in os.walk(directory, followlinks=True):
        directories[:] = [each for each in directories if each != without]
        for name in names:
            path = Path(root, name)
            if not path.is_file() or not (length := path.stat().st_size):
                continue
            with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                found += any(content.find(form) >= 0 for form in forms)
            places, size = places + 1, size + length
    return Looked(places, size, found)


async def in_kafka(
    settings: Settings, bootstrap: str, ends: dict[tuple[str, int], int], forms: Sequence[bytes]
) -> Looked:
    """Every record of the inbound topics, up to their ends."""
    return await asyncio.to_thread(_in_kafka, settings, bootstrap, ends, forms)


def _in_kafka(
    settings: Settings, bootstrap: str, ends: dict[tuple[str, int], int], forms: Sequence[bytes]
) -> Looked:
    options = librdkafka_options(settings, bootstrap) | {
        "group.id": "ledger-demo",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
    }
    consumer = Consumer(options)
    waiting = {place for place, end in ends.items() if end}
    consumer.assign([TopicPartition(topic, partition, 0) for topic, partition in waiting])
    places = size = found = 0
    deadline = time.monotonic() + _SECONDS
    try:
        while waiting:
            messages = consumer.consume(1000, timeout=_WAIT_SECONDS)
            if not messages and time.monotonic() > deadline:
                raise KafkaUnreachable("Kafka does not give its records: check that it runs and try again.")
            for message in messages:
                if message.error():
                    waiting.discard((str(message.topic()), int(message.partition() or 0)))
                    continue
                value = message.value() or b""
                places, size = places + 1, size + len(value)
                found += any(form in value for form in forms)
    finally:
        consumer.close()
    return Looked(places, size, found)


class _Search:
    """Looks through a stream in pieces; what spans two of them is found too."""

    def __init__(self, forms: Sequence[bytes]) -> None:
        self._forms = forms
        self._keep = max(map(len, forms)) - 1
        self._tail = b""
        self.size = 0
        self.found = False

    async def feed(self, piece: bytes) -> None:
        window = self._tail + piece
        self.found = self.found or any(form in window for form in self._forms)
        self._tail = window[-self._keep :]
        self.size += len(piece)
