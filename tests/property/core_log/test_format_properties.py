from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.core import checkpoint, tlog_proof
from ledger.core.checkpoint import Checkpoint
from ledger.core.errors import LedgerError
from ledger.core.note import CosignatureSigner, Ed25519Signer, open_note, parse_verifier, sign_note
from ledger.core.segment_index import SegmentTags, verify_gap
from ledger.core.tile import BundleId, TileId, entry_bundle, parse_bundle, parse_path
from ledger.core.tlog_proof import TlogProof

SIGNER = Ed25519Signer("ledger.example/log/eu", bytes(range(32)))
HASH = st.binary(min_size=32, max_size=32)
PLAIN = st.characters(exclude_categories=("Cs", "Cc"))
TEXTS = st.text(st.one_of(PLAIN, st.just("\n"))).map(lambda text: text + "\n")
NAMES = st.text(PLAIN, min_size=1).filter(lambda name: "+" not in name and not any(map(str.isspace, name)))


@settings(deadline=None)
@given(TEXTS)
def test_any_text_is_signed_and_opened(text: str) -> None:
    opened = open_note(sign_note(text, [SIGNER]), [SIGNER.verifier])
    assert (opened.text, len(opened.good)) == (text, 1)


@settings(deadline=None)
@given(TEXTS, st.data())
def test_any_altered_character_of_a_note_is_seen(text: str, data: st.DataObject) -> None:
    note = sign_note(text, [SIGNER])
    at = data.draw(st.integers(0, len(note) - 1))
    other = data.draw(PLAIN.filter(lambda char: char != note[at]))
    try:
        opened = open_note(note[:at] + other + note[at + 1 :], [SIGNER.verifier])
    except LedgerError:
        return
    raise AssertionError(opened)


@settings(deadline=None)
@given(NAMES, HASH)
def test_keys_of_any_name_are_read_as_written(name: str, seed: bytes) -> None:
    for signer in (Ed25519Signer(name, seed), CosignatureSigner(name, seed)):
        assert parse_verifier(signer.verifier.vkey()) == signer.verifier


@settings(deadline=None)
@given(TEXTS, st.integers(0, 2**63 - 1))
def test_any_cosignature_verifies(text: str, timestamp: int) -> None:
    signer = CosignatureSigner("w.example", bytes(32))
    made = signer.cosign(text, timestamp)
    assert made.timestamp() == timestamp
    assert signer.verifier.verify(text, made.signature)


@settings(deadline=None)
@given(NAMES, st.integers(1, 2**63 - 1), HASH, st.lists(st.text(PLAIN, min_size=1), max_size=2))
def test_checkpoints_are_read_as_written(origin: str, size: int, root: bytes, extensions: list[str]) -> None:
    head = Checkpoint(origin, size, root, tuple(extensions))
    assert checkpoint.parse(head.text(), allow_extensions=True) == head


@settings(deadline=None)
@given(st.text() | st.builds(lambda size: f"o\n{size}\n{'A' * 43}=\n", st.text()))
def test_a_text_is_a_checkpoint_in_one_spelling(text: str) -> None:
    try:
        head = checkpoint.parse(text, allow_extensions=True)
    except LedgerError:
        return
    assert head.text() == text


@settings(deadline=None)
@given(st.integers(0, 2**63 - 1), st.lists(HASH, max_size=63), st.none() | st.binary())
def test_hand_over_proofs_are_read_as_written(index: int, path: list[bytes], extra: bytes | None) -> None:
    note = checkpoint.sign(Checkpoint(SIGNER.name, 1, bytes(32)), SIGNER)
    proof = TlogProof(index, tuple(path), note, extra)
    assert tlog_proof.parse(proof.text()) == proof


@settings(deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=256))
def test_bundles_are_read_as_written(leaves: list[bytes]) -> None:
    assert parse_bundle(entry_bundle(leaves)) == leaves


@settings(deadline=None)
@given(st.integers(0, 63), st.integers(0, 10**12), st.integers(1, 256))
def test_paths_are_read_as_written(level: int, index: int, width: int) -> None:
    for tile in (TileId(level, index, width), BundleId(index, width)):
        assert parse_path(tile.path()) == tile


@settings(deadline=None)
@given(st.sets(HASH, max_size=40), HASH)
def test_a_segment_shows_what_it_does_not_hold(tags: set[bytes], tag: bytes) -> None:
    tags = {each for each in tags if any(each) and each != b"\xff" * 32}
    segment = SegmentTags(tags)
    try:
        gap = segment.gap(tag)
    except LedgerError:
        assert tag in tags or tag in {bytes(32), b"\xff" * 32}
        return
    assert tag not in tags
    verify_gap(tag, gap, len(tags), segment.root())
