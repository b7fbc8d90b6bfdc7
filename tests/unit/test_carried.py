"""What the preparing process counts arrives in the worker, once."""

from __future__ import annotations

import msgspec
from prometheus_client import REGISTRY

from streams.carried import Change, Changes, carry, observe
from streams.channel import Beat
from streams.metrics import DEAD_LETTERS, DEDUP_LOOKUPS


def _told(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_what_changed_is_taken_once_and_survives_the_channel() -> None:
    changes = Changes()
    changes.take()
    DEAD_LETTERS.inc(2)
    DEDUP_LOOKUPS.labels("avoided").inc(5)
    observe("prepare", 0.25)
    taken = changes.take()
    assert sorted(taken) == [
        Change("batch_seconds", {"phase": "prepare"}, 0.25),
        Change("dead_letters", {}, 2.0),
        Change("dedup_lookups", {"outcome": "avoided"}, 5.0),
    ]
    assert changes.take() == []
    beat = msgspec.msgpack.decode(msgspec.msgpack.encode(Beat(taken)), type=Beat)
    names = ("ledger_dead_letters_total", "ledger_batch_seconds_sum", "ledger_dedup_lookups_total")
    labels: tuple[dict[str, str], ...] = ({}, {"phase": "prepare"}, {"outcome": "avoided"})
    before = [_told(name, **each) for name, each in zip(names, labels, strict=True)]
    carry(beat.changes)
    grown = [_told(name, **each) - was for name, each, was in zip(names, labels, before, strict=True)]
    assert grown == [2, 0.25, 5]
