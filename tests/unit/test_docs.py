"""The documentation's tables and links are held to the code: what is added there must be described here."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer
from litestar.handlers import HTTPRouteHandler

import ledger
import streams
from accountability_ledger.errors import REASONS
from ledger.cli.main import make_app
from ledger.core.errors import LedgerError
from ledger.core.verifier.verdicts import KINDS, VERDICTS
from ledger.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

_ROOT = Path(__file__).parents[2]
_PAGES = sorted(
    [*_ROOT.glob("*.md"), *(_ROOT / "docs").rglob("*.md"), *(_ROOT / "sdk").glob("*.md")],
    key=lambda path: path.as_posix(),
)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_COMMON = {"--ledger", "--case", "--reason", "--format", "--json", "--out"}


def _read(page: str) -> str:
    return (_ROOT / page).read_text(encoding="utf-8")


def _rows(text: str) -> list[list[str]]:
    """The cells of every row of every table, without the back-quotes."""
    lines = [line for line in text.splitlines() if line.startswith("|") and not set(line) <= set("|- ")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]


def _section(text: str, heading: str) -> str:
    """What stands under a heading, up to the next of its level."""
    level = heading.split(" ", maxsplit=1)[0]
    return text.split(f"\n{heading}\n", 1)[1].split(f"\n{level} ", 1)[0]


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not found.name.endswith(("__main__", ".supervise")):
            yield importlib.import_module(found.name)


def _all_modules() -> list[ModuleType]:
    return [*_modules(ledger), *_modules(streams)]


def _anchor(heading: str) -> str:
    """How a heading's anchor is made where these pages are shown."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().replace("`", "").lower())
    return kept.replace(" ", "-")


def _anchors(path: Path) -> set[str]:
    text = _FENCED.sub("", path.read_text(encoding="utf-8"))
    return {_anchor(found) for found in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}


@pytest.mark.parametrize("page", _PAGES, ids=lambda path: path.relative_to(_ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    for target in _LINK.findall(_FENCED.sub("", page.read_text(encoding="utf-8"))):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        if anchor:
            assert anchor in _anchors(file), target


def test_every_setting_is_described_with_its_default() -> None:
    described = {
        row[0]: row[1]
        for row in _rows(_section(_read("docs/operations.md"), "## Settings"))
        if row[0].startswith("LEDGER_") and len(row) == 3
    }
    fields = {f"LEDGER_{name.upper()}": field for name, field in Settings.model_fields.items()}
    assert described.keys() == fields.keys()
    for name, field in fields.items():
        if field.default not in (None, ""):
            assert described[name] == str(field.default), name


def test_every_command_and_option_is_described() -> None:
    sections = dict(
        re.findall(
            r"^### `ledger ([a-z -]+)`\n(.*?)(?=^##|\Z)",
            _read("docs/reference/cli.md"),
            re.MULTILINE | re.DOTALL,
        )
    )
    commands = dict(_commands(typer.main.get_command(make_app()), ""))
    assert sections.keys() == commands.keys()
    for name, options in commands.items():
        for option in options - _COMMON:
            assert option in sections[name] or option in _shared(name), f"{name} {option}"


def _shared(name: str) -> str:
    """`actor` takes what who-accessed takes."""
    return "--from --to --known-at --limit --cursor --subject-file" if name == "actor" else ""


def _commands(group: Any, prefix: str) -> Iterator[tuple[str, set[str]]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{prefix}{name} ")
        elif not command.hidden:
            options = {text for each in command.params for text in each.opts if text.startswith("--")}
            yield prefix + name, options


def test_every_error_code_is_described() -> None:
    _all_modules()
    codes = {
        error.code: (str(error.exit_code), str(error.http_status))
        for error in _subclasses(LedgerError)
        if error.__module__.split(".")[0] in {"ledger", "streams"}
    }
    rows = _rows(_section(_read("docs/reference/errors.md"), "## Codes"))
    assert {row[0]: (row[1], row[2]) for row in rows[1:]} == codes


def _subclasses(base: type[LedgerError]) -> Iterator[type[LedgerError]]:
    yield base
    for each in base.__subclasses__():
        yield from _subclasses(each)


def test_every_verdict_is_described() -> None:
    rows = _rows(
        _section(_read("docs/reference/errors.md"), "## Verdicts of `ledger verify` and `ledger-verify`")
    )
    described = {row[0]: (row[1], row[2].replace("`", "")) for row in rows if row[0] != "verdict"}
    codes = {
        name: (str(meaning.exit_code), meaning.sentence.replace("`", ""))
        for name, meaning in VERDICTS.items()
    }
    kinds = {name: (listed, sentence.replace("`", "")) for name, (listed, sentence) in KINDS.items()}
    assert described == codes | kinds


def test_every_reason_of_a_refusal_is_described_in_its_order() -> None:
    rows = _rows(_section(_read("docs/reference/formats.md"), "## Events that are accepted"))
    assert tuple(row[0] for row in rows[1:]) == REASONS


def test_every_address_of_the_api_is_described() -> None:
    described = set()
    for method, paths, _ in _rows(_section(_read("docs/reference/http.md"), "## Endpoints")):
        described |= {(method, path.strip().strip("`")) for path in paths.split(",")}
    served = {
        (method, re.sub(r":\w+\}", "}", path))
        for module in _modules(importlib.import_module("ledger.api"))
        for handler in vars(module).values()
        if isinstance(handler, HTTPRouteHandler)
        for method in handler.http_methods
        for path in handler.paths
    }
    assert described == {each for each in served if each[0] != "OPTIONS"}


def _source() -> str:
    return "".join(Path(str(module.__file__)).read_text(encoding="utf-8") for module in _all_modules())


def test_alerts_name_what_the_log_says() -> None:
    alerts = _section(_read("docs/operations.md"), "## Alerts")
    named = set(re.findall(r"`((?:worker|append|api|timer|follow)\.[a-z_]+)`", alerts))
    assert named
    said = _source()
    assert {name for name in named if f'"{name}"' not in said} == set()


def test_metrics_are_those_of_the_code() -> None:
    named = set(re.findall(r"`(ledger_[a-z_]+)", _section(_read("docs/operations.md"), "## Metrics")))
    said = _source()
    made = set(re.findall(r"(?:Counter|Gauge|Histogram)\(\s*\"(ledger_[a-z_]+)\"", said))
    assert {name.removesuffix("_total") for name in named} == {name.removesuffix("_total") for name in made}


def test_the_demo_that_the_readme_shows_has_those_steps() -> None:
    story = _read("ledger/demo/play.py")
    shown = re.findall(r"^[1-6] of 6  (.*)$", _read("README.md"), re.MULTILINE)
    assert re.findall(r"tell\.step\(\"(.*?)\"\)", story) == shown


def test_every_decision_is_listed() -> None:
    listed = set(_LINK.findall(_read("docs/adr/README.md")))
    assert listed == {path.name for path in (_ROOT / "docs/adr").glob("[0-9]*.md")}
