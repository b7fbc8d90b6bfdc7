"""Files of lines that survive a crash: a line is there once `write` has returned."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Self

from tests.oracle.observed import Acknowledgement, Head

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


class Journal:
    """Appends JSON lines and fsyncs each batch of them."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, lines: Iterable[dict[str, Any]]) -> None:
        self._file.write(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
        self._file.flush()
        os.fsync(self._file.fileno())


def acknowledgement_line(each: Acknowledgement) -> dict[str, Any]:
    return {
        "topic": each.topic,
        "topic_id": each.topic_id,
        "partition": each.partition,
        "offset": each.offset,
        "source": each.source,
        "id": each.id,
        "digest": each.digest,
        "sound": each.sound,
    }


def head_line(head: Head) -> dict[str, Any]:
    return {"size": head.size, "root": head.root.hex()}


def acknowledgements(path: Path) -> Iterator[Acknowledgement]:
    """One after the other, for a journal that does not fit in memory."""
    return (Acknowledgement(**line) for line in _lines(path))


def read_acknowledgements(path: Path) -> list[Acknowledgement]:
    return list(acknowledgements(path))


def read_heads(path: Path) -> list[Head]:
    return [Head(line["size"], bytes.fromhex(line["root"])) for line in _lines(path)]


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Whole lines only: one that a crash cut off was never promised to anyone."""
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield json.loads(line)
