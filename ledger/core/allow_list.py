"""The allow-list of entry-format, made ready once for each event type: what of an event's data stands in clear.

A field is in clear only where its rule says so. Fields that are always public cost nothing but their copy; a text that
may be in clear is looked up in one live set (`RegisteredKeys.shown`); every other field has a sorter of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from accountability_ledger.fields import Person, Public, Sealed
from ledger.core.disclosure import UNREGISTERED
from ledger.core.entry import SealedValue

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from accountability_ledger.accept import PersonRef
    from accountability_ledger.catalog import EventType, Shape
    from accountability_ledger.fields import Rule
    from ledger.core.registered import RegisteredKeys

_Path = tuple[str | int, ...]
_ABSENT: Any = object()
# Whose elements are persons, each of them, whatever they are: who accepts an event makes them slots.
_LISTS_OF_PERSONS = (("subjects",), ("participants",))


class _Sorter(Protocol):
    """What one field does with its value: the public part of it or _ABSENT; what is not public is added to `sealed`.
    `name` is the dotted path with the positions in lists, `persons` are the paths at which a person stands.
    """

    def __call__(
        self, value: Any, name: str, sealed: list[SealedValue], persons: AbstractSet[_Path], /
    ) -> Any: ...


class AllowList:
    """What becomes of the data of one event type, under one register."""

    def __init__(self, event_type: EventType, registered: RegisteredKeys) -> None:
        rules: dict[_Path, Rule] = {field.path: field.rule for field in event_type.fields}
        self._texts: dict[str, set[str]] = {}
        self._sorters: dict[str, _Sorter] = {}
        for name, shape in event_type.shape.members.items():
            sorter = _sorter((name,), shape, rules, registered, wholly_public=event_type.registers)
            if isinstance(sorter, _Text):
                self._texts[name] = sorter.shown
            if sorter is not None:
                self._sorters[name] = sorter

    def public(
        self, data: dict[str, Any], persons: tuple[PersonRef, ...], sealed: list[SealedValue]
    ) -> dict[str, Any]:
        """The public part of `data`, a dict of its own; adds to `sealed` what is not in it."""
        public = data.copy()
        paths = {person.path for person in persons}
        texts, sorters = self._texts, self._sorters
        for name, value in data.items():
            # Most fields end in these lines: a text that may be shown, or several, or a public value.
            clear = texts.get(name)
            if clear is not None and (value in clear if type(value) is str else clear.issuperset(value)):
                continue
            sorter = sorters.get(name)
            if sorter is None:
                continue
            shown = sorter(value, "data." + name, sealed, paths)
            if shown is _ABSENT:
                del public[name]
            else:
                public[name] = shown
        return public


def _sorter(
    path: tuple[str, ...],
    shape: Shape | None,
    rules: dict[_Path, Rule],
    registered: RegisteredKeys,
    *,
    wholly_public: bool,
) -> _Sorter | None:
    """The sorter of the field at `path`; None for one that is always public, whatever is in it."""
    if shape is not None:
        members = {
            name: _sorter((*path, name), inner, rules, registered, wholly_public=wholly_public)
            for name, inner in shape.members.items()
        }
        sorters = {name: sorter for name, sorter in members.items() if sorter is not None}
        return _Object(sorters) if sorters else None
    if path in _LISTS_OF_PERSONS:
        return _slots
    rule = rules[path]
    if isinstance(rule, Sealed):
        return _Sealed(rule.owner)
    sorter = None if isinstance(rule, Public) or wholly_public else _Text(registered.shown(rule))
    # A person where an organisation, or a service, could stand as well: no rule shows one.
    may_be_person = isinstance(rule, Person) or path in {("recipient_id",), ("actor", "on_behalf_of")}
    return _PersonOr(path, sorter) if may_be_person else sorter


def _slots(value: Any, _name: str, _sealed: list[SealedValue], _persons: AbstractSet[_Path]) -> Any:
    return _ABSENT if value else value


class _Sealed:
    def __init__(self, owner: str) -> None:
        self._owner = owner

    def __call__(self, value: Any, name: str, sealed: list[SealedValue], _: AbstractSet[_Path]) -> Any:
        sealed.append(SealedValue(name, value, self._owner))
        return _ABSENT


class _Text:
    """A text, or a list of texts, in clear where `shown` holds it; `unregistered` stands for any other."""

    def __init__(self, shown: set[str]) -> None:
        self.shown = shown

    def __call__(self, value: Any, name: str, sealed: list[SealedValue], persons: AbstractSet[_Path]) -> Any:
        if type(value) is list:
            return [
                each
                if type(each) is str and each in self.shown
                else self(each, f"{name}.{index}", sealed, persons)
                for index, each in enumerate(value)
            ]
        if type(value) is str and value in self.shown:
            return value
        sealed.append(SealedValue(name, value, "subject"))
        return UNREGISTERED


class _PersonOr:
    """A person, who is a slot and no field of anybody's, or what `otherwise` sorts (None: a public value)."""

    def __init__(self, path: tuple[str, ...], otherwise: _Sorter | None) -> None:
        self._path = path
        self._otherwise = otherwise

    def __call__(self, value: Any, name: str, sealed: list[SealedValue], persons: AbstractSet[_Path]) -> Any:
        if self._path in persons:
            return _ABSENT
        return value if self._otherwise is None else self._otherwise(value, name, sealed, persons)


class _Object:
    """An object, or a list of objects: the public part of each member; absent where nothing of it is public."""

    def __init__(self, members: dict[str, _Sorter]) -> None:
        self._members = members

    def __call__(self, value: Any, name: str, sealed: list[SealedValue], persons: AbstractSet[_Path]) -> Any:
        if type(value) is list:
            items = [self(each, f"{name}.{index}", sealed, persons) for index, each in enumerate(value)]
            kept = [each for each in items if each is not _ABSENT]
            return kept if kept or not value else _ABSENT
        public = {}
        for member, each in value.items():
            sorter = self._members.get(member)
            shown = each if sorter is None else sorter(each, f"{name}.{member}", sealed, persons)
            if shown is not _ABSENT:
                public[member] = shown
        return public if public or not value else _ABSENT
