"""What a superuser may do to the tables, and the one verdict that names it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from accountability_ledger.restricted_json import canonical
from ledger.core import leaf as leaf_format
from ledger.core import own
from ledger.core.checkpoint import Checkpoint
from tests.unit.verifier_logs import ORIGIN, LogWriter, StoredLog, person, recompute, varied_log

if TYPE_CHECKING:
    from typing import Any

    from ledger.core.verifier.stored import EntryRow

SMALL, LARGE = 64, 600


@pytest.fixture(params=[SMALL, LARGE])
def log(request: pytest.FixtureRequest) -> StoredLog:
    """A small log, all in the partial tile, and one with full tiles."""
    return varied_log(request.param)


def edited(leaf: bytes, **changes: Any) -> bytes:
    return canonical({**leaf_format.parse(leaf), **changes})


def with_data(leaf: bytes, **changes: Any) -> bytes:
    parsed = leaf_format.parse(leaf)
    return canonical({**parsed, "event": {**parsed["event"], "data": {**parsed["event"]["data"], **changes}}})


def put(log: StoredLog, seq: int, **changes: Any) -> StoredLog:
    """The log with other columns at `seq`."""
    return replace(log, entries=[row._replace(**changes) if row.seq == seq else row for row in log.entries])


def row_at(log: StoredLog, seq: int) -> EntryRow:
    return next(row for row in log.entries if row.seq == seq)


def seq_of(log: StoredLog, short: str) -> int:
    return next(row.seq for row in log.entries if row.type == own.type_name(short))


def checkpoint(log: StoredLog, size: int | None = None) -> Checkpoint:
    if size is None:
        return Checkpoint(ORIGIN, log.head.size, log.head.root)
    return Checkpoint(ORIGIN, size, next(row.root for row in log.batches if row.size == size))


@pytest.mark.parametrize("size", [1, 9, 64, 255, 256, 257, 600])
def test_untouched_log_has_no_verdict(size: int) -> None:
    log = varied_log(size)
    assert log.problems() == []
    assert log.problems(step=512, checkpoint=checkpoint(log)) == []
    assert log.problems(checkpoint=checkpoint(log, log.batches[len(log.batches) // 2].size)) == []


def test_empty_log_has_no_verdict() -> None:
    assert LogWriter().log.problems() == []


@pytest.mark.parametrize("where", [0, 5, 30, -2, -1])
def test_edited_leaf(log: StoredLog, where: int) -> None:
    seq = where % log.head.size
    attacked = put(log, seq, leaf=with_data(row_at(log, seq).leaf, operation="export"))
    assert attacked.problems() == [("changed-leaf", seq)]
    assert attacked.problems(checkpoint=checkpoint(log)) == [("changed-leaf", seq)]


@pytest.mark.parametrize(
    "change",
    [
        {"prev": "B" * 42 + "A"},
        {"seg": 77},
        {"v": 2},
        {"ledger": "another"},
        {"seq": 7777},
        {"appended": "x"},
    ],
)
@pytest.mark.parametrize("seq", [0, 17, 31])
def test_edited_envelope(log: StoredLog, seq: int, change: dict[str, Any]) -> None:
    attacked = put(log, seq, leaf=edited(row_at(log, seq).leaf, **change))
    assert attacked.problems() == [("changed-leaf", seq)]


@pytest.mark.parametrize("seqs", [(5, 6), (4, 5, 6), (20, 40), (10, 11, 13)])
def test_several_edited_leaves(log: StoredLog, seqs: tuple[int, ...]) -> None:
    attacked = log
    for seq in seqs:
        attacked = put(attacked, seq, leaf=with_data(row_at(log, seq).leaf, operation="export"))
    assert attacked.problems() == [("changed-leaf", seq) for seq in seqs]


@pytest.mark.parametrize("leaf", [b"", b"{}", b"[]", b"not json", b'{"v":1}', b"[" * 100_000])
def test_leaf_replaced_by_rubbish(log: StoredLog, leaf: bytes) -> None:
    assert put(log, 12, leaf=leaf).problems() == [("changed-leaf", 12)]


def test_recomputed_chain_alone_is_named_at_its_beginning() -> None:
    log = varied_log(LARGE)
    leaves = [row.leaf for row in log.entries]
    leaves[40] = with_data(leaves[40], operation="export")
    attacked = recompute(log, leaves, tiles=False, batches=False, head=False)
    assert attacked.problems() == [("changed-leaf", 40)]


def test_recomputed_chain_and_tiles_disagree_with_recorded_heads(log: StoredLog) -> None:
    leaves = [row.leaf for row in log.entries]
    leaves[10] = with_data(leaves[10], operation="export")
    assert recompute(log, leaves, batches=False).problems() == [("bad-root", None)]
    assert recompute(log, leaves, batches=False, head=False).problems()[0][0] in ("bad-root", "changed-leaf")


def test_wholly_recomputed_log_is_caught_by_a_checkpoint_alone(log: StoredLog) -> None:
    leaves = [row.leaf for row in log.entries]
    leaves[10] = with_data(leaves[10], operation="export")
    attacked = recompute(log, leaves)
    assert attacked.problems() == []
    assert attacked.problems(checkpoint=checkpoint(log)) == [("bad-root", None)]
    assert attacked.problems(checkpoint=checkpoint(log, log.batches[-2].size)) == [("bad-root", None)]
    assert attacked.problems(checkpoint=checkpoint(log, 1)) == []


def test_checkpoint_of_another_log(log: StoredLog) -> None:
    other = Checkpoint("ledger.example/log/other", log.head.size, log.head.root)
    assert log.problems(checkpoint=other) == [("bad-root", None)]


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


def test_broken_link_under_the_root(log: StoredLog) -> None:
    """The writer itself linked one leaf wrongly, and everything after it rightly."""
    leaves = [row.leaf for row in log.entries]
    good = recompute(log, leaves)
    at = 14
    broken = _relinked(good, at, lambda parsed: parsed.update(prev="B" * 42 + "A"))
    assert broken.problems() == [("broken-link", at)]


def test_first_leaf_with_a_link(log: StoredLog) -> None:
    assert _relinked(log, 0, lambda parsed: parsed.update(prev="B" * 42 + "A")).problems() == [
        ("broken-link", 0)
    ]


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({"v": 2}, "unknown-version"),
        ({"v": True}, "unknown-version"),
        ({"extra": 1}, "changed-leaf"),
        ({"ledger": "ledger.example/log/other"}, "changed-leaf"),
        ({"who": [{"r": "subject"}]}, "changed-leaf"),
        ({"via": {"api": "x", "offset": 1}}, "changed-leaf"),
        ({"via": {"api": "append"}}, "changed-leaf"),
        ({"via": {}}, "changed-leaf"),
    ],
)
def test_leaf_that_is_not_of_version_1_under_the_root(change: dict[str, Any], verdict: str) -> None:
    log = _relinked(varied_log(SMALL), 14, lambda parsed: parsed.update(change))
    assert (verdict, 14) in log.problems()


@pytest.mark.parametrize(
    "digests",
    [
        {"_sd": [], "_sd_alg": "sha-256"},
        {"_sd": ["B" * 43, "A" * 43], "_sd_alg": "sha-256"},
        {"_sd": ["A" * 43, "A" * 43], "_sd_alg": "sha-256"},
        {"_sd": ["A" * 43]},
        {"_sd_alg": "sha-256"},
        {"_sd": ["A" * 42], "_sd_alg": "sha-256"},
        {"_sd": [1], "_sd_alg": "sha-256"},
    ],
)
def test_disclosure_digests_that_are_not_of_version_1(digests: dict[str, Any]) -> None:
    def change(parsed: dict[str, Any]) -> None:
        parsed["event"]["data"] = {"operation": "read", **digests}

    assert ("changed-leaf", 14) in _relinked(varied_log(SMALL), 14, change).problems()


def test_clock_that_goes_back_under_the_root(log: StoredLog) -> None:
    at = log.batches[1].size
    earlier = own.clock_text(log.entries[0].appended - timedelta(hours=1))
    attacked = _relinked(log, at, lambda parsed: parsed.update(appended=earlier))
    attacked = put(attacked, at, appended=log.entries[0].appended - timedelta(hours=1))
    assert ("broken-order", at) in attacked.problems()


@pytest.mark.parametrize("rise", [2, -1])
def test_segment_that_jumps_under_the_root(rise: int) -> None:
    log = varied_log(SMALL)
    at = next(seq for seq in range(5, 64) if leaf_format.parse(row_at(log, seq).leaf)["seg"] == 2)
    attacked = _relinked(log, at, lambda parsed: parsed.update(seg=parsed["seg"] + rise))
    assert ("broken-order", at) in attacked.problems()


def test_segment_that_stays_open_beyond_a_day() -> None:
    writer = LogWriter()
    for hours in (1, 23, 23):
        writer.anonymous_event()
        writer.commit(timedelta(hours=hours))
    assert writer.log.problems() == []
    last = writer.log.head.size - 1
    attacked = _relinked(writer.log, last, lambda parsed: parsed.update(seg=0))
    assert ("broken-order", last) in attacked.problems()


def test_swapped_entries(log: StoredLog) -> None:
    for a, b in ((5, 6), (7, 30), (0, 12), (log.head.size - 1, 8)):
        rows = {a: row_at(log, b)._replace(seq=a), b: row_at(log, a)._replace(seq=b)}
        attacked = replace(log, entries=sorted(rows.get(row.seq, row) for row in log.entries))
        assert attacked.problems() == [("reordered", each) for each in sorted((a, b))], (a, b)


def test_deleted_entry(log: StoredLog) -> None:
    for seq in (0, 9, 33):
        attacked = replace(log, entries=[row for row in log.entries if row.seq != seq])
        assert attacked.problems() == [("gap", seq)], seq


def test_deleted_range(log: StoredLog) -> None:
    attacked = replace(log, entries=[row for row in log.entries if not 9 <= row.seq < 30])
    assert attacked.problems() == [("gap", 9)]


def test_deleted_entry_with_its_rows_and_the_others_renumbered(log: StoredLog) -> None:
    for seq in (0, 9, 40, log.head.size - 2):
        attacked = replace(log, head=log.head._replace(size=log.head.size - 1))
        for table in ("entries", "sealed", "links", "seen"):
            rows = [row for row in getattr(log, table) if row.seq != seq]
            setattr(attacked, table, [row._replace(seq=row.seq - (row.seq > seq)) for row in rows])
        problems = attacked.problems()
        assert problems[0] == ("gap", seq), seq
        assert {verdict for verdict, _ in problems} <= {"gap", "truncated-tail"}


def test_two_entries_at_one_place(log: StoredLog) -> None:
    log.entries.insert(8, row_at(log, 7)._replace(slice=1))
    assert log.problems() == [("reordered", 7)]


def test_cut_tail(log: StoredLog) -> None:
    size = log.head.size
    for count in (1, 3, 20):
        attacked = replace(log, entries=log.entries[:-count])
        assert attacked.problems() == [("truncated-tail", size - count)]


def test_cut_tail_and_an_earlier_head(log: StoredLog) -> None:
    batch = log.batches[-3]
    attacked = rewound(log, batch.size)
    attacked.batches = log.batches
    assert [verdict for verdict, _ in attacked.problems()][:1] == ["truncated-tail"]


def test_old_backup_is_caught_by_a_checkpoint_alone(log: StoredLog) -> None:
    attacked = rewound(log, log.batches[-3].size)
    assert attacked.problems() == []
    assert attacked.problems(checkpoint=checkpoint(log)) == [("truncated-tail", attacked.head.size)]


def test_head_moved_back(log: StoredLog) -> None:
    log.head = log.head._replace(size=log.head.size - 1)
    assert ("changed-head", log.head.size) in log.problems()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("prev", bytes(32)),
        ("root", bytes(32)),
        ("frontier", bytes(32)),
        ("seg", 99),
        ("seg_first", 3),
        ("seg_began", None),
        ("appended", None),
        ("slice", 4),
        ("origin", "ledger.example/log/other"),
    ],
)
def test_changed_head(log: StoredLog, column: str, value: Any) -> None:
    log.head = log.head._replace(**{column: value})
    assert log.problems() == [("changed-head", None)]


def test_foreign_entry_at_the_end(log: StoredLog) -> None:
    other = varied_log(log.head.size, seed=2)
    row = row_at(other, 5)._replace(
        seq=log.head.size, leaf=edited(row_at(other, 5).leaf, ledger="ledger.example/log/other")
    )
    log.entries.append(row)
    assert log.problems() == [("changed-head", log.head.size)]


def test_foreign_entry_in_the_place_of_one(log: StoredLog) -> None:
    other = varied_log(log.head.size, seed=2)
    assert put(log, 12, leaf=row_at(other, 12).leaf).problems() == [("changed-leaf", 12)]


def test_changed_tile() -> None:
    log = varied_log(LARGE)
    for change in ({"hashes": bytes(32) + log.tiles[1].hashes[32:]}, {"root": bytes(32)}, {"hashes": b""}):
        tiles = [log.tiles[0], _with(log.tiles[1], **change)]
        assert replace(log, tiles=tiles).problems() == [("changed-tile", None)]


def test_missing_tile_and_a_tile_too_many() -> None:
    log = varied_log(LARGE)
    assert replace(log, tiles=log.tiles[:1]).problems() == [("changed-tile", None)]
    assert replace(log, tiles=[*log.tiles, _with(log.tiles[1], index=2)]).problems() == [
        ("changed-tile", None)
    ]
    assert replace(log, tiles=[*log.tiles, _with(log.tiles[1], level=1, index=0)]).problems() == [
        ("changed-tile", None)
    ]


@pytest.mark.parametrize("column", ["root", "prev", "appended"])
@pytest.mark.parametrize("at", [0, 3, -1])
def test_changed_batch(log: StoredLog, column: str, at: int) -> None:
    row = log.batches[at]
    value = row.appended + timedelta(seconds=1) if column == "appended" else bytes(32)
    log.batches[at] = row._replace(**{column: value})
    assert log.problems() == [("changed-batch", None)]


def test_deleted_batch(log: StoredLog) -> None:
    del log.batches[2]
    assert log.problems() == [("changed-batch", None)]


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
    log = varied_log(LARGE)
    log.seen = []
    log.links = []
    log.entries = [row._replace(type="x") for row in log.entries]
    assert len(log.problems()) == 1000


def plain_log() -> StoredLog:
    """A log without an erasure."""
    writer = LogWriter()
    for _ in range(10):
        writer.event("ann", "bob")
        writer.event("bob")
        writer.commit()
    return writer.log


def rewound(log: StoredLog, size: int) -> StoredLog:
    """The log as it was at `size`, a batch's end."""
    batch = next(row for row in log.batches if row.size == size)
    writer_head = recompute(
        replace(log, entries=log.entries[:size], batches=[], tiles=[]),
        [row.leaf for row in log.entries[:size]],
    ).head
    last = leaf_format.parse(log.entries[size - 1].leaf)
    first = next(row.seq for row in log.entries if leaf_format.parse(row.leaf)["seg"] == last["seg"])
    offsets = [row.offset for row in log.entries[:size] if row.offset is not None]
    for row in log.entries[:size]:
        data = leaf_format.parse(row.leaf)["event"]["data"]
        offsets += [offset for cover in data.get("covers", ()) for offset in cover["offsets"]]
        offsets += [data["to"] - 1] if "reason" in data and "to" in data else []
    erased = {row.seq for row in log.entries[size:] if row.type == own.type_name("ledger.person-erased")}
    assert not erased, "rewinding over an erasure would need its links back"
    return StoredLog(
        head=writer_head._replace(
            size=size,
            seg=last["seg"],
            seg_first=first,
            seg_began=log.entries[first].appended,
            appended=batch.appended,
        ),
        entries=log.entries[:size],
        sealed=[row for row in log.sealed if row.seq < size],
        links=[row for row in log.links if row.seq < size],
        seen=[row for row in log.seen if row.seq < size],
        tiles=[row for row in log.tiles if (row.index + 1) * 256 ** (row.level + 1) <= size],
        batches=[row for row in log.batches if row.size <= size],
        intake=[log.intake[0]._replace(next_offset=max(offsets) + 1)],
        slices=log.slices,
    )


def _relinked(log: StoredLog, at: int, change: Any) -> StoredLog:
    """The log as a writer would have left it that made one leaf wrongly and went on."""
    parsed = leaf_format.parse(row_at(log, at).leaf)
    change(parsed)
    return recompute(
        log, [row.leaf if row.seq != at else canonical(parsed) for row in log.entries], keep_prev_of=at
    )


def _with(row: Any, **changes: Any) -> Any:
    return type(row)(**{name: changes.get(name, getattr(row, name)) for name in row.__struct_fields__})
