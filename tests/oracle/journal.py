"""Files of lines that survive a crash: a line is there once `write` has returned."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
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


def acknowledgement_line(acknowledgement: Acknowledgement) -> dict[str, Any]:
    return asdict(acknowledgement)


def head_line(head: Head) -> dict[str, Any]:
    return {"size": head.size, "root": head.root.hex()}


def read_acknowledgements(path: Path) -> list[Acknowledgement]:
    return [Acknowledgement(**line) for line in _lines(path)]


def read_heads(path: Path) -> list[Head]:
    return [Head(line["size"], bytes.fromhex(line["root"])) for line in _lines(path)]


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Whole lines only: one that a crash cut off was never promised to anyone."""
    for line in path.read_bytes().splitlines(keepends=True):
        if line.endswith(b"\n"):
            yield json.loads(line)
