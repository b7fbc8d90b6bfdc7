"""What the verifier sees with the keys of living persons, and what it cannot see without them."""

from __future__ import annotations

import hmac
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core import base64url, disclosure, seal
from ledger.core import leaf as leaf_format
from ledger.core.identity import Digester
from ledger.core.verifier.living import Living
from ledger.core.verifier.log import LogVerifier
from ledger.core.verifier.offsets import Intervals
from tests.unit.verifier_edits import plain_log, relinked
from tests.unit.verifier_logs import DEDUP, ORIGIN, LogWriter, StoredLog, person

if TYPE_CHECKING:
    from ledger.core.entry import PersonKey

KEYS = {person(name).key_id: person(name) for name in ("ann", "bob", "staff")}


def test_untouched_log_holds_with_every_key_with_some_and_with_none() -> None:
    log = plain_log()
    assert log.problems(keys=KEYS) == []
    assert log.problems(keys={person("bob").key_id: person("bob")}) == []
    assert log.problems(keys={}) == []


def test_links_of_two_persons_exchanged() -> None:
    """Both have one link in the segment: only their tags tell them apart."""
    writer = LogWriter()
    writer.event("ann")
    writer.event("bob")
    writer.commit()
    log = writer.log
    ann, bob = UUID(bytes=person("ann").key_id), UUID(bytes=person("bob").key_id)
    swapped = {ann: bob, bob: ann}
    log.links = [row._replace(key_id=swapped.get(row.key_id, row.key_id)) for row in log.links]
    assert log.problems() == []
    assert log.problems(keys=KEYS) == [("changed-link", 0), ("changed-link", 1)]


def test_key_of_another_person_in_the_vault() -> None:
    """A vault that answers with another person's secret: neither tags nor blobs fit."""
    log = plain_log()
    lying = {**KEYS, person("bob").key_id: person("ann")}
    assert {verdict for verdict, _ in log.problems(keys=lying)} == {"changed-link"}


def test_seal_key_that_does_not_open() -> None:
    log = plain_log()
    ann, bob = person("ann"), person("bob")
    lying = {**KEYS, ann.key_id: replace(ann, cipher=bob.cipher)}
    assert {verdict for verdict, _ in log.problems(keys=lying)} == {"changed-vault"}


def test_key_that_the_vault_does_not_hold_is_collected() -> None:
    log = plain_log()
    verifier = LogVerifier(log.head, log.intake, log.slices, origin=ORIGIN)
    living = Living(verifier.findings, ORIGIN, {}, Digester(DEDUP).identity)
    verifier.feed(log.chunk(0, log.head.size), living)
    verifier.finish()
    assert {key_id.bytes for key_id in living.absent} == set(KEYS)


def resealed(log: StoredLog, seq: int, change: Any) -> StoredLog:
    """The operator seals other disclosures into slot 0, and links the leaf anew."""
    key = _key_of(log, seq)
    row = next(each for each in log.sealed if (each.seq, each.slot) == (seq, 0))
    bound_to = seal.associated_data(ORIGIN, "subject")
    texts = change(seal.unseal(key.cipher, row.blob, bound_to))
    blob = seal.seal(key.cipher, bytes(12), texts, bound_to)
    log.sealed = [each._replace(blob=blob) if each is row else each for each in log.sealed]
    digest = base64url.encode(seal.blob_digest(blob))

    def link(parsed: dict[str, Any]) -> None:
        parsed["who"][0]["s"] = digest
        parsed["prev"] = leaf_format.parse(log.entries[seq].leaf)["prev"]

    return relinked(log, seq, link)


def _key_of(log: StoredLog, seq: int) -> PersonKey:
    link = next(each for each in log.links if (each.seq, each.slot) == (seq, 0))
    return KEYS[link.key_id.bytes]


@pytest.mark.parametrize(
    "added",
    [
        disclosure.disclose(bytes(16), "data.purpose", "another"),
        disclosure.disclose(bytes(16), "who.0", "user:another"),
        disclosure.disclose(bytes(16), "person", {"id": "user:another"}),
        disclosure.disclose(bytes(16), "person", 7),
        "rubbish",
    ],
)
def test_disclosure_that_does_not_belong_to_the_leaf(added: str) -> None:
    log = resealed(plain_log(), 4, lambda texts: [*texts, added])
    assert log.problems() == []
    assert log.problems(keys=KEYS) == [("disclosure-mismatch", 4)]


def test_identity_in_a_blob_that_is_not_the_persons() -> None:
    """The leaf's digest is of the lie: only the vault knows whose the key is."""
    log = plain_log()
    lying = {**KEYS, person("ann").key_id: replace(person("ann"), identifier="user:someone-else")}
    assert {verdict for verdict, _ in log.problems(keys=lying)} == {"disclosure-mismatch"}


def test_memory_of_an_event_exchanged_with_another() -> None:
    log = plain_log()
    first, second = log.seen[0], log.seen[1]
    log.seen[:2] = [first._replace(id_digest=second.id_digest), second._replace(id_digest=first.id_digest)]
    assert log.problems() == []
    assert log.problems(keys=KEYS) == [("changed-seen", 0), ("changed-seen", 1)]


def test_memory_of_an_event_whose_id_is_in_clear() -> None:
    writer = LogWriter()
    writer.anonymous_event()
    writer.commit()
    writer.log.seen[0] = writer.log.seen[0]._replace(id_digest=bytes(16))
    assert writer.log.problems(keys={}) == [("changed-seen", 0)]


def test_tags_without_links_are_handed_out_segment_by_segment() -> None:
    """What the holder of the vault is given to judge: the tags, and how many links each key has in that segment."""
    writer = LogWriter()
    for _ in range(3):
        writer.event("ann")
        writer.event("bob")
        writer.commit()
        writer.close_segment()
    log = writer.log
    bob = UUID(bytes=person("bob").key_id)
    log.links = [row for row in log.links if row.key_id != bob]
    verifier = LogVerifier(log.head, log.intake, log.slices, origin=ORIGIN, keep_tags=True)
    verifier.feed(log.chunk(0, log.head.size))
    verifier.finish()
    closed = verifier.links.take_closed()
    assert [(seg, sorted(tags.values())) for seg, tags, _ in closed] == [(0, [1]), (1, [3]), (2, [5])]
    assert all(bob not in counts and set(counts.values()) == {1, 2} for _, _, counts in closed)
    assert verifier.links.take_closed() == []


@given(
    st.one_of(
        st.uuids().map(str),
        st.uuids().map(lambda each: str(each)[:14] + "7" + str(each)[15:]),
        st.text(max_size=40),
    )
)
def test_identity_digest_begins_with_the_time_of_a_uuid7_alone(event_id: str) -> None:
    """Held against the standard library's reading of UUIDs."""
    try:
        read = UUID(event_id)
        is_uuid7 = str(read) == event_id.lower() and read.version == 7
    except ValueError:
        is_uuid7 = False
    found = Digester(DEDUP).identity("app", event_id)
    assert found[:6] == (read.bytes[:6] if is_uuid7 else b"\xff" * 6)
    assert found[6:] == hmac.digest(DEDUP, f"app\0{event_id}".encode(), "sha256")[:10]


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 8))), st.integers(0, 70))
def test_intervals_are_a_set_of_integers(added: list[tuple[int, int]], end: int) -> None:
    intervals, members = Intervals(), set[int]()
    for start, length in added:
        new = set(range(start, start + length))
        assert intervals.add(start, start + length) is not bool(new & members)
        members |= new
    missing = [each for start, stop in intervals.missing(end) for each in range(start, stop)]
    assert missing == [each for each in range(end) if each not in members]
    assert intervals.end() == max(members, default=-1) + 1
