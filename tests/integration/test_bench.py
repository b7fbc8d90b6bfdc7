"""The benchmark, whole and tiny, on servers of its own: every part runs, and the counts agree. No figure is judged."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from ledger.bench import growth
from ledger.bench.append import run_worker
from ledger.bench.copied import rows_of, run_copy
from ledger.bench.events import Stream
from ledger.bench.ground import Ground, ground
from ledger.bench.plan import Plan
from ledger.bench.run import measure, run_growth
from ledger.core.errors import BadInput
from ledger.storage.rows import COLUMNS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from ledger.bench.append import Window
    from ledger.bench.ground import Site

TINY = Plan(
    "tiny",
    pairs=2,
    pair_events=1_200,
    bulk_pairs=1,
    peer_rounds=1,
    entries=2_000,
    persons=5,
    visible_seconds=1,
    questions_rate=50,
    visible_rates=(50, 100),
    beside_seconds=10,
)


@pytest.fixture(autouse=True)
def small_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rate needs several transactions; and nothing is built with Go here (that is tests/conformance)."""
    monkeypatch.setenv("LEDGER_BATCH_RECORDS", "50")
    monkeypatch.setattr("ledger.bench.tessera.shutil.which", lambda _: None)


def _quiet(_text: str) -> None:
    """Nobody looks."""


@pytest.fixture(scope="module")
async def made(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    """Servers with the benchmark's settings."""
    async with ground(tmp_path_factory.mktemp("bench") / "ground") as running:
        yield running


async def test_every_part_is_measured(made: Ground) -> None:
    said: list[str] = []
    result = await measure(made, TINY, said.append)
    append = result.append
    assert [pair.first for pair in append.pairs] == ["ledger", "copy"]
    assert append.ratio_min <= append.ratio_to_copy <= append.ratio_max
    assert all(pair.ledger > 0 and pair.ratio == pair.ledger / pair.copy for pair in append.pairs)
    assert [pair.bulk is not None for pair in append.pairs] == [True, False]
    assert 0 < append.per_transaction <= 51
    assert [(peer.events_per_s is None, peer.note is None) for peer in result.peers] == [
        (False, True),
        (False, True),
        (True, False),
        (True, False),
    ]
    # Foundations and load, less the duplicates, and what accounts for those.
    assert TINY.entries < result.growth.entries < TINY.entries + 300
    assert result.growth.method == growth.QUARTERS
    assert len(result.growth.stretches) == 4
    assert result.verify.entries == result.growth.entries
    assert result.verify.leaves_and_tree_per_s > 0
    assert result.who_accessed.persons == 5
    assert result.who_accessed.answered > 0
    assert result.who_accessed.entries >= result.verify.entries
    assert result.visible.events == 50
    assert result.visible_5000.events == 100
    assert 0 < result.visible.p50_ms <= result.visible.p99_ms <= result.visible.max_ms
    assert result.bytes_per_event_of["entry"] > 500
    assert {"entry", "sealed", "vault"} <= result.bytes_per_event_of.keys()
    assert result.versions["postgresql"].startswith("18")
    assert result.postgresql["fsync"] == "on"
    assert result.postgresql["checkpoint_timeout"] == "30min"
    assert said


async def test_a_long_growth_goes_on_where_it_was_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, said = tmp_path / "growth", asyncio.Event()
    monkeypatch.setattr("ledger.bench.growth._PART", 700)
    monkeypatch.setattr("ledger.bench.run._BESIDE_SECONDS", 1)
    monkeypatch.setattr("ledger.bench.run._PERSONS", 3)
    interrupted = asyncio.create_task(run_growth(home, 2_000, lambda _: said.set()))
    await said.wait()
    interrupted.cancel()
    with pytest.raises(asyncio.CancelledError):
        await interrupted
    noted = growth.Progress.load(home / "growth" / "growth.json", 2_000)
    assert noted.founded
    assert 0 < noted.sent < 2_000
    with pytest.raises(BadInput, match="2000"):
        growth.Progress.load(home / "growth" / "growth.json", 3_000)
    found = await run_growth(home, 2_000, _quiet)
    assert 2_000 < found.growth.entries < 2_300
    assert found.who_accessed.persons == 3
    assert not home.exists()


async def test_a_growth_that_the_disk_does_not_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="disk"):
        await run_growth(tmp_path / "growth", 10**12, _quiet)


async def test_the_copy_holds_the_rows_that_the_worker_wrote(made: Ground) -> None:
    stream = Stream(1_000)
    foundations = stream.foundations()
    async with made.site() as site:
        appended = await run_worker(made, site, foundations, stream.take(1_000))
        window = appended.window
        chunks = await rows_of(site, window, appended.per_transaction)
        ours = await _digests(site, window)
    for bulk in (False, True):
        async with made.site() as site:
            copied = await run_copy(made, site, chunks, window, bulk=bulk)
            assert await _digests(site, window) == ours
        assert (copied.first, copied.end) == (window.first, window.end)
        assert copied.seconds > 0
    assert all(count > 0 for count, _ in ours.values())
    assert ours["entry"][0] == window.end
    assert sum(appended.cpu_us_per_event.values()) > 0


async def _digests(site: Site, window: Window) -> dict[str, tuple[int, str]]:
    """How many rows each table has of the entries before the window's end, and a digest of them with all columns."""
    connection = await site.connect()
    try:
        found = {}
        for table in COLUMNS:
            row = await connection.fetchrow(
                f"SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} AS t WHERE seq < $1",
                window.end,
            )
            assert row is not None
            found[table] = (int(row[0]), str(row[1]))
        return found
    finally:
        await connection.close()
