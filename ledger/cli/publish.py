"""Commands of who has events: publish, event lint."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accountability_ledger.lint import lint
from ledger.cli.command import Call, command
from ledger.cli.output import Answer, View
from ledger.cli.progress import reported
from ledger.cli.publishing import publish
from ledger.core.errors import BadInput
from ledger.keyring import Keyring
from ledger.services import kafka_bootstrap
from streams.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO


_FILE = Annotated[str, typer.Argument(metavar="FILE", help="CloudEvents as NDJSON; `-` for stdin.")]
_SHOWN_REFUSALS = 20


@contextmanager
def lines_of(file: str) -> Iterator[IO[bytes]]:
    """The lines of a file, or of stdin for `-`. Raises BadInput where it cannot be read."""
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        opened = Path(file).open("rb")  # noqa: SIM115 -- closed below; the error is only that of opening
    except OSError as error:
        raise BadInput(f"FILE cannot be read ({error.strerror}): give NDJSON, or `-` for stdin.") from None
    with opened:
        yield opened


def add_to(app: typer.Typer) -> None:
    """Adds publish and event lint."""

    @command(app, "publish", example="ledger publish month.ndjson")
    async def publish_command(
        call: Call,
        file: _FILE,
        raw: Annotated[
            bool,
            typer.Option(
                "--raw",
                help="Send every line as it is, refused ones too: for testing what the ledger does with them.",
            ),
        ] = False,
    ) -> int:
        """Validates CloudEvents and publishes them to Kafka, with acks=all.

        Says how many were acknowledged, and which were refused and why. A refused line is not sent, unless --raw: then
        it goes to the topic of its type, or to privacy.access where that cannot be read. Exit code 1 where a line was
        refused.
        """
        settings = call.settings
        with lines_of(file) as lines, reported("Publishing") as progress:
            bootstrap = kafka_bootstrap(settings)
            await Topics(settings, bootstrap).ready()
            keyring = Keyring(settings.keys_directory, settings.name, settings.origin_of(settings.name))
            done = await publish(
                lines,
                settings,
                bootstrap,
                keyring.message_key_salt,
                raw=raw,
                progress=progress,
            )
        refused = [
            {"line": each.line, "reason": each.reason, "message": each.message} for each in done.refused
        ]
        document = {
            "lines": done.lines,
            "published": done.published,
            "refused": refused,
            "raw": raw,
            "topics": dict(sorted(done.topics.items())),
        }
        notes = ["Sent raw: nothing was refused here, the ledger will say what it refuses."] if raw else []
        if len(refused) > _SHOWN_REFUSALS:
            notes.append(f"{len(refused) - _SHOWN_REFUSALS} more refused lines: see --json.")
        view = View(
            facts=[("lines", done.lines), ("published", done.published), ("refused", len(refused))],
            columns=("line", "reason", "what to do") if refused else (),
            rows=[tuple(each.values()) for each in refused[:_SHOWN_REFUSALS]],
            notes=notes,
        )
        call.output.show(Answer(document, view, refused, ("line", "reason", "message")))
        return 1 if refused else 0

    event = typer.Typer(no_args_is_help=True, help="Events before they are sent.")

    @command(event, "lint", example="ledger event lint events.ndjson")
    def event_lint(call: Call, file: _FILE) -> int:
        """Judges events as the ledger would, and sends nothing: for a producer's CI.

        Exit code 0 where every line would be accepted, 1 where one would be refused.
        """
        with lines_of(file) as lines:
            results = list(lint(lines))
        rows = [
            {"line": each.line, "ok": each.ok, "reason": each.reason, "message": each.message}
            for each in results
        ]
        refused = [row for row in rows if not row["ok"]]
        view = View(
            facts=[("lines", len(rows)), ("refused", len(refused))],
            columns=("line", "reason", "what to do") if refused else (),
            rows=[(row["line"], row["reason"], row["message"]) for row in refused],
        )
        call.output.show(Answer(rows, view, rows, ("line", "ok", "reason", "message")))
        return 1 if refused else 0

    app.add_typer(event, name="event")
