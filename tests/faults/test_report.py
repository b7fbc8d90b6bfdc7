"""The report of `make faults`, and a soak of seconds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.faults.program import Program
from tests.faults.report import Row, as_json, markdown

if TYPE_CHECKING:
    from pathlib import Path


def test_the_report_says_what_was_lost_and_how_to_repeat_it() -> None:
    rows = [
        Row("tests/faults/test_a.py::test_one[x]", "one (x)", seconds=1.0, seed=7, events=60, found={}),
        Row("tests/faults/test_a.py::test_two", "two", seconds=1.0, events=60, found={"lost": 2, "hole": 1}),
        Row("tests/faults/test_b.py::test_three", "three", outcome="skipped", detail="Skipped: no root"),
    ]
    report = as_json(rows, 7, 2.0)
    assert report["ok"]
    assert [each["lost"] for each in report["rows"]] == [0, 3, None]
    assert report["rows"][0]["repeat"].startswith("FAULTS_SEED=7 pytest")
    text = markdown(report)
    assert "| one (x) | 60 | 0 | 0 | passed | 1.0 |" in text
    assert "| two | 60 | 3 | 0 | passed: that is what must be noticed | 1.0 |" in text
    assert "skipped: no root" in text
    failed = as_json([*rows, Row("x", "x", outcome="failed")], 7, 2.0)
    assert not failed["ok"]


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_a_soak_of_seconds(tmp_path: Path) -> None:
    """The whole of it, with little load: so that the hour's run is not the first."""
    report = tmp_path / "soak.json"
    asked = ("--minutes", "0.4", "--rate", "300", "--seed", "5", "--report", str(report))
    async with Program("-m", "tests.faults.soak", *asked) as soak:
        await soak.says("to repeat", seconds=500)
        assert await soak.ended() == 0, soak.said
    found = json.loads(report.read_text(encoding="utf-8"))
    assert found["ok"]
    assert found["faults"]
    assert found["oracle"]["acknowledged"] > 1000
