"""Tags against the vectors of the entry format."""

from __future__ import annotations

import pytest

from ledger.core import base64url
from ledger.core.errors import BadInput
from ledger.core.segment_index import segment_root
from ledger.core.tag import Tagger, derive_tag_key, tag

KEY = bytes(range(32))
FIRST = "G0wz8J4FEpBHXLpvrBYpmSOBh3KBYP2ocQPzlB2Nr3o"
SECOND = "oVFMtL6M17-J-cImhOqXNxKRa78cvjgyS9UC2X1nXaY"


@pytest.mark.parametrize(("j", "text"), [(1, FIRST), (2, SECOND)])
def test_the_published_tags(j: int, text: str) -> None:
    assert base64url.encode(tag(KEY, 0, j)) == text


def test_the_published_root_of_their_segment() -> None:
    root = segment_root([base64url.decode(FIRST), base64url.decode(SECOND)])
    assert base64url.encode(root) == "-2tdzplfxWauVZIz76emiLpm_NuSZXC4VSVZcOewDzo"


def test_segment_number_and_key_each_matter() -> None:
    found = {tag(key, seg, j) for key in (KEY, bytes(32)) for seg in (0, 1, 256) for j in (1, 2, 256)}
    assert len(found) == 18


def test_a_tagger_makes_the_same_tags_though_it_forgets_keys() -> None:
    tagger = Tagger(capacity=3)
    for number in (1, 2, 1, 3, 4, 1, 5, 2, 2):
        key = bytes([number]) * 32
        assert tagger.tag(key, number, 7) == tag(key, number, 7)


def test_a_tag_key_is_not_the_secret_nor_the_seal_key() -> None:
    assert derive_tag_key(KEY) != KEY
    assert len(derive_tag_key(KEY)) == 32


@pytest.mark.parametrize("text", ["AA==", "AB", "A", "A+/A", "A A", "AAé"])
def test_base64url_has_one_spelling(text: str) -> None:
    with pytest.raises(BadInput):
        base64url.decode(text)
