"""What every command has in common: its options, its help with an example, and one way from an error to an exit code."""

from __future__ import annotations

import asyncio
import getpass
import inspect
import logging
import os
import pwd
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import structlog
import typer
from pydantic import ValidationError

from ledger.cli.output import Format, Output
from ledger.core.errors import BadInput
from ledger.settings import Settings, load

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T", bound="Callable[..., Any]")


@dataclass(frozen=True, slots=True)
class Call:
    """One use of the command line: the settings, who asks and why, and where the answer goes."""

    settings: Settings
    actor: str
    case: str | None
    reason: str | None
    output: Output

    @property
    def json(self) -> bool:
        return self.output.form in {Format.JSON, Format.NDJSON}


_LEDGER = Annotated[
    str | None,
    typer.Option("--ledger", envvar="LEDGER_NAME", show_envvar=True, help="The ledger's name."),
]
_CASE = Annotated[
    str | None,
    typer.Option(
        "--case", envvar="LEDGER_CASE", help="The case that the answer is for; sealed to the asker."
    ),
]
_REASON = Annotated[
    str | None,
    typer.Option("--reason", envvar="LEDGER_REASON", help="Why you ask; recorded, sealed to the asker."),
]
_FORMAT = Annotated[Format, typer.Option("--format", help="The form of the answer.")]
_JSON = Annotated[bool, typer.Option("--json", help="Short for --format json.")]
_OUT = Annotated[
    Path | None, typer.Option("--out", help="Write the answer to this file (mode 0600), not to stdout.")
]


def command(
    app: typer.Typer, name: str, *, example: str, answers: bool = True, aliases: tuple[str, ...] = ()
) -> Callable[[_T], _T]:
    """Registers a function whose first parameter is the Call. It may be async and may return an exit code.

    `answers` is False for a command that runs until it is stopped: it has no answer to give a form to.
    """

    def register(function: _T) -> _T:
        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]

        def run(**given: Any) -> int:
            if answers:
                _quieten()
            result = function(_call(given), **given)
            if inspect.iscoroutine(result):
                result = asyncio.run(result)
            return int(result or 0)

        parameters = [*(each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own), *_common(answers)]
        run.__name__ = function.__name__
        run.__annotations__ = {each.name: each.annotation for each in parameters}
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        help_text = f"{inspect.getdoc(function)}\n\nExample: `{example}`"
        for each in (name, *aliases):
            app.command(each, help=help_text, hidden=each != name)(run)
        return function

    return register


def _quieten() -> None:
    """What the libraries would log, a command says in its one sentence."""
    root = logging.getLogger()
    root.handlers = [logging.NullHandler()]
    structlog.configure(processors=[_dropped])


def _dropped(_logger: Any, _method: str, _event: Any) -> Any:
    raise structlog.DropEvent


def _common(answers: bool) -> list[inspect.Parameter]:
    options: list[tuple[str, Any, Any]] = [("ledger", _LEDGER, None)]
    options += [("case", _CASE, None), ("reason", _REASON, None)]
    if answers:
        options += [("form", _FORMAT, Format.TABLE), ("json", _JSON, False), ("out", _OUT, None)]
    return [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, annotation, default in options
    ]


def _call(given: dict[str, Any]) -> Call:
    """Takes the common options out of what was given."""
    name = given.pop("ledger")
    form, as_json = given.pop("form", Format.TABLE), given.pop("json", False)
    if as_json and form not in {Format.TABLE, Format.JSON}:
        raise BadInput("--json and --format contradict each other: give one of them.")
    return Call(
        settings=_settings(name),
        actor=f"user:{login()}",
        case=given.pop("case"),
        reason=given.pop("reason"),
        output=Output(Format.JSON if as_json else form, given.pop("out", None)),
    )


def _settings(name: str | None) -> Settings:
    """The settings; where some are not valid, the error says what each may be, never what it is."""
    try:
        return load(name=name) if name else load()
    except BadInput as error:
        if not isinstance(error.__cause__, ValidationError):
            raise
        wrong = {
            f"LEDGER_{'_'.join(map(str, each['loc'])).upper()}: {each['msg']}"
            for each in error.__cause__.errors(include_input=False, include_url=False, include_context=False)
        }
        raise BadInput(f"These settings are not valid. {'. '.join(sorted(wrong))}.") from error


def login() -> str:
    """The name that the operating system knows the caller by; environment variables, which anyone sets, come second."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        try:
            return getpass.getuser()
        except (OSError, KeyError):
            return f"uid-{os.geteuid()}"
