"""The example company on the command line: its month as a file."""

from __future__ import annotations

import os
from pathlib import Path  # noqa: TC003 -- Typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from ledger.cli.command import Call, command
from ledger.cli.output import Answer, Output, View, write_private
from ledger.core.errors import BadInput
from ledger.example.month import DEFAULT_DAYS, DEFAULT_PERSONS, DEFAULT_RATE, DEFAULT_SEED, write

if TYPE_CHECKING:
    from ledger.example.month import Summary


def add_to(app: typer.Typer) -> None:
    """Adds demo-data."""

    @command(app, "demo-data", example="ledger demo-data --days 3 --persons 20 --out month.ndjson")
    def demo_data(
        call: Call,
        seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = DEFAULT_SEED,
        days: Annotated[int, typer.Option(min=1, help="Days, from 2026-10-01 on.")] = DEFAULT_DAYS,
        persons: Annotated[
            int, typer.Option(min=1, help="Persons besides the named ones.")
        ] = DEFAULT_PERSONS,
        rate: Annotated[
            float, typer.Option(min=0, max=1000, help="Events for each person and working day.")
        ] = DEFAULT_RATE,
    ) -> None:
        """Writes the example company's events as NDJSON to --out, and says what the ledger is expected to count.

        Some lines are duplicates, conflicts or malformed on purpose: publish the file with --raw to send those too.
        All persons and companies are invented.
        """
        path = call.output.path
        if path is None:
            raise BadInput("Say where the events go: give --out FILE.ndjson.")
        summary = _written(path, seed, days, persons, rate)
        document = msgspec.to_builtins(summary, str_keys=True)
        facts = [("lines", summary.lines), ("bytes", summary.bytes), ("SHA-256", summary.sha256)]
        facts += [(f"to be {name}", count) for name, count in summary.expected.items()]
        Output(call.output.form).show(Answer(document, View(facts=facts)))


def _written(path: Path, seed: int, days: int, persons: int, rate: float) -> Summary:
    """Writes beside the target and renames, so that a half-written month is never taken for a whole one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write_private(temporary, b"")
        try:
            with temporary.open("wb") as out:
                summary = write(out, seed, days, persons, rate)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise BadInput(f"The file of --out cannot be written ({error.strerror}).") from None
    return summary
