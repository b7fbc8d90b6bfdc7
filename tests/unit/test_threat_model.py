"""The threat model names its tests: each must exist, or the table promises what nothing shows."""

from __future__ import annotations

import re
from pathlib import Path

from ledger.core.verifier.verdicts import KINDS, VERDICTS

_ROOT = Path(__file__).parents[2]
_PAGE = (_ROOT / "docs/threat-model.md").read_text(encoding="utf-8")
_FILES = ("test_operator_columns", "test_operator_forgery", "test_operator_vault", "test_verify")


def test_every_test_that_is_named_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", _PAGE))
    assert named
    integration = _ROOT / "tests/integration"
    source = "".join((integration / f"{file}.py").read_text(encoding="utf-8") for file in _FILES)
    assert named <= set(re.findall(r"^async def (test_\w+)\(", source, re.MULTILINE))


def test_every_verdict_that_is_named_exists() -> None:
    rows = [line.split("|") for line in _PAGE.splitlines() if line.startswith("| ") and line.count("|") == 5]
    named = {each for row in rows[1:] for each in re.findall(r"`([a-z]+-[a-z-]+)`", row[3])}
    assert named <= VERDICTS.keys() | KINDS.keys()
    assert len(named) > 15
