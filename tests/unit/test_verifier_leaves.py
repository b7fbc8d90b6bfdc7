"""Edits of leaves and of the chain, by a superuser or by the operator who signs: each has one verdict."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from ledger.core import leaf as leaf_format
from ledger.core import own
from ledger.core.checkpoint import Checkpoint
from ledger.core.verifier.read_leaf import read
from tests.unit.verifier_edits import (
    LARGE,
    SMALL,
    checkpoint,
    edited,
    log_of,
    put,
    relinked,
    row_at,
    with_data,
)
from tests.unit.verifier_logs import LogWriter, StoredLog, recompute

if TYPE_CHECKING:
    from typing import Any


@pytest.fixture(params=[SMALL, LARGE])
def log(request: pytest.FixtureRequest) -> StoredLog:
    """A small log, all in the partial tile, and one with full tiles."""
    return log_of(request.param)


@pytest.mark.parametrize("size", [1, 9, 64, 255, 256, 257, 600])
def test_untouched_log_has_no_verdict(size: int) -> None:
    log = log_of(size)
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
    log = log_of(LARGE)
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


def test_broken_link_under_the_root(log: StoredLog) -> None:
    """The writer itself linked one leaf wrongly, and everything after it rightly."""
    leaves = [row.leaf for row in log.entries]
    good = recompute(log, leaves)
    at = 14
    broken = relinked(good, at, lambda parsed: parsed.update(prev="B" * 42 + "A"))
    assert broken.problems() == [("broken-link", at)]


def test_first_leaf_with_a_link(log: StoredLog) -> None:
    assert relinked(log, 0, lambda parsed: parsed.update(prev="B" * 42 + "A")).problems() == [
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
    log = relinked(log_of(SMALL), 14, lambda parsed: parsed.update(change))
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

    assert ("changed-leaf", 14) in relinked(log_of(SMALL), 14, change).problems()


def test_clock_that_goes_back_under_the_root(log: StoredLog) -> None:
    at = log.batches[1].size
    earlier = own.clock_text(log.entries[0].appended - timedelta(hours=1))
    attacked = relinked(log, at, lambda parsed: parsed.update(appended=earlier))
    attacked = put(attacked, at, appended=log.entries[0].appended - timedelta(hours=1))
    assert ("broken-order", at) in attacked.problems()


@pytest.mark.parametrize("rise", [2, -1])
def test_segment_that_jumps_under_the_root(rise: int) -> None:
    log = log_of(SMALL)
    at = next(seq for seq in range(5, 64) if leaf_format.parse(row_at(log, seq).leaf)["seg"] == 2)
    attacked = relinked(log, at, lambda parsed: parsed.update(seg=parsed["seg"] + rise))
    assert ("broken-order", at) in attacked.problems()


def test_segment_that_stays_open_beyond_a_day() -> None:
    writer = LogWriter()
    for hours in (1, 23, 23):
        writer.anonymous_event()
        writer.commit(timedelta(hours=hours))
    assert writer.log.problems() == []
    last = writer.log.head.size - 1
    attacked = relinked(writer.log, last, lambda parsed: parsed.update(seg=0))
    assert ("broken-order", last) in attacked.problems()


def test_badly_damaged_log_is_judged_in_linear_time() -> None:
    """Thousands of leaves in doubt and no root that settles them: what is tried is bounded."""
    log = log_of(5000)
    leaves = [row.leaf for row in log.entries]
    leaves[3] = with_data(leaves[3], operation="export")
    chained = recompute(log, leaves, tiles=False, batches=False, head=False)
    chained.batches = [row._replace(root=bytes(32)) for row in log.batches]
    assert chained.problems()[0] == ("changed-leaf", 3)
    nobody = replace(log, batches=[row._replace(root=bytes(32)) for row in log.batches])
    assert {verdict for verdict, _ in nobody.problems()} == {"bad-root"}


def test_a_leaf_that_is_too_deep_to_read_is_a_changed_leaf() -> None:
    """An operator must not turn a change into a crash of the verifier."""
    for deep in (b"[" * 60_000, b"[" * 30_000 + b"]" * 30_000):
        found = read(b'{"v":1,"event":{"data":' + deep + b"}}")
        assert (found.leaf, found.fault) == (None, "changed-leaf")
