"""Cursors, receipts and CSV: what leaves with an answer, and what comes back altered."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core import answer_receipt, checkpoint
from ledger.core.answer_csv import cell, csv_text
from ledger.core.answer_cursor import BadCursor, Cursor, Cursors
from ledger.core.note import BadSignature, Ed25519Signer, UnknownKey, sign_note
from ledger.core.randomness import system_randomness

CURSORS = Cursors(bytes(32), system_randomness())
ASKED = {"question": "who-accessed", "ledger": "main", "about": "email:ann@example.eu", "from": None}
PLACE = Cursor(77, bytes(range(32)), 1_760_000_000_000_000, 41, (bytes(16), bytes(range(16))))
ORIGIN = "ledger.example/log/main"
SIGNER = Ed25519Signer(f"{ORIGIN}/receipt", bytes(range(32)))


@given(
    st.integers(0, 2**53 - 1),
    st.binary(min_size=32, max_size=32),
    st.integers(-(10**14), 10**14),
    st.lists(st.binary(min_size=16, max_size=16), max_size=5),
)
def test_a_cursor_comes_back_as_it_went(size: int, root: bytes, time: int, keys: list[bytes]) -> None:
    cursor = Cursor(size, root, time, size // 2, tuple(keys))
    assert CURSORS.read(CURSORS.write(cursor, ASKED), ASKED) == cursor


@given(st.data())
def test_no_character_of_a_cursor_can_be_another(data: st.DataObject) -> None:
    text = CURSORS.write(PLACE, ASKED)
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from("ABCxyz019-_"))
    if text[at] != other:
        with pytest.raises(BadCursor):
            CURSORS.read(text[:at] + other + text[at + 1 :], ASKED)


@given(st.text(max_size=200))
def test_any_other_text_is_refused_in_one_way(text: str) -> None:
    with pytest.raises(BadCursor):
        CURSORS.read(text, ASKED)


def test_a_cursor_belongs_to_one_question_and_one_ledger() -> None:
    text = CURSORS.write(PLACE, ASKED)
    for changed in (
        {"ledger": "other"},
        {"about": "email:ben@example.com"},
        {"from": "2026-10-01T00:00:00Z"},
    ):
        with pytest.raises(BadCursor):
            CURSORS.read(text, ASKED | changed)
    with pytest.raises(BadCursor):
        Cursors(bytes([1] * 32), system_randomness()).read(text, ASKED)
    assert CURSORS.write(PLACE, ASKED) != text  # no two look alike


def test_a_receipt_is_these_bytes_and_no_checkpoint() -> None:
    receipt = answer_receipt.Receipt(7, bytes(32))
    signed = answer_receipt.sign(receipt, SIGNER)
    assert signed.startswith(f"{ORIGIN}/receipt\n7\n{'A' * 43}=\n\n\N{EM DASH} {ORIGIN}/receipt ")
    assert answer_receipt.read(signed, SIGNER.verifier) == receipt
    with pytest.raises(BadSignature):
        answer_receipt.read(signed.replace("\n7\n", "\n8\n"), SIGNER.verifier)
    with pytest.raises(UnknownKey):
        answer_receipt.read(signed, Ed25519Signer(ORIGIN, bytes(32)).verifier)


@pytest.mark.parametrize(
    "text",
    [
        f"{ORIGIN}/receipt\n07\n{'A' * 43}=\n",
        f"{ORIGIN}/receipt\n-7\n{'A' * 43}=\n",
        f"{ORIGIN}/receipt\n7\n{'A' * 43}\n",
        f"{ORIGIN}/receipt\n7\nAAAA\n",
        f"{ORIGIN}/receipt\n7\n{'A' * 43}=\nmore\n",
        f"{ORIGIN}\n7\n{'A' * 43}=\n",
        f"{ORIGIN}/receipt\n7\n",
    ],
)
def test_what_is_signed_but_no_receipt_is_refused(text: str) -> None:
    with pytest.raises(answer_receipt.MalformedReceipt):
        answer_receipt.read(sign_note(text, [SIGNER]), SIGNER.verifier)


def test_a_checkpoint_under_the_receipts_key_is_no_receipt() -> None:
    signed = checkpoint.sign(checkpoint.Checkpoint(ORIGIN, 7, bytes(range(32))), SIGNER)
    with pytest.raises(answer_receipt.MalformedReceipt):
        answer_receipt.read(signed, SIGNER.verifier)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'=1"),
        ("\r=1", "'=1"),
        ("\x00=1", "'=1"),
        ("a\r\nb\x1b[31m", "ab[31m"),
        ("email:ann@example.eu", "email:ann@example.eu"),
        (-5, "-5"),
        (None, ""),
        (True, "true"),
        (["a", "b"], "a; b"),
        (["=a"], "'=a"),
        ([], ""),
        ({"b": 1, "a": None}, '{"a":null,"b":1}'),
    ],
)
def test_a_cell_shows_and_never_runs(value: Any, shown: str) -> None:
    assert cell(value) == shown


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.text(max_size=20)), max_size=5))
def test_rows_come_back_from_csv_without_a_formula(rows: list[dict[str, str]]) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    parsed = list(csv.reader(io.StringIO(csv_text(rows))))
    if not names:
        return
    assert parsed[0] == names
    assert len(parsed) == len(rows) + 1
    for line in parsed[1:]:
        assert not any(each.startswith(("=", "+", "-", "@", "\t", "\r")) for each in line)
