"""Which keys the register knows: a public field's value is in clear only if it is one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from accountability_ledger.accept import Event

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
        self.add(known)

    def add(self, registered: Iterable[Registration]) -> None:
        for section, key in registered:
            self._known.setdefault(section, set()).add(key)

    def has(self, section: str, value: Any) -> bool:
        return isinstance(value, str) and value in self._known.get(section, ())
