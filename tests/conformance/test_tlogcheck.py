"""Our notes, checkpoints and proofs, judged by golang.org/x/mod/sumdb and filippo.io/torchwood.

Both sides are asked the same, about good things and about damaged ones, and must say the same.
"""

from __future__ import annotations

import random
from typing import Any

from ledger.core import checkpoint, note
from ledger.core.checkpoint import Checkpoint
from ledger.core.errors import LedgerError
from ledger.core.merkle import (
    ProofError,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from ledger.core.note import CosignatureSigner, Ed25519Signer
from ledger.core.tlog_proof import TlogProof
from tests.conformance.go_programs import ask

SIGNER = Ed25519Signer("ledger.example/log/tlog", bytes(range(32)))
WITNESS = CosignatureSigner("witness.example/w1", bytes(range(32, 64)))
LEAVES = [b"leaf %d" % index for index in range(140)]
HASHES = [leaf_hash(leaf) for leaf in LEAVES]


def node(level: int, index: int) -> bytes:
    return root_of(HASHES[index << level : (index + 1) << level])


def damaged(proof: list[bytes], chance: random.Random) -> list[bytes]:
    """The proof as it is, or with a bit changed, a hash lost, added, doubled or moved."""
    result = list(proof)
    at = chance.randrange(len(result)) if result else 0
    match chance.randrange(7):
        case 0 if result:
            bit = chance.randrange(256)
            result[at] = (int.from_bytes(result[at], "big") ^ (1 << bit)).to_bytes(32, "big")
        case 1 if result:
            del result[at]
        case 2:
            result.insert(at, chance.randbytes(32))
        case 3 if result:
            result.insert(at, result[at])
        case 4:
            chance.shuffle(result)
        case _:
            pass
    return result


def accepts(check: dict[str, Any]) -> bool:
    try:
        if check["kind"] == "inclusion":
            verify_inclusion(
                leaf_hash(check["leaf"]), check["index"], check["size"], check["proof"], check["root"]
            )
        else:
            verify_consistency(check["old"], check["size"], check["proof"], check["old_root"], check["root"])
    except ProofError:
        return False
    return True


def test_inclusion_proofs() -> None:
    chance = random.Random(1)
    checks: list[dict[str, Any]] = []
    for size in range(1, len(LEAVES) + 1):
        for index in {0, size - 1, chance.randrange(size), chance.randrange(size)}:
            good = inclusion_proof(index, size, node)
            wrong = chance.choice([index, index, max(0, index - 1), min(size - 1, index + 1)])
            root = root_of(HASHES[:size])
            for at, proof in ((index, good), (index, damaged(good, chance)), (wrong, good)):
                checks.append(
                    {
                        "kind": "inclusion",
                        "leaf": LEAVES[index],
                        "index": at,
                        "size": size,
                        "proof": proof,
                        "root": root,
                    }
                )
    verdicts = [accepts(check) for check in checks]
    assert verdicts == [answer.ok for answer in ask(checks)]
    assert verdicts.count(True) > len(LEAVES)
    assert verdicts.count(False) > len(LEAVES)
    assert all(verdicts[::3]), "every undamaged proof is good"


def test_consistency_proofs() -> None:
    chance = random.Random(2)
    checks: list[dict[str, Any]] = []
    for size in range(1, len(LEAVES) + 1):
        for old in {1, size, chance.randint(1, size), chance.randint(1, size)}:
            good = consistency_proof(old, size, node)
            wrong = chance.choice([old, max(1, old - 1), min(size, old + 1)])
            roots = root_of(HASHES[:old]), root_of(HASHES[:size])
            for at, proof in ((old, good), (old, damaged(good, chance)), (wrong, good)):
                checks.append(
                    {
                        "kind": "consistency",
                        "old": at,
                        "size": size,
                        "proof": proof,
                        "old_root": roots[0],
                        "root": roots[1],
                    }
                )
    verdicts = [accepts(check) for check in checks]
    assert verdicts == [answer.ok for answer in ask(checks)]
    assert verdicts.count(False) > len(LEAVES)
    assert all(verdicts[::3]), "every undamaged proof is good"


def test_both_sides_sign_the_same_note_and_open_each_others() -> None:
    text = Checkpoint(SIGNER.name, 140, root_of(HASHES)).text()
    ours = note.sign_note(text, [SIGNER])
    key = SIGNER.verifier.vkey()
    signed, opened, damaged_text = ask(
        [
            {"kind": "sign", "key": SIGNER.private_text(), "text": text},
            {"kind": "open", "key": key, "text": ours},
            {"kind": "open", "key": key, "text": ours.replace("140", "141")},
        ]
    )
    assert (signed.error, signed.text) == ("", ours)
    assert (opened.error, opened.text) == ("", text)
    assert not damaged_text.ok
    assert note.open_note(signed.text, [note.parse_verifier(key)]).text == text


def test_malformed_notes_are_refused_by_both() -> None:
    good = note.sign_note("a text\n\nof two parts\n", [SIGNER])
    line = good.rpartition("\n\n")[2]
    notes = [
        good,
        good + line,  # the same signature twice
        good.replace("— ", "- "),
        good.replace("\n\n", "\n"),
        good[:-1],
        good + "\n",
        good.replace("text", "te\tt"),
        good.replace("two", "t\x00o"),
        good.replace("— ", "—  "),
        good[:-2] + "!\n",
        good[:-6] + "\n",
        "\n" + line,
        line,
        "",
        good + "— x AAAA\n",
        good + "— x AAAAAAA=\n",  # an unknown key with the shortest signature
        good + "— x y AAAAAAA=\n",
        good + "— x+y AAAAAAA=\n",
        good + "—  AAAAAAA=\n",
    ]
    answers = ask([{"kind": "open", "key": SIGNER.verifier.vkey(), "text": each} for each in notes])
    verdicts = []
    for each in notes:
        try:
            note.open_note(each, [SIGNER.verifier])
        except LedgerError:
            verdicts.append(False)
        else:
            verdicts.append(True)
    assert verdicts == [answer.ok for answer in answers]
    assert verdicts.count(True) == 3


def test_cosignatures_are_accepted_and_their_damage_is_seen() -> None:
    head = Checkpoint(SIGNER.name, 140, root_of(HASHES))
    signed = checkpoint.sign(head, SIGNER)
    cosigned = note.add_signatures(signed, [WITNESS.cosign(head.text(), 1_679_315_147)])
    key = WITNESS.verifier.vkey()
    good, bad, none = ask(
        [
            {"kind": "open-cosigned", "key": key, "text": cosigned},
            {"kind": "open-cosigned", "key": key, "text": cosigned.replace("140", "141")},
            {"kind": "open-cosigned", "key": key, "text": signed},
        ]
    )
    assert good.text == head.text()
    assert not bad.ok
    assert not none.ok


def test_checkpoint_texts_are_read_alike() -> None:
    good = Checkpoint(SIGNER.name, 140, root_of(HASHES)).text()
    texts = [
        good,
        good + "an extension\n",
        good + "\n",
        good.replace("140", "0140"),
        good.replace("140", "-1"),
        good.replace("140", "+140"),
        good.replace("140", "1_40"),
        good.replace("140", "9223372036854775807"),
        good.replace("140", "9223372036854775808"),
        good.replace("140", ""),
        good.replace("=", ""),
        good[:-1],
        "\n".join(good.split("\n")[:2]) + "\n",
    ]
    answers = ask([{"kind": "checkpoint", "text": text} for text in texts])
    for text, answer in zip(texts, answers, strict=True):
        try:
            ours = checkpoint.parse(text, allow_extensions=True).text()
        except LedgerError:
            ours = ""
        assert (ours != "") == answer.ok, text
        if answer.ok:
            assert ours == answer.text == text


def test_hand_over_proofs_are_accepted_and_their_damage_is_seen() -> None:
    signed = checkpoint.sign(Checkpoint(SIGNER.name, 140, root_of(HASHES)), SIGNER)
    path = tuple(inclusion_proof(77, 140, node))
    texts = [TlogProof(77, path, signed, extra).text() for extra in (None, b"", b'{"leaf":"..."}')]
    wrong = [
        TlogProof(76, path, signed).text(),
        TlogProof(77, path[1:], signed).text(),
        TlogProof(77, path, signed.replace("140", "141")).text(),
    ]
    answers = ask(
        [
            {"kind": "tlog-proof", "key": SIGNER.verifier.vkey(), "leaf": LEAVES[77], "text": text}
            for text in texts + wrong
        ]
    )
    assert [answer.ok for answer in answers] == [True, True, True, False, False, False]
