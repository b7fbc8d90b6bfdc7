"""`make demo` as a user sees it, without a terminal; and the parts of it that could be wrong without showing."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import re
import secrets
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.demo.traces import forms_of, in_files

_SECONDS = 240.0
_MARK = "OF_THIS_TEST"
_STEP = re.compile(r"^(\d) of 6  ", re.MULTILINE)


async def _demo(directory: Path, mark: str) -> tuple[int | None, str]:
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ledger.demo",
        cwd=directory,
        env={**os.environ, _MARK: mark},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert program.pid in _marked(mark)
    async with asyncio.timeout(_SECONDS):
        said, _ = await program.communicate()
    return program.returncode, said.decode()


def _marked(mark: str) -> list[int]:
    """The processes that have inherited this mark in their environment."""
    found = []
    for each in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if each.name.isdigit() and mark.encode() in (each / "environ").read_bytes():
                found.append(int(each.name))
    return found


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # Whatever the caller's environment says, the demo plays on servers of its own.
    monkeypatch.setenv("LEDGER_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/ledger")
    monkeypatch.setenv("LEDGER_NAME", "production")
    return tmp_path


async def test_the_story_holds_and_leaves_no_process_behind(directory: Path) -> None:
    (directory / ".ledger" / "demo" / "log-export").mkdir(parents=True)
    mark = secrets.token_hex(16)
    code, said = await _demo(directory, mark)
    assert code == 0, said
    assert _STEP.findall(said) == ["1", "2", "3", "4", "5", "6"]
    assert len(re.findall(r"^   [\d.]+ s; [\d.]+ s in all$", said, re.MULTILINE)) == 6
    assert "\x1b" not in said
    assert "published = appended + rejected + duplicate + conflict" in said
    assert "changed-leaf" in said
    assert "the identifier stands nowhere" in said
    assert "exit code 10" in said
    assert (directory / ".ledger" / "demo" / "log-export" / "checkpoint").exists()
    assert not _marked(mark)


def test_an_identifier_is_found_in_any_form_and_place(tmp_path: Path) -> None:
    forms = forms_of("email:ann@example.eu")
    plain = b"ann@example.eu"
    for number, hidden in enumerate(
        (plain, plain.hex().encode(), *(base64.urlsafe_b64encode(b"x" * n + plain + b'"]') for n in range(3)))
    ):
        (tmp_path / "kafka").mkdir(exist_ok=True)
        (tmp_path / "kafka" / "log").write_bytes(hidden)
        (tmp_path / f"file{number}").write_bytes(b"\0" * 5000 + hidden + b"\0" * 5000)
        (tmp_path / "empty").touch()
        looked = in_files(tmp_path, forms, without="kafka")
        assert (looked.places, looked.found) == (number + 1, number + 1)


@given(
    st.binary(max_size=40),
    st.binary(max_size=40),
    st.sampled_from([base64.b64encode, base64.urlsafe_b64encode]),
)
def test_base64_hides_nothing(before: bytes, after: bytes, encode: type[bytes]) -> None:
    text = encode(before + "ännä~?>@example.eu".encode() + after)
    assert any(form in text for form in forms_of("email:ännä~?>@example.eu"))
