"""Which keys the register knows: a public field's value is in clear only if it is one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accountability_ledger.fields import Registered, Vocabulary
from accountability_ledger.vocabulary import VOCABULARIES
from ledger.core.allow_list import AllowList

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from accountability_ledger.accept import Event
    from accountability_ledger.catalog import EventType
    from accountability_ledger.fields import Rule

Registration = tuple[str, str]  # (section of the register, key)

# Which field of a registering event names the key, and the sections that the key joins. A recipient is a party too.
_BY_TYPE: dict[str, tuple[str, tuple[str, ...]]] = {
    "party.registered": ("party_id", ("parties",)),
    "recipient.registered": ("recipient_id", ("parties",)),
    "recipient.changed": ("recipient_id", ("parties",)),
    "store.registered": ("store_id", ("stores",)),
    "mechanism.adopted": ("mechanism_id", ("mechanisms",)),
    "notice.published": ("version", ("notices",)),
    "instruction.documented": ("instruction_id", ("instructions",)),
    "assessment.recorded": ("assessment_id", ("assessments",)),
}


def registrations(event: Event) -> list[Registration]:
    """The keys that an event registers; [] for every other event."""
    return registrations_of(event.type.short, event.data)


def registrations_of(short: str, data: Mapping[str, Any]) -> list[Registration]:
    """The same by a type's short name and its data, which a leaf shows whole: a registering event is public."""
    if short == "register.row_set":
        return [(str(data["section"]), str(data["key"]))]
    if rule := _BY_TYPE.get(short):
        field, sections = rule
        return [(section, str(data[field])) for section in sections]
    return []


class RegisteredKeys:
    """A snapshot of the registered keys of one ledger, by section; vocabularies of standards stand beside them."""

    def __init__(self, known: Iterable[Registration] = ()) -> None:
        self._known: dict[str, set[str]] = {}
        self._shown: dict[Rule, set[str]] = {}
        self._allow_lists: dict[str, AllowList] = {}
        self.add(known)

    def add(self, registered: Iterable[Registration]) -> None:
        for section, key in registered:
            self._known.setdefault(section, set()).add(key)
            for rule, shown in self._shown.items():
                if section in _sections(rule):
                    shown.add(key)

    def has(self, section: str, value: Any) -> bool:
        return isinstance(value, str) and value in self._known.get(section, ())

    def shown(self, rule: Rule) -> set[str]:
        """The texts that a field of this rule shows in clear, where the rule leaves it to lists and registers: always
        the same set, into which `add` puts what is registered later.
        """
        if rule not in self._shown:
            terms = VOCABULARIES[rule.name] if isinstance(rule, Vocabulary) else ()
            self._shown[rule] = set(terms).union(
                *(self._known.get(section, ()) for section in _sections(rule))
            )
        return self._shown[rule]

    def allow_list(self, event_type: EventType) -> AllowList:
        """What becomes of the data of this type's events."""
        if event_type.name not in self._allow_lists:
            self._allow_lists[event_type.name] = AllowList(event_type, self)
        return self._allow_lists[event_type.name]


def _sections(rule: Rule) -> tuple[str, ...]:
    """The register's sections whose keys a rule shows."""
    if isinstance(rule, Vocabulary):
        return (rule.name,)
    if isinstance(rule, Registered):
        return (rule.section, rule.also) if rule.also else (rule.section,)
    return ("sources",)  # Person: `actor.id` of a service
