"""Entries taken out, exchanged, cut off or renumbered; head, tiles and batches changed: each has one verdict."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.unit.verifier_edits import (
    LARGE,
    SMALL,
    checkpoint,
    edited,
    log_of,
    put,
    rewound,
    row_at,
    with_fields,
)
from tests.unit.verifier_logs import StoredLog, varied_log

if TYPE_CHECKING:
    from typing import Any


@pytest.fixture(params=[SMALL, LARGE])
def log(request: pytest.FixtureRequest) -> StoredLog:
    """A small log, all in the partial tile, and one with full tiles."""
    return log_of(request.param)


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
    log = log_of(LARGE)
    for change in ({"hashes": bytes(32) + log.tiles[1].hashes[32:]}, {"root": bytes(32)}, {"hashes": b""}):
        tiles = [log.tiles[0], with_fields(log.tiles[1], **change)]
        assert replace(log, tiles=tiles).problems() == [("changed-tile", None)]


def test_missing_tile_and_a_tile_too_many() -> None:
    log = log_of(LARGE)
    assert replace(log, tiles=log.tiles[:1]).problems() == [("changed-tile", None)]
    assert replace(log, tiles=[*log.tiles, with_fields(log.tiles[1], index=2)]).problems() == [
        ("changed-tile", None)
    ]
    assert replace(log, tiles=[*log.tiles, with_fields(log.tiles[1], level=1, index=0)]).problems() == [
        ("changed-tile", None)
    ]


@pytest.mark.parametrize("column", ["root", "prev", "appended"])
@pytest.mark.parametrize("at", [0, 3, -1])
def test_changed_batch(log: StoredLog, column: str, at: int) -> None:
    row = log.batches[at]
    value: Any = row.appended + timedelta(seconds=1) if column == "appended" else bytes(32)
    changed: dict[str, Any] = {column: value}
    log.batches[at] = row._replace(**changed)
    assert log.problems() == [("changed-batch", None)]


def test_deleted_batch(log: StoredLog) -> None:
    del log.batches[2]
    assert log.problems() == [("changed-batch", None)]
