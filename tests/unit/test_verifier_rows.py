"""What is stored beside the leaves: columns, blobs, links, events seen, positions: each change has one verdict."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from ledger.core import own
from tests.unit.verifier_edits import (
    LARGE,
    SMALL,
    log_of,
    plain_log,
    put,
    row_at,
    seq_of,
)
from tests.unit.verifier_logs import LogWriter, StoredLog, person

if TYPE_CHECKING:
    from typing import Any


@pytest.fixture(params=[SMALL, LARGE])
def log(request: pytest.FixtureRequest) -> StoredLog:
    """A small log, all in the partial tile, and one with full tiles."""
    return log_of(request.param)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("type", "org.accountability-ledger.data.disclosed.v1"),
        ("time", None),
        ("appended", None),
        ("partition", 7),
        ("offset", 10_000),
        ("received", 1),
        ("topic_id", UUID(int=9)),
        ("topic_id", None),
        ("slice", 3),
    ],
)
def test_edited_column(log: StoredLog, column: str, value: Any) -> None:
    seq = 2
    if column in ("time", "appended"):
        value = getattr(row_at(log, seq), column) + timedelta(microseconds=1)
    assert put(log, seq, **{column: value}).problems() == [("changed-column", seq)]


def test_edited_blob(log: StoredLog) -> None:
    row = log.sealed[20]
    log.sealed[20] = row._replace(blob=row.blob[:-1] + bytes([row.blob[-1] ^ 1]))
    assert log.problems() == [("changed-blob", row.seq)]


def test_swapped_blobs_of_one_entry(log: StoredLog) -> None:
    first, second = [row for row in log.sealed if row.seq == 3][:2]
    at = log.sealed.index(first)
    log.sealed[at : at + 2] = [first._replace(blob=second.blob), second._replace(blob=first.blob)]
    assert set(log.problems()) == {("changed-blob", 3)}


def test_blob_without_a_slot(log: StoredLog) -> None:
    log.sealed.append(log.sealed[20]._replace(slot=9))
    assert log.problems() == [("changed-blob", log.sealed[20].seq)]


def test_blob_in_another_slice(log: StoredLog) -> None:
    log.sealed[20] = log.sealed[20]._replace(slice=5)
    assert log.problems() == [("changed-column", log.sealed[20].seq)]


def test_deleted_blob(log: StoredLog) -> None:
    row = log.sealed.pop(20)
    assert log.problems() == [("sealed-missing", row.seq)]


def test_deleted_range_of_blobs_is_one_verdict(log: StoredLog) -> None:
    log.sealed = [row for row in log.sealed if not 3 <= row.seq < 23]
    assert log.problems() == [("sealed-missing", 3)]


def test_expired_blobs_may_go_but_not_one_more() -> None:
    writer = LogWriter()
    for _ in range(20):
        writer.event("ann")
        writer.commit()
    writer.own_entry("ledger.sealed-expired", {"from": 2, "to": 9})
    writer.commit()
    log = writer.log
    kept = [row for row in log.sealed if not 2 <= row.seq < 9]
    assert replace(log, sealed=kept).problems() == []
    assert replace(log, sealed=[row for row in kept if row.seq not in (9, 15)]).problems() == [
        ("sealed-missing", 9),
        ("sealed-missing", 15),
    ]


def test_position_moved(log: StoredLog) -> None:
    for by in (1, 500, -1):
        row = log.intake[0]
        moved = replace(log, intake=[row._replace(next_offset=row.next_offset + by)])
        assert moved.problems() == [("offset-not-covered", None)]
    assert replace(log, intake=[]).problems() == [("offset-not-covered", None)]
    renamed = replace(log, intake=[log.intake[0]._replace(topic="privacy.other")])
    assert renamed.problems() == [("offset-not-covered", None)]


def test_event_called_a_duplicate_falsely() -> None:
    """The operator drops an event and says that its offset repeats another entry, or accounts for one twice."""
    writer = LogWriter()
    for _ in range(3):
        writer.event("ann")
    writer.own_entry("ledger.queried", {"count": 1})
    writer.commit()
    writer.duplicate(3)  # no event at all
    writer.commit()
    assert writer.log.problems() == [("offset-not-covered", 4)]
    writer.duplicate(77)  # an entry that does not exist
    writer.commit()
    assert ("offset-not-covered", 5) in writer.log.problems()
    writer.duplicate(0)
    writer._offset -= 1  # the offset is accounted for once more
    writer.event("ann")
    writer.commit()
    assert ("offset-not-covered", 7) in writer.log.problems()


def test_offsets_out_of_order() -> None:
    writer = LogWriter()
    for step in (1, -1, 2):
        writer._offset += step
        writer.event("ann")
    writer._offset = 4
    writer.commit()
    assert ("reordered", 1) in writer.log.problems()


@pytest.mark.parametrize(
    ("column", "value"), [("role", "actor"), ("seg", 7), ("time", None), ("slot", 8), ("j", 90), ("slice", 3)]
)
def test_edited_link(log: StoredLog, column: str, value: Any) -> None:
    at = next(index for index, row in enumerate(log.links) if row.seq > 40 and row.role == "subject")
    row = log.links[at]
    if column == "time":
        value = row.time + timedelta(seconds=1)
    log.links[at] = row._replace(**{column: value})
    assert set(log.problems()) == {("changed-link", row.seq)}


def test_deleted_link() -> None:
    log = plain_log()
    for at in (0, 5, len(log.links) - 1):
        row = log.links[at]
        attacked = replace(log, links=[each for each in log.links if each != row])
        assert attacked.problems() == [("changed-link", row.seq)]


def test_deleted_links_after_an_erasure(log: StoredLog) -> None:
    late = max(row.seq for row in log.entries if row.type == own.type_name("ledger.person-erased"))
    row = next(row for row in log.links if row.seq > late)
    assert replace(log, links=[each for each in log.links if each != row]).problems() == [
        ("changed-link", row.seq)
    ]


def test_links_of_a_person_deleted_without_an_erasure(log: StoredLog) -> None:
    key_id = UUID(bytes=person("bob").key_id)
    early = [row for row in log.links if row.key_id != key_id or row.seq > SMALL // 2]
    assert {verdict for verdict, _ in replace(log, links=early).problems()} == {"changed-link"}


def test_link_given_to_another_person() -> None:
    log = plain_log()
    at = next(index for index, row in enumerate(log.links) if row.j == 2)
    log.links[at] = log.links[at]._replace(key_id=UUID(int=5))
    assert {verdict for verdict, _ in log.problems()} == {"changed-link"}


def test_seen_rows(log: StoredLog) -> None:
    accepted = log.seen[3]
    assert replace(log, seen=[row for row in log.seen if row != accepted]).problems() == [
        ("changed-seen", accepted.seq)
    ]
    twice = sorted([*log.seen, accepted._replace(id_digest=bytes(16))])
    assert replace(log, seen=twice).problems() == [("changed-seen", accepted.seq)]
    for short in ("ledger.event-rejected", "ledger.events-duplicate"):
        more = sorted([*log.seen, accepted._replace(seq=seq_of(log, short))])
        assert replace(log, seen=more).problems() == [("changed-seen", seq_of(log, short))]
    conflict = seq_of(log, "ledger.event-conflict")
    plain = [row._replace(conflict=b"") if row.seq == conflict else row for row in log.seen]
    assert replace(log, seen=plain).problems() == [("changed-seen", conflict)]
    beyond = [*log.seen, accepted._replace(seq=log.head.size + 3)]
    assert replace(log, seen=beyond).problems() == [("changed-seen", log.head.size + 3)]


def test_rows_beyond_the_head(log: StoredLog) -> None:
    beyond = log.head.size + 1
    assert replace(log, links=[*log.links, log.links[0]._replace(seq=beyond)]).problems() == [
        ("changed-link", beyond)
    ]
    assert replace(log, sealed=[*log.sealed, log.sealed[0]._replace(seq=beyond)]).problems() == [
        ("changed-blob", beyond)
    ]


def test_flood_of_verdicts_is_bounded() -> None:
    log = log_of(LARGE)
    log.seen = []
    log.links = []
    log.entries = [row._replace(type="x") for row in log.entries]
    assert len(log.problems()) == 1000
