"""`ledger-verify` on an exported log: each thing done to the files has its verdict, and its exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from accountability_ledger.restricted_json import canonical
from ledger import verify_cli
from ledger.core import leaf as leaf_format
from ledger.core.checkpoint import Checkpoint, sign
from ledger.core.errors import BadInput
from ledger.core.merkle import leaf_hash, root_of
from ledger.core.note import Ed25519Signer
from ledger.core.static_log import export_static_log
from ledger.core.tile import entry_bundle, parse_bundle
from ledger.core.verifier.export import verify_export
from ledger.core.verifier.verdicts import KINDS, VERDICTS, exit_code
from tests.unit.verifier_logs import ORIGIN, recompute, varied_log

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.unit.verifier_logs import StoredLog

SIGNER = Ed25519Signer(ORIGIN, bytes(range(32)))
LOGS = {size: varied_log(size) for size in (60, 560)}
Files = dict[str, bytes]


def signed(leaves: Sequence[bytes]) -> str:
    return sign(Checkpoint(ORIGIN, len(leaves), root_of([leaf_hash(leaf) for leaf in leaves])), SIGNER)


def export(log: StoredLog) -> Files:
    leaves = [row.leaf for row in log.entries]
    return dict(export_static_log(leaves, signed(leaves)))


def problems(files: Files, *kept: str) -> list[tuple[str, int | None]]:
    report = verify_export(files.__getitem__, SIGNER.verifier, [each.encode() for each in kept])
    return [(each.verdict, each.seq) for each in report.verdicts]


def bundle_of(files: Files, seq: int) -> str:
    index = seq // 256
    return next(path for path in files if path.startswith(f"tile/entries/{index:03}"))


def with_leaf(files: Files, seq: int, leaf: bytes) -> Files:
    path = bundle_of(files, seq)
    leaves = parse_bundle(files[path])
    leaves[seq % 256] = leaf
    return {**files, path: entry_bundle(leaves)}


def edited(leaf: bytes, **changes: Any) -> bytes:
    return canonical({**leaf_format.parse(leaf), **changes})


@pytest.fixture(params=[60, 560])
def log(request: pytest.FixtureRequest) -> StoredLog:
    return LOGS[request.param]


def test_untouched_export_holds(log: StoredLog) -> None:
    leaves = [row.leaf for row in log.entries]
    assert problems(export(log)) == []
    assert problems(export(log), signed(leaves[:30]), signed(leaves)) == []
    assert problems(dict(export_static_log([], sign(Checkpoint(ORIGIN, 0, root_of([])), SIGNER)))) == []


@pytest.mark.parametrize("seq", [0, 7, 58, -1])
def test_edited_leaf(log: StoredLog, seq: int) -> None:
    seq %= log.head.size
    leaf = edited(log.entries[seq].leaf, seg=3)
    assert problems(with_leaf(export(log), seq, leaf)) == [("changed-leaf", seq)]


def test_swapped_leaves(log: StoredLog) -> None:
    files = with_leaf(export(log), 5, log.entries[20].leaf)
    assert problems(with_leaf(files, 20, log.entries[5].leaf)) == [("reordered", 5), ("reordered", 20)]


def test_missing_and_shortened_bundles() -> None:
    files = export(LOGS[560])
    first, last = bundle_of(files, 0), bundle_of(files, 559)
    assert problems({path: data for path, data in files.items() if path != first}) == [("gap", 0)]
    assert problems({**files, first: entry_bundle(parse_bundle(files[first])[:100])}) == [("gap", 100)]
    assert problems({**files, first: files[first][:-1]}) == [("gap", 0)]
    cut = parse_bundle(files[last])[:-5]
    assert problems({**files, last: entry_bundle(cut)}) == [("truncated-tail", 512 + len(cut))]
    more = [*parse_bundle(files[last]), b"{}"]
    assert problems({**files, last: entry_bundle(more)}) == [("reordered", 512)]


def test_changed_tiles(log: StoredLog) -> None:
    files = export(log)
    for path in files:
        if path.startswith("tile/") and not path.startswith("tile/entries/"):
            flipped = files[path][:-1] + bytes([files[path][-1] ^ 1])
            assert problems({**files, path: flipped}) == [("changed-tile", None)], path
            assert problems({each: data for each, data in files.items() if each != path}) == [
                ("changed-tile", None)
            ], path


def test_checkpoints() -> None:
    files = export(LOGS[60])
    note = files["checkpoint"].decode()
    forged = note.replace(f"\n{LOGS[60].head.size}\n", "\n59\n")
    assert problems({**files, "checkpoint": forged.encode()}) == [("bad-signature", None)]
    assert problems({**files, "checkpoint": b"\xff"}) == [("bad-signature", None)]
    other = Ed25519Signer(ORIGIN, bytes(32))
    by_other = sign(Checkpoint(ORIGIN, 0, root_of([])), other)
    assert problems({**files, "checkpoint": by_other.encode()}) == [("unknown-key", None)]
    assert problems(files, by_other) == [("unknown-key", None)]
    nothing: dict[str, bytes] = {}
    with pytest.raises(BadInput):
        verify_export(nothing.__getitem__, SIGNER.verifier)


def test_checkpoint_kept_from_before_catches_another_history(log: StoredLog) -> None:
    """The operator computes everything anew and signs it."""
    leaves = [row.leaf for row in log.entries]
    kept = signed(leaves[:40])
    leaves[10] = edited(
        leaves[10], event={**leaf_format.parse(leaves[10])["event"], "time": "2026-01-02T00:00:00Z"}
    )
    rewritten = export(recompute(log, leaves))
    assert problems(rewritten) == []
    assert problems(rewritten, kept) == [("bad-root", None)]
    assert problems(export(LOGS[60]), signed([row.leaf for row in LOGS[560].entries])) == [
        ("truncated-tail", LOGS[60].head.size)
    ]


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"prev": "B" * 42 + "A"}, "broken-link"),
        ({"seg": 99}, "broken-order"),
        ({"appended": "2020-01-01T00:00:00.000000Z"}, "broken-order"),
        ({"v": 2}, "unknown-version"),
        ({"v": 1, "more": 1}, "changed-leaf"),
        ({"ledger": "ledger.example/log/other"}, "changed-leaf"),
    ],
)
def test_fraud_under_the_signed_root(log: StoredLog, changes: dict[str, Any], verdict: str) -> None:
    leaves = [row.leaf for row in log.entries]
    leaves[14] = edited(leaves[14], **changes)
    made = recompute(log, leaves, keep_prev_of=14)
    assert (verdict, 14) in problems(export(made))


def written(files: Files, directory: Path) -> Path:
    for path, data in files.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_bytes(data)
    return directory


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = LOGS[560]
    directory = written(export(log), tmp_path / "log")
    key = tmp_path / "log.pub"
    key.write_text(SIGNER.verifier.vkey() + "\n")
    kept = tmp_path / "kept.txt"
    kept.write_text(signed([row.leaf for row in log.entries][:40]))
    arguments = [str(directory), "--key", str(key)]
    assert verify_cli.main([*arguments, "--checkpoint", str(kept)]) == 0
    assert "unwitnessed" in capsys.readouterr().out
    assert verify_cli.main([*arguments, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["ok"], document["verdicts"], document["size"]) == (True, [], log.head.size)
    written(with_leaf(export(log), 7, edited(log.entries[7].leaf, seg=3)), directory)
    assert verify_cli.main([*arguments, "--json"]) == 10
    (verdict,) = json.loads(capsys.readouterr().out)["verdicts"]
    assert (verdict["verdict"], verdict["seq"]) == ("changed-leaf", 7)
    assert verify_cli.main(arguments) == 10
    assert "changed-leaf at seq 7" in capsys.readouterr().out
    assert verify_cli.main([str(tmp_path / "nothing"), "--key", str(key)]) == 2
    assert verify_cli.main([str(tmp_path), "--key", str(key)]) == 2
    assert verify_cli.main([str(directory), "--key", str(tmp_path / "none")]) == 2
    assert verify_cli.main([str(directory), "--key", str(kept)]) == 2


def test_nothing_of_a_note_reaches_the_terminal_raw(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = written({"checkpoint": "x\n\n\u2014 a\u009b31m AAAAAAAA\n".encode()}, tmp_path / "log")
    key = tmp_path / "log.pub"
    key.write_text(SIGNER.verifier.vkey())
    assert verify_cli.main([str(directory), "--key", str(key)]) == 20
    assert "\u009b" not in capsys.readouterr().out


def test_exit_codes_are_distinct_and_in_the_help() -> None:
    codes = [meaning.exit_code for meaning in VERDICTS.values()]
    assert codes == list(range(10, 30))
    text = subprocess.run(
        [sys.executable, "-m", "ledger.verify_cli", "--help"], check=True, capture_output=True, text=True
    ).stdout
    for name in VERDICTS:
        assert f"{exit_code(name)}  {name}: " in text
    for name in KINDS:
        assert f"or {name}: " in text
        assert 10 <= exit_code(name) <= 29


def test_program_reaches_no_database_broker_or_web_package() -> None:
    listing = "import sys, ledger.verify_cli; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run(
        [sys.executable, "-c", listing], check=True, capture_output=True, text=True
    ).stdout.split()
    reached = {
        "asyncpg",
        "aiokafka",
        "confluent_kafka",
        "faust",
        "litestar",
        "uvicorn",
        "typer",
        "pydantic",
        "asyncio",
        "streams",
    }
    assert "msgspec" in loaded
    assert not reached & set(loaded)
