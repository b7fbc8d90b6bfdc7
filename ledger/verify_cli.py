"""`ledger-verify`: checks an exported log offline. Needs no database, no broker, no network and no account."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ledger.core.checkpoint import tree_hash_text
from ledger.core.errors import BadInput, LedgerError
from ledger.core.note import parse_verifier
from ledger.core.verifier.export import verify_export
from ledger.core.verifier.verdicts import KINDS, VERDICTS, exit_code, sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ledger.core.verifier.export import ExportReport

_FAULT, _INTERRUPTED = 70, 130
_LONGEST_FILE = 256 * (2 + 65_535)  # an entry bundle of 256 leaves of the greatest length


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command and answers its exit code; a crash is 70 and never reads as tampering."""
    parsed = _parser().parse_args(arguments)
    try:
        report = _verify(parsed)
    except LedgerError as why:
        sys.stderr.write(_printable(f"ledger-verify: {why}\n"))
        return why.exit_code
    except KeyboardInterrupt:
        return _INTERRUPTED
    except Exception as why:  # noqa: BLE001 -- whatever it is, it is ours, and says nothing about the log
        sys.stderr.write(
            f"ledger-verify: a fault of this program ({type(why).__name__}); the log was not judged.\n"
        )
        return _FAULT
    sys.stdout.write(_as_json(report) if parsed.json else _printable(_as_text(report)))
    return exit_code(report.verdicts[0].verdict) if report.verdicts else 0


def _verify(parsed: argparse.Namespace) -> ExportReport:
    directory: Path = parsed.directory
    if not directory.is_dir():
        raise BadInput("Give the directory of an exported log, as `ledger export-log` writes it.")
    key = parse_verifier(_text(parsed.key, "key"))
    kept = [_bytes(path, "checkpoint") for path in parsed.checkpoint]
    return verify_export(_reader(directory), key, kept)


def _reader(directory: Path) -> Callable[[str], bytes]:
    """Reads the files of an export by their paths, which are computed and never taken from a file."""

    def read(path: str) -> bytes:
        with (directory / path).open("rb") as file:
            return file.read(_LONGEST_FILE + 1)

    return read


def _bytes(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as why:
        raise BadInput(f"The {what} file cannot be read: check its path.") from why


def _text(path: Path, what: str) -> str:
    try:
        return _bytes(path, what).decode("utf-8").strip()
    except UnicodeDecodeError as why:
        raise BadInput(f"The {what} file is not text.") from why


def _as_json(report: ExportReport) -> str:
    verdicts = [{"verdict": each.verdict, "seq": each.seq, "detail": each.detail} for each in report.verdicts]
    root = tree_hash_text(report.root) if report.root is not None else None
    document = {"ok": not verdicts, "verdicts": verdicts, "size": report.size, "root": root}
    return json.dumps(document) + "\n"


def _as_text(report: ExportReport) -> str:
    if not report.verdicts:
        root = tree_hash_text(report.root or b"")
        return (
            f"Consistent, signed by the key that you named, unwitnessed: {report.size} leaves, root {root}.\n"
        )
    lines = [f"{each.verdict}{_at(each.seq)}: {each.detail}" for each in report.verdicts]
    return "\n".join([*lines, f"This log is not to be relied on: {len(lines)} verdict(s).", ""])


def _printable(text: str) -> str:
    """Names in a note are anyone's text, and this goes onto a terminal."""
    return "".join(each if each.isprintable() or each == "\n" else "?" for each in text)


def _at(seq: int | None) -> str:
    return "" if seq is None else f" at seq {seq}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ledger-verify",
        description="Checks a log that `ledger export-log` wrote: every leaf, link, tile, the root and the signature.",
        epilog=_exit_codes(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("directory", type=Path, metavar="DIR", help="the exported log")
    parser.add_argument(
        "--key",
        type=Path,
        required=True,
        metavar="VKEY_FILE",
        help="the log's verifier key, got from elsewhere than DIR: an export does not vouch for itself",
    )
    parser.add_argument(
        "--checkpoint",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a signed checkpoint kept from before, which the log must still hold to; may be repeated",
    )
    parser.add_argument("--json", action="store_true", help="print {ok, verdicts, size, root}")
    return parser


def _exit_codes() -> str:
    lines = [
        "example: ledger-verify ./log --key log.pub --checkpoint kept.txt",
        "",
        "exit codes: that of the first verdict in the order of the log; 0 where there is none",
        "   2  bad usage or input",
        "  70  a fault of this program; says nothing about the log",
        " 130  interrupted",
    ]
    for name in VERDICTS:
        lines.append(f"  {exit_code(name)}  {name}: {sentence(name)}")
        lines += [
            f"      or {kind}: {sentence(kind)}" for kind, (listed, _) in KINDS.items() if listed == name
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
