from __future__ import annotations

import pytest

from accountability_ledger.errors import Refused
from accountability_ledger.identifier import is_typed, normalise


@pytest.mark.parametrize(
    ("text", "normalised"),
    [
        ("email:Ann@Example.EU", "email:ann@example.eu"),
        (" email: ann@example.eu\t", "email:ann@example.eu"),
        ("email:Jose\u0301@example.eu", "email:jos\u00e9@example.eu"),
        ("email:JOSE\u0301@example.eu", "email:jos\u00e9@example.eu"),
        ("phone:+49 (30) 123-456", "phone:+4930123456"),
        ("user:Support-1", "user:Support-1"),
        ("id:4711", "id:4711"),
        ("4711", "id:4711"),
        ("https://example.com/people/7", "id:https://example.com/people/7"),
    ],
)
def test_one_person_has_one_spelling(text: str, normalised: str) -> None:
    assert normalise(text) == normalised
    assert normalise(normalised) == normalised


@pytest.mark.parametrize(
    "text",
    [
        "email:",
        "email:ann",
        "email:@example.eu",
        "email:a b@example.eu",
        "phone:030123",
        "phone:+0301",
        "phone:+",
        "phone:+1234567890123456",
        "user:",
        "id: ",
        "",
        "user:" + "x" * 300,
    ],
)
def test_what_names_nobody_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refused:
        normalise(text)
    assert refused.value.reason == "wrong-value"


@pytest.mark.parametrize("text", ["email:ann-at-example", "phone:0301234", "user:" + "ann" * 100])
def test_the_message_never_repeats_the_identifier(text: str) -> None:
    with pytest.raises(Refused) as refused:
        normalise(text)
    assert text.partition(":")[2] not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("email:x", True),
        (" user:x", True),
        ("id:", True),
        ("cloud1", False),
        ("Email:x", False),
        ("tel:1", False),
    ],
)
def test_a_type_makes_a_person_of_a_recipient(text: str, *, expected: bool) -> None:
    assert is_typed(text) is expected
