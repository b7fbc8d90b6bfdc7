"""The benchmark on the command line."""

from __future__ import annotations

import asyncio
import fcntl
import sys
import time
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, TypeVar

import msgspec
import typer

from ledger.cli.command import Call, command
from ledger.cli.long_running import run
from ledger.cli.output import Answer, View
from ledger.cli.signals import stop_request
from ledger.core.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator
    from pathlib import Path
    from typing import Any

_T = TypeVar("_T")
_MILLIONS = 5_000_000


class What(StrEnum):
    """How much is measured."""

    FULL = "full"
    QUICK = "quick"
    GROWTH = "growth"


def add_to(app: typer.Typer) -> None:
    """Adds bench."""

    @command(app, "bench", example="ledger bench quick")
    def bench(
        call: Call,
        what: Annotated[
            What, typer.Argument(envvar="BENCH", help="Everything, everything quickly, or a log of millions.")
        ] = What.FULL,
        entries: Annotated[
            int, typer.Option(min=10_000, help="How many entries `growth` makes.")
        ] = _MILLIONS,
    ) -> None:
        """Measures the ledger on servers of its own, beside a plain COPY of the same rows and beside its peers.

        Writes bench.json and bench.svg into LEDGER_HOME, and prints a table. `quick` takes two minutes. `growth` makes
        one log of 5 million entries, in up to an hour and 30 GB of disk; where it was interrupted it goes on. Nothing
        of a ledger that runs here is touched, but what else the machine does shows in the figures.
        """
        from ledger.bench.result import Files  # noqa: PLC0415 -- servers and clients take long to import

        files = Files(call.settings.home)
        with _alone(call.settings.home):
            if what is What.GROWTH:
                view, document = _growth(call.settings.home, files, entries)
            else:
                view, document = _whole(call.settings.home, files, what.value)
        call.output.show(Answer(msgspec.to_builtins(document), view))


def _whole(home: Path, files: Any, plan: str) -> tuple[View, Any]:
    from ledger.bench import plot, table  # noqa: PLC0415 -- see above
    from ledger.bench.plan import PLANS  # noqa: PLC0415
    from ledger.bench.run import run as measure  # noqa: PLC0415

    result = files.with_long(_done(measure(home / "bench", PLANS[plan], _Timed())))
    files.write(result)
    files.plot.write_text(plot.svg(result), encoding="utf-8")
    return _view(table.COLUMNS, table.rows(result), files), result


def _growth(home: Path, files: Any, entries: int) -> tuple[View, Any]:
    from ledger.bench import table  # noqa: PLC0415 -- see above
    from ledger.bench.run import run_growth  # noqa: PLC0415

    long = _done(run_growth(home / "bench-growth", entries, _Timed()))
    files.write_long(long)
    return _view(table.COLUMNS, table.long_rows(long), files), long


def _view(columns: tuple[str, ...], rows: list[tuple[str, str, str]], files: Any) -> View:
    return View(columns=columns, rows=rows, notes=(f"Written: {files.json}",))


class _Timed:
    """Says on stderr how far it is, with the seconds since the begin."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __call__(self, text: str) -> None:
        sys.stderr.write(f"{time.monotonic() - self._began:7.1f} s  {text}\n")


def _done(work: Coroutine[Any, Any, _T]) -> _T:
    """Runs to the end; SIGTERM and Ctrl-C end it in order, and its servers with it."""
    found: list[_T] = []

    async def until_stopped() -> None:
        with stop_request() as request:
            working = asyncio.create_task(work)
            asked = asyncio.create_task(request.wait())
            await asyncio.wait((working, asked), return_when=asyncio.FIRST_COMPLETED)
            asked.cancel()
            if not working.done():
                working.cancel()
                await asyncio.wait((working,))
                raise KeyboardInterrupt
            found.append(working.result())

    run(until_stopped)
    return found[0]


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """One benchmark at a time in a home."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "bench.lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BadInput("A benchmark runs already in this directory: wait for its end.") from None
        yield
