"""From an event to an entry: what is public, what is sealed, and for whom.

`draft` applies the allow-list of entry-format (public only what is in a closed list or registered); `prepare` seals a
draft under its persons' keys. Both are pure; positions, tags and the choice between the two variants of a slot are
left to the chain, which knows them only under the head lock.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from accountability_ledger.errors import Refused
from accountability_ledger.moment import microseconds
from accountability_ledger.restricted_json import canonical, canonical_lines
from ledger.core import base64url, disclosure, leaf, seal
from ledger.core.slot_plan import slot_plan

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from accountability_ledger.accept import Event
    from ledger.core.disclosure import Disclosure
    from ledger.core.randomness import RandomBytes
    from ledger.core.registered import RegisteredKeys
    from ledger.core.slot_plan import SlotPlan

_SEALED_ATTRIBUTES = ("correlationid", "traceparent", "dataref")
_UNUSUAL_ATTRIBUTES = frozenset({"dataschema", *_SEALED_ATTRIBUTES})
_BEFORE_DATA = b'{"data":{'


class SealedValue(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A value that goes into blobs only: dotted path in `event`, and whose it is (`subject` or `actor`)."""

    name: str
    value: Any
    owner: str


class Draft(msgspec.Struct, frozen=True, gc=False):
    """What an entry says: the public part of `event`, the values to seal, and (role, identifier) of each slot. `time`
    is the event's in microseconds since 1970, None where nobody has read it yet.
    """

    event: dict[str, Any]
    sealed: tuple[SealedValue, ...]
    persons: tuple[tuple[str, str], ...]
    time: int | None = None


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
    public: dict[str, Any] = event.attributes.copy()
    del public["specversion"]
    event_id = public.pop("id")
    # A registering event is wholly public: it may be the first of its source, and no register could begin otherwise.
    if not (event.type.registers or registered.has("sources", public["source"])):
        _hide("source", public, sealed)
    if not public.keys().isdisjoint(_UNUSUAL_ATTRIBUTES):
        if public.get("dataschema", event.type.schema_uri) != event.type.schema_uri:
            _hide("dataschema", public, sealed)
        sealed += [
            SealedValue(name, public.pop(name), "subject") for name in _SEALED_ATTRIBUTES if name in public
        ]
    public["data"] = registered.allow_list(event.type).public(event.data, event.persons, sealed)
    if event.persons:
        sealed.append(SealedValue("id", event_id, "subject"))
    elif sealed:
        raise Refused(
            "no-owner",
            "The event holds values that must be sealed, or that the register does not know, and no person to seal them "
            "for: name a subject or an actor, or register the values first.",
        )
    else:
        public["id"] = event_id
    persons = tuple([(person.role, person.identifier) for person in event.persons])
    return Draft(public, tuple(sealed), persons, event.time)


def _hide(name: str, public: dict[str, Any], sealed: list[SealedValue]) -> None:
    sealed.append(SealedValue(name, public[name], "subject"))
    public[name] = disclosure.UNREGISTERED


def fits(drafted: Draft, via: bytes, origin: str) -> bool:
    """Whether the leaf stays within 65,535 bytes at any position, every slot counting an `n`."""
    digests = ["_" * 43] * (len(drafted.persons) + len(drafted.sealed))
    event = {**drafted.event, "data": {**drafted.event["data"], "_sd": digests, "_sd_alg": "sha-256"}}
    roles = [role for role, _ in drafted.persons]
    return leaf.largest(canonical(event), via, origin, roles) <= leaf.MAX_LEAF_BYTES


class Unsealed(msgspec.Struct, frozen=True, gc=False):
    """A draft with what sealing needs beside it: `keys[i]` is the key of slot i, `introduced[i]` whether an earlier leaf
    introduced it for sure, `via` the leaf's member of that name.
    """

    drafted: Draft
    keys: Sequence[PersonKey]
    introduced: Sequence[bool]
    via: bytes


def prepare(
    drafted: Draft,
    keys: Sequence[PersonKey],
    *,
    introduced: Sequence[bool],
    via: bytes,
    origin: str,
    random: RandomBytes,
) -> PreparedEntry:
    """Seals one draft, as `prepare_all` does."""
    return prepare_all([Unsealed(drafted, keys, introduced, via)], origin=origin, random=random)[0]


def prepare_all(batch: Sequence[Unsealed], *, origin: str, random: RandomBytes) -> list[PreparedEntry]:
    """Seals drafts, the disclosures of all of them together, which is cheaper than one after the other. Raises Refused
    `leaf-too-large` where one of the leaves could exceed 65,535 bytes at any position: ask `fits` before.
    """
    plans: list[SlotPlan] = []
    names: list[str] = []
    values: list[Any] = []
    blobs = 0
    for each in batch:
        drafted = each.drafted
        plan = slot_plan(origin, tuple([role for role, _ in drafted.persons]))
        plans.append(plan)
        names += plan.names
        values += [identifier for _, identifier in drafted.persons]
        for field in drafted.sealed:
            names.append(field.name)
            values.append(field.value)
        new = [_person(key) for key, known in zip(each.keys, each.introduced, strict=True) if not known]
        names += ["person"] * len(new)
        values += new
        blobs += len(plan.names) + len(new)
    disclosures = disclosure.disclose_all(names, values, random)
    drawn = random(seal.NONCE_BYTES * blobs)
    nonces = (drawn[cut : cut + seal.NONCE_BYTES] for cut in range(0, len(drawn), seal.NONCE_BYTES))
    events = canonical_lines([each.drafted.event for each in batch])
    return [
        _prepared(each, plan, event, disclosures, nonces)
        for each, plan, event in zip(batch, plans, events, strict=True)
    ]


def _prepared(
    unsealed: Unsealed,
    plan: SlotPlan,
    event: bytes,
    disclosures: Iterator[Disclosure],
    nonces: Iterator[bytes],
) -> PreparedEntry:
    """One entry, of the next disclosures (identities, sealed fields, persons who are new) and the next nonces."""
    drafted = unsealed.drafted
    identities = [*islice(disclosures, len(plan.names))]
    fields = [*islice(disclosures, len(drafted.sealed))]
    event = _with_digests(event, sorted([written for _, _, written in identities + fields]))
    if plan.bytes + len(event) + len(unsealed.via) > leaf.MAX_LEAF_BYTES:
        raise Refused(
            "leaf-too-large", "The event's public part is too large for one entry: split it into chunks."
        )
    middles = _fields_by_owners(plan, drafted.sealed, fields)
    slots = []
    for (role, _), key, known, owned, bound_to, (identity, _, _) in zip(
        drafted.persons,
        unsealed.keys,
        unsealed.introduced,
        plan.owned,
        plan.bound_to,
        identities,
        strict=True,
    ):
        text = b'["%b%b"]' % (identity, middles[owned])
        blob = seal.seal_text(key.cipher, next(nonces), text, bound_to)
        later = SealedSlot(blob, leaf.slot_head(role, seal.blob_digest(blob), None))
        first = None
        if not known:
            person, digest, _ = next(disclosures)
            blob = seal.seal_text(key.cipher, next(nonces), b'%b,"%b"]' % (text[:-1], person), bound_to)
            first = SealedSlot(blob, leaf.slot_head(role, seal.blob_digest(blob), digest))
        slots.append(PreparedSlot(role, key.key_id, key.tag_key, later, first))
    time = microseconds(drafted.event["time"]) if drafted.time is None else drafted.time
    return PreparedEntry(drafted.event["type"], time, event, unsealed.via, tuple(slots))


def _person(key: PersonKey) -> dict[str, Any]:
    """The value that introduces a key, in the blob of its first leaf."""
    person: dict[str, Any] = {"id": key.identifier, "tag_key": base64url.encode(key.tag_key)}
    if key.after_erasure:
        person["after_erasure"] = True
    return person


def _with_digests(event: bytes, digests: list[bytes]) -> bytes:
    """The event's JSON with `_sd` and `_sd_alg` in its data. They are written in front: `data` is the first key of
    every event, and `_` sorts before the letters with which all other keys begin.
    """
    if not digests:
        return event
    rest = event[len(_BEFORE_DATA) :]
    comma = b"" if rest.startswith(b"}") else b","
    return b'%b"_sd":["%b"],"_sd_alg":"sha-256"%b%b' % (_BEFORE_DATA, b'","'.join(digests), comma, rest)


def _fields_by_owners(
    plan: SlotPlan, sealed: Sequence[SealedValue], disclosures: Sequence[Disclosure]
) -> dict[tuple[str, ...], bytes]:
    """For each set of owners whose fields a blob of this entry holds: how the blob's JSON array goes on after its first
    element, up to the last quotation mark. Disclosures are base64url and need no escapes.
    """
    middles = {}
    for owned in plan.owned_sets:
        middle = b""
        for each, (text, _, _) in zip(sealed, disclosures, strict=True):
            if each.owner in owned:
                middle += b'","' + text
        middles[owned] = middle
    return middles
