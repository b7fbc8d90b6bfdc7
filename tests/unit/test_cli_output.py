"""Answers in their forms: what an event says is shown, and never obeyed by a terminal or a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
import stat
import unicodedata
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.cli.output import Answer, Format, Output, View, harmless, json_text, neutral
from ledger.core.answer_csv import csv_text
from ledger.core.errors import BadInput

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = "\x1b[2J\x9b31m\r\nok\u202egnp.exe\x07"
ROWS: list[dict[str, Any]] = [
    {"name": "=1+1", "count": -3, "tags": ["a", "b"], "none": None},
    {"name": HOSTILE, "count": 2, "tags": [], "none": None},
]
ANSWER = Answer({"rows": ROWS}, View([("what", HOSTILE)], ("name", "count"), [("a", 1), (HOSTILE, 2)]), ROWS)


@given(st.text())
def test_no_text_can_move_a_terminal(text: str) -> None:
    assert not any(unicodedata.category(each) in {"Cc", "Cf", "Zl", "Zp"} for each in harmless(text))


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=50))
def test_readable_text_is_shown_as_it_is(text: str) -> None:
    assert harmless(text) == text


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_json_is_the_same_value_without_controls(text: str) -> None:
    written = json_text({"text": text})
    assert json.loads(written) == {"text": text}
    assert not any(unicodedata.category(each) == "Cc" for each in written.removesuffix("\n"))


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_cell_that_a_spreadsheet_would_run_is_neutralised(start: str) -> None:
    assert neutral(f"{start}cmd") == f"'{start}cmd"


@pytest.mark.parametrize(
    ("value", "cell"), [(-3, "-3"), (True, "yes"), (None, ""), (["a", "b"], "a, b"), ({"a": 1}, '{"a":1}')]
)
def test_values_become_cells(value: object, cell: str) -> None:
    assert neutral(value) == cell


def test_csv_has_a_header_and_reads_back() -> None:
    first, second = list(csv.DictReader(io.StringIO(csv_text(ROWS, written=neutral))))
    assert first == {"name": "'=1+1", "count": "-3", "tags": "a, b", "none": ""}
    assert "\x1b" not in second["name"]


def test_csv_without_rows_still_has_its_header() -> None:
    assert csv_text([], ("line", "reason"), neutral) == "line,reason\r\n"


@pytest.mark.parametrize("form", list(Format))
def test_every_form_holds_every_row_and_no_escape(form: Format, capsys: pytest.CaptureFixture[str]) -> None:
    Output(form).show(ANSWER)
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "\x9b" not in said
    assert "\u202e" not in said or form is Format.CSV
    if form is Format.NDJSON:
        assert [json.loads(line) for line in said.splitlines()] == ROWS
    if form is Format.JSON:
        assert json.loads(said) == {"rows": ROWS}


@pytest.mark.parametrize("form", list(Format))
def test_out_is_a_file_of_the_owners(
    form: Format, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "answer"
    Output(form, path).show(ANSWER)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.stat().st_size
    assert capsys.readouterr().out == ""
    assert [each.name for each in tmp_path.iterdir()] == ["answer"]


def test_out_that_cannot_be_written_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="--out"):
        Output(Format.JSON, tmp_path / "absent" / "answer").show(ANSWER)
