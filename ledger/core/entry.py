"""From an event to an entry: what is public, what is sealed, and for whom.

`draft` applies the allow-list of entry-format (public only what is in a closed list or registered); `prepare` seals a
draft under its persons' keys. Both are pure; positions, tags and the choice between the two variants of a slot are
left to the chain, which knows them only under the head lock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accountability_ledger.errors import Refused
from accountability_ledger.fields import Person, Public, Registered, Sealed, Vocabulary
from accountability_ledger.identifier import is_typed
from accountability_ledger.restricted_json import canonical

from ledger.core import base64url, disclosure, leaf, seal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accountability_ledger.accept import Event
    from accountability_ledger.fields import Rule
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from ledger.core.randomness import RandomBytes
    from ledger.core.registered import RegisteredKeys

_PUBLIC_ATTRIBUTES = ("type", "time", "recordedtime", "sequence")
_SEALED_ATTRIBUTES = ("correlationid", "traceparent", "dataref")
_OWNERS_WITHOUT_SUBJECT = ("participant", "recipient", "actor")


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


@dataclass(frozen=True, slots=True)
class SealedSlot:
    """One variant of a slot: the blob, its digest, and the digest of the introducing disclosure, if it has one."""

    blob: bytes
    digest: bytes
    introduced: bytes | None = None


@dataclass(frozen=True, slots=True)
class PreparedSlot:
    """A slot in both variants: `first` where this leaf introduces the key, `later` where the key is known already.
    `first` is None where the key was known when the entry was prepared."""

    role: str
    key: PersonKey
    later: SealedSlot
    first: SealedSlot | None


@dataclass(frozen=True, slots=True)
class PreparedEntry:
    """An entry without its position: canonical JSON of `event` and `via`, and the slots."""

    type: str
    time: str
    event: bytes
    via: bytes
    slots: tuple[PreparedSlot, ...]


def draft(event: Event, registered: RegisteredKeys) -> Draft:
    """Applies the allow-list to an accepted event. Raises Refused `no-owner` where values would have to be sealed and
    there is nobody to seal them for."""
    sealed: list[SealedValue] = []
    public: dict[str, Any] = {name: event.attributes[name] for name in _PUBLIC_ATTRIBUTES if name in event.attributes}
    _context("source", event.attributes["source"], registered.has("sources", event.attributes["source"]), public, sealed)
    if schema := event.attributes.get("dataschema"):
        _context("dataschema", schema, schema == event.type.schema_uri, public, sealed)
    sealed.extend(
        SealedValue(name, event.attributes[name], "subject") for name in _SEALED_ATTRIBUTES if name in event.attributes
    )
    if event.type.registers:
        public["data"] = {name: value for name, value in event.data.items() if name not in ("subjects", "actor")}
        rest = {name: value for name, value in event.data.items() if name in ("subjects", "actor")}
    else:
        public["data"], rest = {}, event.data
    _Sorter({field.path: field.rule for field in event.type.fields}, registered, sealed).fields(rest, (), public["data"])
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

    def __init__(
        self, rules: dict[tuple[str, ...], Rule], registered: RegisteredKeys, sealed: list[SealedValue]
    ) -> None:
        self._rules = rules
        self._registered = registered
        self._sealed = sealed

    def fields(self, data: dict[str, Any], path: tuple[str, ...], public: dict[str, Any]) -> None:
        for name, value in data.items():
            here = (*path, name)
            rule = self._rules.get(here)
            if rule is None and isinstance(value, dict):
                inner: dict[str, Any] = {}
                self.fields(value, here, inner)
                if inner:
                    public[name] = inner
            elif rule is None or isinstance(rule, Sealed):
                self._seal(here, value, rule.owner if rule else "subject")
            elif isinstance(rule, Public):
                public[name] = value
            elif not self._is_person(rule, name, value, data):
                public[name] = self._value(rule, here, value)

    @staticmethod
    def _is_person(rule: Rule, name: str, value: Any, siblings: dict[str, Any]) -> bool:
        if isinstance(rule, Person):
            return not (name == "id" and siblings.get("kind") == "service")
        return name in ("recipient_id", "on_behalf_of") and isinstance(value, str) and is_typed(value)

    def _value(self, rule: Rule, path: tuple[str, ...], value: Any) -> Any:
        if isinstance(value, list):
            return [self._value(rule, (*path, str(index)), item) for index, item in enumerate(value)]
        if isinstance(rule, Vocabulary):
            known = self._registered.in_vocabulary(rule.name, value)
        else:
            known = self._registered.has(rule.section if isinstance(rule, Registered) else "sources", value)
        if known:
            return value
        self._seal(path, value, "subject")
        return disclosure.UNREGISTERED

    def _seal(self, path: tuple[str, ...], value: Any, owner: str) -> None:
        self._sealed.append(SealedValue(".".join(("data", *path)), value, owner))


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
    Raises Refused `leaf-too-large` where the leaf could exceed 65,535 bytes at any position."""
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
        raise Refused("leaf-too-large", "The event's public part is too large for one entry: split it into chunks.")
    slots = tuple(
        _slot(role, key, texts[index], known, origin, random)
        for index, (role, key, known) in enumerate(zip(roles, keys, introduced, strict=True))
    )
    return PreparedEntry(event["type"], event["time"], encoded, via, slots)


def _owners(owner: str, roles: Sequence[str]) -> tuple[int, ...]:
    """The slots whose blobs hold a field: its owner's; a service's fields belong to every subject; without a subject
    the participants own it, else the recipient, else the actor."""
    order = (owner, "old", "subject", *_OWNERS_WITHOUT_SUBJECT)
    return next(
        (slots for role in order if (slots := tuple(i for i, found in enumerate(roles) if found == role))),
        (),
    )


def _slot(
    role: str, key: PersonKey, texts: list[str], known: bool, origin: str, random: RandomBytes
) -> PreparedSlot:
    bound_to = seal.associated_data(origin, role)
    later = _sealed(key, texts, bound_to, random)
    if known:
        return PreparedSlot(role, key, later, None)
    person: dict[str, Any] = {"id": key.identifier, "tag_key": base64url.encode(key.tag_key)}
    if key.after_erasure:
        person["after_erasure"] = True
    introducing = disclosure.disclose(random(disclosure.SALT_BYTES), "person", person)
    digest = base64url.decode(disclosure.digest(introducing))
    return PreparedSlot(role, key, later, _sealed(key, [*texts, introducing], bound_to, random, digest))


def _sealed(
    key: PersonKey, texts: list[str], bound_to: bytes, random: RandomBytes, introduced: bytes | None = None
) -> SealedSlot:
    blob = seal.seal(key.cipher, random(seal.NONCE_BYTES), texts, bound_to)
    return SealedSlot(blob, seal.blob_digest(blob), introduced)
