"""The benchmark's Go program: it appends to a Tessera log, and that log is what it says."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from ledger.bench import tessera
from tests.conformance.go_programs import NEEDS_GO

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def go() -> None:
    """Skips without Go, fails in CI."""
    if shutil.which("go") is None:
        if os.environ.get("CI") == "true":
            pytest.fail(NEEDS_GO)
        pytest.skip(NEEDS_GO)


@pytest.mark.usefixtures("go")
@pytest.mark.parametrize("dedup", [False, True])
def test_tessera_appends(tmp_path: Path, *, dedup: bool) -> None:
    leaves = [f"leaf {number}".encode() for number in range(3_000)]
    assert tessera.rate(tmp_path, leaves, dedup=dedup) > 0
    assert list(tmp_path.iterdir()) == []


def test_without_go_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(tessera.NotAvailable, match="Go"):
        tessera.rate(tmp_path, [b"leaf"], dedup=False)
    assert tessera.go_version() is None
