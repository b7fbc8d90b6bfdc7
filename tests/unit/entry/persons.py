"""Persons with keys, and events sealed for them, without a vault."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.core import disclosure, entry, leaf, seal, tag
from ledger.core.chain import Chain, Head
from ledger.core.merkle import Frontier
from ledger.core.randomness import system_randomness

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from accountability_ledger.accept import Event
    from ledger.core.chain import LinkedEntry, LinkedSlot
    from ledger.core.entry import Draft, PersonKey, PreparedEntry

ORIGIN = "ledger.example/log/main"
VIA = b'{"offset":7,"partition":1,"received":1790000000000,"topic":"privacy.access","topic_id":"AAAAAAAAAAAAAAAAAAAAAA"}'
EMPTY = Head(
    size=0, prev=leaf.FIRST_PREV, frontier=Frontier(), seg=0, seg_first=0, seg_began=None, appended=None
)

_CIPHERS: dict[bytes, AESGCM] = {}


def key_of(identifier: str) -> PersonKey:
    """The key of a person whose secret is the hash of the identifier: never do this outside a test."""
    secret = hashlib.sha256(identifier.encode()).digest()
    made = entry.PersonKey(
        key_id=hashlib.sha256(secret).digest()[:16],
        identifier=identifier,
        tag_key=tag.derive_tag_key(secret),
        cipher=AESGCM(seal.derive_seal_key(secret)),
    )
    _CIPHERS[made.key_id] = made.cipher
    return made


def prepared(drafted: Draft, *, introduced: bool = False, via: bytes = VIA) -> PreparedEntry:
    """The draft sealed for its persons."""
    keys = [key_of(identifier) for _, identifier in drafted.persons]
    return entry.prepare(
        drafted,
        keys,
        introduced=[introduced] * len(keys),
        via=via,
        origin=ORIGIN,
        random=system_randomness(),
    )


def linked(entries: Iterable[PreparedEntry], appended: datetime, head: Head = EMPTY) -> list[LinkedEntry]:
    """The entries one after the other, from this head on, by a writer that knows no key yet."""
    chain = Chain(ORIGIN, head, {})
    return [chain.link(each, appended) for each in entries]


def unsealed(slot: LinkedSlot) -> list[str]:
    """The disclosures in a slot's blob."""
    return seal.unseal(_CIPHERS[slot.key_id], slot.blob, seal.associated_data(ORIGIN, slot.role))


def opened(one: LinkedEntry, owners: Iterable[str] | None = None) -> tuple[dict[str, Any], dict[int, str]]:
    """The event and the identities that the blobs of these owners disclose; of all by default."""
    wanted = None if owners is None else {key_of(owner).key_id for owner in owners}
    texts: dict[str, None] = {}
    for slot in one.slots:
        if wanted is None or slot.key_id in wanted:
            texts |= dict.fromkeys(unsealed(slot))
    shown = [text for text in texts if disclosure.parse(text).name != "person"]
    return disclosure.open_event(leaf.parse(one.leaf), shown)


def as_sent(event: Event, shown: Mapping[str, Any], identities: Mapping[int, str]) -> dict[str, Any]:
    """The event as it was sent, put together from what was disclosed of it."""
    attributes = {name: value for name, value in shown.items() if name != "data"}
    data = dict(shown["data"])
    for slot, person in enumerate(event.persons):
        _put(data, person.path, identities[slot])
    return {"specversion": "1.0", **attributes, "data": data}


def _put(data: dict[str, Any], path: tuple[str | int, ...], identity: str) -> None:
    first, *rest = path
    if not rest:
        data[str(first)] = identity
    elif isinstance(rest[0], int):
        data.setdefault(str(first), []).append(identity)
    else:
        data[str(first)] = {**data.get(str(first), {}), str(rest[0]): identity}
