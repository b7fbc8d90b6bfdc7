from __future__ import annotations

import pytest

from ledger.core import checkpoint
from ledger.core.checkpoint import Checkpoint
from ledger.core.errors import NotFound
from ledger.core.merkle import EMPTY_ROOT, leaf_hash, root_of
from ledger.core.note import Ed25519Signer
from ledger.core.static_log import RootMismatch, StaticLogWriter, check_static_log, export_static_log
from ledger.core.tile import entry_bundle, parse_bundle, tiles_for_size

SIGNER = Ed25519Signer("ledger.example/log/eu", bytes(range(32)))
LEAVES = [b"leaf %d" % index for index in range(600)]


def note(size: int, *, origin: str = SIGNER.name) -> str:
    return checkpoint.sign(
        Checkpoint(origin, size, root_of([leaf_hash(leaf) for leaf in LEAVES[:size]])), SIGNER
    )


def log(size: int) -> dict[str, bytes]:
    return dict(export_static_log(LEAVES[:size], note(size)))


def test_the_files_of_a_log() -> None:
    files = log(600)
    assert list(files)[-1] == "checkpoint", "who sees the checkpoint finds all that it speaks of"
    assert sorted(files) == sorted(
        [
            "checkpoint",
            "tile/entries/000",
            "tile/entries/001",
            "tile/entries/002.p/88",
            *(tile.path() for tile in tiles_for_size(600)),
        ]
    )
    assert parse_bundle(files["tile/entries/002.p/88"]) == LEAVES[512:]


def test_the_empty_log() -> None:
    assert list(log(0)) == ["checkpoint"]
    result = check_static_log(log(0).__getitem__, SIGNER.verifier)
    assert (result.ok, result.size, result.root) == (True, 0, EMPTY_ROOT)


@pytest.mark.parametrize("size", [599, 601])
def test_leaves_that_are_not_those_of_the_checkpoint_are_not_exported(size: int) -> None:
    leaves = [*LEAVES, b"one more"][:size]
    written: list[str] = []
    with pytest.raises(RootMismatch):
        written.extend(path for path, _ in export_static_log(leaves, note(600)))
    assert "checkpoint" not in written


def test_a_changed_leaf_is_not_exported() -> None:
    with pytest.raises(RootMismatch):
        list(export_static_log([*LEAVES[:5], b"other"], note(6)))


def test_a_checkpoint_of_another_size_is_not_exported() -> None:
    root = root_of([leaf_hash(leaf) for leaf in LEAVES[:6]])
    with pytest.raises(RootMismatch):
        list(export_static_log(LEAVES[:6], checkpoint.sign(Checkpoint(SIGNER.name, 7, root), SIGNER)))


def test_the_writer_counts() -> None:
    writer = StaticLogWriter()
    assert [path for leaf in LEAVES[:300] for path, _ in writer.add(leaf)] == [
        "tile/entries/000",
        "tile/0/000",
    ]
    assert writer.size == 300
    assert [path for path, _ in writer.finish()] == [
        "tile/entries/001.p/44",
        "tile/0/001.p/44",
        "tile/1/000.p/1",
    ]
    assert writer.root() == root_of([leaf_hash(leaf) for leaf in LEAVES[:300]])


@pytest.mark.parametrize("path", log(600))
def test_every_byte_of_every_file_counts(path: str) -> None:
    files = log(600)
    whole = files[path]
    for at in {0, 1, len(whole) // 2, len(whole) - 1}:
        files[path] = whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :]
        assert not check_static_log(files.__getitem__, SIGNER.verifier).ok
    files[path] = whole
    assert check_static_log(files.__getitem__, SIGNER.verifier).ok


def test_a_changed_tile_is_named() -> None:
    files = log(600)
    files["tile/1/000.p/2"] = bytes(64)
    result = check_static_log(files.__getitem__, SIGNER.verifier)
    assert [(each.path, each.code) for each in result.problems] == [("tile/1/000.p/2", "bad-tile")]
    assert result.size == 600


def test_a_changed_leaf_shows_in_its_tile_and_in_the_root() -> None:
    files = log(600)
    leaves = parse_bundle(files["tile/entries/001"])
    leaves[7] = b"other"
    files["tile/entries/001"] = entry_bundle(leaves)
    result = check_static_log(files.__getitem__, SIGNER.verifier)
    assert [(each.path, each.code) for each in result.problems] == [
        ("tile/0/001", "bad-tile"),
        ("tile/1/000.p/2", "bad-tile"),
        ("checkpoint", "bad-root"),
    ]


def test_a_forger_who_mends_every_tile_still_meets_the_root() -> None:
    forged = StaticLogWriter()
    files = dict(file for leaf in [b"other", *LEAVES[1:600]] for file in forged.add(leaf))
    files |= dict(forged.finish()) | {"checkpoint": note(600).encode()}
    result = check_static_log(files.__getitem__, SIGNER.verifier)
    assert [(each.path, each.code) for each in result.problems] == [("checkpoint", "bad-root")]


def test_a_bundle_with_too_few_or_too_many_leaves() -> None:
    for leaves in (LEAVES[256:511], LEAVES[256:513]):
        files = log(600)
        files["tile/entries/001"] = b"".join(entry_bundle([leaf]) for leaf in leaves)
        problems = check_static_log(files.__getitem__, SIGNER.verifier).problems
        assert [(each.path, each.code) for each in problems] == [("tile/entries/001", "malformed-tile")]


@pytest.mark.parametrize("path", ["checkpoint", "tile/0/001", "tile/entries/001"])
@pytest.mark.parametrize("error", [KeyError, FileNotFoundError, NotFound])
def test_a_missing_file_is_named(path: str, error: type[Exception]) -> None:
    files = log(600)

    def read(asked: str) -> bytes:
        if asked == path:
            raise error(asked)
        return files[asked]

    problems = check_static_log(read, SIGNER.verifier).problems
    assert [(each.path, each.code) for each in problems] == [(path, "not-found")]


def test_a_checkpoint_that_cannot_be_believed_ends_the_check() -> None:
    files = log(600)
    for data, code in (
        (b"\xff", "malformed-note"),
        (note(600).replace("600", "599").encode(), "bad-signature"),
        (note(600, origin="ledger.example/log/us").encode(), "wrong-origin"),
    ):
        files["checkpoint"] = data
        result = check_static_log(files.__getitem__, SIGNER.verifier)
        assert [(each.path, each.code) for each in result.problems] == [("checkpoint", code)]
        assert (result.ok, result.size, result.root) == (False, None, None)
    stranger = Ed25519Signer(SIGNER.name, bytes(32)).verifier
    assert check_static_log(log(600).__getitem__, stranger).problems[0].code == "unknown-key"


def test_a_fault_of_the_reader_is_not_taken_for_tampering() -> None:
    def read(_: str) -> bytes:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        check_static_log(read, SIGNER.verifier)
