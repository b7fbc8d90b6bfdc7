"""The command line's entry point: every command in one place, and one table from what happened to an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from typing import TYPE_CHECKING

import typer

from accountability_ledger.errors import Refused
from ledger.cli import ask, bench, embedded, example, long_running, operate, proof, publish, remove
from ledger.cli.left_behind import LeftBehind
from ledger.cli.output import harmless
from ledger.core.errors import BadInput, LedgerError

if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPTED = 130
OWN_FAULT = 70
_HELP = """Who accessed which personal data, under which legal basis: asked, answered, proven.

Exit codes: 0 done; 1 the answer is bad (a finding, a failed verification); 2 bad usage or input; 3 a service is not
reachable; 4 forbidden; 5 inconclusive (unwitnessed, stale, partial); 70 our own fault; 130 interrupted.
"""


def make_app() -> typer.Typer:
    """The commands of this program."""
    app = typer.Typer(
        name="ledger",
        help=_HELP,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
    )
    for group in (operate, long_running, publish, ask, remove, proof, example, embedded, bench):
        group.add_to(app)
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; its exit code. Nothing that is raised reaches the caller."""
    try:
        code = make_app()(args=arguments, prog_name="ledger", standalone_mode=False)
        sys.stdout.flush()
    except BaseException as error:  # noqa: BLE001 -- the last line of defence: a crash must not read as tampering
        return outcome(error)
    return code if isinstance(code, int) else 0


def _broken_pipe(error: SystemExit) -> bool:
    """Rich ends the program itself where its reader has gone."""
    return isinstance(error.__context__, BrokenPipeError)


def outcome(error: BaseException) -> int:
    """Says in one sentence what ended a command; its exit code."""
    if isinstance(error, (KeyboardInterrupt, typer.Abort)):
        return INTERRUPTED
    if isinstance(error, BrokenPipeError) or (isinstance(error, SystemExit) and _broken_pipe(error)):
        # Whoever read our output has seen enough; the interpreter must not fail again when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    if isinstance(error, LedgerError):
        return _failed(str(error), error.exit_code, error)
    if isinstance(error, Refused):
        return _failed(f"{error.message[:1].upper()}{error.message[1:]}.", BadInput.exit_code, error)
    if isinstance(error, LeftBehind):
        code = 0 if error.error is None else outcome(error.error)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    if usage := _usage(error):
        return _failed(usage, BadInput.exit_code, error)
    kind = type(error).__name__
    return _failed(
        f"This is a fault of ours ({kind}), it says nothing about the log; LEDGER_DEBUG=1 shows where.",
        OWN_FAULT,
        error,
    )


def _usage(error: BaseException) -> str | None:
    """A mistake in how the command was called. What was typed is not repeated: it may be a person's identifier."""
    if not isinstance(error, typer.TyperException):
        return None
    message = error.format_message()
    if message.startswith("Got unexpected extra argument"):
        message = "There are more arguments than the command takes"
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "ledger"
    return f"{message.rstrip('.')}: see `{command} --help`."


def _failed(sentence: str, code: int, error: BaseException) -> int:
    sys.stderr.write("".join(f"{harmless(line)}\n" for line in sentence.splitlines()))
    if os.environ.get("LEDGER_DEBUG") == "1":
        traceback.print_exception(error, file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
