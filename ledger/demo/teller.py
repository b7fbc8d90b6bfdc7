"""How the story is told: numbered steps with their times, on a terminal or into a file alike."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ledger.cli.output import harmless, shown
from ledger.core.errors import BadAnswer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_WIDTH = 110
_INDENT = "   "


class Teller:
    """Tells on stdout. `of` is the number of steps that are to come."""

    def __init__(self, of: int) -> None:
        probe = Console()
        width = min(probe.width, _WIDTH) if probe.is_terminal else _WIDTH
        self._console = Console(width=width, highlight=False, markup=False, emoji=False)
        self._of = of
        self._step = 0
        self._began = time.monotonic()

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """One numbered step, with its time at the end."""
        self._step += 1
        began = time.monotonic()
        self._console.print()
        self._console.print(Text(f"{self._step} of {self._of}  {title}", style="bold"))
        yield
        now = time.monotonic()
        took = f"{_INDENT}{now - began:.1f} s; {now - self._began:.1f} s in all"
        self._console.print(Text(took, style="dim"))

    def say(self, text: str, *, style: str = "") -> None:
        """A line of the story, wrapped under itself."""
        self._console.print(Padding(Text(harmless(text), style=style), (0, 0, 0, len(_INDENT)), expand=False))

    def command(self, text: str) -> None:
        """What one would type; never wrapped, so that it can be copied."""
        self._console.print(Text(_INDENT + harmless(text), style="dim"), soft_wrap=True)

    def fact(self, text: str, holds: bool) -> None:
        """Something that the story rests on. Raises BadAnswer where it does not hold."""
        if not holds:
            raise BadAnswer(f"The demo does not hold: {text}")
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_row(Text(_INDENT + "ok", style="green"), Text(harmless(text)))
        self._console.print(grid)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
        for name in columns:
            numeric = all(isinstance(row[len(table.columns)], int) for row in rows)
            table.add_column(name, justify="right" if numeric else "left", overflow="fold")
        for row in rows:
            table.add_row(*(Text(shown(cell)) for cell in row))
        grid = Table.grid()
        grid.add_column(width=len(_INDENT))
        grid.add_column()
        grid.add_row("", table)
        self._console.print(grid)

    def plain(self, text: str = "") -> None:
        """A line outside of the steps."""
        self._console.print(Text(text), soft_wrap=True)

    @contextmanager
    def waiting(self, text: str) -> Iterator[None]:
        """Something moves while the story waits, where there is a terminal."""
        if not self._console.is_terminal:
            yield
            return
        with self._console.status(Text(text)):
            yield
