from __future__ import annotations

from pathlib import Path

import pytest

import accountability_ledger
from accountability_ledger import vocabulary
from accountability_ledger.catalog import EVENT_TYPES
from accountability_ledger.fields import Vocabulary
from accountability_ledger.term_lists import module_text

REFERENCE = Path(__file__).parents[3] / "schemas" / "reference"


def test_the_terms_are_those_of_the_reference_files() -> None:
    module = Path(accountability_ledger.__file__).with_name("terms.py")
    assert module.read_text("utf-8") == module_text(REFERENCE)


@pytest.mark.parametrize(
    ("name", "value", "known"),
    [
        ("legal_basis", "A6-1-a", True),
        ("legal_basis", "A6-1-g", False),
        ("legal_basis", "Consent", False),
        ("special_basis", "A9-2-j", True),
        ("tool", "A49-2", True),
        ("tool", "AdequacyDecision", False),
        ("right", "A7-3", True),
        ("right", "SARNotice", False),
        ("reason_code", "A12Complexity", True),
        ("reason_code", "A33RiskMitigated", True),
        ("reason_code", "erasure_check", True),
        ("data_categories", "user.contact.email", True),
        ("data_categories", "user.contact.email ", False),
        ("country", "CH", True),
        ("country", "EU", False),
        ("country", "ch", False),
        ("recording_policy", "default", True),
    ],
)
def test_a_value_is_a_term_or_is_not(name: str, value: str, *, known: bool) -> None:
    assert vocabulary.contains(name, value) is known


def test_every_vocabulary_that_a_field_names_exists_and_the_other_way_round() -> None:
    named = {
        field.rule.name
        for event_type in EVENT_TYPES.values()
        for field in event_type.fields
        if isinstance(field.rule, Vocabulary)
    }
    assert named <= set(vocabulary.VOCABULARIES)
    # A transfer tool stands only in registering types, where all is public; rules of law read the list.
    assert set(vocabulary.VOCABULARIES) - named == {"tool"}


def test_every_reference_has_a_notice() -> None:
    assert all((folder / "NOTICE").is_file() for folder in REFERENCE.iterdir())
