"""From an event to an entry: what is public, what is sealed, and for whom.

`draft` applies the allow-list of entry-format (public only what is in a closed list or registered); `prepare` seals a
draft under its persons' keys. Both are pure; positions, tags and the choice between the two variants of a slot are
left to the chain, which knows them only under the head lock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from accountability_ledger import vocabulary
from accountability_ledger.catalog import EVENT_TYPES
from accountability_ledger.errors import Refused
from accountability_ledger.fields import Public, Registered, Sealed, Vocabulary
from accountability_ledger.moment import microseconds
from accountability_ledger.restricted_json import canonical
from ledger.core import base64url, disclosure, leaf, seal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from accountability_ledger.accept import Event
    from accountability_ledger.fields import Rule
    from ledger.core.randomness import RandomBytes
    from ledger.core.registered import RegisteredKeys

_PUBLIC_ATTRIBUTES = ("type", "time", "recordedtime", "sequence")
_SEALED_ATTRIBUTES = ("correlationid", "traceparent", "dataref")
_OWNERS_WITHOUT_SUBJECT = ("participant", "recipient", "actor")
_ABSENT: Any = object()
_RULES: dict[str, dict[tuple[str, ...], Rule]] = {
    name: {field.path: field.rule for field in found.fields} for name, found in EVENT_TYPES.items()
}


@dataclass(frozen=True, slots=True)
class SealedValue:
    """A value that goes into blobs only: dotted path in `event`, and whose it is (`subject` or `actor`)."""

    name: str
    value: Any
    owner: str


@dataclass(frozen=True, slots=True)
class Draft:
    """What an entry says: the public part of `event`, the values to seal, and (role, identifier) of each slot."""

    event: dict[str, Any]
    sealed: tuple[SealedValue, ...]
    persons: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class PersonKey:
    """What sealing and tagging need of a person. The secret itself is not among it, and never leaves the vault."""

    key_id: bytes
    identifier: str
    tag_key: bytes
    cipher: AESGCM
    after_erasure: bool = False


class SealedSlot(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One variant of a slot: the blob, and the slot's JSON up to its tag (`leaf.slot_head`)."""

    blob: bytes
    head: bytes


class PreparedSlot(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A slot in both variants: `first` where this leaf introduces the key, `later` where the key is known already.
    `first` is None where the key was known when the entry was prepared. Of the key it holds what tags need.
    """

    role: str
    key_id: bytes
    tag_key: bytes
    later: SealedSlot
    first: SealedSlot | None


class PreparedEntry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An entry without its position: canonical JSON of `event` and `via`, and the slots. `time` is the event's, in
    microseconds since 1970.
    """

    type: str
    time: int
    event: bytes
    via: bytes
    slots: tuple[PreparedSlot, ...]


def draft(event: Event, registered: RegisteredKeys) -> Draft:
    """Applies the allow-list to an accepted event. Raises Refused `no-owner` where values would have to be sealed and
    there is nobody to seal them for.
    """
    sealed: list[SealedValue] = []
    public: dict[str, Any] = {
        name: event.attributes[name] for name in _PUBLIC_ATTRIBUTES if name in event.attributes
    }
    # A registering event is wholly public: it may be the first of its source, and no register could begin otherwise.
    known = event.type.registers or registered.has("sources", event.attributes["source"])
    _context("source", event.attributes["source"], known, public, sealed)
    if schema := event.attributes.get("dataschema"):
        _context("dataschema", schema, schema == event.type.schema_uri, public, sealed)
    sealed.extend(
        SealedValue(name, event.attributes[name], "subject")
        for name in _SEALED_ATTRIBUTES
        if name in event.attributes
    )
    data = _Sorter(event, registered, sealed).public(event.data, (), ())
    public["data"] = {} if data is _ABSENT else data
    if event.persons:
        sealed.append(SealedValue("id", event.attributes["id"], "subject"))
    elif sealed:
        raise Refused(
            "no-owner",
            "The event holds values that must be sealed, or that the register does not know, and no person to seal them "
            "for: name a subject or an actor, or register the values first.",
        )
    else:
        public["id"] = event.attributes["id"]
    return Draft(public, tuple(sealed), tuple((person.role, person.identifier) for person in event.persons))


def _context(name: str, value: str, known: bool, public: dict[str, Any], sealed: list[SealedValue]) -> None:
    public[name] = value if known else disclosure.UNREGISTERED
    if not known:
        sealed.append(SealedValue(name, value, "subject"))


class _Sorter:
    """Sorts an event's data into the public part and the sealed values."""

    def __init__(self, event: Event, registered: RegisteredKeys, sealed: list[SealedValue]) -> None:
        self._rules = _RULES[event.type.name]
        self._persons = {person.path for person in event.persons}
        self._registered = registered
        self._sealed = sealed
        self._registering = event.type.registers

    def public(self, value: Any, path: tuple[str | int, ...], ruled: tuple[str, ...]) -> Any:
        """The public part of a value, or _ABSENT. `ruled` is the path without the positions in lists."""
        if path in self._persons:
            return _ABSENT
        rule = self._rules.get(ruled)
        if isinstance(rule, Public):
            return value
        if isinstance(rule, Sealed):
            return self._seal(path, value, rule.owner)
        if isinstance(value, dict):
            kept = {}
            for name, each in value.items():
                here = (*ruled, name)
                # Most fields end here: no call, no path.
                shown = (
                    each if type(self._rules.get(here)) is Public else self.public(each, (*path, name), here)
                )
                if shown is not _ABSENT:
                    kept[name] = shown
            return kept if kept or not value else _ABSENT
        if isinstance(value, list):
            items = [self.public(each, (*path, index), ruled) for index, each in enumerate(value)]
            kept_items = [each for each in items if each is not _ABSENT]
            return kept_items if kept_items or not items else _ABSENT
        if rule is None:
            return self._seal(path, value, "subject")
        if self._known(rule, value):
            return value
        self._seal(path, value, "subject")
        return disclosure.UNREGISTERED

    def _known(self, rule: Rule, value: Any) -> bool:
        if self._registering:
            return True
        if not isinstance(value, str):
            return False
        if isinstance(rule, Vocabulary):
            return vocabulary.contains(rule.name, value) or self._registered.has(rule.name, value)
        if isinstance(rule, Registered):
            also = rule.also
            return self._registered.has(rule.section, value) or (
                also is not None and self._registered.has(also, value)
            )
        return self._registered.has("sources", value)  # Person: `actor.id` of a service

    def _seal(self, path: tuple[str | int, ...], value: Any, owner: str) -> Any:
        self._sealed.append(SealedValue(".".join(("data", *map(str, path))), value, owner))
        return _ABSENT


def fits(drafted: Draft, via: bytes, origin: str) -> bool:
    """Whether the leaf stays within 65,535 bytes at any position, every slot counting an `n`."""
    digests = ["_" * 43] * (len(drafted.persons) + len(drafted.sealed))
    event = {**drafted.event, "data": {**drafted.event["data"], "_sd": digests, "_sd_alg": "sha-256"}}
    roles = [role for role, _ in drafted.persons]
    return leaf.largest(canonical(event), via, origin, roles) <= leaf.MAX_LEAF_BYTES


def prepare(
    drafted: Draft,
    keys: Sequence[PersonKey],
    *,
    introduced: Sequence[bool],
    via: bytes,
    origin: str,
    random: RandomBytes,
) -> PreparedEntry:
    """Seals a draft: `keys[i]` is the key of slot i, `introduced[i]` whether an earlier leaf introduced it for sure.
    Raises Refused `leaf-too-large` where the leaf could exceed 65,535 bytes at any position.
    """
    roles = [role for role, _ in drafted.persons]
    texts: list[list[str]] = [[] for _ in roles]
    digests: list[str] = []

    def add(name: str, value: Any, slots: Sequence[int]) -> None:
        text = disclosure.disclose(random(disclosure.SALT_BYTES), name, value)
        digests.append(disclosure.digest(text))
        for slot in slots:
            texts[slot].append(text)

    for index, (_, identifier) in enumerate(drafted.persons):
        add(f"who.{index}", identifier, (index,))
    owners = {owner: _owners(owner, roles) for owner in ("subject", "actor")}
    for value in drafted.sealed:
        add(value.name, value.value, owners[value.owner])
    event = drafted.event
    if digests:
        event = {**event, "data": {**event["data"], "_sd": sorted(digests), "_sd_alg": "sha-256"}}
    encoded = canonical(event)
    if leaf.largest(encoded, via, origin, roles) > leaf.MAX_LEAF_BYTES:
        raise Refused(
            "leaf-too-large", "The event's public part is too large for one entry: split it into chunks."
        )
    slots = tuple(
        _slot(role, key, texts[index], known, origin, random)
        for index, (role, key, known) in enumerate(zip(roles, keys, introduced, strict=True))
    )
    return PreparedEntry(event["type"], microseconds(event["time"]), encoded, via, slots)


def _owners(owner: str, roles: Sequence[str]) -> tuple[int, ...]:
    """The slots whose blobs hold a field: its owner's; a service's fields belong to every subject; without a subject
    the participants own it, else the recipient, else the actor.
    """
    order = (owner, "old", "subject", *_OWNERS_WITHOUT_SUBJECT)
    return next(
        (slots for role in order if (slots := tuple(i for i, found in enumerate(roles) if found == role))),
        (),
    )


def _slot(
    role: str, key: PersonKey, texts: list[str], known: bool, origin: str, random: RandomBytes
) -> PreparedSlot:
    bound_to = seal.associated_data(origin, role)
    later = _sealed(role, key, texts, bound_to, random)
    if known:
        return PreparedSlot(role, key.key_id, key.tag_key, later, None)
    person: dict[str, Any] = {"id": key.identifier, "tag_key": base64url.encode(key.tag_key)}
    if key.after_erasure:
        person["after_erasure"] = True
    introducing = disclosure.disclose(random(disclosure.SALT_BYTES), "person", person)
    digest = base64url.decode(disclosure.digest(introducing))
    first = _sealed(role, key, [*texts, introducing], bound_to, random, digest)
    return PreparedSlot(role, key.key_id, key.tag_key, later, first)


def _sealed(
    role: str,
    key: PersonKey,
    texts: list[str],
    bound_to: bytes,
    random: RandomBytes,
    introduced: bytes | None = None,
) -> SealedSlot:
    blob = seal.seal(key.cipher, random(seal.NONCE_BYTES), texts, bound_to)
    return SealedSlot(blob, leaf.slot_head(role, seal.blob_digest(blob), introduced))
