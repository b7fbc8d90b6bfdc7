"""Where an answer goes and in which form. Whatever it holds, a terminal and a spreadsheet show it and run nothing of it."""

from __future__ import annotations

import contextlib
import io
import os
import re
import secrets
import sys
import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ledger.core.answer_csv import csv_text, defused
from ledger.core.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

# What JSON leaves alone and a terminal may obey: DEL, the C1 controls, and what turns the direction of text.
_OBEYED = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_SHOWN_AS = "\N{REPLACEMENT CHARACTER}"
_WIDTH_WITHOUT_TERMINAL = 160


class Format(StrEnum):
    """How an answer is written."""

    TABLE = "table"
    JSON = "json"
    NDJSON = "ndjson"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class View:
    """An answer as people read it: facts above, rows of a table below, what they should know after it."""

    facts: Sequence[tuple[str, Any]] = ()
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[Any]] = ()
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer in all its forms. `document` is the JSON; `rows` are the lines of NDJSON and CSV, else the document."""

    document: Any
    view: View
    rows: Sequence[Mapping[str, Any]] | None = None
    columns: Sequence[str] = field(default=())


@dataclass(frozen=True, slots=True)
class Output:
    """The form and the place that the caller chose; stdout where `path` is None."""

    form: Format = Format.TABLE
    path: Path | None = None

    def show(self, answer: Answer) -> None:
        """Writes the answer; raises BadInput where `--out` cannot be written."""
        rows = [answer.document] if answer.rows is None else answer.rows
        if self.form is Format.JSON:
            self.text(json_text(answer.document, indent=True))
        elif self.form is Format.NDJSON:
            self.text("".join(json_text(row) for row in rows))
        elif self.form is Format.CSV:
            self.text(csv_text(rows, answer.columns, neutral))
        else:
            self._table(answer.view)

    def text(self, content: str) -> None:
        """Writes text as it is."""
        if self.path is None:
            sys.stdout.write(content)
            sys.stdout.flush()
        else:
            write_private(self.path, content.encode("utf-8"))

    def _table(self, view: View) -> None:
        if self.path is None:
            _print(view, console())
            return
        buffer = io.StringIO()
        _print(view, Console(file=buffer, width=_WIDTH_WITHOUT_TERMINAL, highlight=False, markup=False))
        self.text(buffer.getvalue())


def console(*, stderr: bool = False) -> Console:
    """A console that takes nothing for markup; wide where there is no terminal, so that a pipe gets whole rows."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _WIDTH_WITHOUT_TERMINAL
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False)


def shown(value: Any) -> str:
    """A value as a cell of a table, without anything that a terminal would obey."""
    return harmless(plain(value))


def harmless(text: str) -> str:
    """Text with every control, format and separating character replaced, ANSI sequences and line ends among them."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        _SHOWN_AS if unicodedata.category(each) in {"Cc", "Cf", "Zl", "Zp", "Cs", "Co"} else each
        for each in text
    )


def plain(value: Any) -> str:
    """A value as text: lists joined, what is absent empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)) and not any(isinstance(each, (dict, list, tuple)) for each in value):
        return ", ".join(plain(each) for each in value)
    if isinstance(value, (dict, list, tuple)):
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    return str(value)


def json_text(value: Any, *, indent: bool = False) -> str:
    """JSON with a line end; what a terminal would obey is escaped, which JSON allows."""
    option = orjson.OPT_APPEND_NEWLINE | (orjson.OPT_INDENT_2 if indent else 0)
    return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", orjson.dumps(value, option=option).decode())


def neutral(value: Any) -> str:
    """A value as a CSV cell. Numbers stay numbers: a minus sign is dangerous in text only."""
    text = plain(value)
    if isinstance(value, (int, float)):
        return text
    return defused(text, keep="\t\r\n")


def write_private(path: Path, content: bytes) -> None:
    """Writes a file that only its owner may read, whole or not at all: an answer may name persons."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            temporary.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
    except OSError as error:
        raise BadInput(f"The file of --out cannot be written ({error.strerror}).") from None


def _print(view: View, to: Console) -> None:
    if view.facts:
        facts = Table.grid(padding=(0, 2))
        facts.add_column(style="dim", no_wrap=True)
        facts.add_column(overflow="fold")
        for name, value in view.facts:
            facts.add_row(Text(name), Text(shown(value)))
        to.print(facts)
    if view.columns:
        if view.facts:
            to.print()
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in view.columns:
            table.add_column(Text(name), overflow="fold")
        for row in view.rows:
            table.add_row(*(Text(shown(cell)) for cell in row))
        to.print(table)
    for note in view.notes:
        to.print(Text(harmless(note), style="dim"))
