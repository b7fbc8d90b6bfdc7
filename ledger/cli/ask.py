"""The questions: who accessed a person's data, and what an account touched."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accountability_ledger.catalog import EVENT_TYPES
from ledger.cli.command import Call, command
from ledger.cli.opened import open_of
from ledger.cli.output import Answer, View
from ledger.cli.person import identifier
from ledger.cli.when import period
from ledger.storage.questions import Asker, actor_activity, who_accessed

if TYPE_CHECKING:
    from collections.abc import Sequence

_COLUMNS = (
    ("time", "time"),
    ("type", "type"),
    ("actor", "actor"),
    ("operation", "operation"),
    ("outcome", "outcome"),
    ("categories", "data_categories"),
    ("purpose", "purpose"),
    ("basis claimed", "legal_basis_claimed"),
    ("basis established", "legal_basis_established"),
    ("recipient", "recipient_id"),
    ("country", "destination_country"),
    ("findings", "findings"),
    ("seq", "seq"),
)
_NAMED = 8
_SUBJECT = Annotated[
    str | None, typer.Argument(help="The person, `email:name@example.com`; `-` reads stdin.")
]
_ACTOR = Annotated[
    str | None, typer.Argument(help="The account, `user:name`, or a service's name; `-` reads stdin.")
]
_FILE = Annotated[Path | None, typer.Option("--subject-file", help="Read the identifier from this file.")]
_FROM = Annotated[str | None, typer.Option("--from", help="Begin of the period, in it.")]
_TO = Annotated[str | None, typer.Option("--to", help="End of the period, not in it.")]
_KNOWN_AT = Annotated[str | None, typer.Option("--known-at", help="Only what was known then.")]
_LIMIT = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="Entries a page.")]
_CURSOR = Annotated[
    str | None, typer.Option("--cursor", help="The next page: `next_cursor` of the one before.")
]


def add_to(app: typer.Typer) -> None:
    """Adds who-accessed and actor."""

    @command(app, "who-accessed", example="ledger who-accessed email:ann@example.eu --from -30d --case R-1")
    async def who_accessed_command(
        call: Call,
        subject: _SUBJECT = None,
        subject_file: _FILE = None,
        since: _FROM = None,
        until: _TO = None,
        known_at: _KNOWN_AT = None,
        limit: _LIMIT = 1000,
        cursor: _CURSOR = None,
    ) -> None:
        """Lists every act on a person's data: when, who, operation, categories, purpose, basis, recipient, country.

        The question is recorded before it is answered; --reason and --case are sealed to the asker. Periods hold their
        first moment and not their last; times are UTC. The basis established and findings are empty in this version.
        """
        await _ask(
            call, who_accessed, identifier(subject, subject_file), since, until, known_at, limit, cursor
        )

    @command(app, "actor", example="ledger actor user:support-1 --from 2026-10-01 --to 2026-11-01 --json")
    async def actor_command(
        call: Call,
        actor: _ACTOR = None,
        subject_file: _FILE = None,
        since: _FROM = None,
        until: _TO = None,
        known_at: _KNOWN_AT = None,
        limit: _LIMIT = 1000,
        cursor: _CURSOR = None,
    ) -> None:
        """Lists what an account touched: persons, categories, systems, countries, recipients, denied then allowed.

        The question is recorded before it is answered, as with who-accessed.
        """
        await _ask(
            call, actor_activity, identifier(actor, subject_file), since, until, known_at, limit, cursor
        )


def asker_of(call: Call) -> Asker:
    """Who asks, as the ledger records it."""
    return Asker(call.actor, "cli", call.reason, call.case)


async def _ask(
    call: Call,
    question: Any,
    person: str,
    since: str | None,
    until: str | None,
    known_at: str | None,
    limit: int,
    cursor: str | None,
) -> None:
    asked = period(since, until, known_at)
    async with open_of(call) as ledger:
        answer = await question(
            ledger,
            asker_of(call),
            person,
            since=asked.since,
            until=asked.until,
            known_at=asked.known_at,
            limit=limit,
            cursor=cursor,
        )
    document = answer.to_json()
    call.output.show(Answer(document, answer_view(document), document["entries"]))


def answer_view(document: dict[str, Any]) -> View:
    """An answer as a table: the columns that hold anything, what it adds up to, and where it stands in the log."""
    entries: Sequence[dict[str, Any]] = document["entries"]
    shown = [
        (title, key)
        for title, key in _COLUMNS
        if any(entry.get(key) not in (None, [], "") for entry in entries)
    ]
    facts = [("asked about", document.get("subject") or document.get("actor")), ("entries", len(entries))]
    for name in ("persons", "data_categories", "systems", "countries", "source_countries", "recipients"):
        if values := document.get(name):
            more = f" and {len(values) - _NAMED} more" if len(values) > _NAMED else ""
            facts.append((name.replace("_", " "), f"{len(values)}: {', '.join(values[:_NAMED])}{more}"))
    if document.get("allowed") is not None:
        then = len(document["denied_then_allowed"])
        facts.append(
            (
                "acts",
                f"{document['allowed']} allowed, {document['denied']} denied, {then} denied then allowed",
            )
        )
    checkpoint = document["checkpoint"]
    notes = [f"Recorded as entry {document['query_seq']}; answered at size {checkpoint['size']}."]
    if document.get("next_cursor"):
        notes.append("There is more: --cursor with `next_cursor` of --json gives the next page.")
    return View(
        facts=facts,
        columns=[title for title, _ in shown],
        rows=[[_cell(entry, key) for _, key in shown] for entry in entries],
        notes=notes,
    )


def _cell(entry: dict[str, Any], key: str) -> Any:
    """A type by its short name, a finding by its code; whoever was erased is said to be."""
    value = entry.get(key)
    if key == "type":
        known = EVENT_TYPES.get(str(value))
        return known.short if known else str(value).removeprefix("org.accountability-ledger.")
    if key == "findings":
        return [each["code"] for each in value or ()]
    if value is None and entry.get(f"{key.removesuffix('_id')}_erased"):
        return "(erased)"
    return value
