"""Sealing against the obvious way: one disclosure, one digest, one blob after the other, of the same random bytes."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accountability_ledger.moment import microseconds
from accountability_ledger.restricted_json import MAX_INTEGER, canonical
from ledger.core import base64url, disclosure, leaf, seal
from ledger.core.entry import Draft, PreparedEntry, PreparedSlot, SealedSlot, SealedValue, prepare
from tests.unit.entry.persons import ORIGIN, VIA, key_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ledger.core.entry import PersonKey

OWNERS = {
    ("subject", "subject", "actor"): ([0, 1], [2]),
    ("subject", "recipient"): ([0], [0]),
    ("participant", "participant", "actor"): ([0, 1], [2]),
    ("recipient", "actor"): ([0], [1]),
    ("participant", "recipient"): ([0], [0]),
    ("actor", "actor"): ([0, 1], [0, 1]),
    ("old", "new"): ([0], [0]),
    (): ([], []),
}


def obvious(
    drafted: Draft, keys: list[PersonKey], introduced: list[bool], randbytes: Callable[[int], bytes]
) -> PreparedEntry:
    roles = tuple(role for role, _ in drafted.persons)
    subjects, actors = OWNERS[roles]
    named = [(f"who.{index}", each, [index]) for index, (_, each) in enumerate(drafted.persons)]
    named += [
        (each.name, each.value, subjects if each.owner == "subject" else actors) for each in drafted.sealed
    ]
    new = [key for key, known in zip(keys, introduced, strict=True) if not known]
    salts = randbytes(16 * (len(named) + len(new)))
    texts: list[str] = []
    blobs: list[list[str]] = [[] for _ in roles]
    for number, (name, value, slots) in enumerate(named):
        texts.append(disclosure.disclose(salts[16 * number : 16 * number + 16], name, value))
        for slot in slots:
            blobs[slot].append(texts[-1])
    event = drafted.event
    if texts:
        digests = sorted(map(disclosure.digest, texts))
        event = {**event, "data": {**event["data"], "_sd": digests, "_sd_alg": "sha-256"}}
    prepared = []
    salts = salts[16 * len(named) :]
    for role, key, known, inner in zip(roles, keys, introduced, blobs, strict=True):
        later = sealed(role, key, inner, None, randbytes)
        first = None
        if not known:
            person: dict[str, Any] = {"id": key.identifier, "tag_key": base64url.encode(key.tag_key)}
            text = disclosure.disclose(salts[:16], "person", person)
            salts = salts[16:]
            first = sealed(role, key, [*inner, text], base64url.decode(disclosure.digest(text)), randbytes)
        prepared.append(PreparedSlot(role, key.key_id, key.tag_key, later, first))
    time = microseconds(drafted.event["time"])
    return PreparedEntry(drafted.event["type"], time, canonical(event), VIA, tuple(prepared))


def sealed(
    role: str, key: PersonKey, texts: list[str], person: bytes | None, randbytes: Callable[[int], bytes]
) -> SealedSlot:
    blob = seal.seal(key.cipher, randbytes(12), texts, seal.associated_data(ORIGIN, role))
    return SealedSlot(blob, leaf.slot_head(role, seal.blob_digest(blob), person))


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
NAMES = st.lists(TEXTS, max_size=5, unique=True)


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_it_is_sealed_as_the_obvious_way_would(data: st.DataObject) -> None:
    roles = data.draw(st.sampled_from(sorted(OWNERS)))
    persons = tuple((role, f"id:{index}") for index, role in enumerate(roles))
    keys = [key_of(identifier) for _, identifier in persons]
    introduced = [data.draw(st.booleans()) for _ in roles]
    values = [
        SealedValue(f"data.{name}", data.draw(VALUES), data.draw(st.sampled_from(["subject", "actor"])))
        for name in (data.draw(NAMES) if roles else [])
    ]
    fields = data.draw(
        st.dictionaries(st.from_regex(r"[a-z][a-z0-9_]{0,6}", fullmatch=True), VALUES, max_size=4)
    )
    event = {"type": "t", "source": "s", "time": "2026-10-01T09:30:00.5Z", "data": fields}
    drafted = Draft(event, tuple(values), persons)
    seed = data.draw(st.integers(0, 2**32))
    got = prepare(
        drafted,
        keys,
        introduced=introduced,
        via=VIA,
        origin=ORIGIN,
        random=random.Random(seed).randbytes,
    )
    assert got == obvious(drafted, keys, introduced, random.Random(seed).randbytes)


@pytest.mark.parametrize("count", [0, 1, 2, 300])
def test_several_base64_texts_are_those_of_each(count: int) -> None:
    parts = [random.Random(number).randbytes(number) for number in range(count)]
    lines = base64url.encode_lines(parts)
    assert lines.split(b"\n") == [*map(base64url.encode_bytes, parts), b""]
