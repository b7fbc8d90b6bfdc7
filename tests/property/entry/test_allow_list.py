"""The ready-made allow-list against the obvious one: every rule looked up by its path, field by field."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accountability_ledger.accept import accept
from accountability_ledger.catalog import BY_SHORT
from accountability_ledger.errors import Refused
from accountability_ledger.fields import Person, Public, Registered, Sealed, Vocabulary
from accountability_ledger.vocabulary import contains
from ledger.core.entry import draft
from ledger.core.registered import RegisteredKeys
from tests.unit.sdk.samples import complete, encoded, event, smallest

if TYPE_CHECKING:
    from accountability_ledger.accept import Event
    from accountability_ledger.fields import Rule

GONE: Any = object()
SECTIONS = ["sources", "parties", "purposes", "stores", "notices", "mechanisms", "country", "data_categories"]


class Obvious:
    """The public part of an event's data, and what is sealed of it as (name, value, owner)."""

    def __init__(self, event: Event, known: set[tuple[str, str]]) -> None:
        self.rules: dict[tuple[str, ...], Rule] = {field.path: field.rule for field in event.type.fields}
        self.persons = {person.path for person in event.persons}
        self.registers = event.type.registers
        self.known = known
        self.sealed: list[tuple[str, Any, str]] = []
        self.public = self.shown(event.data, ())

    def shown(self, value: Any, path: tuple[str | int, ...]) -> Any:
        rule = self.rules.get(tuple(part for part in path if isinstance(part, str)))
        name = ".".join(map(str, ("data", *path)))
        if path in self.persons:
            return GONE
        if isinstance(rule, Public):
            return value
        if isinstance(rule, Sealed):
            self.sealed.append((name, value, rule.owner))
            return GONE
        if isinstance(value, dict):
            kept = {key: self.shown(each, (*path, key)) for key, each in value.items()}
            kept = {key: each for key, each in kept.items() if each is not GONE}
            return kept if kept or not value or not path else GONE
        if isinstance(value, list):
            items = [self.shown(each, (*path, index)) for index, each in enumerate(value)]
            items = [each for each in items if each is not GONE]
            return items if items or not value else GONE
        if self.registers or self.is_known(rule, value):
            return value
        self.sealed.append((name, value, "subject"))
        return "unregistered"

    def is_known(self, rule: Rule | None, value: Any) -> bool:
        match rule:
            case Vocabulary(name):
                return contains(name, value) or (name, value) in self.known
            case Registered(section, also):
                return (section, value) in self.known or (also, value) in self.known
            case Person():
                return ("sources", value) in self.known
        return False


def check(accepted: Event, known: set[tuple[str, str]], *, later: set[tuple[str, str]]) -> None:
    """`later` is registered after the allow-lists were made ready."""
    registered = RegisteredKeys(known)
    before = outcome(accepted, registered)
    assert before == expected(accepted, known)
    registered.add(later)
    assert outcome(accepted, registered) == expected(accepted, known | later)


def outcome(accepted: Event, registered: RegisteredKeys) -> Any:
    sent = copy.deepcopy(accepted.data)
    try:
        drafted = draft(accepted, registered)
    except Refused as refused:
        return refused.reason
    assert accepted.data == sent
    return (
        drafted.event["data"],
        [(each.name, each.value, each.owner) for each in drafted.sealed if each.name.startswith("data.")],
    )


def expected(accepted: Event, known: set[tuple[str, str]]) -> Any:
    obvious = Obvious(accepted, known)
    source_known = accepted.type.registers or ("sources", accepted.attributes["source"]) in known
    if not accepted.persons and (obvious.sealed or not source_known):
        return "no-owner"
    return obvious.public, obvious.sealed


@pytest.mark.parametrize("short", sorted(BY_SHORT))
def test_every_type_is_sorted_as_its_rules_say(short: str) -> None:
    for data in (smallest(BY_SHORT[short]), complete(BY_SHORT[short])):
        for sent in (data, {**data, "actor": {"id": "crm", "kind": "service", "on_behalf_of": "user:boss"}}):
            check(accept(encoded(event(short, sent))), {("sources", "crm")}, later={("parties", "acme")})


TEXTS = st.sampled_from(["crm", "acme", "DE", "user.name", "email:ann@example.eu", "unregistered", "x", "Ω"])
ACTORS = st.fixed_dictionaries(
    {"id": TEXTS, "kind": st.sampled_from(["service", "employee"])},
    optional={"org": TEXTS, "on_behalf_of": TEXTS},
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "subjects": st.lists(TEXTS, max_size=3),
        "participants": st.lists(TEXTS, max_size=3),
        "actor": ACTORS,
        "recipient_id": TEXTS,
        "purpose": TEXTS,
        "store": TEXTS,
        "data_categories": st.lists(TEXTS, max_size=3),
        "source_country": TEXTS,
        "corrects": st.fixed_dictionaries({"source": TEXTS, "id": TEXTS}),
        "population": st.fixed_dictionaries(
            {"dataset": TEXTS, "record_count": st.integers(0, 9)}, optional={"predicate_digest": TEXTS}
        ),
        "source_ip": TEXTS,
        "case_id": TEXTS,
        "record_count": st.integers(0, 9),
    },
)
KNOWN = st.sets(st.tuples(st.sampled_from(SECTIONS), TEXTS), max_size=12)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.filter_too_much])
@given(st.sampled_from(sorted(BY_SHORT)), FIELDS, KNOWN, KNOWN)
def test_any_values_are_sorted_as_the_rules_say(
    short: str, fields: dict[str, Any], known: set[tuple[str, str]], later: set[tuple[str, str]]
) -> None:
    names = BY_SHORT[short].shape.members
    data = smallest(BY_SHORT[short]) | {name: value for name, value in fields.items() if name in names}
    try:
        accepted = accept(encoded(event(short, data)))
    except Refused:
        return
    check(accepted, known, later=later)


def test_whom_the_actor_of_a_registering_event_acts_for_is_a_person_too() -> None:
    """Such an event is wholly public, its persons are not."""
    data = smallest(BY_SHORT["party.registered"]) | {
        "actor": {"id": "user:staff", "kind": "employee", "on_behalf_of": "email:boss@example.com"}
    }
    drafted = draft(accept(encoded(event("party.registered", data))), RegisteredKeys())
    assert drafted.event["data"]["actor"] == {"kind": "employee"}
    assert [identifier for _, identifier in drafted.persons] == ["user:staff", "email:boss@example.com"]
