"""Sealing against the obvious way: one disclosure, one digest, one blob after the other, of the same random bytes."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accountability_ledger.moment import microseconds
from accountability_ledger.restricted_json import MAX_INTEGER, canonical
from ledger.core import base64url, disclosure, leaf, seal
from ledger.core.entry import (
    Draft,
    PreparedEntry,
    PreparedSlot,
    SealedSlot,
    SealedValue,
    Unsealed,
    prepare,
    prepare_all,
)
from tests.unit.entry.persons import ORIGIN, VIA, key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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


def obvious(batch: list[Unsealed], randbytes: Callable[[int], bytes]) -> list[PreparedEntry]:
    """One after the other. All salts are drawn before all nonces, each in order."""
    salts = iter([randbytes(16) for each in batch for _ in range(disclosures(each))])
    nonces = (randbytes(12) for _ in iter(int, 1))
    return [obvious_one(each, salts, nonces) for each in batch]


def disclosures(unsealed: Unsealed) -> int:
    return len(unsealed.keys) + len(unsealed.drafted.sealed) + list(unsealed.introduced).count(False)


def obvious_one(unsealed: Unsealed, salts: Iterator[bytes], nonces: Iterator[bytes]) -> PreparedEntry:
    drafted, keys, introduced = unsealed.drafted, unsealed.keys, unsealed.introduced
    roles = tuple(role for role, _ in drafted.persons)
    subjects, actors = OWNERS[roles]
    named = [(f"who.{index}", each, [index]) for index, (_, each) in enumerate(drafted.persons)]
    named += [
        (each.name, each.value, subjects if each.owner == "subject" else actors) for each in drafted.sealed
    ]
    texts: list[str] = []
    blobs: list[list[str]] = [[] for _ in roles]
    for name, value, slots in named:
        texts.append(disclosure.disclose(next(salts), name, value))
        for slot in slots:
            blobs[slot].append(texts[-1])
    event = drafted.event
    if texts:
        digests = sorted(map(disclosure.digest, texts))
        event = {**event, "data": {**event["data"], "_sd": digests, "_sd_alg": "sha-256"}}
    prepared = []
    for role, key, known, inner in zip(roles, keys, introduced, blobs, strict=True):
        later = sealed(role, key, inner, None, next(nonces))
        first = None
        if not known:
            person: dict[str, Any] = {"id": key.identifier, "tag_key": base64url.encode(key.tag_key)}
            if key.after_erasure:
                person["after_erasure"] = True
            text = disclosure.disclose(next(salts), "person", person)
            digest = base64url.decode(disclosure.digest(text))
            first = sealed(role, key, [*inner, text], digest, next(nonces))
        prepared.append(PreparedSlot(role, key.key_id, key.tag_key, later, first))
    time = microseconds(drafted.event["time"])
    return PreparedEntry(drafted.event["type"], time, canonical(event), unsealed.via, tuple(prepared))


def sealed(role: str, key: PersonKey, texts: list[str], person: bytes | None, nonce: bytes) -> SealedSlot:
    blob = seal.seal(key.cipher, nonce, texts, seal.associated_data(ORIGIN, role))
    return SealedSlot(blob, leaf.slot_head(role, seal.blob_digest(blob), person))


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
NAMES = st.lists(TEXTS, max_size=5, unique=True)


@st.composite
def unsealed(draw: st.DrawFn) -> Unsealed:
    roles = draw(st.sampled_from(sorted(OWNERS)))
    persons = tuple((role, f"id:{index}") for index, role in enumerate(roles))
    keys = [replace(key_of(identifier), after_erasure=draw(st.booleans())) for _, identifier in persons]
    sealed = [
        SealedValue(f"data.{name}", draw(VALUES), draw(st.sampled_from(["subject", "actor"])))
        for name in (draw(NAMES) if roles else [])
    ]
    data = draw(st.dictionaries(st.from_regex(r"[a-z][a-z0-9_]{0,6}", fullmatch=True), VALUES, max_size=4))
    event = {"type": "t", "source": "s", "time": "2026-10-01T09:30:00.5Z", "data": data}
    return Unsealed(Draft(event, tuple(sealed), persons), keys, [draw(st.booleans()) for _ in roles], VIA)


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(unsealed(), max_size=4), st.integers(0, 2**32))
def test_a_batch_is_sealed_as_the_obvious_way_would(batch: list[Unsealed], seed: int) -> None:
    got = prepare_all(batch, origin=ORIGIN, random=random.Random(seed).randbytes)
    assert got == obvious(batch, random.Random(seed).randbytes)
    for one in batch:
        alone = prepare(
            one.drafted,
            one.keys,
            introduced=one.introduced,
            via=one.via,
            origin=ORIGIN,
            random=random.Random(seed).randbytes,
        )
        assert [alone] == obvious([one], random.Random(seed).randbytes)


def test_every_slot_needs_its_key() -> None:
    drafted = Draft(
        {"type": "t", "source": "s", "time": "2026-10-01T09:30:00Z", "data": {}}, (), (("actor", "id:a"),)
    )
    for keys, introduced in (([], []), ([key_of("id:a")], []), ([key_of("id:a")] * 2, [True, True])):
        with pytest.raises(ValueError, match="zip"):
            prepare_all([Unsealed(drafted, keys, introduced, VIA)], origin=ORIGIN, random=random.randbytes)


@pytest.mark.parametrize("count", [0, 1, 2, 300])
def test_several_base64_texts_are_those_of_each(count: int) -> None:
    parts = [random.Random(number).randbytes(number) for number in range(count)]
    lines = base64url.encode_lines(parts)
    assert lines.split(b"\n") == [*map(base64url.encode_bytes, parts), b""]
