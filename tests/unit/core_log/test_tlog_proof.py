from __future__ import annotations

import pytest

from ledger.core import checkpoint, tlog_proof
from ledger.core.checkpoint import Checkpoint, WrongOrigin
from ledger.core.errors import BadInput
from ledger.core.merkle import ProofError, inclusion_proof, leaf_hash, root_of
from ledger.core.note import BadSignature, Ed25519Signer, UnknownKey
from ledger.core.tlog_proof import MalformedProof, TlogProof

SIGNER = Ed25519Signer("ledger.example/log/eu", bytes(range(32)))
HASHES = [leaf_hash(b"%d" % index) for index in range(11)]
NOTE = checkpoint.sign(Checkpoint(SIGNER.name, 11, root_of(HASHES)), SIGNER)
PATH = tuple(
    inclusion_proof(6, 11, lambda level, index: root_of(HASHES[index << level : (index + 1) << level]))
)
PROOF = TlogProof(6, PATH, NOTE, b'{"leaf":"..."}')


def test_the_text_is_what_the_format_says() -> None:
    lines = PROOF.text().split("\n")
    assert lines[:3] == ["c2sp.org/tlog-proof@v1", "extra eyJsZWFmIjoiLi4uIn0=", "index 6"]
    assert lines[3 + len(PATH)] == ""
    assert PROOF.text().endswith("\n\n" + NOTE)
    assert tlog_proof.parse(PROOF.text()) == PROOF


def test_without_extra_and_with_empty_extra() -> None:
    for extra in (None, b""):
        proof = TlogProof(6, PATH, NOTE, extra)
        assert ("\nextra \n" in proof.text()) == (extra == b"")
        assert tlog_proof.parse(proof.text()) == proof


def test_a_log_of_one_leaf_has_an_empty_path() -> None:
    note = checkpoint.sign(Checkpoint(SIGNER.name, 1, HASHES[0]), SIGNER)
    proof = tlog_proof.parse(TlogProof(0, (), note).text())
    assert proof.text().startswith("c2sp.org/tlog-proof@v1\nindex 0\n\n")
    assert proof.verify(HASHES[0], SIGNER.verifier).size == 1


def test_it_verifies_under_its_checkpoint() -> None:
    assert PROOF.verify(HASHES[6], SIGNER.verifier) == Checkpoint(SIGNER.name, 11, root_of(HASHES))
    with pytest.raises(ProofError):
        PROOF.verify(HASHES[5], SIGNER.verifier)
    with pytest.raises(ProofError):
        TlogProof(7, PATH, NOTE).verify(HASHES[6], SIGNER.verifier)
    with pytest.raises(ProofError):
        TlogProof(11, PATH, NOTE).verify(HASHES[6], SIGNER.verifier)
    with pytest.raises(BadSignature):
        TlogProof(6, PATH, NOTE.replace("\n11\n", "\n12\n")).verify(HASHES[6], SIGNER.verifier)
    with pytest.raises(UnknownKey):
        PROOF.verify(HASHES[6], Ed25519Signer(SIGNER.name, bytes(32)).verifier)
    with pytest.raises(WrongOrigin):
        PROOF.verify(HASHES[6], SIGNER.verifier, origin="ledger.example/log/us")


TEXT = PROOF.text()


@pytest.mark.parametrize(
    "text",
    [
        "",
        NOTE,
        "\n" + TEXT,
        TEXT.replace("@v1", "@v2"),
        TEXT.replace("\n\n", "\n"),
        TEXT.replace("index 6", "index 06"),
        TEXT.replace("index 6", "index -6"),
        TEXT.replace("index 6", "index  6"),
        TEXT.replace("index 6", "index 9223372036854775808"),
        TEXT.replace("index 6\n", ""),
        TEXT.replace("extra ", "extra  "),
        TEXT.replace("In0=", "In0"),
        TEXT.replace("index 6\n", "index 6\nextra AAAA\n"),
        TEXT.replace("index 6\n", "index 6\nAAAA\n"),
        TEXT.replace("index 6\n", "index 6\nindex 6\n"),
        "c2sp.org/tlog-proof@v1\n\n" + NOTE,
    ],
)
def test_malformed_proofs_are_refused(text: str) -> None:
    with pytest.raises(MalformedProof):
        tlog_proof.parse(text)


def test_what_the_format_cannot_say_is_refused() -> None:
    for index, path in ((-1, ()), (1 << 63, ()), (0, (bytes(31),)), (0, (bytes(32),) * 64)):
        with pytest.raises(BadInput):
            TlogProof(index, path, NOTE)
