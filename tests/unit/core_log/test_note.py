from __future__ import annotations

from base64 import b64encode
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.core.errors import BadInput
from ledger.core.note import (
    MAX_SIGNATURES,
    MAX_TIMESTAMP,
    BadSignature,
    CosignatureSigner,
    CosignatureVerifier,
    Ed25519Signer,
    Ed25519Verifier,
    MalformedNote,
    Signature,
    UnknownKey,
    add_signatures,
    cosigned_message,
    decode_note,
    open_note,
    parse_signatures,
    parse_signer,
    parse_verifier,
    sign_note,
    split_note,
)

# The note, and the keys, of the documentation of golang.org/x/mod/sumdb/note.
PETER_PRIVATE = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)

ALICE = Ed25519Signer("alice.example", bytes(range(32)))
BOB = Ed25519Signer("bob.example", bytes(range(1, 33)))
WITNESS = CosignatureSigner("w.example", bytes(range(2, 34)))
TEXT = "a text\n"


def test_a_published_note() -> None:
    text, good, unknown = open_note(PETER_NOTE, [parse_verifier(PETER)])
    assert text.endswith("your problem is.\n")
    assert [each.name for each in good] == ["PeterNeumann"]
    assert unknown == ()
    signer = parse_signer(PETER_PRIVATE)
    assert isinstance(signer, Ed25519Signer)
    assert sign_note(text, [signer]) == PETER_NOTE


def test_good_and_unknown_signatures_are_told_apart() -> None:
    note = sign_note(TEXT, [ALICE, BOB])
    opened = open_note(note, [BOB.verifier])
    assert opened.text == TEXT
    assert [each.name for each in opened.good] == ["bob.example"]
    assert [each.name for each in opened.unknown] == ["alice.example"]
    assert [each.name for each in open_note(note, [BOB.verifier, ALICE.verifier]).good] == [
        "alice.example",
        "bob.example",
    ]


def test_a_note_by_strangers_means_nothing() -> None:
    note = sign_note(TEXT, [ALICE])
    with pytest.raises(UnknownKey):
        open_note(note, [BOB.verifier])
    with pytest.raises(UnknownKey):
        open_note(note, [])
    # The same name with another key, and the same key under another name, are other keys.
    with pytest.raises(UnknownKey):
        open_note(note, [Ed25519Verifier("alice.example", BOB.verifier.public_key)])
    with pytest.raises(UnknownKey):
        open_note(note, [Ed25519Verifier("bob.example", ALICE.verifier.public_key)])


def test_one_bad_signature_of_a_known_key_spoils_the_note() -> None:
    forged = Signature(BOB.name, BOB.key_id, ALICE.sign(TEXT))
    note = add_signatures(sign_note(TEXT, [ALICE]), [forged])
    assert open_note(note, [ALICE.verifier]).unknown == (forged,)
    with pytest.raises(BadSignature):
        open_note(note, [ALICE.verifier, BOB.verifier])


def test_a_signature_counts_once() -> None:
    note = sign_note(TEXT, [ALICE])
    line = split_note(note)[1][0].line()
    assert len(open_note(note + line, [ALICE.verifier]).good) == 1
    assert add_signatures(note, split_note(note)[1]) == note


def test_the_same_key_named_twice_is_the_callers_mistake() -> None:
    with pytest.raises(BadInput):
        open_note(sign_note(TEXT, [ALICE]), [ALICE.verifier, ALICE.verifier])


def test_the_text_may_hold_empty_lines_and_any_letters() -> None:
    for text in ("one\n\ntwo\n", "one\n\n", "\n", "שלום Привет\n", "— not a signature\n"):
        assert open_note(sign_note(text, [ALICE]), [ALICE.verifier]).text == text


@pytest.mark.parametrize("text", ["", "no newline", "tab\t\n", "cr\r\n", "nul\0\n", "surrogate \ud800\n"])
def test_a_text_that_no_note_may_hold_is_not_signed(text: str) -> None:
    with pytest.raises(BadInput):
        sign_note(text, [ALICE])
    with pytest.raises(BadInput):
        WITNESS.cosign(text, 1)


def test_a_note_without_signers_is_none() -> None:
    with pytest.raises(BadInput):
        sign_note(TEXT, [])


GOOD = sign_note(TEXT, [ALICE])


@pytest.mark.parametrize(
    "note",
    [
        "",
        TEXT,
        GOOD.rstrip("\n"),
        GOOD + "\n",
        GOOD.replace("\n\n", "\n"),
        GOOD.replace("— ", "- "),
        GOOD.replace("— ", "—"),
        GOOD.replace("— alice.example ", "—  "),
        GOOD.replace("alice", "al ice"),
        GOOD.replace("alice", "al+ice"),
        GOOD.replace("alice", "al\N{NO-BREAK SPACE}ice"),
        GOOD.replace("text", "te\x1bxt"),
        GOOD.replace("text", "te\ud800xt"),
        GOOD[:-2] + "\n",
        GOOD[:-3] + "-\n",
        f"{TEXT}\n— x AAAAAA==\n",  # a key id and no signature
        f"{TEXT}\n— x AAAAAAB=\n",  # base64 with bits beyond its end
    ],
)
def test_malformed_notes_are_refused(note: str) -> None:
    with pytest.raises(MalformedNote):
        open_note(note, [ALICE.verifier])


def test_limits() -> None:
    line = "— x AAAAAAA=\n"
    full = GOOD + line * (MAX_SIGNATURES - 1)
    assert len(open_note(full, [ALICE.verifier]).unknown) == MAX_SIGNATURES - 1
    with pytest.raises(MalformedNote):
        open_note(full + line, [ALICE.verifier])
    assert open_note(sign_note("é" * 499_900 + "\n", [ALICE]), [ALICE.verifier])
    with pytest.raises(MalformedNote):
        open_note(sign_note("é" * 500_000 + "\n", [ALICE]), [ALICE.verifier])


def test_bytes_that_are_not_utf_8_are_no_note() -> None:
    assert decode_note(GOOD.encode()) == GOOD
    with pytest.raises(MalformedNote):
        decode_note(b"\xff" + GOOD.encode())


# The example of c2sp.org/tlog-cosignature; its keys are not published, so only its shape is read.
COSIGNED = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
)


def test_the_published_cosignature_is_read() -> None:
    _, (log, witness) = split_note(COSIGNED)
    assert (log.key_id, len(log.signature)) == (0x033DE0AE, 64)
    assert (witness.name, witness.key_id) == ("witness.example.com/w1", 0x8D66CF3F)
    assert (witness.timestamp(), len(witness.signature)) == (1_679_315_147, 72)
    assert log.line() + witness.line() == COSIGNED.rpartition("\n\n")[2]


def test_a_cosignature_covers_text_and_time() -> None:
    made = WITNESS.cosign(TEXT, 1_700_000_000)
    assert made.timestamp() == 1_700_000_000
    assert WITNESS.verifier.verify(TEXT, made.signature)
    assert not WITNESS.verifier.verify("another text\n", made.signature)
    later = (1_700_000_001).to_bytes(8, "big") + made.signature[8:]
    assert not WITNESS.verifier.verify(TEXT, later)
    # A witness's key and a log's key made of the same bytes are two keys, and neither passes for the other.
    as_log = Ed25519Verifier(WITNESS.name, WITNESS.verifier.public_key)
    assert as_log.key_id != WITNESS.key_id
    assert not as_log.verify(TEXT, made.signature[8:])
    assert not WITNESS.verifier.verify(TEXT, bytes(8) + Ed25519Signer(WITNESS.name, WITNESS.seed).sign(TEXT))


@pytest.mark.parametrize("timestamp", [-1, MAX_TIMESTAMP + 1])
def test_a_cosignature_at_an_impossible_time_is_not_made(timestamp: int) -> None:
    with pytest.raises(BadInput):
        WITNESS.cosign(TEXT, timestamp)


def test_a_cosignature_at_an_impossible_time_does_not_pass_though_well_signed() -> None:
    private = Ed25519PrivateKey.from_private_bytes(WITNESS.seed)
    for timestamp, passes in ((MAX_TIMESTAMP, True), (MAX_TIMESTAMP + 1, False)):
        signature = timestamp.to_bytes(8, "big") + private.sign(cosigned_message(TEXT, timestamp))
        assert WITNESS.verifier.verify(TEXT, signature) is passes


def test_of_two_cosignatures_by_one_witness_the_first_counts() -> None:
    first, second = WITNESS.cosign(TEXT, 8), WITNESS.cosign(TEXT, 9)
    note = add_signatures(GOOD, [first, second])
    assert open_note(note, [WITNESS.verifier]).good == (first,)


@pytest.mark.parametrize("signature", [b"", bytes(71), bytes(73), b"\x80" + bytes(71), b"\xff" * 72])
def test_cosignatures_of_another_shape_do_not_pass(signature: bytes) -> None:
    assert not WITNESS.verifier.verify(TEXT, signature)


def test_a_witness_answer_is_read_line_by_line() -> None:
    made = WITNESS.cosign(TEXT, 7)
    assert parse_signatures(made.line()) == [made]
    opened = open_note(add_signatures(GOOD, [made]), [ALICE.verifier, WITNESS.verifier])
    assert opened.good[1] == made
    for wrong in ("", "\n", made.line()[:-1], "\n" + made.line()):
        with pytest.raises(MalformedNote):
            parse_signatures(wrong)


def test_keys_are_written_as_they_are_read() -> None:
    for signer in (ALICE, WITNESS):
        assert parse_signer(signer.private_text() + "\n") == signer
        assert parse_verifier(signer.verifier.vkey() + "\n") == signer.verifier
    assert isinstance(parse_verifier(WITNESS.verifier.vkey()), CosignatureVerifier)
    assert isinstance(parse_verifier(ALICE.verifier.vkey()), Ed25519Verifier)


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "PeterNeumann",
        PETER.replace("c74f20a3", "c74f20a4"),
        PETER.replace("c74f20a3", "C74F20A3"),
        PETER.replace("c74f20a3", "74f20a3"),
        PETER.replace("Peter", "Pedro"),
        PETER.replace("ARpc", "ARpd"),
        PETER.replace("ARpc", "AhpC"),
        PETER + "AAAA",
        PETER.replace("Peter", "Peter "),
        "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        PETER_PRIVATE,
    ],
)
def test_mistyped_verifier_keys_are_refused(vkey: str) -> None:
    with pytest.raises(BadInput):
        parse_verifier(vkey)


@pytest.mark.parametrize(
    "key",
    [
        "",
        PETER,
        PETER_PRIVATE.replace("c74f20a3", "c74f20a4"),
        PETER_PRIVATE[:-4],
        PETER_PRIVATE.replace("AYEK", "AoEK"),
    ],
)
def test_mistyped_private_keys_are_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse_signer(key)
    assert "FALVFGyNhPJEMzD1QIDr" not in str(refused.value)


def test_keys_of_other_kinds_are_refused() -> None:
    typed = b"\x02" + bytes(32)
    key_id = sha256(b"a\n" + typed).hexdigest()[:8]
    with pytest.raises(BadInput, match="neither"):
        parse_verifier(f"a+{key_id}+{b64encode(typed).decode()}")
    public = Ed25519Signer("a", bytes(32)).verifier.public_key
    for key_id in (sha256(b"a\n" + kind + public).hexdigest()[:8] for kind in (b"\x01", b"\x02", b"\x04")):
        with pytest.raises(BadInput, match="neither"):
            parse_signer(f"PRIVATE+KEY+a+{key_id}+{b64encode(typed).decode()}")


def test_a_private_key_does_not_show_itself() -> None:
    assert repr(ALICE) == "Ed25519Signer(name='alice.example')"
    assert repr(WITNESS) == "CosignatureSigner(name='w.example')"


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\tb", "a\u2003b"])
def test_names_that_no_note_may_hold(name: str) -> None:
    with pytest.raises(BadInput):
        Ed25519Signer(name, bytes(32))
    with pytest.raises(BadInput):
        CosignatureVerifier(name, ALICE.verifier.public_key)


def test_keys_of_another_length() -> None:
    with pytest.raises(BadInput):
        Ed25519Signer("a", bytes(31))
    with pytest.raises(BadInput):
        Ed25519Verifier("a", bytes(33))


def test_bytes_that_are_no_point_of_the_curve_verify_nothing() -> None:
    assert not Ed25519Verifier("a", b"\x02" + bytes(31)).verify(TEXT, bytes(64))
