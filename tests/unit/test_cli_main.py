"""The command line as a whole: help, usage, and one exit code for each kind of outcome."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import typer

from ledger.cli import main as entry
from ledger.cli.command import Call, command
from ledger.cli.main import main, make_app
from ledger.core import errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EXPECTED = [
    "actor",
    "bench",
    "checkpoint",
    "demo-data",
    "doctor",
    "embedded start",
    "embedded stop",
    "erase",
    "event lint",
    "export-log",
    "migrate",
    "prove",
    "publish",
    "serve",
    "status",
    "up",
    "verify",
    "who-accessed",
    "worker",
]
RUN_UNTIL_STOPPED = {"serve", "up", "worker"}


def _commands(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    for name, each in group.commands.items():
        path = f"{before} {name}".strip()
        if hasattr(each, "commands"):
            yield from _commands(each, path)
        else:
            yield path, each


COMMANDS = dict(_commands(typer.main.get_command(make_app())))


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LEDGER_HOME", str(tmp_path / ".ledger"))
    monkeypatch.delenv("LEDGER_DEBUG", raising=False)


def test_the_commands_are_the_documented_ones() -> None:
    assert sorted(COMMANDS) == EXPECTED


@pytest.mark.parametrize("name", EXPECTED)
def test_every_command_has_an_example_and_the_common_options(name: str) -> None:
    shown = COMMANDS[name]
    assert f"Example: `ledger {name}" in shown.help
    options = {option for each in shown.params for option in each.opts}
    assert options >= {"--ledger", "--case", "--reason"}
    assert (options >= {"--format", "--json", "--out"}) == (name not in RUN_UNTIL_STOPPED)


@pytest.mark.parametrize("name", EXPECTED)
def test_help_ends_with_0(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*name.split(), "--help"]) == 0
    assert "Example" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["nothing"],
        ["prove"],
        ["prove", "x"],
        ["prove", "-1"],
        ["status", "--format", "xml"],
        ["status", "--json", "--format", "csv"],
        ["who-accessed"],
        ["who-accessed", "email:not-an-address"],
        ["who-accessed", "email:ann@example.eu", "--from", "soon"],
        ["who-accessed", "email:ann@example.eu", "--from", "2026-10-02", "--to", "2026-10-01"],
        ["who-accessed", "email:ann@example.eu", "--limit", "0"],
        ["erase", "email:ann@example.eu"],
        ["demo-data"],
        ["embedded", "start", "redis"],
        ["status", "--ledger", "No Name"],
    ],
)
def test_bad_usage_ends_with_2_and_one_sentence(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert "Traceback" not in said.err


def test_what_was_typed_too_much_is_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["who-accessed", "email:ann@example.eu", "email:bob@example.eu"]) == 2
    assert "example.eu" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (errors.BadAnswer("Wrong."), 1),
        (errors.BadInput("Bad."), 2),
        (errors.NotFound("Absent."), 2),
        (errors.Unreachable("Down."), 3),
        (errors.Forbidden("No."), 4),
        (errors.Inconclusive("Unsure."), 5),
        (errors.InternalFault("Ours."), 70),
        (KeyError("email:ann@example.eu"), 70),
        (KeyboardInterrupt(), 130),
    ],
)
@pytest.mark.parametrize("debug", [False, True])
def test_each_outcome_has_its_exit_code(
    raised: BaseException,
    code: int,
    debug: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    app = typer.Typer()

    @command(app, "fail", example="ledger fail")
    async def fail(_call: Call) -> None:
        """Fails."""
        raise raised

    app.callback()(lambda: None)
    monkeypatch.setattr(entry, "make_app", lambda: app)
    if debug:
        monkeypatch.setenv("LEDGER_DEBUG", "1")
    assert main(["fail"]) == code
    said = capsys.readouterr().err
    assert ("Traceback" in said) == (debug and code != 130)
    if not debug:
        assert "example.eu" not in said


def test_the_number_that_a_command_returns_is_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = b'{"a":1}\n\nnot json\n'
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines)))
    assert main(["event", "lint", "-", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [(each["line"], each["ok"], each["reason"]) for each in found] == [
        (1, False, "envelope"),
        (3, False, "not-json"),
    ]


def test_the_same_seed_gives_the_same_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("one", "two"):
        arguments = ["demo-data", "--days", "1", "--persons", "5", "--seed", "7", "--json"]
        assert main([*arguments, "--out", str(tmp_path / name)]) == 0
    first, second = (json.loads(each) for each in capsys.readouterr().out.replace("}\n{", "}\0{").split("\0"))
    assert first == second
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert first["lines"] == len((tmp_path / "one").read_bytes().splitlines())


@pytest.mark.parametrize(
    "arguments",
    [["status"], ["verify"], ["who-accessed", "ann"], ["erase", "ann", "--case", "1"], ["worker"]],
)
def test_without_servers_a_command_ends_with_3_and_says_how_to_start_them(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 3
    assert "make up" in capsys.readouterr().err


def test_the_doctor_names_what_does_not_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert not found["ok"]
    assert {each["check"] for each in found["checks"] if each["state"] == "mend"} == {
        "embedded kafka",
        "embedded postgres",
        "servers",
    }


def test_the_doctor_sees_keys_that_others_may_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = tmp_path / ".ledger" / "keys"
    keys.mkdir(parents=True, mode=0o700)
    (keys / "some.key").write_bytes(b"x" * 32)
    (keys / "some.key").chmod(0o644)
    main(["doctor", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert [each["detail"] for each in found["checks"] if each["check"] == "keys"] == [
        "open to others: some.key"
    ]


def test_settings_that_are_wrong_are_named_with_what_they_may_be(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LEDGER_LEASE_SECONDS", "a-secret")
    monkeypatch.setenv("LEDGER_KAFKA_SECURITY_PROTOCOL", "another-secret")
    assert main(["status"]) == 2
    said = capsys.readouterr().err
    assert "LEDGER_LEASE_SECONDS: Input should be a valid number" in said
    assert "SASL_SSL" in said
    assert "secret" not in said


@pytest.mark.parametrize(
    ("error", "code"), [(None, 0), (errors.Unreachable("Down."), 3), (KeyboardInterrupt(), 130)]
)
def test_threads_that_a_library_leaves_behind_do_not_keep_the_process(
    error: BaseException | None, code: int, tmp_path: Path
) -> None:
    program = (
        "import sys, threading, ledger.cli.main as entry\n"
        "from ledger.cli.left_behind import LeftBehind\n"
        "threading.Thread(target=threading.Event().wait).start()\n"
        "from ledger.core.errors import Unreachable\n"
        f"sys.exit(entry.outcome(LeftBehind({error!r})))\n"
    )
    assert (
        subprocess.run([sys.executable, "-c", program], check=False, timeout=60, cwd=tmp_path).returncode
        == code
    )


def test_the_doctor_misses_a_java_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LEDGER_JAVA_HOME", str(tmp_path / "absent"))
    main(["doctor", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert [each["state"] for each in found["checks"] if each["check"] == "java"] == ["mend"]
