"""A person on the command line: as argument, on stdin, or in a file, since arguments end in `ps` and shell history."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from accountability_ledger.errors import Refused
from accountability_ledger.identifier import normalise
from ledger.core.errors import BadInput

if TYPE_CHECKING:
    from pathlib import Path

_MOST_BYTES = 4096


def identifier(argument: str | None, file: Path | None) -> str:
    """The typed identifier in its one spelling. `-` reads stdin. Raises BadInput, which never repeats it."""
    if (argument is None) == (file is None):
        raise BadInput(
            "Name one person: as argument (`email:name@example.com`), as `-` to read stdin, or with --subject-file."
        )
    if file is not None:
        text = _first_line(_read(file))
    elif argument == "-":
        text = _first_line(sys.stdin.buffer.read(_MOST_BYTES + 1))
    else:
        text = argument or ""
    if not text.strip():
        raise BadInput("The person's identifier is empty.")
    try:
        return normalise(text)
    except Refused as refused:
        raise BadInput(_sentence(refused.message)) from None


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(_MOST_BYTES + 1)
    except OSError as error:
        raise BadInput(f"--subject-file cannot be read ({error.strerror}).") from None


def _first_line(content: bytes) -> str:
    lines = content.splitlines()
    if len(content) > _MOST_BYTES or len(lines) > 1:
        raise BadInput("Give one identifier on one line.")
    try:
        return lines[0].decode("utf-8") if lines else ""
    except UnicodeDecodeError:
        raise BadInput("The person's identifier is not UTF-8 text.") from None


def _sentence(message: str) -> str:
    return f"{message[:1].upper()}{message[1:]}."
