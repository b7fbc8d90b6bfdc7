"""A person on the command line: three ways to name one, and no error that repeats the name."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

import pytest

from ledger.cli.person import identifier
from ledger.core.errors import BadInput

if TYPE_CHECKING:
    from pathlib import Path

PERSON = "email:ann@example.eu"


def _stdin(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


@pytest.mark.parametrize(
    ("given", "expected"),
    [("email: Ann@Example.EU", PERSON), ("ann", "id:ann"), ("phone:+49 30 123456", "phone:+4930123456")],
)
def test_an_argument_takes_its_one_spelling(given: str, expected: str) -> None:
    assert identifier(given, None) == expected


def test_stdin_and_a_file_name_a_person_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _stdin(monkeypatch, b"email:Ann@example.eu\n")
    assert identifier("-", None) == PERSON
    (tmp_path / "person").write_bytes(b"email:ann@example.eu\r\n")
    assert identifier(None, tmp_path / "person") == PERSON


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"email:ann@example.eu\nemail:bob@example.eu\n",
        b"\xff\xfe",
        b"email:" + b"a" * 5000,
        b"email:secret",
    ],
)
def test_what_names_no_one_person_is_refused(
    content: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _stdin(monkeypatch, content)
    (tmp_path / "person").write_bytes(content)
    for argument, file in (("-", None), (None, tmp_path / "person")):
        with pytest.raises(BadInput) as refused:
            identifier(argument, file)
        assert "secret" not in str(refused.value)
        assert "bob" not in str(refused.value)


def test_a_person_is_named_once(tmp_path: Path) -> None:
    for argument, file in ((None, None), (PERSON, tmp_path / "person")):
        with pytest.raises(BadInput, match="one person"):
            identifier(argument, file)


def test_a_file_that_is_not_there_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="--subject-file"):
        identifier(None, tmp_path / "absent")
