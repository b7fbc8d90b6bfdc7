"""The command that erases a person."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 -- Typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from ledger.cli.command import Call, command
from ledger.cli.opened import open_of
from ledger.cli.output import Answer, View
from ledger.cli.person import identifier
from ledger.core import own
from ledger.core.errors import BadInput
from ledger.storage.erasure import erase, plan

if TYPE_CHECKING:
    from ledger.storage.erasure import Erased, Plan

_REMAINS = (
    "Values become unreadable and links are destroyed; times, types, purposes and countries remain.",
    "Kafka, dead letters and backups keep copies until the time above.",
)


def add_to(app: typer.Typer) -> None:
    """Adds erase."""

    @command(app, "erase", example="ledger erase --subject-file person.txt --case E-17")
    async def erase_command(
        call: Call,
        subject: Annotated[
            str | None, typer.Argument(help="The person, `email:name@example.com`; `-` reads stdin.")
        ] = None,
        subject_file: Annotated[
            Path | None, typer.Option("--subject-file", help="Read the person's identifier from this file.")
        ] = None,
        dry_run: Annotated[
            bool, typer.Option("--dry-run", help="Say what would happen; change nothing.")
        ] = False,
    ) -> None:
        """Erases a person: destroys the key, deletes the links, and records that it was done.

        Needs --case. After a crash the same command with the same case goes on where it stopped. A legal hold comes
        first: then exit code 4. An erasure cannot be undone.
        """
        if not call.case and not dry_run:
            raise BadInput("An erasure belongs to a case: give --case.")
        person = identifier(subject, subject_file)
        settings = call.settings
        async with open_of(call) as ledger:
            if dry_run:
                call.output.show(_planned(await plan(ledger, person, settings)))
                return
            done = await erase(ledger, call.actor, person, call.case or "", settings=settings)
        call.output.show(_done(done))


def _planned(would: Plan) -> Answer:
    document = {
        "dry_run": True,
        "keys": would.keys,
        "links": would.links,
        "holds": would.holds,
        "effective_by": own.clock_text(would.effective_by),
    }
    facts = [
        ("keys to destroy", would.keys),
        ("links to delete", would.links),
        ("legal holds in the way", would.holds),
        ("last copies expire by", document["effective_by"]),
    ]
    return Answer(document, View(facts=facts, notes=("Nothing was changed.", _REMAINS[0])))


def _done(done: Erased) -> Answer:
    document = {
        "dry_run": False,
        "started": done.started,
        "erased": done.erased,
        "keys": done.keys,
        "links": done.links,
        "effective_by": own.clock_text(done.effective_by),
    }
    facts = [
        ("keys destroyed", done.keys),
        ("links deleted", done.links),
        ("entry of the start", "an earlier run" if done.started is None else done.started),
        ("entry of the erasure", done.erased),
        ("last copies expire by", document["effective_by"]),
    ]
    return Answer(document, View(facts=facts, notes=_REMAINS))
