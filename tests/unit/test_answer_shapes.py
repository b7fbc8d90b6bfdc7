"""The schemas of answers that are checked in are those that the shapes give."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import msgspec
import pytest

from ledger.api.answer_shapes import SHAPES, AnsweredEntry, documents, main
from ledger.core import answer

SCHEMAS = Path(__file__).parents[2] / "schemas"


@pytest.mark.parametrize(("name", "content"), list(documents()))
def test_what_is_checked_in_is_what_is_generated(name: str, content: bytes) -> None:
    assert (SCHEMAS / name).read_bytes() == content, "run: python -m ledger.api.answer_shapes schemas"
    jsonschema.Draft202012Validator.check_schema(json.loads(content))


def test_the_shapes_have_every_field_that_an_answer_may_show() -> None:
    fields = {each.encode_name for each in msgspec.structs.fields(AnsweredEntry)}
    assert {*answer._SHOWN, *answer._ACTORS_OWN} <= fields


def test_they_are_written_where_they_are_wanted(tmp_path: Path) -> None:
    assert main([str(tmp_path)]) == 0
    assert len(list((tmp_path / "answers").iterdir())) == len(SHAPES)
    assert main([]) == 2
