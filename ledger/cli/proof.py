"""Commands that prove: checkpoint, prove, verify, export-log."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 -- Typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ledger.cli.ask import asker_of
from ledger.cli.command import Call, command
from ledger.cli.opened import open_of
from ledger.cli.output import Answer, View
from ledger.cli.progress import reported
from ledger.core import own
from ledger.core.checkpoint import tree_hash_text
from ledger.core.errors import BadInput
from ledger.storage.log_reader import checkpoint, export_log, inclusion
from ledger.storage.own_entries import OwnEntry
from ledger.storage.questions import Asker, sealed_of
from ledger.storage.verify import verify

if TYPE_CHECKING:
    from ledger.storage.log_reader import ExportResult
    from ledger.storage.verify import Report

# What a verification says where no witness is configured, and its exit code. A ledger with witnesses configured but
# without their quorum is inconclusive (5); one without any witness cannot be asked for a quorum.
UNWITNESSED = "unwitnessed: no witness is configured"
UNWITNESSED_EXIT = 0


def add_to(app: typer.Typer) -> None:
    """Adds checkpoint, prove, verify and export-log."""

    @command(app, "checkpoint", example="ledger checkpoint --out checkpoint.txt")
    async def checkpoint_command(call: Call) -> None:
        """Prints the signed head of the log, a C2SP checkpoint. Not recorded: it names no person."""
        async with open_of(call) as ledger:
            note = await checkpoint(ledger)
        if call.json:
            call.output.show(Answer({"checkpoint": note}, View()))
        else:
            call.output.text(note)

    @command(app, "prove", example="ledger prove 42 --json")
    async def prove(
        call: Call,
        seq: Annotated[int, typer.Argument(min=0, help="The entry's number, from 0.")],
        size: Annotated[
            int | None, typer.Option(min=1, help="Of the log at this size; default: now.")
        ] = None,
    ) -> None:
        """Prints the proof that an entry is in the log (RFC 6962): leaf hash, path, root. Not recorded."""
        async with open_of(call) as ledger:
            proof = await inclusion(ledger, seq, size)
        facts = [(name, proof[name]) for name in ("seq", "size", "leaf_hash", "root")]
        facts += [("proof" if n == 0 else "", each) for n, each in enumerate(proof["proof"])]
        note = "As one text to hand over (C2SP tlog-proof): `tlog_proof` of --json."
        call.output.show(Answer(proof, View(facts=facts, notes=[note])))

    @command(app, "verify", example="ledger verify --from-checkpoint checkpoint.txt")
    async def verify_command(
        call: Call,
        from_checkpoint: Annotated[
            Path | None,
            typer.Option(
                "--from-checkpoint", help="A checkpoint kept from before: the log must still hold to it."
            ),
        ] = None,
        vault: Annotated[
            bool, typer.Option("--vault", help="Check the persons' keys, tags and links as well.")
        ] = False,
    ) -> int:
        """Verifies everything from the stored bytes: leaves, chain, tree, tiles, blobs, links, offsets, columns.

        Exit code 1 when anything is bad: then nothing is appended. A clean verification is itself recorded.
        """
        note = _read(from_checkpoint) if from_checkpoint else None
        async with open_of(call) as ledger:
            with reported("Verifying") as progress:
                report = await verify(
                    ledger.database_url,
                    ledger,
                    vault=ledger.vault if vault else None,
                    from_checkpoint=note,
                    progress=progress,
                )
            recorded = None
            if report.ok:
                recorded = (await ledger.own.append(verified_entry(asker_of(call), report, vault=vault))).seq
        rows = [{"verdict": each.verdict, "seq": each.seq, "detail": each.detail} for each in report.verdicts]
        document = {
            "ok": report.ok,
            "verdicts": rows,
            "size": report.size,
            "root": tree_hash_text(report.root),
            "witnesses": UNWITNESSED,
        }
        notes = [UNWITNESSED]
        if report.left_out:
            notes.append(f"{report.left_out} more verdicts are left out here.")
        if recorded is not None:
            notes.append(f"Recorded as entry {recorded}.")
        view = View(
            facts=[("ok", report.ok), ("size", report.size), ("root", document["root"])],
            columns=("verdict", "seq", "detail") if rows else (),
            rows=[tuple(row.values()) for row in rows],
            notes=notes,
        )
        call.output.show(Answer(document, view, rows, ("verdict", "seq", "detail")))
        return UNWITNESSED_EXIT if report.ok else 1

    @command(app, "export-log", example="ledger export-log ./log")
    async def export_log_command(
        call: Call, directory: Annotated[Path, typer.Argument(metavar="DIR", help="Empty, or not there yet.")]
    ) -> None:
        """Writes the log as static files (C2SP tlog-tiles) with its public keys: `ledger-verify` checks them offline.

        The leaves are pseudonymous personal data: the export is recorded, after the size that it holds.
        """
        async with open_of(call) as ledger:
            with reported("Exporting") as progress:
                done = await export_log(ledger, directory, progress, asker=asker_of(call))
        document = _exported(done)
        call.output.show(Answer(document, View(facts=list(document.items()))))


def verified_entry(asker: Asker, report: Report, *, vault: bool) -> OwnEntry:
    """The entry that records a clean verification. Its reason and case are sealed to the asker."""
    data = {"size": report.size, "root": tree_hash_text(report.root), "vault": vault}
    return OwnEntry(
        own.type_name("ledger.verified"),
        data,
        "cli",
        persons=(("actor", asker.actor),),
        sealed=sealed_of(asker),
    )


def _exported(done: ExportResult) -> dict[str, Any]:
    return {"size": done.size, "root": tree_hash_text(done.root), "files": done.files, "seq": done.seq}


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise BadInput(
            "The file of --from-checkpoint cannot be read: give a checkpoint kept from before."
        ) from None
