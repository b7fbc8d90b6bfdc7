"""The worker's metrics: what an append's phases and a batch leave in them."""

from __future__ import annotations

import time
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY

from ledger.core import own
from ledger.core.batch import Batch, Duplicate, Item, RecordPlace
from ledger.core.protocol import Point, Protocol
from streams.metrics import Timed, committed


def _told(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


class _Stops(Protocol):
    async def reach(self, point: Point) -> None:
        if point == "copied":
            raise ConnectionError


async def test_each_phase_is_observed_once_where_it_ends() -> None:
    phases = ("lock_wait", "copy", "commit")
    before = {phase: _told("ledger_batch_seconds_count", phase=phase) for phase in phases}
    timed = Timed(Protocol())
    timed.begin()
    for point in ("locked", "fenced", "copied half", "copied", "committing", "committed"):
        await timed.reach(point)
    assert {phase: _told("ledger_batch_seconds_count", phase=phase) - before[phase] for phase in phases} == {
        "lock_wait": 1,
        "copy": 1,
        "commit": 1,
    }


async def test_a_phase_that_fails_is_not_observed_and_the_failure_goes_through() -> None:
    before = _told("ledger_batch_seconds_count", phase="copy")
    timed = Timed(_Stops())
    timed.begin()
    await timed.reach("locked")
    with pytest.raises(ConnectionError):
        await timed.reach("copied")
    assert _told("ledger_batch_seconds_count", phase="copy") == before


def test_a_committed_batch_tells_its_size_and_its_oldest_delay() -> None:
    names = ("ledger_batch_records_sum", "ledger_append_delay_seconds_sum")
    before = [_told(name) for name in names]
    now = int(time.time() * 1000)
    places = [
        RecordPlace("privacy.access", uuid4(), 0, offset, now - age) for offset, age in enumerate((1, 7000))
    ]
    entry = own.refusal(
        own.REJECTED, origin="o", received_ms=now, reason="empty", digest="d", via=places[0].via()
    )
    committed(
        Batch(items=(Item(entry, places[0]),), vault_epoch=0, duplicates=(Duplicate(places[1], seq=0),))
    )
    records, delay = (_told(name) - was for name, was in zip(names, before, strict=True))
    assert records == 2
    assert delay == pytest.approx(7, abs=2)
    assert _told("ledger_last_commit_timestamp_seconds") == pytest.approx(time.time(), abs=5)
