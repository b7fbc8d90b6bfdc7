from __future__ import annotations

import pytest

from ledger.core import checkpoint
from ledger.core.checkpoint import Checkpoint, MalformedCheckpoint, WrongOrigin
from ledger.core.errors import BadInput
from ledger.core.merkle import EMPTY_ROOT, leaf_hash
from ledger.core.note import (
    BadSignature,
    CosignatureSigner,
    Ed25519Signer,
    UnknownKey,
    add_signatures,
    sign_note,
)

SIGNER = Ed25519Signer("ledger.example/log/eu", bytes(range(32)))
HEAD = Checkpoint("ledger.example/log/eu", 140, leaf_hash(b"root"))


def test_the_published_example() -> None:
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    head = checkpoint.parse(text)
    assert (head.origin, head.size) == ("example.com/behind-the-sofa", 20_852_163)
    assert head.root.hex() == "0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62"
    assert head.text() == text


def test_a_checkpoint_is_signed_and_opened() -> None:
    note = checkpoint.sign(HEAD, SIGNER)
    assert checkpoint.open(note, SIGNER.verifier) == HEAD
    with pytest.raises(BadSignature):
        checkpoint.open(note.replace("140", "141"), SIGNER.verifier)
    with pytest.raises(UnknownKey):
        checkpoint.open(note, Ed25519Signer(SIGNER.name, bytes(32)).verifier)


def test_cosignatures_beside_the_logs_own_do_not_disturb() -> None:
    cosigned = CosignatureSigner("w.example", bytes(32)).cosign(HEAD.text(), 1)
    note = add_signatures(checkpoint.sign(HEAD, SIGNER), [cosigned])
    assert checkpoint.open(note, SIGNER.verifier) == HEAD


def test_the_checkpoint_of_another_log_is_refused() -> None:
    other = checkpoint.sign(Checkpoint("ledger.example/log/us", 1, leaf_hash(b"x")), SIGNER)
    with pytest.raises(WrongOrigin):
        checkpoint.open(other, SIGNER.verifier)
    assert checkpoint.open(other, SIGNER.verifier, origin="ledger.example/log/us").size == 1
    with pytest.raises(WrongOrigin):
        checkpoint.open(checkpoint.sign(HEAD, SIGNER), SIGNER.verifier, origin="ledger.example/log/us")


TEXT = HEAD.text()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        TEXT[:-1],
        TEXT + "\n",
        TEXT.replace("140", "0140"),
        TEXT.replace("140", "-140"),
        TEXT.replace("140", "+140"),
        TEXT.replace("140", " 140"),
        TEXT.replace("140", "1_40"),
        TEXT.replace("140", "1e2"),
        TEXT.replace("140", "१४०"),
        TEXT.replace("140", ""),
        TEXT.replace("140", "9223372036854775808"),
        TEXT.replace("140", "0"),  # the empty tree has a root of its own
        TEXT.replace(HEAD.origin, ""),
        TEXT.replace("=", ""),
        TEXT.replace("=", "=="),
        "\n".join(TEXT.split("\n")[:2]) + "\n",
        TEXT.split("\n")[0] + "\n1\nAAAA\n",
    ],
)
def test_malformed_checkpoints_are_refused(text: str) -> None:
    for allow_extensions in (False, True):
        with pytest.raises(MalformedCheckpoint):
            checkpoint.parse(text, allow_extensions=allow_extensions)


def test_extension_lines_are_read_where_they_are_allowed() -> None:
    text = TEXT + "one\ntwo\n"
    assert checkpoint.parse(text, allow_extensions=True).extensions == ("one", "two")
    assert checkpoint.parse(text, allow_extensions=True).text() == text
    with pytest.raises(MalformedCheckpoint):
        checkpoint.parse(text)
    note = sign_note(text, [SIGNER])
    assert checkpoint.open(note, SIGNER.verifier, allow_extensions=True).extensions == ("one", "two")
    with pytest.raises(MalformedCheckpoint):
        checkpoint.open(note, SIGNER.verifier)


def test_what_no_checkpoint_can_say_is_refused() -> None:
    assert Checkpoint("o", 0, EMPTY_ROOT).text().startswith("o\n0\n47DEQ")
    for origin, size, root in (
        ("o", -1, EMPTY_ROOT),
        ("o", 1 << 63, EMPTY_ROOT),
        ("o", 1, b""),
        ("o", 0, HEAD.root),
        ("", 1, HEAD.root),
        ("o\np", 1, HEAD.root),
    ):
        with pytest.raises(BadInput):
            Checkpoint(origin, size, root)
    for extension in ("", "a\nb"):
        with pytest.raises(BadInput):
            Checkpoint("o", 1, HEAD.root, (extension,))
