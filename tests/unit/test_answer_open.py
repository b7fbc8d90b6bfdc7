"""Opening entries for an answer, and what is told of them: pure, over a chain made in memory."""

from __future__ import annotations

import dataclasses
import os
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec.structs import replace

from accountability_ledger.accept import accept
from accountability_ledger.moment import of_microseconds
from accountability_ledger.restricted_json import canonical
from ledger.core import base64url
from ledger.core.answer import TouchedSoFar, entry_json
from ledger.core.answer_open import (
    ChangedColumn,
    ChangedLeaf,
    ChangedLink,
    LivingSlot,
    OpenedEntry,
    StoredEntry,
    open_entry,
)
from ledger.core.chain import Chain, Head
from ledger.core.entry import PersonKey, draft, prepare
from ledger.core.errors import BadAnswer
from ledger.core.leaf import FIRST_PREV, parse
from ledger.core.merkle import Frontier, leaf_hash
from ledger.core.randomness import system_randomness
from ledger.core.registered import RegisteredKeys
from ledger.core.seal import SealBroken, derive_seal_key
from ledger.core.tag import derive_tag_key
from tests.world import accessed, event

ORIGIN = "ledger.example/log/main"
NOW = datetime(2026, 10, 1, 10, tzinfo=UTC)
ANN, BEN, STAFF = "email:ann@example.eu", "email:ben@example.com", "user:support-1"
REGISTERED = RegisteredKeys(
    [("purposes", "provide_service"), ("sources", "crm"), ("sources", "app"), ("parties", "cloud1")]
)


class Log:
    """A chain with its keys, as the ledger and the vault would hold them."""

    def __init__(self) -> None:
        self.keys: dict[str, PersonKey] = {}
        head = Head(0, FIRST_PREV, Frontier(), 0, 0, None, None)
        self._chain = Chain(ORIGIN, head, {})

    def key(self, identifier: str) -> PersonKey:
        secret = os.urandom(32)
        made = PersonKey(os.urandom(16), identifier, derive_tag_key(secret), AESGCM(derive_seal_key(secret)))
        return self.keys.setdefault(identifier, made)

    def append(self, value: bytes) -> tuple[StoredEntry, list[LivingSlot]]:
        drafted = draft(accept(value), REGISTERED)
        keys = [self.key(identifier) for _, identifier in drafted.persons]
        via = canonical({"api": "test"})
        prepared = prepare(
            drafted,
            keys,
            introduced=[False] * len(keys),
            via=via,
            origin=ORIGIN,
            random=system_randomness(),
        )
        linked = self._chain.link(prepared, NOW)
        time = of_microseconds(prepared.time)
        stored = StoredEntry(
            linked.seq,
            NOW,
            time,
            prepared.type,
            None,
            None,
            None,
            None,
            linked.leaf,
            base64url.encode(linked.hash),
        )
        slots = [
            LivingSlot(each.slot, each.role, key, linked.seg, each.j, each.blob)
            for each, key in zip(linked.slots, keys, strict=True)
        ]
        return stored, slots

    def opened(self, value: bytes, *, only: tuple[int, ...] | None = None) -> OpenedEntry:
        stored, slots = self.append(value)
        return open_entry(stored, slots if only is None else [slots[each] for each in only], ORIGIN)


@pytest.fixture
def log() -> Log:
    return Log()


def test_each_person_opens_what_is_his_and_no_more(log: Log) -> None:
    value = accessed(ANN, purpose="secret_plan", source_ip="203.0.113.9", resource="file 4", id="e-1")
    whole = log.opened(value)
    assert whole.identities == {0: ANN, 1: STAFF}
    assert (whole.data["purpose"], whole.data["source_ip"], whole.event["id"]) == (
        "secret_plan",
        "203.0.113.9",
        "e-1",
    )
    subject = log.opened(value, only=(0,))
    assert subject.identities == {0: ANN}
    assert subject.data["resource"] == "file 4"
    assert "source_ip" not in subject.data
    actor = log.opened(value, only=(1,))
    assert (actor.data["source_ip"], actor.data["purpose"]) == ("203.0.113.9", "unregistered")
    assert "id" not in actor.event
    nobody = log.opened(value, only=())
    assert (nobody.identities, nobody.roles) == ({}, ("subject", "actor"))


def test_two_subjects_hold_the_same_fields_and_both_open(log: Log) -> None:
    opened = log.opened(accessed(ANN, subjects=[ANN, BEN], resource="file 4"))
    assert opened.identities == {0: ANN, 1: BEN, 2: STAFF}
    assert opened.data["resource"] == "file 4"


def test_a_slot_without_a_blob_names_its_person_alone(log: Log) -> None:
    stored, slots = log.append(accessed(ANN, resource="file 4"))
    opened = open_entry(stored, [replace(slots[0], blob=None)], ORIGIN)
    assert opened.identities == {0: ANN}
    assert "resource" not in opened.data


def test_what_does_not_fit_is_refused_by_name(log: Log) -> None:
    log.append(accessed(ANN))
    stored, (subject, actor) = log.append(accessed(ANN))
    blob = subject.blob
    assert blob is not None
    turned = bytes([*blob[:30], blob[30] ^ 1, *blob[31:]])
    ben = log.key(BEN)
    for slots, error in (
        ([replace(subject, blob=turned)], SealBroken),
        ([replace(subject, blob=actor.blob)], SealBroken),
        ([replace(subject, key=ben)], ChangedLink),
        ([replace(subject, j=subject.j + 1)], ChangedLink),
        ([replace(subject, seg=1)], ChangedLink),
        ([replace(subject, role="actor")], ChangedLink),
        ([replace(subject, slot=1)], ChangedLink),
        ([replace(subject, slot=9)], ChangedLink),
        ([replace(subject, key=dataclasses.replace(subject.key, identifier=BEN))], ChangedLink),
    ):
        with pytest.raises(error) as refused:
            open_entry(stored, slots, ORIGIN)
        assert "ann@" not in str(refused.value)
    for columns in (
        {"seq": 4},
        {"type": "org.accountability-ledger.data.collected.v1"},
        {"time": NOW},
        {"appended": NOW.replace(microsecond=1)},
        {"received": 1},
        {"partition": 0},
    ):
        with pytest.raises(ChangedColumn):
            open_entry(replace(stored, **columns), [subject], ORIGIN)
    with pytest.raises(ChangedColumn):
        open_entry(stored, [], "ledger.example/log/other")
    for leaf in (b"", b"{}", b"[]", stored.leaf + b" ", stored.leaf.replace(b'"v":1', b'"v":2')):
        with pytest.raises(ChangedLeaf):
            open_entry(replace(stored, leaf=leaf), [], ORIGIN)
        followed = base64url.encode(leaf_hash(leaf))
        with pytest.raises(BadAnswer) as malformed:
            open_entry(replace(stored, leaf=leaf, next_prev=followed), [], ORIGIN)
        assert not isinstance(malformed.value, ChangedLeaf)
    with pytest.raises(ChangedLeaf):
        open_entry(replace(stored, next_prev=None), [], ORIGIN)


def test_the_introducing_disclosure_is_held_to_the_leaf(log: Log) -> None:
    stored, (subject, _) = log.append(accessed(ANN))
    assert "n" in parse(stored.leaf)["who"][0]
    later, _ = log.append(accessed(ANN))
    assert "n" not in parse(later.leaf)["who"][0]
    assert open_entry(stored, [subject], ORIGIN).identities == {0: ANN}


def test_who_acted_and_who_received_or_that_they_are_erased(log: Log) -> None:
    value = event(
        "data.disclosed",
        subjects=[ANN],
        actor={"id": STAFF, "kind": "employee", "on_behalf_of": "user:chief"},
        processing_role="controller",
        purpose="provide_service",
        data_categories=["user.contact.email"],
        disclosure_id="d-1",
        recipient_id=BEN,
        channel="email",
        side="source",
    )
    stored, slots = log.append(value)
    assert [each.role for each in slots] == ["subject", "recipient", "actor", "actor"]
    shown = entry_json(open_entry(stored, slots, ORIGIN), [0], "who-accessed")
    assert (shown["actor"], shown["on_behalf_of"], shown["recipient_id"]) == (STAFF, "user:chief", BEN)
    assert (shown["disclosure_id"], shown["channel"], shown["role"]) == ("d-1", "email", "subject")
    assert not {"actor_erased", "recipient_erased", "persons"} & set(shown)
    erased = entry_json(open_entry(stored, slots[:1], ORIGIN), [0], "who-accessed")
    assert (erased["actor"], erased["on_behalf_of"], erased["recipient_id"]) == (None, None, None)
    assert erased["actor_erased"] is erased["on_behalf_of_erased"] is erased["recipient_erased"] is True
    as_actor = entry_json(open_entry(stored, slots, ORIGIN), [2], "actor")
    assert (as_actor["role"], as_actor["persons"]) == ("actor", [ANN])


def test_a_service_and_an_organisation_stand_in_clear(log: Log) -> None:
    service = {"id": "crm", "kind": "service", "org": "cloud1"}
    shown = entry_json(log.opened(accessed(ANN, actor=service)), [0], "who-accessed")
    assert (shown["actor"], shown["actor_kind"], shown["actor_org"]) == ("crm", "service", "cloud1")
    unknown = accessed(ANN, actor={"id": "shadow", "kind": "service"})
    assert entry_json(log.opened(unknown), [0], "who-accessed")["actor"] == "shadow"


def test_what_was_touched_is_of_allowed_acts_and_denials_are_followed_up(log: Log) -> None:
    so_far = TouchedSoFar()
    acts: list[dict[str, Any]] = [
        {"subjects": [ANN], "outcome": "denied"},
        {"subjects": [BEN], "outcome": "denied", "data_categories": ["user.financial"]},
        {"subjects": [BEN]},
        {
            "subjects": [ANN, BEN],
            "data_categories": ["user.contact.email", "user.name"],
            "source_country": "BR",
        },
        {"subjects": [ANN]},
    ]
    for each in acts:
        so_far.add(log.opened(accessed(ANN, **each)))
    so_far.add(log.opened(event("share.granted", subjects=["id:other"], share_id="s", recipient_id="cloud1")))
    touched = so_far.result()
    assert (touched.allowed, touched.denied) == (3, 2)
    assert touched.denied_then_allowed == ((0, 3),)
    assert touched.persons == (ANN, BEN)
    assert touched.data_categories == ("user.contact.email", "user.name")
    assert (touched.systems, touched.source_countries) == (("crm",), ("BR",))
    assert touched.persons_erased == 0
    so_far = TouchedSoFar()
    so_far.add(log.opened(accessed(ANN), only=(1,)))
    assert (so_far.result().persons, so_far.result().persons_erased) == ((), 1)
