"""The golden log of Tessera: ours must be the same, byte for byte, file for file, at each of its sizes."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.core import checkpoint
from ledger.core.checkpoint import Checkpoint
from ledger.core.merkle import leaf_hash, root_of
from ledger.core.note import Ed25519Signer, parse_signer, parse_verifier
from ledger.core.static_log import check_static_log, export_static_log

GOLDEN = Path(__file__).parents[2] / "vectors" / "tlog-golden"
WORDS = "one two three four five six seven eit nain ten ileven twelf threeten fourten fivten"
LEAVES = [word.encode() for word in WORDS.split()]
PUBLIC = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
PRIVATE = "PRIVATE+KEY+example.com/log/testdata+33d7b496+AeymY/SZAX0jZcJ8enZ5FY1Dz+wTML2yWSkK+9DSF3eg"


def signer() -> Ed25519Signer:
    parsed = parse_signer(PRIVATE)
    assert isinstance(parsed, Ed25519Signer)
    return parsed


def head(size: int) -> Checkpoint:
    return Checkpoint("example.com/log/testdata", size, root_of([leaf_hash(leaf) for leaf in LEAVES[:size]]))


def test_the_keys_are_written_as_they_are_read() -> None:
    assert signer().private_text() == PRIVATE
    assert signer().verifier.vkey() == PUBLIC
    assert parse_verifier(PUBLIC) == signer().verifier


def test_every_file_is_the_same() -> None:
    golden = {
        str(path.relative_to(GOLDEN)): path.read_bytes() for path in GOLDEN.rglob("*") if path.is_file()
    }
    assert len(golden) == 47
    ours = {}
    for size in range(len(LEAVES) + 1):
        for path, data in export_static_log(LEAVES[:size], checkpoint.sign(head(size), signer())):
            ours[f"checkpoint.{size}" if path == "checkpoint" else path] = data
    ours["checkpoint"] = ours["checkpoint.15"]
    assert ours == golden


@pytest.mark.parametrize("size", range(16))
def test_its_checkpoints_open(size: int) -> None:
    note = (GOLDEN / f"checkpoint.{size}").read_text()
    assert checkpoint.open(note, parse_verifier(PUBLIC)) == head(size)


def test_it_checks_out_whole() -> None:
    result = check_static_log(lambda path: (GOLDEN / path).read_bytes(), parse_verifier(PUBLIC))
    assert result.ok
    assert (result.size, result.root) == (15, head(15).root)
